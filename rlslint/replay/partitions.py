"""PARTITION BY, PARTITION OF, ATTACH and DETACH in, partitions with their indexes and keys out (tablecmds.c)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.entry import rejections, stored_expr
from rlslint.analyze.typename import format_type
from rlslint.catalog.rows import Relation
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Const, Oid, Var
from rlslint.records import replace
from rlslint.replay.bounds import partition_bound
from rlslint.replay.columns import SYSTEM_COLUMNS
from rlslint.replay.foreign import foreign_to_partition
from rlslint.replay.immutable import require_immutable
from rlslint.replay.indexes import attach_index, clone_index, constraint_of, default_key, mapped_index, shape
from rlslint.replay.inherit import require_persistence
from rlslint.replay.lookup import find_index, relation, shown
from rlslint.replay.not_null import not_null_of
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Raw, Statement

_STRATEGIES: Final = {
    "PARTITION_STRATEGY_LIST": "list",
    "PARTITION_STRATEGY_RANGE": "range",
    "PARTITION_STRATEGY_HASH": "hash",
}


def partition_key(session: Session, statement: Statement, table: Relation, partspec: Raw) -> tuple[str, ...]:
    """Strategy and columns of PARTITION BY; an expression is ``(expression)``.

    Raises DDLError 42703, 42704, 42P16, 42P17 (ComputePartitionAttrs).
    """
    parts = [_STRATEGIES.get(partspec.get("strategy", ""), "list")]
    for item in partspec["partParams"]:
        element = item["PartitionElem"]
        method = "hash" if parts[0] == "hash" else "btree"
        if "name" not in element:
            parts.append(_key_expression(session, statement, table, element, method))
            continue
        if element["name"] in SYSTEM_COLUMNS:
            raise DDLError("42P17", f'cannot use system column "{element["name"]}" in partition key')
        if table.attribute(element["name"]) is None:
            if not table.complete:
                raise Missing("42703", f'column "{element["name"]}" of {table.relname} is created by no file')
            raise DDLError("42703", f'column "{element["name"]}" named in partition key does not exist')
        column = table.attribute(element["name"])
        if column is not None and column.attgenerated:
            raise DDLError("42P17", "cannot use generated column in partition key")
        if column is not None and "opclass" not in element:
            default_key(session, table, column.attnum, method)
        parts.append(element["name"])
    if parts[0] == "list" and len(parts) > 2:
        raise DDLError("42P17", 'cannot use "list" partition strategy with more than one column')
    return tuple(parts)


def _key_expression(session: Session, statement: Statement, table: Relation, element: Raw, method: str) -> str:
    raw = element["expr"]
    stored = stored_expr(
        session.catalog, statement, raw, table.oid, session.search_path, where="partition key expressions"
    )
    for problem in rejections(stored.expr):
        raise DDLError(problem.sqlstate or "42601", problem.reason)
    if isinstance(stored.expr, Var) and stored.expr.attnum > 0:
        # a column in parentheses is a column
        return table.column(stored.expr.attnum).attname
    columns = [node.attnum for node, _ in walk_deep(stored.expr) if isinstance(node, Var)]
    if not columns and isinstance(stored.expr, Const):
        raise DDLError("42P17", "cannot use constant expression as partition key")
    if any(number > 0 and table.column(number).attgenerated for number in columns):
        raise DDLError("42P17", "cannot use generated column in partition key")
    require_immutable(session, stored.expr, "functions in partition key expression must be marked IMMUTABLE")
    return "(expression)"


def clone_from_parent(session: Session, statement: Statement, relid: Oid, parent: Relation) -> None:
    """Give a partition its parent's indexes, keys and foreign keys (DefineRelation, AttachPartitionEnsureIndexes)."""
    for index in session.catalog.indexes_of(parent.oid):
        clone_index(session, statement, index, parent, relid, parent=index.oid)
    for row in session.catalog.constraints_of(parent.oid):
        if row.contype == "f":
            foreign_to_partition(session, row, parent, session.catalog.relations[relid])


def attach_partition(session: Session, statement: Statement, table: Relation, node: Raw) -> None:
    """ALTER TABLE ... ATTACH PARTITION. Raises DDLError (42804, 42809, 42P16 ...), NotFollowed."""
    catalog = session.catalog
    if table.relkind != "p":
        raise DDLError("42809", f'ALTER action ATTACH PARTITION cannot be performed on relation "{table.relname}"')
    child = relation(session, node["name"])
    if child.relispartition:
        raise DDLError("42809", f'"{child.relname}" is already a partition')
    if child.inhparents:
        raise DDLError("42809", "cannot attach inheritance child as partition")
    if child.relkind not in "rpf":
        raise DDLError("42809", f'"{child.relname}" is not a table')
    if child.relkind == "r" and next(iter(catalog.children_of(child.oid)), None) is not None:
        raise DDLError("42809", "cannot attach inheritance parent as partition")
    if table.oid in _with_descendants(session, child):
        raise DDLError("42P07", "circular inheritance not allowed")
    bound = partition_bound(session, statement, table, node["bound"])
    attributes = merge_into_existing(session, child, table, partition=True)
    child = catalog.relations.put(
        replace(
            child,
            attributes=attributes.attributes,
            inhparents=(table.oid,),
            relispartition=True,
            partbound=bound,
            origin=statement.span,
        )
    )
    clone_from_parent(session, statement, child.oid, table)


