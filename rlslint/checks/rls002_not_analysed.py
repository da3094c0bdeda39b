"""RLS002: code that could not be followed and touches policies, row security or indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlslint.checks.model import Facts, Match
from rlslint.source.model import Span

_BEARS_ON_PLANS = re.compile(r"(?:polic(?:y|ies)|\brow\s+level\s+security|\bindex|\bset\s+schema)\b", re.IGNORECASE)


def check(facts: Facts) -> Iterator[Match]:
    """One match a reason, at its first statement (a table that no file creates is named once, not at each statement);
    what bears on neither policies nor indexes is only listed under ``not_analysed``."""
    places: dict[str, list[Span]] = {}
    # a policy that PostgreSQL refuses was understood: RLS210 speaks of it
    rejected = {rejected.statement.span for rejected in facts.rejected}
    for problem in facts.problems:
        if problem.span in rejected:
            continue
        if problem.code == "RLS002" and _BEARS_ON_PLANS.search(problem.span.text):
            places.setdefault(problem.reason, []).append(problem.span)
    for reason, spans in places.items():
        more = len(spans) - 1
        count = f" (and {more} more statement{'s' if more > 1 else ''})" if more else ""
        yield Match(span=spans[0], facts={"reason": reason, "statements": len(spans), "more": count})
