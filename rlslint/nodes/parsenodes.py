"""Resolved queries: what analyze/ makes of a SELECT, named as in PostgreSQL's nodes/parsenodes.h."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rlslint.nodes.primnodes import BoolExpr, Expr, Oid, SubLink
from rlslint.records import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTblEntry:
    """One entry of a query's range table."""

    kind: Literal["relation", "subquery", "function", "values", "cte", "join", "unknown"]
    """``unknown``: a table that no file creates; its columns are not known."""
    eref: str
    """The name it is known by: its alias, or its own name."""
    aliased: bool = field(default=False, compare=False)
    colnames: tuple[str, ...] = ()
    coltypes: tuple[Oid, ...] = ()
    relid: Oid = 0
    checkasuser: Oid = 0
    """For a table behind a view: the role whose privileges and policies count, 0 where it is who runs the query."""
    subquery: Query | None = None
    """The body of a subquery or CTE; None where a recursive CTE reads itself."""
    function: Expr | None = None
    """The call; of ROWS FROM with several, a RowExpr of them. Of an entry that no FROM member stands for: an error."""
    values: tuple[tuple[Expr, ...], ...] = ()
    joinvars: tuple[Expr, ...] = ()
    """For a join: the expression behind each column."""
    lateral: bool = False
    ctelevelsup: int = 0
    """For a CTE: how many query levels up its WITH stands."""
    materialized: bool = field(default=False, compare=False)
    """For a CTE: it is computed as a whole, by what is written (a VOLATILE function in it has the same effect)."""
    location: int = field(default=-1, compare=False)
    """Character offset in the statement's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTblRef:
    """A member of FROM: an index (from 1) into the range table."""

    rtindex: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinExpr:
    """A join of two FROM members."""

    jointype: Literal["inner", "left", "right", "full"]
    larg: FromItem
    rarg: FromItem
    quals: Expr | None
    rtindex: int


FromItem = RangeTblRef | JoinExpr


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """An output column."""

    expr: Expr
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A resolved SELECT or VALUES; of a set operation, ``setop`` names it and ``arms`` are its two sides."""

    rtable: tuple[RangeTblEntry, ...] = ()
    fromlist: tuple[FromItem, ...] = ()
    where: Expr | None = None
    targets: tuple[TargetEntry, ...] = ()
    group_by: tuple[Expr, ...] = ()
    having: Expr | None = None
    has_aggs: bool = False
    has_windows: bool = False
    distinct: bool = False
    distinct_on: bool = False
    """Of the rows that are alike in some columns one is kept."""
    order_by: tuple[Expr, ...] = ()
    limit: Expr | None = None
    offset: Expr | None = None
    for_update: bool = False
    ctes: tuple[tuple[str, Query], ...] = ()
    recursive: bool = False
    setop: Literal["union", "intersect", "except"] | None = None
    arms: tuple[Query, ...] = ()
    location: int = field(default=-1, compare=False)


def query_expressions(query: Query) -> Iterator[Expr]:
    """Every expression that stands directly in the query (not in its subqueries in FROM, CTEs or arms)."""
    for target in query.targets:
        yield target.expr
    for item in query.fromlist:
        yield from _join_quals(item)
    for single in (query.where, query.having, query.limit, query.offset):
        if single is not None:
            yield single
    yield from query.group_by
    yield from query.order_by
    for rte in query.rtable:
        if rte.function is not None:
            yield rte.function
        for row in rte.values:
            yield from row


def _join_quals(item: FromItem) -> Iterator[Expr]:
    if isinstance(item, JoinExpr):
        yield from _join_quals(item.larg)
        yield from _join_quals(item.rarg)
        if item.quals is not None:
            yield item.quals


def required_conditions(query: Query) -> Iterator[Expr]:
    """Conditions that every row that comes out of the FROM clause meets: the conjuncts of WHERE and of inner joins."""
    stack = [query.where, *(qual for item in query.fromlist for qual in _inner_quals(item))]
    while stack:
        expr = stack.pop()
        if isinstance(expr, BoolExpr) and expr.op == "and":
            stack.extend(expr.args)
        elif expr is not None:
            yield expr


def _inner_quals(item: FromItem) -> list[Expr]:
    if not isinstance(item, JoinExpr) or item.jointype != "inner":
        return []
    own = [] if item.quals is None else [item.quals]
    return own + _inner_quals(item.larg) + _inner_quals(item.rarg)


def nested_queries(query: Query) -> Iterator[Query]:
    """Queries directly below: FROM subqueries, CTEs and set-operation arms (levelsup grows by 1 into the first two)."""
    for rte in query.rtable:
        if rte.kind == "subquery" and rte.subquery is not None:
            yield rte.subquery
    for _, cte in query.ctes:
        yield cte
    yield from query.arms


def walk_deep(expr: Expr, level: int = 0) -> Iterator[tuple[Expr, int]]:
    """Every expression below ``expr``, subqueries entered, each with the number of query levels it lies deeper."""
    return _walk_from([(expr, level)])


def walk_query(query: Query, level: int = 1) -> Iterator[tuple[Expr, int]]:
    """Every expression in ``query`` and the queries below it; ``level`` is the number of levels down to ``query``."""
    return _walk_from(_roots(query, level)[::-1])


def _walk_from(stack: list[tuple[Expr, int]]) -> Iterator[tuple[Expr, int]]:
    """What is below the last, then below the one before it: one generator, not one inside another, for it is asked for by
    the million."""
    while stack:
        found = stack.pop()
        yield found
        node, level = found
        children = node.children()
        if children:
            stack.extend([(child, level) for child in children[::-1]])
        if isinstance(node, SubLink):
            stack.extend(_roots(node.subselect, level + 1)[::-1])


def _roots(query: Query, level: int) -> list[tuple[Expr, int]]:
    """The expressions that stand in a query and in the queries below it, in order."""
    found = [(expr, level) for expr in query_expressions(query)]
    for rte in query.rtable:
        if rte.kind == "subquery" and rte.subquery is not None:
            found += _roots(rte.subquery, level + 1)
    for _, cte in query.ctes:
        found += _roots(cte, level + 1)
    for arm in query.arms:
        # as in PostgreSQL, the arms of a set operation are subqueries of it
        found += _roots(arm, level + 1)
    return found
