"""A table's policies before and after in, whether more rows pass for one role and command out.

The answer is about sets of rows of one database state and one statement: ``equal``, ``narrower`` (no row passes that did
not), ``wider`` (with the case of a row that passes now and did not) or ``unknown``. The first two are proofs: the tableau
found no case in which the new conditions are true and the old are not. Taken for granted: functions of the files give
one answer throughout a statement, and statements that raise an error let nothing pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import StoredExpr
from rlslint.implication.formula import (
    Compare,
    Exists,
    Fact,
    Formula,
    Null,
    Opaque,
    conjunction,
    disjunction,
    negated,
)
from rlslint.implication.scope import POLICY_ROW, Scope, rows_of
from rlslint.implication.tableau import Case, Side, Tableau, TooLarge
from rlslint.implication.terms import is_given, reads_session
from rlslint.implication.truth import fails, holds
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Const, Expr, FuncExpr, Oid, SubLink, Unresolved, Var
from rlslint.records import dataclass
from rlslint.rewrite.access import tables_read
from rlslint.rewrite.functions import body_tables, calls_closure, session_reads

Kind = Literal["equal", "narrower", "wider", "unknown"]
_CHECKS: Final = 6


@dataclass(frozen=True, slots=True)
class Condition:
    """What decides over rows: permissive conditions, of which one must be true, and restrictive ones, all of them. None
    permissive: no row passes."""

    permissive: tuple[StoredExpr, ...]
    restrictive: tuple[StoredExpr, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. ``case``: of ``wider``, a row that passes now; of ``unknown``, one that may."""

    kind: Kind
    case: Case | None = None
    reason: str = ""


def compare(
    catalog: Catalog, relid: Oid, role: Oid, old: Condition, new: Condition, *, stored: bool, grows_only: bool = False
) -> Verdict:
    """Whether more rows pass. ``stored``: asked of rows in the table (USING), not of new ones (WITH CHECK);
    ``grows_only`` does not tell equal from narrower."""
    if grows_only and _said_before(old, new):
        return Verdict("narrower")
    scope = Scope(catalog, role)
    before, after = _formula(scope, old), _formula(scope, new)
    known = _constraints(scope, relid, (before, after), stored=stored)

    def cases(these: Formula, but_not: Formula) -> list[Case]:
        sides: list[tuple[Formula, Side]] = [(these, "new"), (negated(but_not), "old")]
        sides += [(formula, "known") for formula in known]
        return Tableau(catalog, {POLICY_ROW: relid}, stored=stored).cases(sides)

    try:
        grown = cases(after, before)
        if not grown:
            return Verdict("narrower" if grows_only or cases(before, after) else "equal")
    except TooLarge:
        return Verdict("unknown", reason="too many cases")
    sure = [case for case in grown if not case.uncertain and not _related(catalog, case, role)]
    if sure and not _in_the_dark(old) and not _in_the_dark(new):
        return Verdict("wider", min(sure, key=_strangeness))
    return Verdict("unknown", min(grown, key=_strangeness), "the conditions may depend on each other unseen")


def _said_before(old: Condition, new: Condition) -> bool:
    """Whether the old conditions let through all that the new ones do by their very words: a policy made again as it was."""
    return _each_among(new.permissive, old.permissive) and _each_among(old.restrictive, new.restrictive)


def _each_among(these: tuple[StoredExpr, ...], those: tuple[StoredExpr, ...]) -> bool:
    return all(any(one.expr == other.expr for other in those) for one in these)


def _in_the_dark(condition: Condition) -> bool:
    """Whether it reads a table or calls a function that no file creates: then two conditions of the same words may well
    mean the same, and nothing can be shown of either."""
    return any(
        isinstance(node, Unresolved)
        for one in (*condition.permissive, *condition.restrictive)
        for node, _ in walk_deep(one.expr)
    )


def _formula(scope: Scope, condition: Condition) -> Formula:
    any_of = disjunction(holds(scope, scope.simplified(one.expr)) for one in condition.permissive)
    return conjunction((any_of, *(holds(scope, scope.simplified(one.expr)) for one in condition.restrictive)))


def _constraints(scope: Scope, relid: Oid, formulas: tuple[Formula, ...], *, stored: bool) -> list[Formula]:
    """CHECK constraints over columns that the conditions read: none of them is false."""
    catalog = scope.catalog
    read = {
        attnum
        for formula in formulas
        for fact in facts_of(formula)
        for term in terms_of(fact)
        for row, attnum in rows_of(term)
        if row == POLICY_ROW
    }
    found: list[Formula] = []
    for constraint in catalog.constraints_of(relid):
        if constraint.contype != "c" or constraint.conexpr is None or (stored and not constraint.convalidated):
            continue
        if set(constraint.conkey) and not set(constraint.conkey) <= read:
            continue
        if any(isinstance(node, SubLink) for node, _ in walk_deep(constraint.conexpr.expr)):
            continue
        found.append(negated(fails(scope, scope.simplified(constraint.conexpr.expr))))
    return found[:_CHECKS]


