"""A FOREIGN KEY in, pg_constraint rows of the table and its partitions out (ATAddForeignKeyConstraint)."""

from __future__ import annotations

from rlslint.analyze import types as t
from rlslint.analyze.oper import OperMiss, resolve_operator
from rlslint.analyze.typename import format_type
from rlslint.catalog.rows import Constraint, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.inherit import mapped_numbers
from rlslint.replay.lookup import find_relation, reject_index
from rlslint.replay.naming import choose_constraint_name, name_addition, truncate
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Raw, Statement


def foreign_key(session: Session, statement: Statement, relid: Oid, node: Raw, keys: tuple[int, ...]) -> None:
    """Add a foreign key. One to a table that no file creates is kept with ``confrelid`` 0.

    Raises DDLError (42703, 42704, 42710, 42804, 42809, 42830), NotFollowed.
    """
    catalog = session.catalog
    table = catalog.relations[relid]
    names = [table.column(number).attname for number in keys]
    target = find_relation(session, node["pktable"])
    if target is None:
        reject_index(session, node["pktable"])
    confkey: tuple[int, ...] = ()
    conindid = 0
    if target is not None:
        confkey, conindid = _referenced(session, target, node)
        _check_persistence(table, target)
        if target.complete or confkey:
            check_types(session, table, keys, target, confkey)
    name = (
        truncate(node["conname"])
        if "conname" in node
        else choose_constraint_name(session, table.relname, name_addition(names), "fkey", table.relnamespace)
    )
    if any(row.conname == name for row in catalog.constraints_of(relid)):
        raise DDLError("42710", f'constraint "{name}" for relation "{table.relname}" already exists')
    row = Constraint(
        oid=catalog.new_oid(),
        conname=name,
        conrelid=relid,
        contype="f",
        conkey=keys,
        confrelid=target.oid if target is not None else 0,
        confkey=confkey,
        confdeltype=node.get("fk_del_action", "a"),
        confupdtype=node.get("fk_upd_action", "a"),
        confmatchtype=node.get("fk_matchtype", "s"),
        confdelsetcols=_set_columns(table, keys, node),
        conindid=conindid,
        condeferrable=bool(node.get("deferrable")),
        condeferred=bool(node.get("initdeferred")),
        convalidated=not node.get("skip_validation"),
        conenforced=bool(node.get("is_enforced")),
        origin=statement.span,
    )
    catalog.constraints.put(row)
    foreign_to_partitions(session, row, table)


def _set_columns(table: Relation, keys: tuple[int, ...], node: Raw) -> tuple[int, ...]:
    """The columns that ON DELETE sets (validateFkOnDeleteSetColumns). Raises DDLError 42P10, 42703."""
    found = []
    for name in (item["String"]["sval"] for item in node.get("fk_del_set_cols", ())):
        column = table.attribute(name)
        if column is None:
            raise DDLError("42703", f'column "{name}" referenced in foreign key constraint does not exist')
        if column.attnum not in keys:
            raise DDLError("42P10", f'column "{name}" referenced in ON DELETE SET action must be part of foreign key')
        found.append(column.attnum)
    return tuple(dict.fromkeys(found))


def _check_persistence(table: Relation, target: Relation) -> None:
    """A table must not outlive the rows that it refers to. Raises DDLError 42P16."""
    allowed, kind, words = {
        "p": ("p", "permanent", "permanent tables"),
        "u": ("pu", "unlogged", "permanent or unlogged tables"),
        "t": ("t", "temporary", "temporary tables"),
    }[table.relpersistence]
    if target.relpersistence not in allowed:
        raise DDLError("42P16", f"constraints on {kind} tables may reference only {words}")


def foreign_to_partitions(session: Session, row: Constraint, table: Relation) -> None:
    """Give a partitioned table's foreign key to its partitions (addFkRecurseReferencing)."""
    if table.relkind != "p":
        return
    for child in tuple(session.catalog.children_of(table.oid)):
        foreign_to_partition(session, row, table, child)


