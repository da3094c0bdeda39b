"""RLS003: an ignore comment that suppresses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.source.model import Suppression


def check(facts: Facts) -> Iterator[Match]:
    """One match a comment. ``facts.unused`` is known when all other rules have run."""
    for suppression, codes in facts.unused:
        yield Match(
            span=suppression.span,
            facts={"codes": list(codes), "what": _what(suppression, codes)},
            needs=(_cure(suppression, codes),),
        )


def _what(suppression: Suppression, codes: Mapping[str, str]) -> str:
    if suppression.unknown:
        return f"{suppression.unknown} is not understood"
    idle = ", ".join(code for code, strange in codes.items() if not strange)
    parts = [f"there is no finding{f' of {idle}' if idle else ''} where it holds"] if idle or not codes else []
    parts += [f"no rule has the code {strange}" for strange in codes.values() if strange]
    return "; ".join(parts)


def _cure(suppression: Suppression, codes: Mapping[str, str]) -> NeedNote:
    if suppression.unknown:
        return NeedNote("write ignore[RLS104] reason, with the codes that are meant, or ignore-file[RLS104] reason")
    return NeedNote(
        "remove the comment" if set(codes) == set(suppression.codes) else f"remove {', '.join(codes)} from it"
    )
