"""RLS002: code that could not be followed and touches policies, row security or indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlslint.checks.model import Facts, Match

_BEARS_ON_PLANS = re.compile(r"\b(?:policy|policies|row\s+level\s+security|index|set\s+schema)\b", re.IGNORECASE)


def check(facts: Facts) -> Iterator[Match]:
    """One match a statement; what bears on neither policies nor indexes is only listed under ``not_analysed``."""
    for problem in facts.problems:
        if problem.code == "RLS002" and _BEARS_ON_PLANS.search(problem.span.text):
            yield Match(span=problem.span, facts={"reason": problem.reason})
