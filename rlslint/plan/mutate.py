"""An expression or query in, a copy with some nodes replaced out: expression_tree_mutator() of nodeFuncs.c."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import is_
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
    Oid,
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
from rlslint.records import replace

Mutator = Callable[[Expr, int], Expr]
"""Node (children already done) and the number of query levels it lies below the start; returns its replacement."""

_E = TypeVar("_E", bound=Expr)
_T = TypeVar("_T")

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
            changes: dict[str, Any] = {
                "whens": tuple((visit(condition), visit(result)) for condition, result in whens),
                "default": None if default is None else visit(default),
            }
            flat = [one for pair in (*whens, (default,)) for one in pair]
            new = [one for pair in (*changes["whens"], (changes["default"],)) for one in pair]
            return expr if _same(flat, new) else replace(expr, **changes)
        case RowCompareExpr(largs=largs, rargs=rargs):
            return replace(expr, largs=tuple(map(visit, largs)), rargs=tuple(map(visit, rargs)))
        case SubLink(lefthand=lefthand, subselect=subselect):
            query = subselect if change is None else mutate_query(subselect, change, level + 1)
            left = tuple(map(visit, lefthand))
            if query is subselect and _same(left, lefthand):
                return expr
            return replace(expr, lefthand=left, subselect=query)
    return expr


def _same(old: Iterable[object], new: Iterable[object]) -> bool:
    """Whether the elements are identical ones, of as many."""
    return all(map(is_, old, new))


def _with_list(expr: _E, attribute: str, visit: Callable[[Expr], Expr]) -> _E:
    old: tuple[Expr, ...] = getattr(expr, attribute)
    new = tuple(map(visit, old))
    if _same(old, new):
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
    """A copy of a query with `mutate` applied to every expression in it; ``level`` is the query's own. One that nothing
    changes keeps its identity."""
    return mutate_parts(
        query,
        lambda expr: mutate(expr, change, level),
        lambda below: mutate_query(below, change, level + 1),
    )


def mutate_parts(query: Query, visit: Callable[[Expr], Expr], enter: Callable[[Query], Query] | None = None) -> Query:
    """The query with ``visit`` applied to the expressions of its own level and ``enter``, if given, to the queries
    directly below it in FROM, CTEs and arms."""
    changes: dict[str, Any] = {}
    for name in ("where", "having", "limit", "offset"):
        expr: Expr | None = getattr(query, name)
        if expr is not None and (visited := visit(expr)) is not expr:
            changes[name] = visited
    for name in ("group_by", "order_by"):
        _note(changes, name, getattr(query, name), visit)
    _note(changes, "rtable", query.rtable, lambda rte: _mutate_rte(rte, visit, enter))
    _note(changes, "fromlist", query.fromlist, lambda item: _mutate_from(item, visit))
    _note(changes, "targets", query.targets, lambda target: _mutate_target(target, visit))
    if enter is not None:
        _note(changes, "arms", query.arms, enter)
        ctes = tuple((name, enter(cte)) for name, cte in query.ctes)
        if not _same((cte for _, cte in query.ctes), (cte for _, cte in ctes)):
            changes["ctes"] = ctes
    return replace(query, **changes) if changes else query


def _note(changes: dict[str, Any], name: str, old: tuple[_T, ...], visit: Callable[[_T], _T]) -> None:
    new = tuple(map(visit, old))
    if not _same(old, new):
        changes[name] = new


def _mutate_target(target: TargetEntry, visit: Callable[[Expr], Expr]) -> TargetEntry:
    expr = visit(target.expr)
    return target if expr is target.expr else TargetEntry(expr=expr, name=target.name)


def _mutate_rte(
    rte: RangeTblEntry, visit: Callable[[Expr], Expr], enter: Callable[[Query], Query] | None
) -> RangeTblEntry:
    changes: dict[str, Any] = {}
    if rte.kind == "subquery" and rte.subquery is not None and enter is not None:
        subquery = enter(rte.subquery)
        if subquery is not rte.subquery:
            changes["subquery"] = subquery
    if rte.function is not None and (function := visit(rte.function)) is not rte.function:
        changes["function"] = function
    values = tuple(tuple(map(visit, row)) for row in rte.values)
    if not all(_same(old, new) for old, new in zip(rte.values, values, strict=True)):
        changes["values"] = values
    _note(changes, "joinvars", rte.joinvars, visit)
    return replace(rte, **changes) if changes else rte


def _mutate_from(item: FromItem, visit: Callable[[Expr], Expr]) -> FromItem:
    if not isinstance(item, JoinExpr):
        return item
    larg = _mutate_from(item.larg, visit)
    rarg = _mutate_from(item.rarg, visit)
    quals = None if item.quals is None else visit(item.quals)
    if _same((item.larg, item.rarg, item.quals), (larg, rarg, quals)):
        return item
    return replace(item, larg=larg, rarg=rarg, quals=quals)


def checked_as(query: Query, role: Oid) -> Query:
    """The query with its tables, those of its subqueries too, checked as a role (setRuleCheckAsUser of rewriteDefine.c);
    what is in a view that it reads keeps its own."""

    def enter(below: Query) -> Query:
        new = mutate_parts(below, visit, enter)
        return replace(new, rtable=tuple(replace(r, checkasuser=role) if r.relid else r for r in new.rtable))

    def visit(expr: Expr) -> Expr:
        return checked_expression_as(expr, role)

    return enter(query)


def checked_expression_as(expr: Expr, role: Oid) -> Expr:
    """`checked_as` for the subqueries of an expression."""

    def visit(node: Expr) -> Expr:
        node = mutate_children(node, visit)
        return replace(node, subselect=checked_as(node.subselect, role)) if isinstance(node, SubLink) else node

    return visit(expr)


def renumber(expr: Expr, mapping: dict[int, int]) -> Expr:
    """The expression with range-table indexes of its own query level replaced."""

    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, Var) and node.levelsup == level and node.varno in mapping:
            return replace(node, varno=mapping[node.varno])
        return node

    return mutate(expr, change)


def shift_levels(expr: Expr, delta: int) -> Expr:
    """The expression moved ``delta`` query levels down: references out of it grow (IncrementVarSublevelsUp)."""
    return mutate(expr, _shift(delta)) if delta else expr


def shift_query_levels(query: Query, delta: int) -> Query:
    """The query moved ``delta`` levels down: a CTE that is read so far below its WITH (inline_cte_walker)."""
    return mutate_query(query, _shift(delta)) if delta else query


def _shift(delta: int) -> Mutator:
    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, Var) and node.levelsup >= level:
            return replace(node, levelsup=node.levelsup + delta)
        return node

    return change


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
    if isinstance(expr, Var):
        return frozenset() if expr.levelsup else frozenset((expr.varno,))
    return frozenset(node.varno for node, level in walk_deep(expr) if isinstance(node, Var) and node.levelsup == level)


def shift_levels_out(expr: Expr) -> Expr:
    """The expression moved out of its query: its own columns are flat already, outer ones come one level nearer."""

    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, Var) and node.levelsup > level:
            return replace(node, levelsup=node.levelsup - 1)
        return node

    return mutate(expr, change)
