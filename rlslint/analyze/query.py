"""A SELECT or VALUES of the parse tree in, the resolved Query out (transformSelectStmt in analyze.c)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import rlslint.analyze.expr as expressions
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce, select_common_type
from rlslint.analyze.from_clause import transform_from
from rlslint.analyze.scope import NsItem, Scope
from rlslint.nodes.parsenodes import Query, RangeTblEntry, RangeTblRef, TargetEntry
from rlslint.nodes.primnodes import Expr, Unresolved, Var
from rlslint.source.model import Raw

_SETOPS: Final[dict[str, Literal["union", "intersect", "except"]]] = {
    "SETOP_UNION": "union",
    "SETOP_INTERSECT": "intersect",
    "SETOP_EXCEPT": "except",
}


def transform_select(scope: Scope, node: Raw) -> Query:
    """Resolve a SelectStmt in a scope made for it."""
    ctes, recursive = _with_clause(scope, node)
    if node.get("op", "SETOP_NONE") != "SETOP_NONE":
        query = _set_operation(scope, node)
    elif "valuesLists" in node:
        query = _values(scope, node)
    else:
        query = _plain(scope, node)
    return replace(query, ctes=ctes, recursive=recursive)


def _plain(scope: Scope, node: Raw) -> Query:
    fromlist = transform_from(scope, node.get("fromClause", ()))
    targets = _targets(scope, node.get("targetList", ()))
    where = _condition(scope, node.get("whereClause"))
    having = _condition(scope, node.get("havingClause"))
    group_by = tuple(_by(scope, item, targets) for item in node.get("groupClause", ()))
    order_by = tuple(_by(scope, item["SortBy"]["node"], targets) for item in node.get("sortClause", ()))
    distinct = "distinctClause" in node
    return Query(
        rtable=tuple(scope.rtable),
        fromlist=fromlist,
        where=where,
        targets=targets,
        group_by=group_by,
        having=having,
        has_aggs=scope.aggregates,
        has_windows=scope.windows,
        distinct=distinct,
        order_by=order_by,
        limit=_bound(scope, node.get("limitCount")),
        offset=_bound(scope, node.get("limitOffset")),
        for_update="lockingClause" in node,
    )


def _condition(scope: Scope, raw: Raw | None) -> Expr | None:
    return None if raw is None else expressions.boolean(scope, expressions.transform(scope, raw))


def _bound(scope: Scope, raw: Raw | None) -> Expr | None:
    return None if raw is None else expressions.transform(scope, raw)


def _with_clause(scope: Scope, node: Raw) -> tuple[tuple[tuple[str, Query], ...], bool]:
    clause = node.get("withClause")
    if clause is None:
        return (), False
    recursive = bool(clause.get("recursive"))
    found: list[tuple[str, Query]] = []
    for item in clause["ctes"]:
        cte = item["CommonTableExpr"]
        select = cte["ctequery"].get("SelectStmt")
        name = cte["ctename"]
        if select is None:
            # INSERT ... RETURNING and its like cannot stand in a policy
            query = Query()
        else:
            query = _recursive_cte(scope, name, select) if recursive else transform_select(scope.child(), select)
        renamed = [part["String"]["sval"] for part in cte.get("aliascolnames", ())]
        if renamed:
            targets = tuple(
                replace(target, name=renamed[i] if i < len(renamed) else target.name)
                for i, target in enumerate(query.targets)
            )
            query = replace(query, targets=targets)
        scope.ctes[name] = query
        found.append((name, query))
    return tuple(found), recursive


def _recursive_cte(scope: Scope, name: str, select: Raw) -> Query:
    """A CTE that reads itself sees the columns of its non-recursive arm."""
    if select.get("op", "SETOP_NONE") == "SETOP_NONE":
        return transform_select(scope.child(), select)
    first = transform_select(scope.child(), select["larg"])
    inner = scope.child()
    inner.ctes[name] = Query(targets=first.targets)
    return transform_select(inner, select)


def _targets(scope: Scope, items: list[Raw] | tuple[Raw, ...]) -> tuple[TargetEntry, ...]:
    found: list[TargetEntry] = []
    for item in items:
        target = item["ResTarget"]
        value = target["val"]
        star = _star(value)
        if star is not None:
            found += _expand(scope, star)
            continue
        expr = expressions.transform(scope, value)
        if expr.type == t.UNKNOWN:
            expr = coerce(scope.catalog, expr, t.TEXT) or expr
        found.append(TargetEntry(expr=expr, name=target.get("name") or figure_column_name(value)))
    return tuple(found)


def _star(value: Raw) -> list[str] | None:
    fields = value.get("ColumnRef", {}).get("fields", ())
    if not fields or "A_Star" not in fields[-1]:
        return None
    return [part["String"]["sval"] for part in fields[:-1]]


def _expand(scope: Scope, words: list[str]) -> list[TargetEntry]:
    """``*`` and ``t.*``; a table with unknown columns gives one target named ``*``."""
    found: list[TargetEntry] = []
    for item in scope.items:
        if words and not (item.relation_visible and item.name == words[-1]):
            continue
        if not words and not item.columns_visible:
            continue
        found += [TargetEntry(expr=expr, name=name) for name, expr in item.columns]
        if item.unknown and not item.columns:
            found.append(TargetEntry(expr=Unresolved(type=0, reason="columns are not known"), name="*"))
    if words and not found:
        for level, outer in scope.levels():
            for item in outer.items if level else ():
                if item.name == words[-1]:
                    found += [TargetEntry(expr=_raised(expr, level), name=name) for name, expr in item.columns]
    return found


def _raised(expr: Expr, level: int) -> Expr:
    if not isinstance(expr, Var):
        return expr
    return replace(expr, levelsup=expr.levelsup + level)


def figure_column_name(value: Raw) -> str:
    """The name of an output column without AS (FigureColname)."""
    tag, node = next(iter(value.items()))
    match tag:
        case "ColumnRef":
            names = [part["String"]["sval"] for part in node["fields"] if "String" in part]
            return names[-1] if names else "?column?"
        case "FuncCall":
            name: str = node["funcname"][-1]["String"]["sval"]
            return name
        case "TypeCast":
            inner = figure_column_name(node["arg"])
            kind: str = node["typeName"]["names"][-1]["String"]["sval"]
            return kind if inner in ("?column?", "case") else inner
        case "A_Indirection":
            names = [part["String"]["sval"] for part in node["indirection"] if "String" in part]
            return names[-1] if names else figure_column_name(node["arg"])
        case "SubLink":
            if node.get("subLinkType") == "EXISTS_SUBLINK":
                return "exists"
            if node.get("subLinkType") == "ARRAY_SUBLINK":
                return "array"
            targets = node["subselect"].get("SelectStmt", {}).get("targetList", ())
            if node.get("subLinkType") == "EXPR_SUBLINK" and targets:
                first = targets[0]["ResTarget"]
                return first.get("name") or figure_column_name(first["val"])
            return "?column?"
        case "CaseExpr":
            return figure_column_name(node["defresult"]) if "ColumnRef" in node.get("defresult", {}) else "case"
        case "CoalesceExpr":
            return "coalesce"
        case "A_ArrayExpr":
            return "array"
        case "CollateClause":
            return figure_column_name(node["arg"])
        case "MinMaxExpr":
            return "least" if node.get("op") == "IS_LEAST" else "greatest"
        case "SQLValueFunction":
            return str(node["op"]).removeprefix("SVFOP_").lower().removesuffix("_n")
        case "A_Expr" if node.get("kind") == "AEXPR_NULLIF":
            return "nullif"
        case _:
            return "?column?"


def _by(scope: Scope, raw: Raw, targets: tuple[TargetEntry, ...]) -> Expr:
    """A member of GROUP BY or ORDER BY: a position, an output column's name, or an expression."""
    position = raw.get("A_Const", {}).get("ival", {}).get("ival")
    if position is not None and 0 < position <= len(targets):
        return targets[position - 1].expr
    fields = raw.get("ColumnRef", {}).get("fields", ())
    if len(fields) == 1 and "String" in fields[0]:
        for target in targets:
            if target.name == fields[0]["String"]["sval"]:
                return target.expr
    if "GroupingSet" in raw:
        return Unresolved(type=0, reason="GROUPING SETS are not analysed")
    return expressions.transform(scope, raw)


