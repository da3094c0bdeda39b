"""A formula in, a case in which it holds out, or that there is none: a tableau with the theory of theory.py at its leaves.

Alternatives are tried one by one; "no rows are such that" is asked of every row that is known of those tables: the
witnesses of "there are rows such that", and rows that foreign keys promise. A branch ends when its facts conflict. If
every branch does, no database has such a row: that is the proof. If one stays open, its facts are a case, and the rows
known in it (no others) are a database in which it holds, as long as nothing in it is opaque.

Foreign keys: a row whose key columns are not NULL has a partner in the referenced table (MATCH SIMPLE). The partner is
there, but the role need not see it: no `truth.visible` comes with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Constraint
from rlslint.implication.formula import (
    And,
    Compare,
    Exists,
    Fact,
    Formula,
    Null,
    Opaque,
    Or,
    Sub,
    conjunction,
    disjunction,
    negated,
    replaced,
)
from rlslint.implication.scope import fresh_row
from rlslint.implication.theory import Terms, Theory
from rlslint.nodes.primnodes import Expr, Oid, Var
from rlslint.plan.mutate import renumber
from rlslint.records import dataclass, field

Side = Literal["new", "old", "known"]
_STEPS: Final = 3000
_CASES: Final = 48
_PARTNERS: Final = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which the formula can hold: facts, with the side that asks for each."""

    facts: tuple[tuple[Fact, Side], ...]
    relations: Mapping[int, Oid]
    uncertain: bool
    """Nothing shows that the facts conflict, but they may: constants that cannot be compared."""


class TooLarge(Exception):
    """More cases than are worth trying."""


@dataclass(slots=True)
class _Branch:
    pending: list[tuple[Formula, Side]]
    facts: dict[Fact, Side] = field(default_factory=dict)
    relations: dict[int, Oid] = field(default_factory=dict)
    denied: list[Sub] = field(default_factory=list)
    asked: set[tuple[int, tuple[int, ...]]] = field(default_factory=set)
    keys: set[tuple[int, Oid]] = field(default_factory=set)

    def copy(self) -> _Branch:
        return _Branch(
            list(self.pending),
            dict(self.facts),
            dict(self.relations),
            list(self.denied),
            set(self.asked),
            set(self.keys),
        )


