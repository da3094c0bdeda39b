"""A column reference in, the Var, row or parameter it means out (colNameToVar, transformColumnRef in parse_expr.c)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rlslint.analyze.scope import NsItem, Scope, sees_unknown
from rlslint.nodes.primnodes import Expr, Param, Unresolved, Var
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
    found = _qualified(scope, words[:-1], words[-1], location, raw)
    if found is not None:
        return found
    parameter = _parameter(scope, words[-1], location, raw) if words[0] == scope.context.function else None
    if parameter is not None:
        return parameter
    return Unresolved(
        type=0, location=location, raw=raw, sqlstate="42P01",
        reason=f'missing FROM-clause entry for table "{words[-2]}"',
    )  # fmt: skip


def _unqualified(scope: Scope, name: str, location: int, raw: Raw) -> Expr:
    unknown = False
    for level, outer in scope.levels():
        found = [
            (item, expr) for item in outer.items if item.columns_visible for expr in item.column(name)
        ]
        if len(found) > 1:
            return _error(f'column reference "{name}" is ambiguous', "42702", location, raw)
        if found:
            if unknown:
                # a table in between has columns that are not known: it may hold this name and capture it
                return _error(f'column "{name}" may belong to a table that no file creates', None, location, raw)
            return _placed(found[0][1], level, location, raw, qualified=False)
        system = _system_column(outer.items, name, level, location, raw, qualified=False)
        if system is not None:
            return system
        unknown = unknown or sees_unknown(outer.items)
    for level, outer in scope.levels():
        for item in outer.items:
            if item.relation_visible and item.name == name:
                return Var(
                    type=item.rowtype, varno=item.rtindex, attnum=0, levelsup=level, location=location, raw=raw
                )
    parameter = _parameter(scope, name, location, raw)
    if parameter is not None:
        return parameter
    return _error(f'column "{name}" does not exist', None if unknown else "42703", location, raw)


def _qualified(scope: Scope, table: list[str], name: str, location: int, raw: Raw) -> Expr | None:
    for level, outer in scope.levels():
        for item in outer.items:
            if not item.relation_visible or item.name != table[-1]:
                continue
            if len(table) > 1 and item.schema != table[-2]:
                continue
            found = item.column(name)
            if len(found) > 1:
                return _error(f'column reference "{name}" is ambiguous', "42702", location, raw)
            if found:
                return _placed(found[0], level, location, raw, qualified=True)
            system = _system_column([item], name, level, location, raw, qualified=True)
            if system is not None:
                return system
            state = None if item.unknown else "42703"
            return _error(f"column {item.name}.{name} does not exist", state, location, raw)
    return None


def _placed(expr: Expr, level: int, location: int, raw: Raw, *, qualified: bool) -> Expr:
    """A column's expression as seen from ``level`` levels further in."""
    if isinstance(expr, Var):
        return replace(expr, levelsup=expr.levelsup + level, location=location, raw=raw, qualified=qualified)
    return raise_levels(expr, level, location, raw)


def raise_levels(expr: Expr, level: int, location: int, raw: Raw | None) -> Expr:
    """Merged columns of a FULL JOIN are COALESCE over both sides' columns."""
    changes: dict[str, Any] = {"location": location, "raw": raw}
    args = getattr(expr, "args", None)
    if args is not None:
        changes["args"] = tuple(
            replace(arg, levelsup=arg.levelsup + level) if isinstance(arg, Var) else arg for arg in args
        )
    return replace(expr, **changes)


def _system_column(
    items: list[NsItem], name: str, level: int, location: int, raw: Raw, *, qualified: bool
) -> Var | None:
    if name not in SYSTEM_COLUMNS:
        return None
    number, oid = SYSTEM_COLUMNS[name]
    for item in items:
        if item.relid and item.columns_visible:
            return Var(
                type=oid,
                varno=item.rtindex,
                attnum=number,
                levelsup=level,
                location=location,
                raw=raw,
                qualified=qualified,
            )
    return None


def _parameter(scope: Scope, name: str, location: int, raw: Raw) -> Param | None:
    for number, (parameter, oid) in enumerate(scope.context.params, start=1):
        if parameter and parameter == name:
            return Param(type=oid, number=number, location=location, raw=raw)
    return None


def _star(scope: Scope, words: list[str], location: int, raw: Raw) -> Expr:
    """``t.*`` outside a target list is the row; ``*`` alone stands in count(*), which does not come here."""
    if words:
        for level, outer in scope.levels():
            for item in outer.items:
                if item.relation_visible and item.name == words[-1]:
                    return Var(
                        type=item.rowtype, varno=item.rtindex, attnum=0, levelsup=level, location=location, raw=raw
                    )
    return _error("* without a table", None, location, raw)


def _error(reason: str, sqlstate: str | None, location: int, raw: Raw) -> Unresolved:
    return Unresolved(type=0, reason=reason, sqlstate=sqlstate, location=location, raw=raw)
