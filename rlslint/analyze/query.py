"""A SELECT or VALUES of the parse tree in, the resolved Query out (transformSelectStmt in analyze.c).

FROM is in from_clause.py, WITH in with_clause.py, the target list in targets.py, UNION and its like in setop.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import rlslint.analyze.expr as expressions
from rlslint.analyze import grouping, setop, with_clause
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce
from rlslint.analyze.from_clause import computed_item, transform_from
from rlslint.analyze.scope import Scope
from rlslint.analyze.targets import figure_column_name as figure_column_name
from rlslint.analyze.targets import target_list
from rlslint.analyze.typename import format_type
from rlslint.nodes.parsenodes import Query, RangeTblEntry, RangeTblRef, TargetEntry, walk_deep
from rlslint.nodes.primnodes import Expr, Oid, Unresolved, Var
from rlslint.records import replace
from rlslint.source.model import Raw

Clause = Literal["ORDER BY", "GROUP BY", "DISTINCT ON"]


def transform_select(scope: Scope, node: Raw, *, resolve_unknown: bool = True) -> Query:
    """Resolve a SelectStmt in a scope made for it.

    ``resolve_unknown``: output literals of no type become text; not so in a side of a set operation.
    """
    ctes, recursive = with_clause.with_clause(scope, node)
    if node.get("op", "SETOP_NONE") != "SETOP_NONE":
        query = setop.set_operation(scope, node)
    elif "valuesLists" in node:
        query = _values(scope, node, resolve_unknown=resolve_unknown)
    else:
        query = _plain(scope, node, resolve_unknown=resolve_unknown)
    query = replace(query, rtable=scope.range_table(), ctes=ctes, recursive=recursive)
    if query.setop is not None or "valuesLists" in node:
        return query
    sets = any("GroupingSet" in item for item in node.get("groupClause", ()))
    return grouping.checked(scope.catalog, query, sets=sets or bool(node.get("groupByAll")))


def _plain(scope: Scope, node: Raw, *, resolve_unknown: bool) -> Query:
    for item in node.get("windowClause", ()):
        scope.window_defs[item["WindowDef"].get("name", "")] = item["WindowDef"]
    fromlist = transform_from(scope, node.get("fromClause", ()))
    targets = target_list(scope, node.get("targetList", ()), resolve_unknown=resolve_unknown)
    where = _condition(scope, node.get("whereClause"))
    having = _condition(scope, node.get("havingClause"))
    order_by = sort_clause(scope, node, targets)
    group_by = tuple(expr for item in node.get("groupClause", ()) for expr in _grouping(scope, item, targets))
    distinct_on = [item for item in node.get("distinctClause", ()) if item]
    keys = [by(scope, item, targets, "DISTINCT ON") for item in distinct_on]
    # DISTINCT ON sorts by its expressions; those that stand nowhere else are kept as sort keys
    order_by += tuple(key for key in keys if key not in order_by and key not in [one.expr for one in targets])
    return Query(
        fromlist=fromlist,
        where=where,
        targets=targets,
        group_by=group_by,
        having=having,
        has_aggs=scope.aggregates,
        has_windows=scope.windows,
        distinct="distinctClause" in node,
        distinct_on=bool(distinct_on),
        order_by=order_by,
        limit=bound(scope, node, "limitCount", "LIMIT"),
        offset=bound(scope, node, "limitOffset", "OFFSET"),
        for_update="lockingClause" in node,
    )


def _condition(scope: Scope, raw: Raw | None) -> Expr | None:
    return None if raw is None else expressions.boolean(scope, expressions.transform(scope, raw))


def bound(scope: Scope, node: Raw, key: str, clause: str) -> Expr | None:
    """LIMIT or OFFSET as bigint; it sees no column of the query (transformLimitClause)."""
    raw = node.get(key)
    if raw is None:
        return None
    expr = expressions.transform(scope, raw)
    if any(isinstance(one, Var) and one.levelsup == level for one, level in walk_deep(expr)):
        return expressions.wrong(expr, f"argument of {clause} must not contain variables", "42P10", (expr,), t.INT8)
    number = coerce(scope.catalog, expr, t.INT8, "a")
    if number is None:
        reason = f"argument of {clause} must be type bigint, not type {format_type(scope.catalog, expr.type)}"
        return expressions.wrong(expr, reason, "42804", (expr,), t.INT8)
    return number


def sort_clause(scope: Scope, node: Raw, targets: Sequence[TargetEntry]) -> tuple[Expr, ...]:
    """ORDER BY's expressions."""
    return tuple(by(scope, item["SortBy"]["node"], targets, "ORDER BY") for item in node.get("sortClause", ()))


