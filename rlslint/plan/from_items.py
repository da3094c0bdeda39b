"""A subquery or function in FROM in, whether it becomes part of the query above it out: is_simple_subquery() of
prepjointree.c, inline_set_returning_function() of clauses.c."""

from __future__ import annotations

from rlslint.analyze.entry import analyze_function_body
from rlslint.catalog.catalog import PG_CATALOG, Catalog
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Expr, FuncExpr, Param, SubLink, walk
from rlslint.plan import clauses
from rlslint.plan.mutate import mutate_query, shift_levels
from rlslint.rewrite.functions import function_search_path


def simple_subquery(catalog: Catalog, query: Query) -> bool:
    """Whether a subquery in FROM can become part of the query above it (is_simple_subquery)."""
    plain = not (
        query.setop
        or query.has_aggs
        or query.has_windows
        or query.group_by
        or query.having is not None
        or query.distinct
        or query.order_by
        or query.limit is not None
        or query.offset is not None
        or query.for_update
        or query.ctes
        or query.recursive
    )
    if not plain:
        return False
    return not any(
        clauses.contain_volatile(catalog, target.expr) or (isinstance(target.expr, FuncExpr) and target.expr.retset)
        for target in query.targets
    )


def inline_set_function(catalog: Catalog, call: FuncExpr) -> Query | None:
    """The body of a set-returning SQL function as a subquery (inline_set_returning_function in clauses.c)."""
    proc = catalog.procs.get(call.funcid)
    if proc is None or proc.prolang != "sql" or not proc.proretset or proc.proisstrict:
        return None
    if proc.prosecdef or proc.proconfig or proc.provolatile == "v" or len(proc.proargtypes) != len(call.args):
        return None
    if any(clauses.contain_volatile(catalog, arg) or _has_sublink(arg) for arg in call.args):
        return None
    body = analyze_function_body(catalog, proc, function_search_path(catalog, proc))
    if body is None or len(body) != 1:
        return None
    call = call.in_order()

    def put(node: Expr, level: int) -> Expr:
        if isinstance(node, Param) and 0 < node.number <= len(call.args):
            return shift_levels(call.args[node.number - 1], level)
        return node

    return mutate_query(body[0], put)


def _has_sublink(expr: Expr) -> bool:
    return any(isinstance(node, SubLink) for node in walk(expr))


def function_rows(catalog: Catalog, expr: Expr | None) -> float:
    """Rows that a function returns: 1,000 where CREATE FUNCTION says nothing (prorows), 100 of those built in, which mostly
    take a list apart."""
    if not isinstance(expr, FuncExpr):
        return 100.0
    proc = catalog.procs.get(expr.funcid)
    if not expr.retset:
        return 1.0
    return 100.0 if proc is not None and proc.pronamespace == PG_CATALOG else 1000.0


def function_name(catalog: Catalog, expr: Expr) -> str:
    """The function's qualified name."""
    proc = catalog.procs.get(expr.funcid) if isinstance(expr, FuncExpr) else None
    return "function" if proc is None else catalog.qualified_name(proc)
