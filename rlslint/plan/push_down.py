"""A subquery in FROM that is planned by itself and the conditions on its columns in, the subquery with those inside that may
be asked there out: set_subquery_pathlist() and subquery_push_qual() of allpaths.c."""

from __future__ import annotations

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Aggref, BoolExpr, Expr, FuncExpr, Var, walk
from rlslint.plan import clauses
from rlslint.plan.flat import Rel
from rlslint.plan.mutate import mutate, shift_levels
from rlslint.records import replace


def push_down(catalog: Catalog, rel: Rel) -> None:
    """Moves conditions on ``rel`` into its subquery. A WITH query that is computed as a whole takes none."""
    if rel.kind != "subquery" or rel.subquery is None or not _safe(rel.subquery):
        return
    kept = []
    for qual in rel.quals:
        moved = clauses.has_subplan(qual.expr) or clauses.contain_volatile(catalog, qual.expr)
        moved = moved or (rel.barrier and clauses.contain_leaked_vars(catalog, qual.expr))
        pushed = None if moved else _push(catalog, rel.subquery, qual.expr, rel.rtindex)
        if pushed is None:
            kept.append(qual)
        else:
            rel.subquery = pushed
    rel.quals = kept


def _safe(query: Query) -> bool:
    """subquery_is_pushdown_safe(): a condition must not change which rows LIMIT, DISTINCT ON, EXCEPT or a window function
    see."""
    if query.limit is not None or query.offset is not None or query.distinct_on:
        return False
    if query.has_windows or query.setop == "except":
        return False
    return all(map(_safe, query.arms))


def _push(catalog: Catalog, query: Query, expr: Expr, rtindex: int) -> Query | None:
    """The query with a condition on its output columns put in; None where one of them must not be asked about."""
    if query.setop is not None:
        # an arm lies a level deeper
        arms = [_push(catalog, arm, _deeper(expr, rtindex), rtindex) for arm in query.arms]
        every = tuple(arm for arm in arms if arm is not None)
        return replace(query, arms=every) if len(every) == len(arms) else None
    numbers = {
        node.attnum for node in walk(expr) if isinstance(node, Var) and node.varno == rtindex and not node.levelsup
    }
    if any(not 0 < number <= len(query.targets) for number in numbers):
        return None
    columns = [query.targets[number - 1].expr for number in numbers]
    if any(clauses.contain_volatile(catalog, one) or (isinstance(one, FuncExpr) and one.retset) for one in columns):
        return None

    def put(node: Expr, level: int) -> Expr:
        if isinstance(node, Var) and node.levelsup == level and node.varno == rtindex:
            return shift_levels(query.targets[node.attnum - 1].expr, level)
        return node

    inside = mutate(_deeper(expr, rtindex), put)
    if any(isinstance(node, Aggref) for node in walk(inside)):
        return replace(query, having=_both(query.having, inside))
    return replace(query, where=_both(query.where, inside))


def _deeper(expr: Expr, rtindex: int) -> Expr:
    """The condition one query level further down, its references to the subquery's columns left as they are."""

    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, Var) and (node.levelsup > level or (node.levelsup == level and node.varno != rtindex)):
            return replace(node, levelsup=node.levelsup + 1)
        return node

    return mutate(expr, change)


def _both(one: Expr | None, other: Expr) -> Expr:
    return other if one is None else BoolExpr(type=clauses.BOOL, op="and", args=(one, other))