class Tableau:
    """Finds cases for one catalog. ``stored``: rows are known to be stored, so constraints that were not validated for
    older rows are not relied on."""

    def __init__(self, catalog: Catalog, relations: Mapping[int, Oid], *, stored: bool) -> None:
        self.catalog = catalog
        self._relations = dict(relations)
        self._stored = stored
        self._steps = 0
        self._terms = Terms(catalog)

    def cases(self, formulas: list[tuple[Formula, Side]]) -> list[Case]:
        """Cases in which all the formulas hold, some dozens at most; none means that there is none.

        Raises TooLarge.
        """
        start = _Branch(list(formulas), relations=dict(self._relations))
        return list(itertools.islice(self._search(start), _CASES))

    def _search(self, branch: _Branch) -> Iterator[Case]:
        stack = [branch]
        while stack:
            branch = stack.pop()
            self._steps += 1
            if self._steps > _STEPS:
                raise TooLarge
            if not self._expand(branch):
                continue
            theory = Theory(self.catalog, branch.relations, self._terms)
            if theory.conflict(branch.facts):
                continue
            choice = self._choice(branch)
            if choice is not None:
                parts, side = choice
                for part in reversed(parts):
                    other = branch.copy()
                    other.pending.append((part, side))
                    stack.append(other)
                continue
            if self._ask(branch):
                stack.append(branch)
                continue
            yield Case(tuple(branch.facts.items()), dict(branch.relations), theory.uncertain)

    def _expand(self, branch: _Branch) -> bool:
        """Take conjunctions and facts; False when the branch ends. Disjunctions wait."""
        waiting: list[tuple[Formula, Side]] = []
        while branch.pending:
            formula, side = branch.pending.pop()
            match formula:
                case And(parts):
                    branch.pending.extend((part, side) for part in parts)
                case Or(()):
                    return False
                case Or():
                    waiting.append((formula, side))
                case _:
                    if not self._take(branch, formula, side):
                        return False
        branch.pending = waiting
        return True

    def _take(self, branch: _Branch, fact: Fact, side: Side) -> bool:
        if fact in branch.facts:
            return True
        if isinstance(fact, (Null, Opaque)) and negated(fact) in branch.facts:
            return False
        branch.facts[fact] = side
        if isinstance(fact, Exists):
            if fact.exists:
                for row, relid in fact.sub.tables:
                    branch.relations[row] = relid
                branch.pending.append((fact.sub.body, side))
            else:
                branch.denied.append(fact.sub)
        return True

    def _choice(self, branch: _Branch) -> tuple[tuple[Formula, ...], Side] | None:
        """The disjunction with the fewest alternatives; those that are met already are dropped."""
        best = -1
        kept: list[tuple[Formula, Side]] = []
        for formula, side in branch.pending:
            assert isinstance(formula, Or)
            if any(part in branch.facts for part in formula.parts if not isinstance(part, (And, Or))):
                continue
            kept.append((formula, side))
        branch.pending = kept
        for index, (formula, _) in enumerate(kept):
            if best < 0 or len(_parts(formula)) < len(_parts(kept[best][0])):
                best = index
        if best < 0:
            return None
        formula, side = branch.pending.pop(best)
        return _parts(formula), side

    # Rows that are known ------------------------------------------------------------------------------------------

    def _ask(self, branch: _Branch) -> bool:
        """Put known rows to what is denied; whether anything new was asked."""
        wanted = {relid for sub in branch.denied for _, relid in sub.tables}
        before = len(branch.pending)
        self._promised(branch, wanted)
        for sub in branch.denied:
            candidates = [
                [row for row, known in branch.relations.items() if known == relid and row not in self._relations]
                for _, relid in sub.tables
            ]
            for rows in itertools.islice(itertools.product(*candidates), 64):
                if (id(sub), rows) in branch.asked:
                    continue
                branch.asked.add((id(sub), rows))
                mapping = {row: known for (row, _), known in zip(sub.tables, rows, strict=True)}
                branch.pending.append((negated(_with_rows(sub.body, mapping)), branch.facts[Exists(sub, False)]))
        return len(branch.pending) > before

    def _promised(self, branch: _Branch, wanted: set[Oid]) -> None:
        """Partners that foreign keys promise to the known rows, in tables that are asked about."""
        for row, relid in list(branch.relations.items()):
            for constraint in self.catalog.constraints_of(relid):
                if (
                    constraint.contype != "f"
                    or constraint.confrelid not in wanted
                    or (row, constraint.oid) in branch.keys
                ):
                    continue
                if len(branch.keys) >= _PARTNERS:
                    return
                if self._stored and not constraint.convalidated:
                    continue
                branch.keys.add((row, constraint.oid))
                branch.pending.append((self._partner(row, relid, constraint), "known"))

    def _partner(self, row: int, relid: Oid, constraint: Constraint) -> Formula:
        other = fresh_row()
        own = [self._column(row, relid, number) for number in constraint.conkey]
        theirs = [self._column(other, constraint.confrelid, number) for number in constraint.confkey]
        body = conjunction(Compare("=", there, here) for here, there in zip(own, theirs, strict=True))
        partner = Exists(Sub(((other, constraint.confrelid),), body), True)
        return disjunction((*(Null(column, True) for column in own), partner))

    def _column(self, row: int, relid: Oid, number: int) -> Expr:
        column = self.catalog.relations[relid].column(number)
        return Var(type=column.atttypid, varno=row, attnum=number, collation=column.attcollation)


def _with_rows(formula: Formula, mapping: Mapping[int, int]) -> Formula:
    """The formula about other rows. Subqueries in it get witnesses of their own: those of two rows need not be the same."""
    match formula:
        case And(parts):
            return And(tuple(_with_rows(part, mapping) for part in parts))
        case Or(parts):
            return Or(tuple(_with_rows(part, mapping) for part in parts))
        case Exists(sub, exists):
            own = {row: fresh_row() for row, _ in sub.tables}
            tables = tuple((own[row], relid) for row, relid in sub.tables)
            return Exists(Sub(tables, _with_rows(sub.body, {**mapping, **own}), sub.written), exists)
    return replaced(formula, lambda term: renumber(term, dict(mapping)))


def _parts(formula: Formula) -> tuple[Formula, ...]:
    return formula.parts if isinstance(formula, Or) else (formula,)


__all__ = ["Case", "Side", "Tableau", "TooLarge"]
