"""An expression or query in, a copy with some nodes replaced out: expression_tree_mutator() of nodeFuncs.c."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query, RangeTblEntry, TargetEntry, walk_deep
from rlslint.nodes.primnodes import (
    Aggref,
    ArrayCoerceExpr,
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    CoerceToDomain,
    CoerceViaIO,
    CollateExpr,
    Expr,
    FieldSelect,
    FuncExpr,
    NullTest,
    OpExpr,
    RelabelType,
    RowCompareExpr,
    RowExpr,
    ScalarArrayOpExpr,
    SubLink,
    SubscriptingRef,
    Unresolved,
    Var,
)

Mutator = Callable[[Expr, int], Expr]
"""Node (children already done) and the number of query levels it lies below the start; returns its replacement."""

_E = TypeVar("_E", bound=Expr)

_LISTS: Final[dict[type[Expr], str]] = {
    FuncExpr: "args",
    OpExpr: "args",
    ScalarArrayOpExpr: "args",
    BoolExpr: "args",
    CoalesceExpr: "args",
    RowExpr: "args",
    Aggref: "args",
    Unresolved: "args",
    ArrayExpr: "elements",
}
_SINGLE: Final[frozenset[type[Expr]]] = frozenset(
    {
        NullTest,
        BooleanTest,
        RelabelType,
        CoerceViaIO,
        ArrayCoerceExpr,
        CoerceToDomain,
        CollateExpr,
        FieldSelect,
        SubscriptingRef,
    }
)


def mutate(expr: Expr, change: Mutator, level: int = 0) -> Expr:
    """A copy of ``expr`` in which every node, subqueries entered, is replaced by what ``change`` makes of it.

    Nodes are visited bottom-up; one that nothing changes keeps its identity.
    """
    return change(mutate_children(expr, lambda child: mutate(child, change, level), change, level), level)


def mutate_children(expr: Expr, visit: Callable[[Expr], Expr], change: Mutator | None = None, level: int = 0) -> Expr:
    """The node with each direct child replaced by ``visit``; subqueries are entered only with ``change``."""
    kind = type(expr)
    attribute = _LISTS.get(kind)
    if attribute is not None:
        return _with_list(expr, attribute, visit)
    if kind in _SINGLE:
        return _with_single(expr, visit)
    match expr:
        case CaseExpr(whens=whens, default=default):
            return replace(
                expr,
                whens=tuple((visit(condition), visit(result)) for condition, result in whens),
                default=None if default is None else visit(default),
            )
        case RowCompareExpr(largs=largs, rargs=rargs):
            return replace(expr, largs=tuple(map(visit, largs)), rargs=tuple(map(visit, rargs)))
        case SubLink(lefthand=lefthand, subselect=subselect):
            query = subselect if change is None else mutate_query(subselect, change, level + 1)
            return replace(expr, lefthand=tuple(map(visit, lefthand)), subselect=query)
    return expr


def _with_list(expr: _E, attribute: str, visit: Callable[[Expr], Expr]) -> _E:
    old: tuple[Expr, ...] = getattr(expr, attribute)
    new = tuple(map(visit, old))
    if all(a is b for a, b in zip(old, new, strict=True)):
        return expr
    changes: dict[str, Any] = {attribute: new}
    return replace(expr, **changes)


def _with_single(expr: _E, visit: Callable[[Expr], Expr]) -> _E:
    if isinstance(expr, SubscriptingRef):
        return replace(expr, arg=visit(expr.arg), subscripts=tuple(map(visit, expr.subscripts)))
    old: Expr = getattr(expr, "arg")  # noqa: B009  (every class of _SINGLE has it)
    new = visit(old)
    changes: dict[str, Any] = {"arg": new}
    return expr if new is old else replace(expr, **changes)


def mutate_query(query: Query, change: Mutator, level: int = 1) -> Query:
    """A copy of a query with `mutate` applied to every expression in it; ``level`` is the query's own."""

    def visit(expr: Expr) -> Expr:
        return mutate(expr, change, level)

    def maybe(expr: Expr | None) -> Expr | None:
        return None if expr is None else visit(expr)

    return replace(
        query,
        rtable=tuple(_mutate_rte(rte, change, level) for rte in query.rtable),
        fromlist=tuple(_mutate_from(item, visit) for item in query.fromlist),
        where=maybe(query.where),
        targets=tuple(TargetEntry(expr=visit(target.expr), name=target.name) for target in query.targets),
        group_by=tuple(map(visit, query.group_by)),
        having=maybe(query.having),
        order_by=tuple(map(visit, query.order_by)),
        limit=maybe(query.limit),
        offset=maybe(query.offset),
        ctes=tuple((name, mutate_query(cte, change, level + 1)) for name, cte in query.ctes),
        arms=tuple(mutate_query(arm, change, level + 1) for arm in query.arms),
    )


def _mutate_rte(rte: RangeTblEntry, change: Mutator, level: int) -> RangeTblEntry:
    subquery = rte.subquery
    if rte.kind == "subquery" and subquery is not None:
        subquery = mutate_query(subquery, change, level + 1)
    return replace(
        rte,
        subquery=subquery,
        function=None if rte.function is None else mutate(rte.function, change, level),
        values=tuple(tuple(mutate(expr, change, level) for expr in row) for row in rte.values),
        joinvars=tuple(mutate(expr, change, level) for expr in rte.joinvars),
    )


def _mutate_from(item: FromItem, visit: Callable[[Expr], Expr]) -> FromItem:
    if not isinstance(item, JoinExpr):
        return item
    return replace(
        item,
        larg=_mutate_from(item.larg, visit),
        rarg=_mutate_from(item.rarg, visit),
        quals=None if item.quals is None else visit(item.quals),
    )


def renumber(expr: Expr, mapping: dict[int, int]) -> Expr:
    """The expression with range-table indexes of its own query level replaced."""

    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, Var) and node.levelsup == level and node.varno in mapping:
            return replace(node, varno=mapping[node.varno])
        return node

    return mutate(expr, change)


def shift_levels(expr: Expr, delta: int) -> Expr:
    """The expression moved ``delta`` query levels down: references out of it grow (IncrementVarSublevelsUp)."""
    if delta == 0:
        return expr

    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, Var) and node.levelsup >= level:
            return replace(node, levelsup=node.levelsup + delta)
        return node

    return mutate(expr, change)


def replace_vars(expr: Expr, substitute: Callable[[Var], Expr | None]) -> Expr:
    """The expression with columns of its own query level replaced by other expressions of that level."""

    def change(node: Expr, level: int) -> Expr:
        if not isinstance(node, Var) or node.levelsup != level:
            return node
        new = substitute(node if level == 0 else replace(node, levelsup=0))
        return node if new is None else shift_levels(new, level)

    return mutate(expr, change)


def has_vars_of_level(expr: Expr, levelsup: int) -> bool:
    """Whether it refers to the query ``levelsup`` levels above it, from inside subqueries too."""
    return any(isinstance(node, Var) and node.levelsup == level + levelsup for node, level in walk_deep(expr))


def outer_vars(expr: Expr) -> bool:
    """Whether it refers to any query above its own."""
    return any(isinstance(node, Var) and node.levelsup > level for node, level in walk_deep(expr))


def relids(expr: Expr) -> frozenset[int]:
    """Range-table indexes of its own query level that it refers to (pull_varnos)."""
    return frozenset(node.varno for node, level in walk_deep(expr) if isinstance(node, Var) and node.levelsup == level)
