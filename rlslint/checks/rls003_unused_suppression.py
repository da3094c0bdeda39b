"""RLS003: an ignore comment that suppresses nothing."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote


def check(facts: Facts) -> Iterator[Match]:
    """One match a comment. ``facts.unused`` is known when all other rules have run."""
    for suppression, codes in facts.unused:
        named = ", ".join(codes)
        yield Match(
            span=suppression.span,
            facts={
                "codes": list(codes),
                "what": f"there is no finding{f' of {named}' if codes else ''} where it holds",
            },
            needs=(NeedNote("remove the comment" if codes == suppression.codes else f"remove {named} from it"),),
        )
