"""ALTER TABLE commands on columns in, changed attributes and what hangs on them out (tablecmds.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rlslint.analyze.coerce import coerce, find_pathway
from rlslint.analyze.entry import rejections, stored_expr
from rlslint.analyze.typename import format_type
from rlslint.catalog.rows import Attribute, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.columns import (
    ColumnPlan,
    add_sequence,
    collation,
    cook_default,
    plan_column,
    put_attribute,
    required_column,
    set_default,
)
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.not_null import CONSTRAINTS_SINCE, drop_not_null, is_inherited_not_null, not_null_of, set_not_null
from rlslint.replay.references import Address, edges_of
from rlslint.replay.retype import retype
from rlslint.replay.session import DDLError, NotFollowed, Session
from rlslint.replay.typed import require_no_columns_of, require_untyped, tables_of
from rlslint.source.model import Raw, Statement


def add_column(session: Session, statement: Statement, relid: Oid, node: Raw) -> list[Raw]:
    """ADD COLUMN. Gives the column's constraints, which come in later passes. Raises DDLError, NotFollowed."""
    catalog = session.catalog
    table = catalog.relations[relid]
    if table.relkind not in "rpfc":
        raise DDLError("42809", f'ALTER action ADD COLUMN cannot be performed on relation "{table.relname}"')
    if table.relispartition:
        raise DDLError("42809", "cannot add column to a partition")
    if not node.get("of_type"):
        require_untyped(table, "add column to")
    for one in tables_of(catalog, table, cascade=node.get("behavior") == "DROP_CASCADE"):
        add_column(session, statement, one.oid, {**node, "of_type": True})
    definition = node["def"]["ColumnDef"]
    if table.attribute(definition["colname"]) is not None:
        if node.get("missing_ok"):
            return []
        raise _duplicate(table, definition["colname"])
    children = tuple(catalog.children_of(relid))
    if children and not node["recurse"]:
        raise DDLError("42P16", "column must be added to child tables too")
    plan = plan_column(session, statement, definition, len(table.attributes) + 1)
    if children and plan.sequence == "identity" and table.relkind != "p":
        raise DDLError("42P16", "cannot recursively add identity column to table that has child tables")
    _append(session, statement, relid, plan)
    if plan.attribute.attnotnull:
        set_not_null(
            session,
            relid,
            definition["colname"],
            conname=plan.not_null_name,
            origin=statement.span,
            recurse=False,
            no_inherit=plan.not_null_no_inherit,
        )
    for child in children:
        _add_to_child(session, statement, child.oid, plan)
    column = [{"String": {"sval": definition["colname"]}}]
    return [{**one, "fk_attrs" if one["contype"] == "CONSTR_FOREIGN" else "keys": column} for one in plan.constraints]


def _duplicate(table: Relation, name: str) -> DDLError:
    return DDLError("42701", f'column "{name}" of relation "{table.relname}" already exists')


def _append(session: Session, statement: Statement, relid: Oid, plan: ColumnPlan) -> None:
    table = session.catalog.relations[relid]
    table = session.catalog.relations.put(replace(table, attributes=(*table.attributes, plan.attribute)))
    if plan.sequence and plan.attribute.attislocal:
        add_sequence(session, statement, table, plan)
    raw = plan.default if plan.default is not None else plan.generated
    if raw is not None:
        require_no_columns_of(session, table)
        stored = cook_default(session, statement, relid, plan.attribute, raw)
        set_default(session, relid, plan.attribute.attnum, stored)


