"""The analyzer's door: expressions over one relation, queries, and bodies of SQL functions, resolved."""

from __future__ import annotations

from collections.abc import Sequence

import rlslint.analyze.expr as expressions
from rlslint.analyze.from_clause import relation_item
from rlslint.analyze.grouping import misplaced
from rlslint.analyze.query import transform_select
from rlslint.analyze.scope import Context, Scope
from rlslint.analyze.sqlfunction import function_body, parse_search_path
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc, StoredExpr
from rlslint.nodes.parsenodes import Query, RangeTblEntry, walk_deep
from rlslint.nodes.primnodes import INVALID_OID, Expr, Oid, Unresolved
from rlslint.source.extent import expression_extent
from rlslint.source.model import Raw, Statement

__all__ = [
    "analyze_function_body",
    "analyze_query",
    "analyze_relation_expr",
    "parse_search_path",
    "rejections",
    "stored_expr",
    "unknowns",
]


def analyze_relation_expr(
    catalog: Catalog,
    statement: Statement,
    raw: Raw,
    relid: Oid,
    search_path: tuple[str, ...],
    *,
    boolean: bool = False,
) -> Expr:
    """An expression that sees one relation, as range-table entry 1: a policy's condition, an index expression or
    predicate, a check constraint, a default. ``relid`` 0: it sees none."""
    scope = Scope(Context(catalog, statement, search_path))
    relation = catalog.relations.get(relid)
    if relation is not None:
        rte = RangeTblEntry(
            kind="relation",
            eref=relation.relname,
            relid=relid,
            colnames=tuple(attribute.attname for attribute in relation.attributes),
            coltypes=tuple(attribute.atttypid for attribute in relation.attributes),
        )
        scope.items.append(relation_item(catalog, relation, scope.add(rte)))
    try:
        expr = expressions.transform(scope, raw)
    except RecursionError:
        return _too_deep(raw)
    return expressions.boolean(scope, expr) if boolean else expr


def _too_deep(raw: Raw | None) -> Unresolved:
    return Unresolved(type=INVALID_OID, reason="nested too deeply to be analysed", raw=raw)


def stored_expr(
    catalog: Catalog,
    statement: Statement,
    raw: Raw,
    relid: Oid,
    search_path: tuple[str, ...],
    *,
    where: str = "",
    boolean: bool = False,
) -> StoredExpr:
    """The same as it is kept in the catalog, with its place; ``where`` names in the plural what it stands in, for
    what may not stand there."""
    expr = analyze_relation_expr(catalog, statement, raw, relid, search_path, boolean=boolean)
    if where:
        expr = misplaced(expr, where, subqueries=where == "policy expressions") or expr
    start, end = expression_extent(statement, raw)
    return StoredExpr(expr=expr, raw=raw, statement=statement, search_path=search_path, start=start, end=end)


def analyze_query(
    catalog: Catalog,
    statement: Statement,
    raw_select: Raw,
    search_path: tuple[str, ...],
    *,
    params: Sequence[tuple[str, Oid]] = (),
    function: str = "",
) -> Query:
    """A SelectStmt's fields as a resolved query."""
    scope = Scope(Context(catalog, statement, search_path, tuple(params), function))
    try:
        return transform_select(scope, raw_select)
    except RecursionError:
        return Query(rtable=(RangeTblEntry(kind="unknown", eref="", function=_too_deep(None)),))


def analyze_function_body(
    catalog: Catalog, proc: Proc, search_path: tuple[str, ...] = ("public",)
) -> tuple[Query, ...] | None:
    """The statements of a LANGUAGE sql function, resolved as when it runs: with its own SET search_path, else the
    caller's. None when it is in another language, does not parse, or holds anything but SELECT."""
    return function_body(catalog, proc, search_path)


def rejections(expr: Expr) -> tuple[Unresolved, ...]:
    """What PostgreSQL would certainly reject in the expression, subqueries included."""
    found = (node for node, _ in walk_deep(expr))
    return tuple(node for node in found if isinstance(node, Unresolved) and node.sqlstate is not None)


def unknowns(expr: Expr) -> tuple[Unresolved, ...]:
    """What is not known in the expression, subqueries included."""
    found = (node for node, _ in walk_deep(expr))
    return tuple(node for node in found if isinstance(node, Unresolved) and node.sqlstate is None)
