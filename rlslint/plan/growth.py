"""Terms in, one O(...) out: how a statement's work grows with n rows of the table and m rows of what subqueries read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from rlslint.plan.model import RelationScan

Term = tuple[float, float]
"""Exponents of n and of m; half an exponent (`LOG`) stands for the logarithm."""

LOG: Final = 0.5
ONE: Final[Term] = (0.0, 0.0)

_FACTOR: Final = {0.0: "", LOG: "log {}", 1.0: "{}", 2.0: "{}^2"}


def growth(terms: Iterable[Term]) -> str:
    """The dominating terms, as docs/contract.md writes them: ``O(1)``, ``O(log n)``, ``O(n log m)``, ``O(n*m)``, ``O(n + m)``."""
    return _dominating(frozenset(terms))


@lru_cache
def _dominating(terms: frozenset[Term]) -> str:
    every = sorted(terms, reverse=True)
    kept = [
        one for one in every if not any(other != one and other[0] >= one[0] and other[1] >= one[1] for other in every)
    ]
    return "O(" + (" + ".join(_written(term) for term in kept) or "1") + ")"


def _written(term: Term) -> str:
    n = _FACTOR[min(term[0], 2.0)].format("n")
    m = _FACTOR[_known(term[1])].format("m")
    if not n or not m:
        return n or m or "1"
    return f"{n} {m}" if m.startswith("log") or n.startswith("log") else f"{n}*{m}"


def _known(exponent: float) -> float:
    return exponent if exponent in _FACTOR else min((known for known in _FACTOR if known >= exponent), default=2.0)


def table_term(scan: RelationScan) -> Term:
    """The scan of the policy's own table."""
    return (_exponent(scan), 0.0)


def inner_term(scans: Iterable[RelationScan]) -> Term:
    """One run of a subquery: its largest scan."""
    return (0.0, max(map(_exponent, scans), default=0.0))


def _exponent(scan: RelationScan) -> float:
    if scan.reads_all:
        return 1.0
    return LOG if scan.method in ("index_scan", "bitmap_or") else 0.0


def times(rows: Term, each: Term) -> Term:
    """``each`` done for every row."""
    return (rows[0] + each[0], rows[1] + each[1])
