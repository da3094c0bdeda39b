"""What a SQL function's body must be for a call to be replaced by it (inline_function in clauses.c)."""

from __future__ import annotations

from rlslint.analyze.node_procs import node_procs
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import (
    Aggref,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    Expr,
    FuncExpr,
    NullTest,
    ScalarArrayOpExpr,
    SubLink,
    walk,
)


def simple_expression(query: Query) -> Expr | None:
    """The one output column of a bare SELECT: nothing but a target list of one."""
    if (
        len(query.targets) != 1
        or query.rtable
        or query.fromlist
        or query.where is not None
        or query.group_by
        or query.having is not None
        or query.has_aggs
        or query.has_windows
        or query.distinct
        or query.order_by
        or query.limit is not None
        or query.offset is not None
        or query.ctes
        or query.setop is not None
        or query.for_update
    ):
        return None
    expr = query.targets[0].expr
    if any(isinstance(node, Aggref) or (isinstance(node, FuncExpr) and node.retset) for node in walk(expr)):
        return None
    return expr


def contain_nonstrict(catalog: Catalog, expr: Expr) -> bool:
    """Whether NULL may go in and something else come out (contain_nonstrict_functions)."""
    for node in walk(expr):
        match node:
            case BoolExpr(op="not"):
                continue
            case BoolExpr() | CaseExpr() | CoalesceExpr() | NullTest() | BooleanTest() | SubLink() | Aggref():
                return True
            case ScalarArrayOpExpr():
                return True
        if getattr(node, "kind", "op") in ("distinct", "nullif"):
            return True
        if any(row is None or not row.proisstrict for row in node_procs(catalog, node)):
            return True
    return False
