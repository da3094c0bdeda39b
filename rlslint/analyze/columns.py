"""A column reference in, the Var, row or parameter it means out (colNameToVar, transformColumnRef in parse_expr.c)."""

from __future__ import annotations

from typing import Any

from rlslint.analyze import composite
from rlslint.analyze import types as t
from rlslint.analyze.scope import NsItem, Scope, sees_unknown
from rlslint.nodes.primnodes import CoalesceExpr, Expr, Param, RelabelType, Unresolved, Var
from rlslint.records import replace
from rlslint.source.model import Raw

# system columns of every table: number and type (heap.c)
SYSTEM_COLUMNS = {
    "ctid": (-1, 27),
    "xmin": (-2, 28),
    "cmin": (-3, 29),
    "xmax": (-4, 28),
    "cmax": (-5, 29),
    "tableoid": (-6, 26),
}


def column_ref(scope: Scope, node: Raw, raw: Raw) -> Expr:
    """Resolve a ColumnRef. What cannot be found is `Unresolved`, certain only when every table in sight is known."""
    location = scope.offset(node.get("location"))
    words: list[str] = [part["String"]["sval"] for part in node["fields"] if "String" in part]
    if len(words) < len(node["fields"]):
        return _star(scope, words, location, raw)
    if len(words) == 1:
        return _unqualified(scope, words[0], location, raw)
    found = _qualified(scope, words, location, raw)
    if isinstance(found, Unresolved) or found is None:
        parameter = _qualified_parameter(scope, words, location, raw)
        if parameter is not None:
            return parameter
    if found is not None:
        return found
    return _error(f'missing FROM-clause entry for table "{words[-2]}"', "42P01", location, raw)


def _unqualified(scope: Scope, name: str, location: int, raw: Raw) -> Expr:
    unknown = False
    for level, outer in scope.levels():
        found = [expr for item in outer.items if item.columns_visible for expr in in_item(item, name)]
        if len(found) > 1:
            return _error(f'column reference "{name}" is ambiguous', "42702", location, raw)
        if found:
            if unknown:
                # a table in between has columns that are not known: it may hold this name and capture it
                return _error(f'column "{name}" may belong to a table that no file creates', None, location, raw)
            return raised(found[0], level, location, raw, qualified=False)
        unknown = unknown or sees_unknown(outer.items)
    for level, outer in scope.levels():
        for item in outer.items:
            if item.relation_visible and item.name == name:
                return whole_row(item, level, location, raw)
    parameter = _parameter(scope, name, location, raw)
    if parameter is not None:
        return parameter
    if unknown:
        return _error(f'column "{name}" may belong to a table that no file creates', None, location, raw)
    return _error(f'column "{name}" does not exist', "42703", location, raw)


def in_item(item: NsItem, name: str) -> list[Expr]:
    """The item's columns of a name, a table's system columns included (scanNSItemForColumn)."""
    found = item.column(name)
    if not found and item.relid and name in SYSTEM_COLUMNS and item.kind == "relation":
        number, oid = SYSTEM_COLUMNS[name]
        return [Var(type=oid, varno=item.rtindex, attnum=number)]
    return found


def find_item(scope: Scope, table: list[str]) -> tuple[NsItem, int] | None:
    """The FROM member that a name, perhaps with its schema, means, and its level (refnameNamespaceItem)."""
    for level, outer in scope.levels():
        for item in outer.items:
            if not item.relation_visible or item.name != table[-1]:
                continue
            if len(table) == 1 or item.schema in (None, table[-2]):
                return item, level
    return None


def _qualified(scope: Scope, words: list[str], location: int, raw: Raw) -> Expr | None:
    place = find_item(scope, words[:-1])
    if place is None:
        return None
    item, level = place
    name = words[-1]
    found = in_item(item, name)
    if len(found) > 1:
        return _error(f'column reference "{name}" is ambiguous', "42702", location, raw)
    if found:
        return raised(found[0], level, location, raw, qualified=True)
    if not item.unknown:
        # t.f may be the function f of the row
        call = composite.function_of_row(scope, name, whole_row(item, level, location, raw), location, raw)
        if call is not None:
            return call
    if item.unknown:
        return _error(f"column {item.name}.{name} belongs to a table that no file creates", None, location, raw)
    return _error(f"column {item.name}.{name} does not exist", "42703", location, raw)


def whole_row(item: NsItem, level: int, location: int, raw: Raw | None) -> Expr:
    """A row as a whole (makeWholeRowVar); of a function of a scalar type, its value."""
    if item.scalar and item.columns:
        return raised(item.columns[0][1], level, location, raw, qualified=True)
    return Var(type=item.rowtype, varno=item.rtindex, attnum=0, levelsup=level, location=location, raw=raw)


def raised(expr: Expr, level: int, location: int, raw: Raw | None, *, qualified: bool = True) -> Expr:
    """A column's expression as seen from ``level`` levels further in."""
    if isinstance(expr, Var):
        return replace(expr, levelsup=expr.levelsup + level, location=location, raw=raw, qualified=qualified)
    # merged columns of joins: both sides under COALESCE, either under a cast
    changes: dict[str, Any] = {"location": location, "raw": raw}
    if isinstance(expr, RelabelType):
        changes["arg"] = raised(expr.arg, level, location, raw)
    elif isinstance(expr, CoalesceExpr) or hasattr(expr, "args"):
        changes["args"] = tuple(raised(arg, level, location, raw) for arg in expr.children())
    elif expr.children():
        changes["arg"] = raised(expr.children()[0], level, location, raw)
    return replace(expr, **changes)


def _parameter(scope: Scope, name: str, location: int, raw: Raw) -> Param | None:
    for number, (parameter, oid) in enumerate(scope.context.params, start=1):
        if parameter and parameter == name:
            return Param(type=oid, number=number, location=location, raw=raw)
    return None


def _qualified_parameter(scope: Scope, words: list[str], location: int, raw: Raw) -> Expr | None:
    """``function.parameter``, ``parameter.field``, ``function.parameter.field`` (sql_fn_post_column_ref)."""
    if len(words) > 3 or not scope.context.params:
        return None
    if words[0] == scope.context.function:
        parameter = _parameter(scope, words[1], location, raw)
        if parameter is not None:
            return parameter if len(words) == 2 else _field(scope, parameter, words[2], raw)
    parameter = _parameter(scope, words[0], location, raw) if len(words) == 2 else None
    if parameter is None or not (parameter.type == 0 or t.is_composite(scope.catalog, parameter.type)):
        return None
    return _field(scope, parameter, words[1], raw)


def _field(scope: Scope, parameter: Param, name: str, raw: Raw) -> Expr | None:
    found = composite.field(scope, parameter, name, raw)
    return None if isinstance(found, Unresolved) else found


def _star(scope: Scope, words: list[str], location: int, raw: Raw) -> Expr:
    """``t.*`` outside a target list is the row; ``*`` alone stands in count(*), which does not come here."""
    if not words:
        return _error("* without a table", None, location, raw)
    place = find_item(scope, words)
    if place is None:
        parameter = _parameter(scope, words[-1], location, raw)
        if parameter is not None:
            return parameter
        return _error(f'missing FROM-clause entry for table "{words[-1]}"', "42P01", location, raw)
    return whole_row(*place, location, raw)


def _error(reason: str, sqlstate: str | None, location: int, raw: Raw) -> Unresolved:
    return Unresolved(type=0, reason=reason, sqlstate=sqlstate, location=location, raw=raw)