def _grouping(scope: Scope, raw: Raw, targets: Sequence[TargetEntry]) -> list[Expr]:
    """A member of GROUP BY; of ROLLUP, CUBE and GROUPING SETS all expressions inside."""
    if "GroupingSet" in raw:
        inside = raw["GroupingSet"].get("content", ())
        return [expr for item in inside for expr in _grouping(scope, item, targets)]
    row = raw.get("RowExpr")
    if row is not None and row.get("row_format") == "COERCE_IMPLICIT_CAST":
        return [expr for item in row.get("args", ()) for expr in _grouping(scope, item, targets)]
    return [by(scope, raw, targets, "GROUP BY")]


def by(scope: Scope, raw: Raw, targets: Sequence[TargetEntry], clause: Clause) -> Expr:
    """A position, an output column's name, or an expression (findTargetlistEntrySQL92)."""
    constant = raw.get("A_Const")
    if constant is not None:
        return _position(scope, raw, constant, targets, clause)
    fields = raw.get("ColumnRef", {}).get("fields", ())
    if len(fields) == 1 and "String" in fields[0]:
        name = fields[0]["String"]["sval"]
        # GROUP BY takes a column of FROM first, the others an output column
        if clause != "GROUP BY" or not _is_column(scope, name):
            named = [target.expr for target in targets if target.name == name]
            if named and any(expr != named[0] for expr in named):
                return _wrong(scope, f'{clause} "{name}" is ambiguous', "42702", raw)
            if named:
                return named[0]
    expr = expressions.transform(scope, raw)
    return (coerce(scope.catalog, expr, t.TEXT) or expr) if expr.type == t.UNKNOWN else expr


def _is_column(scope: Scope, name: str) -> bool:
    return any(item.columns_visible and item.column(name) for item in scope.items)


def _position(scope: Scope, raw: Raw, constant: Raw, targets: Sequence[TargetEntry], clause: Clause) -> Expr:
    if "ival" not in constant:
        return _wrong(scope, f"non-integer constant in {clause}", "42601", raw)
    number: int = constant["ival"].get("ival", 0)
    if 0 < number <= len(targets):
        return targets[number - 1].expr
    sqlstate = None if any(target.name == "*" for target in targets) else "42P10"
    return _wrong(scope, f"{clause} position {number} is not in select list", sqlstate, raw)


def _wrong(scope: Scope, reason: str, sqlstate: str | None, raw: Raw) -> Unresolved:
    location = scope.offset(next(iter(raw.values())).get("location"))
    return Unresolved(type=0, reason=reason, sqlstate=sqlstate, location=location, raw=raw)


def _values(scope: Scope, node: Raw, *, resolve_unknown: bool) -> Query:
    """VALUES: one range-table entry, whose columns are the output (transformValuesClause)."""
    rows = [[expressions.transform(scope, item) for item in row["List"]["items"]] for row in node["valuesLists"]]
    width = min(len(row) for row in rows)
    if any(len(row) != width for row in rows):
        scope.reject("VALUES lists must all be the same length", "42601", rows[-1][0].location)
    types: list[Oid] = []
    columns: list[tuple[Expr, ...]] = []
    for i in range(width):
        oid, column, error = expressions.to_common_type(scope, [row[i] for row in rows], "VALUES")
        if error is not None:
            scope.reject(error.reason, error.sqlstate, error.location, error.raw)
        types.append(oid)
        columns.append(column)
    names = tuple(f"column{i + 1}" for i in range(width))
    values = tuple(zip(*columns, strict=True))
    rtindex = scope.add(
        RangeTblEntry(kind="values", eref="*VALUES*", colnames=names, coltypes=tuple(types), values=values)
    )
    item = computed_item("*VALUES*", rtindex, list(zip(names, types, strict=True)), "values")
    scope.items.append(item)
    targets = tuple(TargetEntry(expr=expr, name=name) for name, expr in item.columns)
    return Query(
        fromlist=(RangeTblRef(rtindex=rtindex),),
        targets=targets,
        order_by=sort_clause(scope, node, targets),
        limit=bound(scope, node, "limitCount", "LIMIT"),
        offset=bound(scope, node, "limitOffset", "OFFSET"),
    )
