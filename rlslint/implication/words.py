"""A case in, words for the row in it out: "a row with owner_id <> auth.uid()"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import StoredExpr
from rlslint.implication.compare import facts_of, terms_of
from rlslint.implication.formula import TURNED, Compare, Exists, Fact, Null, Opaque
from rlslint.implication.scope import POLICY_ROW, rows_of
from rlslint.implication.tableau import Case
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Const, Expr, FuncExpr, Oid, Var
from rlslint.records import dataclass
from rlslint.source.extent import expression_extent
from rlslint.source.model import Statement

_BARE: Final = frozenset({16, 20, 21, 23, 26, 700, 701, 1700})
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class _Words:
    catalog: Catalog
    case: Case
    sources: dict[int, Statement]
    """The statement that a parse-tree node stands in, by its id."""


def describe(catalog: Catalog, case: Case, conditions: Iterable[StoredExpr]) -> str:
    """The row of the case, by what the old condition asks for and it does not meet."""
    sources = {
        id(node.raw): stored.statement
        for stored in conditions
        for node, _ in walk_deep(stored.expr)
        if node.raw is not None
    }
    words = _Words(catalog, case, sources)
    missed = [fact for fact, side in case.facts if side == "old"]
    denied = [fact for fact in missed if isinstance(fact, Exists) and not fact.exists]
    if denied:
        return " and ".join(dict.fromkeys(_denied(words, fact, missed) for fact in denied))
    plain = list(_conditions(words, missed)) or list(_conditions(words, [fact for fact, _ in case.facts]))
    if not plain:
        return "any row"
    return "a row with " + " and ".join(dict.fromkeys(plain))


def _denied(words: _Words, fact: Exists, missed: list[Fact]) -> str:
    """The rows that a subquery asked for, and which of them there are."""
    tables = [_table(words.catalog, relid) for _, relid in fact.sub.tables]
    columns = dict.fromkeys(
        _column(words.catalog, words.case.relations[POLICY_ROW], attnum)
        for inner in facts_of(fact.sub.body)
        if isinstance(inner, Compare)
        for term in terms_of(inner)
        for row, attnum in rows_of(term)
        if row == POLICY_ROW
    )
    relids = {relid for _, relid in fact.sub.tables}
    about = [one for one in missed if one is not fact and _rows(one) - {POLICY_ROW}]
    about = [one for one in about if any(words.case.relations.get(row) in relids for row in _rows(one))]
    key = ", ".join(columns)
    subject = f"a row whose {key} names" if key else "rows even when there only is"
    if any(_is_visibility(one) for one in about):
        return f"{subject} a row of {tables[0]} that the role may not see"
    details = list(dict.fromkeys(_conditions(words, about)))
    if details:
        return f"{subject} a row of {tables[0]} with {' and '.join(details)}"
    return (
        f"{subject} no row of {' and '.join(tables)}"
        if key
        else f"rows even when no row of {' and '.join(tables)} is found"
    )


def _rows(fact: Fact) -> set[int]:
    return {row for term in terms_of(fact) for row, _ in rows_of(term)}


def _is_visibility(fact: Fact) -> bool:
    return isinstance(fact, Opaque) and isinstance(fact.expr, FuncExpr) and fact.expr.funcid < 0


def _conditions(words: _Words, facts: Iterable[Fact]) -> Iterator[str]:
    for fact in facts:
        match fact:
            case Compare(op, left, right):
                if isinstance(right, Var) and not isinstance(left, Var):
                    left, right, op = right, left, TURNED[op]
                yield f"{_term(words, left)} {op} {_term(words, right)}"
            case Null(term, is_null):
                yield f"{_term(words, term)} IS {'NULL' if is_null else 'NOT NULL'}"
            case Opaque(expr, state) if not _is_visibility(fact):
                yield f"{_term(words, expr)} {'is' if state in ('true', 'false') else 'not'} {state.removeprefix('not_')}"


def _term(words: _Words, term: Expr) -> str:
    if isinstance(term, Var):
        relid = words.case.relations.get(term.varno, 0)
        return _column(words.catalog, relid, term.attnum)
    if isinstance(term, Const):
        if term.value is None:
            return "NULL"
        return term.value if term.type in _BARE else f"'{term.value}'"
    statement = words.sources.get(id(term.raw))
    if statement is not None and term.raw is not None:
        start, end = expression_extent(statement, term.raw)
        text = " ".join(statement.text[start:end].split()) if start >= 0 else ""
        if text:
            return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    if isinstance(term, FuncExpr) and term.funcid in (
        row.oid for row in (words.catalog.procs.get(term.funcid),) if row
    ):
        return f"{words.catalog.procs[term.funcid].proname}(...)"
    return "the condition"


def _column(catalog: Catalog, relid: Oid, attnum: int) -> str:
    relation = catalog.relations.get(relid)
    if relation is None or not 0 < attnum <= len(relation.attributes):
        return "the row"
    return relation.column(attnum).attname


def _table(catalog: Catalog, relid: Oid) -> str:
    relation = catalog.relations[relid]
    schema = catalog.nspname(relation.relnamespace)
    return relation.relname if schema == "public" else f"{schema}.{relation.relname}"