def _values(scope: Scope, node: Raw) -> Query:
    lists = [
        [expressions.transform(scope, item) for item in row["List"]["items"]] for row in node["valuesLists"]
    ]
    width = min(len(row) for row in lists)
    types = [select_common_type(scope.catalog, [row[i].type for row in lists]) or 0 for i in range(width)]
    values = tuple(
        tuple(coerce(scope.catalog, expr, oid) or expr for expr, oid in zip(row, types, strict=False))
        for row in lists
    )
    names = tuple(f"column{i + 1}" for i in range(width))
    rtindex = scope.add(
        RangeTblEntry(kind="values", eref="*VALUES*", colnames=names, coltypes=tuple(types), values=values)
    )
    columns = tuple(
        (name, Var(type=oid, varno=rtindex, attnum=number))
        for number, (name, oid) in enumerate(zip(names, types, strict=True), start=1)
    )
    scope.items.append(NsItem(name="*VALUES*", rtindex=rtindex, columns=columns))
    return Query(
        rtable=tuple(scope.rtable),
        fromlist=(RangeTblRef(rtindex=rtindex),),
        targets=tuple(TargetEntry(expr=expr, name=name) for name, expr in columns),
        limit=_bound(scope, node.get("limitCount")),
    )


def _set_operation(scope: Scope, node: Raw) -> Query:
    """Each side is a subquery of its own; the output columns have the types both sides settle on."""
    arms = tuple(transform_select(scope.child(), side) for side in _sides(node))
    left, right = arms
    targets: list[TargetEntry] = []
    for one, two in zip(left.targets, right.targets, strict=False):
        oid = select_common_type(scope.catalog, [one.expr.type, two.expr.type]) or 0
        targets.append(TargetEntry(expr=Var(type=oid, varno=1, attnum=len(targets) + 1), name=one.name))
    return Query(
        targets=tuple(targets),
        setop=_SETOPS[node["op"]],
        arms=arms,
        distinct=not node.get("all"),
        limit=_bound(scope, node.get("limitCount")),
        offset=_bound(scope, node.get("limitOffset")),
    )


def _sides(node: Raw) -> tuple[Raw, Raw]:
    return node["larg"], node["rarg"]