def _add_to_child(session: Session, statement: Statement, relid: Oid, plan: ColumnPlan) -> None:
    child = session.catalog.relations[relid]
    held = child.attribute(plan.attribute.attname)
    if held is not None:
        if (held.atttypid, held.atttypmod) != (plan.attribute.atttypid, plan.attribute.atttypmod):
            raise DDLError("42804", f'child table "{child.relname}" has different type for column "{held.attname}"')
        return
    column = replace(plan.attribute, attnum=len(child.attributes) + 1, attislocal=False)
    copy = ColumnPlan(column, default=plan.default, generated=plan.generated)
    _append(session, statement, relid, copy)
    if column.attnotnull:
        above = session.catalog.relations[child.inhparents[0]].attribute(column.attname)
        row = None if above is None else not_null_of(session.catalog, child.inhparents[0], above.attnum)
        name = None if row is None else row.conname
        set_not_null(session, relid, column.attname, conname=name, origin=statement.span, inherited=True, recurse=False)
    for grandchild in tuple(session.catalog.children_of(relid)):
        _add_to_child(session, statement, grandchild.oid, plan)


def _drop_column(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    if table.relkind not in "rpfc":
        raise DDLError("42809", f'ALTER action DROP COLUMN cannot be performed on relation "{table.relname}"')
    if not node.get("of_type"):
        require_untyped(table, "drop column from")
    try:
        column = required_column(table, node["name"])
    except (DDLError, NotFollowed):
        if node.get("missing_ok"):
            return
        raise
    for one in tables_of(catalog, table, cascade=node.get("behavior") == "DROP_CASCADE"):
        _drop_column(session, statement, one.oid, {**node, "of_type": True})
    if is_inherited(session, table, column.attname):
        raise DDLError("42P16", f'cannot drop inherited column "{column.attname}"')
    if column.attname in table.partkey[1:]:
        raise DDLError("42P16", f'cannot drop column "{column.attname}" because it is part of the partition key')
    children = tuple(catalog.children_of(relid))
    if children and table.relkind == "p" and not node["recurse"]:
        raise DDLError("42P16", "cannot drop column from only the partitioned table when partitions exist")
    objects = [Address("relation", relid, column.attnum)]
    if node["recurse"]:
        _inherited_columns(session, table, column.attname, objects)
    else:
        for child in children:
            held = child.attribute(column.attname)
            if held is not None:
                put_attribute(session, child.oid, replace(held, attislocal=True))
    perform_deletion(session, objects, cascade=node.get("behavior") == "DROP_CASCADE")


def _inherited_columns(session: Session, table: Relation, name: str, objects: list[Address]) -> None:
    """Columns of child tables that go with the parent's: those that nobody else declares."""
    for child in tuple(session.catalog.children_of(table.oid)):
        held = child.attribute(name)
        if held is None or held.attislocal or is_inherited(session, child, name, but=table.oid):
            continue
        objects.append(Address("relation", child.oid, held.attnum))
        _inherited_columns(session, child, name, objects)


def is_inherited(session: Session, table: Relation, name: str, *, but: Oid = 0) -> bool:
    """Whether a parent, other than ``but``, has the column too (attinhcount > 0)."""
    return any(
        (parent := session.catalog.relations.get(oid)) is not None and parent.attribute(name) is not None
        for oid in table.inhparents
        if oid != but
    )


def _alter_type(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    if table.relkind not in "rpfc":
        raise DDLError("42809", f'ALTER action ALTER COLUMN ... SET DATA TYPE cannot be performed on "{table.relname}"')
    if not node.get("of_type"):
        require_untyped(table, "alter column type of")
    column = required_column(table, node["name"])
    for one in tables_of(catalog, table, cascade=node.get("behavior") == "DROP_CASCADE"):
        _alter_type(session, statement, one.oid, {**node, "of_type": True})
    if is_inherited(session, table, column.attname) and not node.get("inherited"):
        raise DDLError("42P16", f'cannot alter inherited column "{column.attname}"')
    if column.attname in table.partkey[1:]:
        raise DDLError("42P16", f'cannot alter column "{column.attname}" because it is part of the partition key')
    definition = {**node["def"]["ColumnDef"], "colname": column.attname}
    wanted = plan_column(session, statement, definition, column.attnum).attribute
    using = definition.get("raw_default")
    if table.relkind == "c":
        # no rows: nothing is converted
        pass
    elif using is not None:
        stored = stored_expr(catalog, statement, using, relid, session.search_path, where="transform expressions")
        for problem in rejections(stored.expr):
            raise DDLError(problem.sqlstate or "42601", problem.reason)
        if coerce(catalog, stored.expr, wanted.atttypid, "a") is None:
            raise DDLError(
                "42804",
                f'result of USING clause for column "{column.attname}" cannot be cast automatically to type '
                f"{format_type(catalog, wanted.atttypid)}",
            )
    else:
        _require_cast(session, column, wanted.atttypid, "a", f'column "{column.attname}"')
    if column.attdefault is not None and not column.attgenerated and table.relkind != "c":
        _require_cast(session, column, wanted.atttypid, "a", f'default for column "{column.attname}"')
    _check_users(session, table, column)
    require_no_columns_of(session, table)
    changed = replace(
        column,
        atttypid=wanted.atttypid,
        atttypmod=wanted.atttypmod,
        attcollation=collation(session, definition, wanted.atttypid),
        origin=statement.span,
    )
    put_attribute(session, relid, changed)
    retype(session, relid, column.attnum)
    for child in tuple(catalog.children_of(relid)) if node["recurse"] else ():
        if child.attribute(column.attname) is not None:
            _alter_type(session, statement, child.oid, {**node, "inherited": True})


def _require_cast(session: Session, column: Attribute, target: Oid, context: str, what: str) -> None:
    source = column.atttypid
    if 0 in (source, target) or source == target:
        return
    catalog = session.catalog
    if what.startswith("default") and column.attdefault is not None:
        # a literal default is read again as the new type
        source = column.attdefault.expr.type
    if find_pathway(catalog, target, source, "a")[0] == "none":
        raise DDLError("42804", f"{what} cannot be cast automatically to type {format_type(catalog, target)}")


def _check_users(session: Session, table: Relation, column: Attribute) -> None:
    """Views, policies and generated columns that use the column forbid it (RememberAllDependentForRebuilding)."""
    catalog = session.catalog
    me = Address("relation", table.oid, column.attnum)
    for relation in catalog.relations:
        for edge in edges_of(catalog, relation):
            if edge.referenced != me or edge.dependent == me:
                continue
            if edge.dependent.kind == "default" and edge.behaviour == "normal":
                raise DDLError("0A000", "cannot alter type of a column used by a generated column")
            if edge.dependent.kind == "relation" and relation.relkind in "vm":
                raise DDLError("0A000", "cannot alter type of a column used by a view or rule")
    for policy in catalog.policies:
        for edge in edges_of(catalog, policy):
            if edge.referenced == me:
                raise DDLError("0A000", "cannot alter type of a column used in a policy definition")


def _column_default(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    column = required_column(table, node["name"])
    if column.attidentity:
        raise DDLError("42601", f'column "{column.attname}" of relation "{table.relname}" is an identity column')
    if column.attgenerated:
        raise DDLError("42601", f'column "{column.attname}" of relation "{table.relname}" is a generated column')
    raw = node.get("def")
    value = None if raw is None else cook_default(session, statement, relid, column, raw)
    set_default(session, relid, column.attnum, value)
    for child in tuple(session.catalog.children_of(relid)) if node["recurse"] else ():
        held = child.attribute(column.attname)
        if held is not None:
            set_default(session, child.oid, held.attnum, value)


def _set_not_null(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    column = required_column(table, node["name"])
    held = not_null_of(session.catalog, relid, column.attnum)
    if held is not None and held.connoinherit:
        raise DDLError("0A000", f'cannot change NO INHERIT status of NOT NULL constraint "{held.conname}"')
    alone = not node["recurse"] and next(iter(session.catalog.children_of(relid)), None) is not None
    if alone and held is None and table.relkind == "p":
        raise DDLError("42P16", "constraint must be added to child tables too")
    no_inherit = alone and held is None
    set_not_null(session, relid, column.attname, origin=statement.span, recurse=node["recurse"], no_inherit=no_inherit)


def _drop_not_null(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    column = required_column(table, node["name"])
    if not column.attnotnull:
        return
    if column.attidentity:
        raise DDLError("42601", f'column "{column.attname}" of relation "{table.relname}" is an identity column')
    for row in catalog.constraints_of(relid):
        if row.contype == "p" and column.attnum in row.conkey:
            raise DDLError("42P16", f'column "{column.attname}" is in a primary key')
    if table.relispartition or catalog.pg_version >= CONSTRAINTS_SINCE:
        if is_inherited_not_null(session, table, column.attname):
            raise DDLError("42P16", f'column "{column.attname}" is marked NOT NULL in parent table')
    drop_not_null(session, relid, node["name"], recurse=node["recurse"])


def _add_identity(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    column = required_column(table, node["name"])
    if column.attidentity:
        raise DDLError(
            "55000", f'column "{column.attname}" of relation "{table.relname}" is already an identity column'
        )
    if not column.attnotnull:
        what = f'column "{column.attname}" of relation "{table.relname}"'
        raise DDLError("55000", f"{what} must be declared NOT NULL before identity can be added")
    if column.attdefault is not None:
        raise DDLError("55000", f'column "{column.attname}" of relation "{table.relname}" already has a default value')
    definition = node["def"]["Constraint"]
    identity = replace(column, attidentity="a" if definition["generated_when"] == "a" else "d")
    put_attribute(session, relid, identity)
    plan = ColumnPlan(identity, sequence="identity", options=definition)
    add_sequence(session, statement, session.catalog.relations[relid], plan)


def _set_identity(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    column = required_column(table, node["name"])
    if not column.attidentity:
        raise DDLError("55000", f'column "{column.attname}" of relation "{table.relname}" is not an identity column')
    for item in node["def"]["List"]["items"]:
        element = item["DefElem"]
        if element["defname"] == "generated":
            always = element["arg"]["Integer"]["ival"] == ord("a")
            put_attribute(session, relid, replace(column, attidentity="a" if always else "d"))


def _drop_identity(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    column = required_column(table, node["name"])
    if not column.attidentity:
        if node.get("missing_ok"):
            return
        raise DDLError("55000", f'column "{column.attname}" of relation "{table.relname}" is not an identity column')
    put_attribute(session, relid, replace(column, attidentity=""))
    for sequence in tuple(session.catalog.relations):
        if sequence.ownedby == (relid, column.attnum):
            perform_deletion(session, [Address("relation", sequence.oid)], cascade=False)


def _drop_expression(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    column = required_column(table, node["name"])
    if not column.attgenerated:
        if node.get("missing_ok"):
            return
        raise DDLError("55000", f'column "{column.attname}" of relation "{table.relname}" is not a generated column')
    put_attribute(session, relid, replace(column, attgenerated="", attdefault=None))
    for child in tuple(session.catalog.children_of(relid)) if node["recurse"] else ():
        _drop_expression(session, statement, child.oid, {**node, "missing_ok": True})


def _set_expression(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    column = required_column(table, node["name"])
    if not column.attgenerated:
        raise DDLError("55000", f'column "{column.attname}" of relation "{table.relname}" is not a generated column')
    set_default(session, relid, column.attnum, cook_default(session, statement, relid, column, node["def"]))


def _exists(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    if "name" in node:
        required_column(session.catalog.relations[relid], node["name"])


COMMANDS: Final[dict[str, Callable[[Session, Statement, Oid, Raw], None]]] = {
    "AT_DropColumn": _drop_column,
    "AT_AlterColumnType": _alter_type,
    "AT_ColumnDefault": _column_default,
    "AT_SetNotNull": _set_not_null,
    "AT_DropNotNull": _drop_not_null,
    "AT_AddIdentity": _add_identity,
    "AT_SetIdentity": _set_identity,
    "AT_DropIdentity": _drop_identity,
    "AT_DropExpression": _drop_expression,
    "AT_SetExpression": _set_expression,
    "AT_SetStatistics": _exists,
    "AT_SetStorage": _exists,
    "AT_SetCompression": _exists,
    "AT_SetOptions": _exists,
    "AT_ResetOptions": _exists,
}
