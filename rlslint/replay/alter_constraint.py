"""ALTER TABLE commands on constraints in, changed pg_constraint rows and what hangs on them out (tablecmds.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rlslint.catalog.rows import Constraint, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.constraints import add_constraint
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.not_null import (
    CONSTRAINTS_SINCE,
    drop_not_null,
    is_inherited_not_null,
    not_null_of,
    set_not_null,
)
from rlslint.replay.references import Address
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Raw, Statement


def _add_constraint(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    constraint = node["def"]["Constraint"]
    children = next(iter(session.catalog.children_of(relid)), None) is not None
    if constraint["contype"] in ("CONSTR_CHECK", "CONSTR_NOTNULL") and children and not node["recurse"]:
        if not constraint.get("is_no_inherit"):
            raise DDLError("42P16", "constraint must be added to child tables too")
    if constraint["contype"] == "CONSTR_PRIMARY" and not node["recurse"]:
        _require_not_null_in_children(session, relid, constraint)
    if constraint["contype"] == "CONSTR_NOTNULL" and constraint.get("is_no_inherit"):
        if session.catalog.relations[relid].relkind == "p":
            raise DDLError("0A000", "not-null constraints on partitioned tables cannot be NO INHERIT")
    add_constraint(session, statement, relid, constraint)


def _require_not_null_in_children(session: Session, relid: Oid, constraint: Raw) -> None:
    """ONLY ... ADD PRIMARY KEY makes nothing NOT NULL in child tables: it must be so already. Raises DDLError XX000."""
    if session.catalog.pg_version < CONSTRAINTS_SINCE:
        return
    for child in session.catalog.children_of(relid):
        for key in constraint.get("keys", ()):
            column = child.attribute(key["String"]["sval"])
            if column is not None and not column.attnotnull:
                raise DDLError("XX000", f'column "{column.attname}" of "{child.relname}" is not marked NOT NULL')


def _required_constraint(session: Session, table: Relation, name: str) -> Constraint:
    for row in session.catalog.constraints_of(table.oid):
        if row.conname == name:
            return row
    if not table.complete:
        raise Missing("42704", f'constraint "{name}" of {table.relname} is created by no file')
    raise DDLError("42704", f'constraint "{name}" of relation "{table.relname}" does not exist')


def _drop_constraint(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    try:
        row = _required_constraint(session, table, node["name"])
    except DDLError:
        if node.get("missing_ok"):
            return
        raise
    parents = [parent for oid in table.inhparents if (parent := catalog.relations.get(oid)) is not None]
    if row.contype == "c" and any(has_check(session, parent, row.conname) for parent in parents):
        raise DDLError("42P16", f'cannot drop inherited constraint "{row.conname}" of relation "{table.relname}"')
    if row.coninhparent:
        raise DDLError("42P16", f'cannot drop inherited constraint "{row.conname}" of relation "{table.relname}"')
    if row.contype in "cn" and table.relkind == "p" and not node["recurse"]:
        if next(iter(catalog.children_of(relid)), None) is not None:
            raise DDLError("42P16", "cannot remove constraint from only the partitioned table when partitions exist")
    if row.contype == "n":
        _drop_not_null(session, table, row, recurse=node["recurse"])
        return
    perform_deletion(session, [Address("constraint", row.oid)], cascade=node.get("behavior") == "DROP_CASCADE")
    if row.contype == "c" and not row.connoinherit:
        _drop_from_children(session, relid, row.conname, recurse=node["recurse"])


def _drop_not_null(session: Session, table: Relation, row: Constraint, *, recurse: bool) -> None:
    column = table.column(row.conkey[0])
    if is_inherited_not_null(session, table, column.attname):
        raise DDLError("42P16", f'cannot drop inherited constraint "{row.conname}" of relation "{table.relname}"')
    if any(one.contype == "p" and column.attnum in one.conkey for one in session.catalog.constraints_of(table.oid)):
        raise DDLError("42P16", f'column "{column.attname}" is in a primary key')
    if column.attidentity:
        raise DDLError("55000", f'column "{column.attname}" of relation "{table.relname}" is an identity column')
    drop_not_null(session, table.oid, column.attname, recurse=recurse)


def has_check(session: Session, table: Relation, name: str) -> bool:
    """Whether a table has a check of that name that its children inherit."""
    return any(
        row.conname == name and row.contype == "c" and not row.connoinherit
        for row in session.catalog.constraints_of(table.oid)
    )


def _drop_from_children(session: Session, relid: Oid, name: str, *, recurse: bool) -> None:
    catalog = session.catalog
    for child in tuple(catalog.children_of(relid)):
        for row in catalog.constraints_of(child.oid):
            if row.conname != name or row.contype != "c":
                continue
            others = [catalog.relations[oid] for oid in child.inhparents if oid != relid]
            if not recurse:
                catalog.constraints.put(replace(row, conislocal=True))
            elif not row.conislocal and not any(has_check(session, other, name) for other in others):
                catalog.constraints.remove(row.oid)
                _drop_from_children(session, child.oid, name, recurse=True)


def _validate_constraint(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    row = _required_constraint(session, table, node["name"])
    if row.contype not in "fcn":
        raise DDLError("42809", f'cannot validate constraint "{row.conname}" of relation "{table.relname}"')
    if not row.conenforced:
        raise DDLError("42809", "cannot validate NOT ENFORCED constraint")
    session.catalog.constraints.put(replace(row, convalidated=True))
    for child in tuple(session.catalog.children_of(relid)):
        for held in session.catalog.constraints_of(child.oid):
            if held.coninhparent == row.oid or (
                row.contype in "cn" and (held.contype, held.conname) == (row.contype, row.conname)
            ):
                _validate_constraint(session, statement, child.oid, {"name": held.conname})


def _alter_constraint(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    change = node["def"]["ATAlterConstraint"]
    row = _required_constraint(session, table, change["conname"])
    if row.contype != "f" and change.get("alterDeferrability"):
        raise DDLError(
            "42809", f'constraint "{row.conname}" of relation "{table.relname}" is not a foreign key constraint'
        )
    if row.contype != "f" and change.get("alterEnforceability"):
        raise DDLError("42809", f'cannot alter enforceability of constraint "{row.conname}"')
    if change.get("alterInheritability") and row.contype == "n":
        _alter_inheritability(session, statement, table, row, no_inherit=bool(change.get("noinherit")))
        return
    if change.get("alterInheritability"):
        raise DDLError("42809", f'constraint "{row.conname}" of "{table.relname}" is not a not-null constraint')
    if row.coninhparent:
        raise DDLError("42P16", f'cannot alter constraint "{row.conname}" on relation "{table.relname}"')
    if change.get("alterDeferrability"):
        deferred = bool(change.get("initdeferred"))
        row = replace(row, condeferrable=bool(change.get("deferrable")), condeferred=deferred)
    if change.get("alterEnforceability"):
        enforced = bool(change.get("is_enforced"))
        row = replace(row, conenforced=enforced, convalidated=enforced)
    session.catalog.constraints.put(row)


def _alter_inheritability(
    session: Session, statement: Statement, table: Relation, row: Constraint, *, no_inherit: bool
) -> None:
    """ALTER CONSTRAINT ... [NO] INHERIT (ATExecAlterConstrInheritability)."""
    catalog = session.catalog
    name = table.column(row.conkey[0]).attname
    if row.connoinherit == no_inherit:
        return
    if is_inherited_not_null(session, table, name):
        raise DDLError("42P16", f'cannot alter inherited constraint "{row.conname}" on relation "{table.relname}"')
    if no_inherit and table.relkind == "p":
        raise DDLError("0A000", "not-null constraints on partitioned tables cannot be NO INHERIT")
    catalog.constraints.put(replace(row, connoinherit=no_inherit))
    for child in tuple(catalog.children_of(table.oid)):
        column = child.attribute(name)
        if column is None:
            continue
        if not no_inherit:
            set_not_null(session, child.oid, name, conname=row.conname, origin=statement.span, inherited=True)
            continue
        held = not_null_of(catalog, child.oid, column.attnum)
        if held is not None and not is_inherited_not_null(session, child, name):
            catalog.constraints.put(replace(held, conislocal=True))


COMMANDS: Final[dict[str, Callable[[Session, Statement, Oid, Raw], None]]] = {
    "AT_AddConstraint": _add_constraint,
    "AT_DropConstraint": _drop_constraint,
    "AT_ValidateConstraint": _validate_constraint,
    "AT_AlterConstraint": _alter_constraint,
}
