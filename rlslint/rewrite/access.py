"""A condition or query in, the tables and functions it makes PostgreSQL touch out, each with the role it is touched as."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.parsenodes import Query, RangeTblEntry, nested_queries, query_expressions
from rlslint.nodes.primnodes import Expr, FuncExpr, Oid, SubLink, Var, walk
from rlslint.records import dataclass


@dataclass(frozen=True, slots=True)
class TableAccess:
    """A table read in a subquery. ``columns`` are the attribute numbers its query uses of it."""

    relid: Oid
    role: Oid
    """The role whose privileges and policies count: the current one, or the owner of the view on the way."""
    columns: frozenset[int]
    sublink: SubLink | None
    """The subquery of the policy in which it stands, outermost."""
    views: tuple[Oid, ...] = ()
    """Views it is reached through, outermost first."""


def tables_read(catalog: Catalog, expr: Expr, role: Oid) -> Iterator[TableAccess]:
    """Tables that the subqueries of a condition read, views opened, row security of those tables not yet applied."""
    known = catalog.remembered("tables_read", catalog.relations)
    key = (id(expr), role)
    if key not in known:
        # the expression is kept, so that its identity stays its own
        known[key] = expr, tuple(_tables_read(catalog, expr, role))
    yield from known[key][1]


def _tables_read(catalog: Catalog, expr: Expr, role: Oid) -> Iterator[TableAccess]:
    for node in walk(expr):
        if isinstance(node, SubLink):
            yield from query_tables(catalog, node.subselect, role, node)


def query_tables(
    catalog: Catalog,
    query: Query,
    role: Oid,
    sublink: SubLink | None = None,
    views: tuple[Oid, ...] = (),
    check_as: Oid = 0,
) -> Iterator[TableAccess]:
    """Tables that a query reads, in its subqueries too. ``role`` runs it; ``check_as`` is the owner of the view whose
    query it is, 0 where that is no matter."""
    columns = _columns_used(query)
    for rtindex, rte in enumerate(query.rtable, start=1):
        relation = catalog.relations.get(rte.relid) if rte.kind == "relation" else None
        if relation is None:
            continue
        reader = rte.checkasuser or check_as or role
        yield TableAccess(relation.oid, reader, columns.get(rtindex, frozenset()), sublink, views)
        if relation.relkind == "v" and relation.query is not None and relation.oid not in views:
            inner = check_as_user(relation)
            yield from query_tables(catalog, relation.query, role, sublink, (*views, relation.oid), inner)
    for expr in query_expressions(query):
        for node in walk(expr):
            if isinstance(node, SubLink):
                yield from query_tables(catalog, node.subselect, role, sublink or node, views, check_as)
    for nested in nested_queries(query):
        yield from query_tables(catalog, nested, role, sublink, views, check_as)


def check_as_user(view: Relation) -> Oid:
    """The role whose rights count on the tables of a view: its owner, or 0 where it is security_invoker (15 and later):
    then they are those of who runs the statement, whichever views lie between (RelationBuildRuleLock of relcache.c)."""
    return 0 if view.relkind == "v" and _is_set(view, "security_invoker") else view.relowner


def is_security_barrier(relation: Relation) -> bool:
    """Whether it is a view whose conditions come before those of who reads it."""
    return relation.relkind == "v" and _is_set(relation, "security_barrier")


def _is_set(relation: Relation, option: str) -> bool:
    return dict(relation.reloptions).get(option, "false").lower() in ("true", "on", "1", "yes")


def function_calls(expr: Expr) -> Iterator[FuncExpr]:
    """Every function call in a condition, subqueries entered."""
    for node in walk(expr):
        if isinstance(node, FuncExpr):
            yield node
        if isinstance(node, SubLink):
            yield from query_calls(node.subselect)


def query_calls(query: Query) -> Iterator[FuncExpr]:
    """Every function call in a query, subqueries entered."""
    for expr in query_expressions(query):
        yield from function_calls(expr)
    for nested in nested_queries(query):
        yield from query_calls(nested)


def _columns_used(query: Query) -> dict[int, frozenset[int]]:
    """Columns that the query, or a subquery that refers out to it, uses of each range-table entry."""
    used: dict[int, set[int]] = {}
    _collect(query, 0, used)
    return {rtindex: frozenset(columns) for rtindex, columns in used.items()}


def _collect(query: Query, level: int, used: dict[int, set[int]]) -> None:
    for expr in query_expressions(query):
        _collect_expr(expr, level, used)
    for rte in query.rtable:
        _collect_join(rte, level, used)
    for nested in nested_queries(query):
        _collect(nested, level + 1, used)


def _collect_join(rte: RangeTblEntry, level: int, used: dict[int, set[int]]) -> None:
    for expr in rte.joinvars:
        _collect_expr(expr, level, used)


def _collect_expr(expr: Expr, level: int, used: dict[int, set[int]]) -> None:
    for node in walk(expr):
        if isinstance(node, Var) and node.levelsup == level:
            used.setdefault(node.varno, set()).add(node.attnum)
        elif isinstance(node, SubLink):
            _collect(node.subselect, level + 1, used)
