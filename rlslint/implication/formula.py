"""Two-valued formulas over what can be true of a row: data, and their negation.

A policy lets a row pass when its condition is TRUE; FALSE and NULL are alike to it. So a three-valued SQL condition is
taken apart into the two-valued statements "it is true" and "it is false" (truth.py), whose leaves are `Fact`s. Formulas
are in negation normal form: a negated fact is another fact, or a disjunction of facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

from rlslint.nodes.primnodes import Expr, Oid
from rlslint.records import dataclass

Operator = Literal["=", "<>", "<", "<=", ">", ">="]

NEGATED: Final[dict[Operator, Operator]] = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
TURNED: Final[dict[Operator, Operator]] = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Null:
    """``term IS NULL``, or IS NOT NULL."""

    term: Expr
    is_null: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """``left op right`` is true, so neither side is NULL. The operators are those of one total order: exactly one of
    ``<``, ``=``, ``>`` is true of two values."""

    op: Operator
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Opaque:
    """A condition that is not seen into (a call, a subquery with aggregates): it is true, false, not true, not false."""

    expr: Expr
    state: Literal["true", "false", "not_true", "not_false"]


@dataclass(frozen=True, slots=True, eq=False)
class Sub:
    """Rows of tables that together meet a condition: the inside of an EXISTS.

    ``tables`` are (row, relation) pairs; a row is a number that stands as varno in the columns of ``body`` and is used
    for nothing else, so the Sub can be read as "there are rows such that" (its own rows are the witnesses) and, with
    others put in their place, as "no rows are such that".
    """

    tables: tuple[tuple[int, Oid], ...]
    body: Formula
    written: Expr | None = None
    """The subquery it was made of, for naming it."""


@dataclass(frozen=True, slots=True)
class Exists:
    """There are such rows; or there are none."""

    sub: Sub
    exists: bool


Fact = Null | Compare | Opaque | Exists


@dataclass(frozen=True, slots=True)
class And:
    """All of them; of none: true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them; of none: false."""

    parts: tuple[Formula, ...]


Formula = Null | Compare | Opaque | Exists | And | Or

TRUE: Final = And(())
FALSE: Final = Or(())


def conjunction(parts: Iterable[Formula]) -> Formula:
    """All of them, flattened."""
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, And):
            flat.extend(part.parts)
        elif part == FALSE:
            return FALSE
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else And(tuple(dict.fromkeys(flat)))


def disjunction(parts: Iterable[Formula]) -> Formula:
    """One of them, flattened."""
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, Or):
            flat.extend(part.parts)
        elif part == TRUE:
            return TRUE
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else Or(tuple(dict.fromkeys(flat)))


_OPPOSITE: Final[dict[str, Literal["true", "false", "not_true", "not_false"]]] = {
    "true": "not_true",
    "not_true": "true",
    "false": "not_false",
    "not_false": "false",
}


def negated(formula: Formula) -> Formula:
    """Its negation. ``left op right`` is not true when a side is NULL or the opposite operator holds."""
    match formula:
        case And(parts):
            return disjunction(negated(part) for part in parts)
        case Or(parts):
            return conjunction(negated(part) for part in parts)
        case Null(term, is_null):
            return Null(term, not is_null)
        case Opaque(expr, state):
            return Opaque(expr, _OPPOSITE[state])
        case Exists(sub, exists):
            return Exists(sub, not exists)
        case Compare(op, left, right):
            return disjunction((Null(left, True), Null(right, True), Compare(NEGATED[op], left, right)))


def replaced(formula: Formula, change: Callable[[Expr], Expr]) -> Formula:
    """The formula with every term replaced by what ``change`` makes of it."""
    match formula:
        case And(parts):
            return And(tuple(replaced(part, change) for part in parts))
        case Or(parts):
            return Or(tuple(replaced(part, change) for part in parts))
        case Null(term, is_null):
            return Null(change(term), is_null)
        case Opaque(expr, state):
            return Opaque(change(expr), state)
        case Compare(op, left, right):
            return Compare(op, change(left), change(right))
        case Exists(sub, exists):
            return Exists(Sub(sub.tables, replaced(sub.body, change), sub.written), exists)