def _with_descendants(session: Session, table: Relation) -> set[Oid]:
    found = {table.oid}
    for child in session.catalog.children_of(table.oid):
        found |= _with_descendants(session, child)
    return found


def merge_into_existing(session: Session, child: Relation, parent: Relation, *, partition: bool) -> Relation:
    """A table with all of its new parent's columns and checks (MergeAttributesIntoExisting). Raises DDLError 42804."""
    catalog = session.catalog
    require_persistence(parent, child.relpersistence, partition=partition)
    attributes = list(child.attributes)
    if partition and child.complete and parent.complete:
        for column in child.attributes:
            if not column.attisdropped and parent.attribute(column.attname) is None:
                what = f'table "{child.relname}" contains column "{column.attname}"'
                raise DDLError("42804", f'{what} not found in parent "{parent.relname}"')
    for column in parent.attributes:
        if column.attisdropped:
            continue
        mine = child.attribute(column.attname)
        if mine is None:
            if not child.complete:
                continue
            raise DDLError("42804", f'child table is missing column "{column.attname}"')
        unknown = 0 in (mine.atttypid, column.atttypid)
        if not unknown and (mine.atttypid, mine.atttypmod) != (column.atttypid, column.atttypmod):
            raise DDLError(
                "42804",
                f'child table "{child.relname}" has different type for column "{column.attname}": '
                f"{format_type(catalog, mine.atttypid, mine.atttypmod)}",
            )
        above = not_null_of(catalog, parent.oid, column.attnum)
        own = not_null_of(catalog, child.oid, mine.attnum)
        if above is not None and not above.connoinherit and own is not None and own.connoinherit:
            raise DDLError("42804", f'constraint "{own.conname}" conflicts with a non-inherited constraint')
        if column.attnotnull and not mine.attnotnull and (above is None or not above.connoinherit):
            raise DDLError("42804", f'column "{column.attname}" in child table must be marked NOT NULL')
        if bool(column.attgenerated) != bool(mine.attgenerated):
            word = "must be" if column.attgenerated else "must not be"
            raise DDLError("42804", f'column "{column.attname}" in child table {word} a generated column')
        attributes[mine.attnum - 1] = replace(
            mine, attislocal=False if partition else mine.attislocal, attidentity=column.attidentity or mine.attidentity
        )
    for row in catalog.constraints_of(parent.oid):
        if row.contype == "n" and partition and not row.connoinherit:
            mine = child.attribute(parent.column(row.conkey[0]).attname)
            own = None if mine is None else not_null_of(catalog, child.oid, mine.attnum)
            if own is not None:
                catalog.constraints.put(replace(own, conislocal=False))
        if row.contype != "c" or row.connoinherit:
            continue
        held = [one for one in catalog.constraints_of(child.oid) if one.conname == row.conname and one.contype == "c"]
        if not held:
            raise DDLError("42804", f'child table is missing constraint "{row.conname}"')
        catalog.constraints.put(replace(held[0], conislocal=False if partition else held[0].conislocal))
    return replace(child, attributes=tuple(attributes))


def detach_partition(session: Session, statement: Statement, table: Relation, node: Raw) -> None:
    """ALTER TABLE ... DETACH PARTITION: the partition keeps indexes and keys as its own. Raises DDLError 42P01."""
    catalog = session.catalog
    child = relation(session, node["name"])
    if table.relkind != "p":
        raise DDLError("42809", f'ALTER action DETACH PARTITION cannot be performed on relation "{table.relname}"')
    if table.oid not in child.inhparents:
        raise DDLError("42P01", f'relation "{child.relname}" is not a partition of relation "{table.relname}"')
    attributes = tuple(replace(column, attislocal=True, attidentity="") for column in child.attributes)
    catalog.relations.put(
        replace(
            child, attributes=attributes, inhparents=(), relispartition=False, partbound=None, origin=statement.span
        )
    )
    for index in catalog.indexes_of(child.oid):
        if index.inhparent:
            catalog.indexes.put(replace(index, inhparent=0))
    for row in catalog.constraints_of(child.oid):
        catalog.constraints.put(replace(row, coninhparent=0, conislocal=True))


def attach_index_partition(session: Session, statement: Statement, rangevar: Raw, node: Raw) -> None:
    """ALTER INDEX ... ATTACH PARTITION. Raises DDLError 42P17, NotFollowed."""
    catalog = session.catalog
    above = find_index(session, rangevar.get("schemaname"), rangevar["relname"])
    index = find_index(session, node["name"].get("schemaname"), node["name"]["relname"])
    if above is None or index is None:
        raise Missing("42P01", f"index {shown(node['name'] if above is not None else rangevar)} is created by no file")
    if index.inhparent == above.oid:
        return
    source, table = catalog.relations[above.indrelid], catalog.relations[index.indrelid]
    if source.oid not in table.inhparents:
        raise DDLError("55000", f'cannot attach index "{index.relname}" as a partition of index "{above.relname}"')
    if shape(mapped_index(session, above, source, table)) != shape(index):
        raise DDLError("42P17", f'cannot attach index "{index.relname}" as a partition of index "{above.relname}"')
    attach_index(session, index, above.oid, constraint_of(session, index), constraint_of(session, above))
    attached = {one.indrelid for one in catalog.indexes if one.inhparent == above.oid}
    if attached >= {child.oid for child in catalog.children_of(source.oid)}:
        catalog.indexes.put(replace(catalog.indexes[above.oid], indisvalid=True))
