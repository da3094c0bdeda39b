"""A query's output column in, the type modifier that it is known to have out (exprTypmod in nodes/nodeFuncs.c)."""

from __future__ import annotations

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import (
    ArrayExpr,
    CaseExpr,
    CoalesceExpr,
    Const,
    Expr,
    FuncExpr,
    OpExpr,
    SubLink,
    SubLinkType,
    Var,
)


def column_typmod(catalog: Catalog, query: Query, number: int) -> int:
    """The modifier of the ``number``-th output column, from 0; -1 for none. Of a set operation's, where its sides agree."""
    target = query.targets[number].expr
    if not query.setop:
        return expr_typmod(catalog, (query,), target)
    found = {
        column_typmod(catalog, arm, number) if arm.targets[number].expr.type == target.type else -1
        for arm in query.arms
        if number < len(arm.targets)
    }
    return found.pop() if len(found) == 1 else -1


def expr_typmod(catalog: Catalog, levels: tuple[Query, ...], expr: Expr) -> int:
    """An expression's modifier; ``levels``: the queries around it from the outermost."""
    match expr:
        case Var():
            return _of_var(catalog, levels, expr)
        case FuncExpr() if expr.form != "call" and len(expr.args) > 1:
            length = expr.args[1]
            return int(length.value) if isinstance(length, Const) and length.value is not None else -1
        case SubLink(kind=SubLinkType.EXPR | SubLinkType.ARRAY) if expr.subselect.targets:
            return expr_typmod(catalog, (*levels, expr.subselect), expr.subselect.targets[0].expr)
        case OpExpr(kind="nullif") if expr.args[0].type == expr.type:
            return expr_typmod(catalog, levels, expr.args[0])
        case CaseExpr(default=None):
            return -1
        case CaseExpr():
            results = [*(then for _, then in expr.whens), *(() if expr.default is None else (expr.default,))]
            return _common(catalog, levels, expr, results)
        case CoalesceExpr():
            return _common(catalog, levels, expr, expr.args)
        case ArrayExpr() if expr.elements:
            return _common(catalog, levels, expr.elements[0], expr.elements)
    return -1


def _common(catalog: Catalog, levels: tuple[Query, ...], whole: Expr, parts: tuple[Expr, ...] | list[Expr]) -> int:
    found = {expr_typmod(catalog, levels, part) if part.type == whole.type else -1 for part in parts}
    return found.pop() if len(found) == 1 else -1


def _of_var(catalog: Catalog, levels: tuple[Query, ...], expr: Var) -> int:
    depth = len(levels) - 1 - expr.levelsup
    if depth < 0 or not 0 < expr.varno <= len(levels[depth].rtable):
        return -1
    rte = levels[depth].rtable[expr.varno - 1]
    if rte.kind == "relation" and expr.attnum > 0:
        relation = catalog.relations.get(rte.relid)
        return -1 if relation is None else relation.column(expr.attnum).atttypmod
    if rte.kind in ("subquery", "cte") and rte.subquery is not None and 0 < expr.attnum <= len(rte.subquery.targets):
        return column_typmod(catalog, rte.subquery, expr.attnum - 1)
    if rte.kind == "join" and 0 < expr.attnum <= len(rte.joinvars):
        return expr_typmod(catalog, levels[: depth + 1], rte.joinvars[expr.attnum - 1])
    return -1
