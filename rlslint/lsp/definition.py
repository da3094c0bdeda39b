"""A place in a migration in, the places out that made what stands there: table, column, index, function, policy.

Names are looked up as PostgreSQL would; what a name in a policy means (an alias, a column) is asked of the policy's own
resolved expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy, Relation, StoredExpr
from rlslint.nodes.parsenodes import Query, query_expressions
from rlslint.nodes.primnodes import Expr, Oid, SubLink, Var, walk
from rlslint.source.extent import expression_extent
from rlslint.source.model import SourceFile, Span

_PART: Final = r'(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
_NAME: Final = re.compile(rf"{_PART}(?:\s*\.\s*{_PART})*")
_PARTS: Final = re.compile(_PART)


def definitions(catalog: Catalog, source: SourceFile, offset: int) -> list[Span]:
    """Where what stands at the offset was made, the nearest meaning first; [] for what no file made."""
    found = _name_at(source, offset)
    if found is None:
        return []
    spans = [*_of_column(catalog, source, offset)] or [*_of_name(catalog, found)] or [*_of_policy(catalog, found)]
    return list(dict.fromkeys(spans))


def policies_at(catalog: Catalog, source: SourceFile, offset: int) -> list[Policy]:
    """Policies whose statement stands at the offset."""
    return [
        policy
        for policy in catalog.policies
        if policy.statement is not None
        and policy.statement.span.source is source
        and policy.statement.span.start <= offset <= policy.statement.span.end
    ]


def _name_at(source: SourceFile, offset: int) -> tuple[str, ...] | None:
    """The name at the offset, up to the part that is pointed at: ``auth`` of ``auth.uid``."""
    line, _ = source.position(offset)
    start = source.start(line)
    for match in _NAME.finditer(source.line(line)):
        if start + match.start() <= offset <= start + match.end():
            parts: list[str] = []
            for part in _PARTS.finditer(match[0]):
                text = part[0]
                parts.append(text[1:-1].replace('""', '"') if text.startswith('"') else text.lower())
                if offset <= start + match.start() + part.end():
                    break
            return tuple(parts)
    return None


def _of_name(catalog: Catalog, parts: tuple[str, ...]) -> Iterator[Span]:
    """Tables, views, indexes and functions of the name, with its schema or in any."""
    *schema, name = parts[-2:]
    wanted = catalog.namespace_oid(schema[0]) if schema else None
    if schema and wanted is None:
        return
    relations = [row for row in catalog.relations if row.relname == name and wanted in (None, row.relnamespace)]
    yield from (row.origin for row in relations if row.origin is not None)
    indexes = [row for row in catalog.indexes if row.relname == name and wanted in (None, row.relnamespace)]
    yield from (row.origin for row in indexes if row.origin is not None)
    procs = [row for row in catalog.procs if row.proname == name and wanted in (None, row.pronamespace)]
    yield from (row.origin for row in procs if row.origin is not None)


def _of_policy(catalog: Catalog, parts: tuple[str, ...]) -> Iterator[Span]:
    """A policy's own name, where another statement speaks of it."""
    for policy in catalog.policies:
        if policy.polname == parts[-1] and policy.origin is not None:
            yield policy.origin


def _of_column(catalog: Catalog, source: SourceFile, offset: int) -> Iterator[Span]:
    """Of a column in a policy: what made the column, and the indexes that hold it."""
    for policy in policies_at(catalog, source, offset):
        for stored in (policy.polqual, policy.polwithcheck):
            if stored is None or not stored.span.start <= offset <= stored.span.end:
                continue
            for relid, attnum in _columns_at(stored, policy.polrelid, offset):
                relation = catalog.relations.get(relid)
                if relation is not None:
                    yield from _made(catalog, relation, attnum)


def _columns_at(stored: StoredExpr, relid: Oid, offset: int) -> Iterator[tuple[Oid, int]]:
    for var, tables in _vars(stored.expr, ({1: relid},)):
        if var.raw is None or var.levelsup >= len(tables) or var.attnum < 1:
            continue
        start, end = expression_extent(stored.statement, var.raw)
        span = stored.statement.span_of(start, end)
        table = tables[-1 - var.levelsup].get(var.varno, 0)
        if start >= 0 and table and span.start <= offset <= span.end:
            yield table, var.attnum


def _vars(expr: Expr, tables: tuple[dict[int, Oid], ...]) -> Iterator[tuple[Var, tuple[dict[int, Oid], ...]]]:
    """Every column reference with the tables of the query levels around it, innermost last."""
    for node in walk(expr):
        if isinstance(node, Var):
            yield node, tables
        elif isinstance(node, SubLink):
            yield from _query_vars(node.subselect, tables)


def _query_vars(query: Query, tables: tuple[dict[int, Oid], ...]) -> Iterator[tuple[Var, tuple[dict[int, Oid], ...]]]:
    inside = (*tables, {number: rte.relid for number, rte in enumerate(query.rtable, start=1)})
    for expr in query_expressions(query):
        yield from _vars(expr, inside)
    for rte in query.rtable:
        if rte.subquery is not None and rte.kind == "subquery":
            yield from _query_vars(rte.subquery, inside)


def _made(catalog: Catalog, relation: Relation, attnum: int) -> Iterator[Span]:
    if 0 < attnum <= len(relation.attributes):
        origin = relation.column(attnum).origin or relation.origin
        if origin is not None:
            yield origin
    for index in catalog.indexes_of(relation.oid):
        if index.origin is not None and any(key.attnum == attnum for key in index.keys):
            yield index.origin
