"""RLS001: statements that PostgreSQL's own parser rejects."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match


def check(facts: Facts) -> Iterator[Match]:
    """One match a statement that does not parse, at the place the parser names."""
    for problem in facts.problems:
        if problem.code == "RLS001":
            yield Match(span=problem.span, facts={"reason": problem.reason})
