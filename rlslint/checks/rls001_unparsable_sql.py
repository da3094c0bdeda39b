"""RLS001: statements that PostgreSQL's own parser rejects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.source.model import Problem

_ABOVE: Final = 200
"""Characters before the place that is rejected in which the statement's beginning is looked for."""
_FORMS: Final = (
    (r"CREATE POLICY IF", "NOT", "CREATE POLICY has no IF NOT EXISTS: put DROP POLICY IF EXISTS before it"),
    (r"CREATE OR REPLACE", "POLICY", "CREATE POLICY has no OR REPLACE: put DROP POLICY IF EXISTS before it"),
    (
        r"CREATE POLICY [^;]*? FOR (?:SELECT|INSERT|UPDATE|DELETE)",
        ",",
        "a policy is for one command or for ALL: write one for each",
    ),
    (
        r'ADD CONSTRAINT (?:IF NOT|[\w"]+)',
        r"(?:IF\s+NOT\s+)?EXISTS\b",
        "ADD CONSTRAINT has no IF NOT EXISTS: put DROP CONSTRAINT IF EXISTS before it",
    ),
    (
        r"CREATE (?:TYPE|DOMAIN|ROLE|USER) IF",
        "NOT",
        "types, domains and roles have no IF NOT EXISTS: ask the catalog in a DO block",
    ),
    (
        r"CREATE (?:OR REPLACE )?(?:TRIGGER|FUNCTION|PROCEDURE|VIEW) IF",
        "NOT",
        "triggers, functions and views have no IF NOT EXISTS: write CREATE OR REPLACE",
    ),
)
"""What stands before the place and at it, as many write it, and what PostgreSQL has instead."""


def check(facts: Facts) -> Iterator[Match]:
    """One match a statement that does not parse, at the place the parser names."""
    for problem in facts.problems:
        if problem.code == "RLS001":
            yield Match(span=problem.span, facts={"reason": problem.reason}, needs=tuple(_instead(problem)))


def _instead(problem: Problem) -> Iterator[NeedNote]:
    text, start = problem.span.source.text, problem.span.start
    before, rejected = text[max(0, start - _ABOVE) : start], text[start : start + _ABOVE]
    for above, here, advice in _FORMS:
        written = above.replace(" ", r"\s+")
        if re.search(rf"\b{written}\s*\Z", before, re.IGNORECASE) and re.match(here, rejected, re.IGNORECASE):
            yield NeedNote(advice)
            return
