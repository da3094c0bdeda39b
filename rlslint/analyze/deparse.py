"""A stored expression in, SQL that means the same today out: the author's text with its names brought up to date.

PostgreSQL stores what names mean, not the names, so after a rename pg_get_expr() (ruleutils.c) shows new ones. Here the
text is kept and edited: as little as possible first, every name written out if need be. What came out is resolved again
and compared with what is stored, so a text that says something else is never given as if it were right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

from rlslint.analyze.deparse_edits import edits_of
from rlslint.analyze.entry import stored_expr
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import StoredExpr
from rlslint.catalog.store import Store
from rlslint.nodes.parsenodes import RangeTblEntry
from rlslint.nodes.primnodes import Oid, Unresolved
from rlslint.records import dataclass
from rlslint.source.model import Span, Statement
from rlslint.source.parse import parse_synthetic

DEFAULT_PATH: Final = ("public",)
"""search_path of a session that sets none; there is no schema named like the user."""


@dataclass(frozen=True, slots=True)
class Deparsed:
    """The text, and whether resolving it today gives what is stored."""

    text: str
    exact: bool


def policy_sql(catalog: Catalog, stored: StoredExpr, relid: Oid) -> str:
    """A policy's condition (or a check, or a partial index's predicate) as SQL for a session with default search_path."""
    return deparse(catalog, stored, relid, boolean=True).text


def deparse(catalog: Catalog, stored: StoredExpr, relid: Oid, *, boolean: bool = False) -> Deparsed:
    """The expression as SQL for a session with the default search_path; ``boolean`` as in `analyze_relation_expr`.

    Where no text can be found that means the same (a natural join whose tables have new columns, say), the one that
    names every object by its present name, not exact.
    """
    known = catalog.remembered("deparsed", *_read(catalog))
    # the expression is kept, so that its identity stays its own
    key = (stored, relid, boolean, frozenset(catalog.unknown_schemas), frozenset(catalog.extensions.values()))
    if key not in known:
        known[key] = _deparse(catalog, stored, relid, boolean=boolean)
    found: Deparsed = known[key]
    return found


def _read(catalog: Catalog) -> tuple[Store[Any], ...]:
    """What names are looked up in: everything but what stands on a table without a name in its expressions."""
    beside = (catalog.policies, catalog.indexes, catalog.triggers)
    return tuple(store for store in catalog.stores if store not in beside)


def _deparse(catalog: Catalog, stored: StoredExpr, relid: Oid, *, boolean: bool) -> Deparsed:
    if _same(catalog, stored, relid, stored.text, boolean=boolean):
        return Deparsed(stored.text, True)
    renamed = _edited(catalog, stored, relid, thorough=False)
    for text in (renamed, _edited(catalog, stored, relid, thorough=True)):
        if text != stored.text and _same(catalog, stored, relid, text, boolean=boolean):
            return Deparsed(text, True)
    return Deparsed(renamed, False)


def _edited(catalog: Catalog, stored: StoredExpr, relid: Oid, *, thorough: bool) -> str:
    text = stored.statement.text
    parts: list[str] = []
    position = stored.start
    for start, end, replacement in sorted(set(edits_of(catalog, stored, relid, DEFAULT_PATH, thorough=thorough))):
        if start < position or end > stored.end:
            continue
        parts += [text[position:start], replacement]
        position = end
    return "".join(parts) + text[position : stored.end]


def _same(catalog: Catalog, stored: StoredExpr, relid: Oid, text: str, *, boolean: bool) -> bool:
    """Whether the text, resolved today, is what is stored."""
    fresh = resolve_text(catalog, text, stored.span, relid, boolean=boolean)
    return fresh is not None and same_shape(fresh.expr, stored.expr)


def same_shape(one: Any, other: Any) -> bool:
    """Whether two expressions or queries are equal() but for the names they give to tables."""
    return bool(one == other) or list(_shape(one)) == list(_shape(other))


def resolve_text(catalog: Catalog, text: str, span: Span, relid: Oid, *, boolean: bool = False) -> StoredExpr | None:
    """An expression's text resolved over a relation with the default search_path; None when it is not one expression."""
    statements, _ = parse_synthetic(f"SELECT {text}", span)
    if len(statements) != 1 or len(statements[0].node.get("targetList", ())) != 1:
        return None
    statement: Statement = statements[0]
    raw = statement.node["targetList"][0]["ResTarget"]["val"]
    return stored_expr(catalog, statement, raw, relid, DEFAULT_PATH, boolean=boolean)


# of tables and joins the columns as such do not matter, only those that something refers to
_NAMES: Final = {"eref", "colnames", "coltypes", "joinvars"}


def _shape(node: Any) -> Iterator[Any]:
    """What makes up an expression, names of tables left out: equal() without aliases."""
    if isinstance(node, (tuple, list)):
        yield len(node)
        for item in node:
            yield from _shape(item)
        return
    if not is_dataclass(node) or isinstance(node, type):
        yield node
        return
    yield type(node).__name__
    left_out = _NAMES if isinstance(node, RangeTblEntry) and node.kind in ("relation", "join") else {"eref"}
    for field in fields(node):
        if field.compare and field.name not in left_out and not _wording(node, field.name):
            yield from _shape(getattr(node, field.name))


def _wording(node: Any, field: str) -> bool:
    return isinstance(node, Unresolved) and field == "reason"