def foreign_to_partition(session: Session, row: Constraint, table: Relation, child: Relation) -> None:
    """Give a foreign key to one partition, or attach an equal one that it has (CloneFkReferencing)."""
    catalog = session.catalog
    keys = mapped_numbers(row.conkey, table, child)
    names = set()
    for held in catalog.constraints_of(child.oid):
        names.add(held.conname)
        if held.contype == "f" and not held.coninhparent and _same(held, row, keys):
            catalog.constraints.put(replace(held, coninhparent=row.oid, conislocal=False))
            return
    name = row.conname
    if name in names:
        addition = name_addition(child.column(number).attname for number in keys)
        name = choose_constraint_name(session, child.relname, addition, "fkey", child.relnamespace)
    copy = replace(
        row,
        oid=catalog.new_oid(),
        conname=name,
        conrelid=child.oid,
        conkey=keys,
        confdelsetcols=mapped_numbers(row.confdelsetcols, table, child),
        coninhparent=row.oid,
        conislocal=False,
    )
    catalog.constraints.put(copy)
    foreign_to_partitions(session, copy, child)


def _same(held: Constraint, row: Constraint, keys: tuple[int, ...]) -> bool:
    return (
        held.confrelid == row.confrelid
        and held.conkey == keys
        and held.confkey == row.confkey
        and held.convalidated
        and (held.condeferrable, held.condeferred) == (row.condeferrable, row.condeferred)
        and (held.confupdtype, held.confdeltype, held.confmatchtype)
        == (row.confupdtype, row.confdeltype, row.confmatchtype)
    )


def _referenced(session: Session, target: Relation, node: Raw) -> tuple[tuple[int, ...], Oid]:
    """The referenced columns and the unique index behind them (transformFkeyGetPrimaryKey, transformFkeyCheckAttrs)."""
    catalog = session.catalog
    if target.relkind not in "rp":
        raise DDLError("42809", f'referenced relation "{target.relname}" is not a table')
    wanted = [key["String"]["sval"] for key in node.get("pk_attrs", ())]
    if not wanted:
        for row in catalog.constraints_of(target.oid):
            if row.contype == "p":
                return row.conkey, row.conindid
        if target.complete:
            raise DDLError("42704", f'there is no primary key for referenced table "{target.relname}"')
        return (), 0
    numbers = []
    for name in wanted:
        attribute = target.attribute(name)
        if attribute is None:
            if not target.complete:
                raise Missing("42703", f'column "{name}" of {target.relname} is created by no file')
            raise DDLError("42703", f'column "{name}" referenced in foreign key constraint does not exist')
        numbers.append(attribute.attnum)
    if len(set(numbers)) < len(numbers):
        raise DDLError("42830", "foreign key referenced-columns list must not contain duplicates")
    for index in catalog.indexes_of(target.oid):
        if not index.indisunique or index.indpred is not None or any(key.attnum <= 0 for key in index.keys):
            continue
        if len(index.keys) == len(numbers) and {key.attnum for key in index.keys} == set(numbers):
            return tuple(numbers), index.oid
    if not target.complete:
        return tuple(numbers), 0
    raise DDLError(
        "42830", f'there is no unique constraint matching given keys for referenced table "{target.relname}"'
    )


def check_types(
    session: Session, table: Relation, keys: tuple[int, ...], target: Relation, confkey: tuple[int, ...]
) -> None:
    """The two sides' columns must be comparable. Raises DDLError (42804, 42830)."""
    if not confkey:
        return
    if len(keys) != len(confkey):
        raise DDLError("42830", "number of referencing and referenced columns for foreign key disagree")
    catalog = session.catalog
    for own, other in zip(keys, confkey, strict=True):
        left, right = target.column(other).atttypid, table.column(own).atttypid
        if 0 in (left, right) or t.base_type(catalog, left) == t.base_type(catalog, right):
            continue
        if isinstance(resolve_operator(catalog, None, "=", left, right, ("pg_catalog",)), OperMiss):
            names = f'"{table.column(own).attname}" and "{target.column(other).attname}"'
            raise DDLError(
                "42804",
                f"foreign key constraint cannot be implemented: key columns {names} are of incompatible types: "
                f"{format_type(catalog, right)} and {format_type(catalog, left)}",
            )
