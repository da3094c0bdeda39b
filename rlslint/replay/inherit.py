"""Parents and a table's own columns in, its merged columns and checks out (MergeAttributes)."""

from __future__ import annotations

from rlslint.analyze.entry import stored_expr
from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Attribute, Constraint, Relation, StoredExpr
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.columns import ColumnPlan
from rlslint.replay.not_null import not_null_of
from rlslint.replay.session import DDLError, Session


def require_persistence(parent: Relation, persistence: str, *, partition: bool) -> None:
    """What lasts does not stand on what is temporary, nor a partition the other way round. Raises DDLError 42809."""
    if parent.relpersistence == "t" and persistence != "t":
        raise DDLError("42809", f'cannot inherit from temporary relation "{parent.relname}"')
    if partition and parent.relpersistence != "t" and persistence == "t":
        raise DDLError(
            "42809", f'cannot create a temporary relation as partition of permanent relation "{parent.relname}"'
        )


def merge_parents(
    session: Session, parents: list[Relation], own: list[ColumnPlan], *, partition: bool
) -> tuple[list[ColumnPlan], tuple[Attribute, ...], bool]:
    """The table's columns: inherited ones first, merged with its own of the same name.

    Gives the plans of its own columns with their final numbers, all attributes, and whether they are all known.
    Raises DDLError (42611, 42701, 42804).
    """
    merged: list[Attribute] = []
    conflicts: set[str] = set()
    for parent in parents:
        for column in parent.attributes:
            if column.attisdropped:
                continue
            at = _position(merged, column.attname)
            column = _inherited(session.catalog, parent, column, len(merged) + 1)
            if at is None:
                merged.append(column)
                continue
            _check_type(session.catalog, merged[at], column, "inherited column")
            if merged[at].attgenerated != column.attgenerated:
                raise DDLError("42804", f'inherited column "{column.attname}" has a generation conflict')
            if _differ(merged[at].attdefault, column.attdefault):
                conflicts.add(column.attname)
            notnull = merged[at].attnotnull or column.attnotnull
            merged[at] = replace(merged[at], attnotnull=notnull, attdefault=merged[at].attdefault or column.attdefault)
    plans: list[ColumnPlan] = []
    for plan in own:
        mine = plan.attribute
        at = _position(merged, mine.attname)
        if at is None:
            if partition:
                raise DDLError("42703", f'column "{mine.attname}" does not exist')
            mine = replace(mine, attnum=len(merged) + 1)
            merged.append(mine)
        else:
            held = merged[at]
            _check_generation(held, plan)
            if not partition:
                _check_type(session.catalog, held, mine, "column")
            default = None if plan.default is not None or plan.sequence else held.attdefault
            mine = replace(
                held,
                attnotnull=held.attnotnull or mine.attnotnull,
                attislocal=not partition,
                attdefault=default,
                attidentity=mine.attidentity or held.attidentity,
                origin=mine.origin,
            )
            merged[at] = mine
            if plan.default is not None or plan.generated is not None or plan.sequence:
                conflicts.discard(mine.attname)
        plan.attribute = mine
        plans.append(plan)
    for name in sorted(conflicts):
        raise DDLError("42611", f'column "{name}" inherits conflicting default values')
    return plans, tuple(merged), all(parent.complete for parent in parents)


def _differ(one: StoredExpr | None, other: StoredExpr | None) -> bool:
    return one is not None and other is not None and one.expr != other.expr


def _check_generation(held: Attribute, plan: ColumnPlan) -> None:
    """A column is generated, and in the same way, where its parents' is (MergeChildAttribute). Raises DDLError 42611."""
    name, mine = held.attname, plan.attribute
    if not held.attgenerated:
        if plan.generated is not None:
            raise DDLError("42611", f'child column "{name}" specifies generation expression')
        return
    if plan.default is not None or plan.sequence == "serial":
        raise DDLError("42611", f'column "{name}" inherits from generated column but specifies default')
    if mine.attidentity:
        raise DDLError("42611", f'column "{name}" inherits from generated column but specifies identity')
    if plan.generated is not None and mine.attgenerated != held.attgenerated:
        raise DDLError("42611", f'column "{name}" inherits from generated column of different kind')


def _position(columns: list[Attribute], name: str) -> int | None:
    for at, column in enumerate(columns):
        if column.attname == name:
            return at
    return None


def _inherited(catalog: Catalog, parent: Relation, column: Attribute, number: int) -> Attribute:
    row = not_null_of(catalog, parent.oid, column.attnum)
    not_null = column.attnotnull and (row is None or not row.connoinherit)
    return replace(column, attnum=number, attislocal=False, attacl=frozenset(), attnotnull=not_null)


def _check_type(catalog: Catalog, held: Attribute, other: Attribute, what: str) -> None:
    if 0 in (held.atttypid, other.atttypid):
        return
    if (held.atttypid, held.atttypmod) != (other.atttypid, other.atttypmod):
        raise DDLError(
            "42804",
            f'{what} "{held.attname}" has a type conflict: {format_type(catalog, held.atttypid, held.atttypmod)} '
            f"versus {format_type(catalog, other.atttypid, other.atttypmod)}",
        )
    if held.attcollation != other.attcollation:
        raise DDLError("42P21", f'{what} "{held.attname}" has a collation conflict')


def column_map(source: Relation, target: Relation) -> dict[int, int]:
    """Numbers of ``source``'s live columns to those of ``target`` of the same name (build_attrmap_by_name)."""
    numbers = {column.attname: column.attnum for column in target.attributes if not column.attisdropped}
    return {
        column.attnum: numbers[column.attname]
        for column in source.attributes
        if not column.attisdropped and column.attname in numbers
    }


def mapped(session: Session, stored: StoredExpr | None, source: Relation, target: Relation) -> StoredExpr | None:
    """An expression over one table as one over another with columns of the same names (map_variable_attnos)."""
    if stored is None or all(old == new for old, new in column_map(source, target).items()):
        return stored
    if not stored.raw:
        return stored
    again = stored_expr(session.catalog, stored.statement, stored.raw, target.oid, stored.search_path)
    return replace(stored, expr=again.expr)


def mapped_numbers(numbers: tuple[int, ...], source: Relation, target: Relation) -> tuple[int, ...]:
    """Column numbers of ``source`` as those of ``target``."""
    mapping = column_map(source, target)
    return tuple(mapping.get(number, number) for number in numbers)


def inherited_check(session: Session, row: Constraint, source: Relation, target: Oid) -> None:
    """Give a child table its parent's check, or merge it with one of the same name. Raises DDLError 42710."""
    catalog = session.catalog
    table = catalog.relations[target]
    for one in catalog.constraints_of(target):
        if one.conname == row.conname:
            if one.contype == "c":
                return
            raise DDLError("42710", f'constraint "{row.conname}" for relation "{table.relname}" already exists')
    catalog.constraints.put(
        replace(
            row,
            oid=catalog.new_oid(),
            conrelid=target,
            conkey=mapped_numbers(row.conkey, source, table),
            conexpr=mapped(session, row.conexpr, source, table),
            conislocal=False,
            coninhparent=0,
        )
    )