# Which case to show --------------------------------------------------------------------------------------------------


def _strangeness(case: Case) -> tuple[int, int, int]:
    """Prefer cases in which little is NULL and little of the old condition is missed."""
    missed = [fact for fact, side in case.facts if side == "old"]
    nulls = sum(1 for fact, _ in case.facts if isinstance(fact, Null) and fact.is_null)
    given = sum(1 for fact in missed if all(is_given(term) for term in terms_of(fact)) and not isinstance(fact, Exists))
    return nulls, given, len(missed)


# Whether what is missed may follow unseen from what holds --------------------------------------------------------------


def _related(catalog: Catalog, case: Case, role: Oid) -> bool:
    """Whether a fact that the case denies may follow, on every database, from one that it has, in a way that is not seen:
    both are opaque and read the same table, call the same function or ask the session; or both hang on the same column
    through something that is not seen into."""
    missed = [fact for fact, side in case.facts if side == "old"]
    held = [fact for fact, side in case.facts if side != "old"]
    for fact in missed:
        own = _sources(catalog, fact, role)
        if any(not own.isdisjoint(_sources(catalog, other, role)) for other in held if not _both_seen(fact, other)):
            return True
        if any(_other_names(fact, other) or _same_column(own, other) for other in held):
            return True
    return False


def _both_seen(fact: Fact, other: Fact) -> bool:
    """Rows that exist and rows that do not: the rows known in the case are a database in which it is so."""
    return isinstance(fact, Exists) and isinstance(other, Exists)


def _other_names(fact: Fact, other: Fact) -> bool:
    """The same column compared with two things that the session is asked for: they may be one under two names."""
    if not isinstance(fact, Compare) or not isinstance(other, Compare):
        return False
    if not isinstance(fact.left, Var) or fact.left != other.left:
        return False
    pair = (fact.right, other.right)
    return fact.right != other.right and all(is_given(one) and not isinstance(one, Const) for one in pair)


def _same_column(sources: frozenset[str], other: Fact) -> bool:
    """A column of which something is missed that is not seen into, compared with something: of lower(x) = 'a' nothing is
    known, but x = 'a' settles it."""
    if not isinstance(other, Compare):
        return False
    return any(
        isinstance(term, Var) and f"column {term.varno}.{term.attnum}" in sources for term in (other.left, other.right)
    )


def _sources(catalog: Catalog, fact: Fact, role: Oid) -> frozenset[str]:
    """What the fact's truth hangs on besides plain comparisons of columns."""
    if isinstance(fact, Exists):
        return frozenset(f"table {relid}" for _, relid in fact.sub.tables)
    if isinstance(fact, (Compare, Null)) and not any(_compound(term) for term in terms_of(fact)):
        return frozenset()
    found: set[str] = set()
    for term in terms_of(fact):
        if isinstance(fact, (Compare, Null)) and not _compound(term) and not is_given(term):
            continue
        if isinstance(fact, Opaque) and isinstance(term, FuncExpr) and term.funcid < 0:
            continue
        found |= _term_sources(catalog, term, role)
    return frozenset(found)


def _compound(term: Expr) -> bool:
    """Made of a column by something, or asked of a table: not a plain column, constant or question to the session."""
    if isinstance(term, (Var, Const)):
        return False
    return not is_given(term) or any(isinstance(node, SubLink) for node, _ in walk_deep(term))


def _term_sources(catalog: Catalog, term: Expr, role: Oid) -> set[str]:
    found: set[str] = {f"column {row}.{attnum}" for row, attnum in rows_of(term)}
    found.update(f"table {access.relid}" for access in tables_read(catalog, term, role))
    if is_given(term) and reads_session(catalog, term):
        found.add("session")
    for node, _ in walk_deep(term):
        proc = catalog.procs.get(node.funcid) if isinstance(node, FuncExpr) else None
        if proc is None or proc.statement is None:
            continue
        for called in calls_closure(catalog, proc):
            found.add(f"function {called.oid}")
            found.update(f"table {relid}" for relid in body_tables(catalog, called))
        if session_reads(catalog, proc) is not None and is_given(term):
            found.add("session")
    return found


def facts_of(formula: Formula) -> Iterator[Fact]:
    """Every fact in a formula, those inside of subqueries too."""
    if isinstance(formula, (Compare, Null, Opaque)):
        yield formula
    elif isinstance(formula, Exists):
        yield formula
        yield from facts_of(formula.sub.body)
    else:
        for part in formula.parts:
            yield from facts_of(part)


def terms_of(fact: Fact) -> tuple[Expr, ...]:
    """The terms that a fact is about."""
    match fact:
        case Compare(_, left, right):
            return (left, right)
        case Null(term, _):
            return (term,)
        case Opaque(expr, _):
            return (expr,)
    return ()
