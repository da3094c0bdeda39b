"""A file's text and statement spans in, its ignore comments out, each with the stretch it holds for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from rlslint.source.model import SourceFile, Span, Statement, Suppression

_COMMENT = re.compile(
    r"--[ \t]*rlslint:[ \t]*(?P<verb>[\w-]+)(?:[ \t]*\[(?P<codes>[^\]\r\n]*)\])?(?P<reason>[^\r\n]*)",
    re.IGNORECASE,
)


_VERBS = ("ignore", "ignore-file")
_BARE_CODES = re.compile(r"[\s:]*(?P<codes>[A-Z]{2,}\d{3}(?:[\s,]+[A-Z]{2,}\d{3})*)\b", re.IGNORECASE)
"""Codes without brackets, as other linters write them: they name what is ignored and are no reason."""


def suppressions(source: SourceFile, statements: Sequence[Statement]) -> tuple[Suppression, ...]:
    """Every ``-- rlslint: ignore[CODES] reason`` and ``ignore-file`` of the file.

    ``ignore`` holds for the statement whose lines it stands on, else for the one that starts after it on the next line
    that is no comment; one that finds no statement holds for nothing and is reported as unused.
    """
    matches = list(_COMMENT.finditer(source.text))
    if not matches:
        return ()
    spans = sorted((one.span.start, one.span.end) for one in statements if one.span.source is source)
    starts = [start for start, _ in spans]
    found: list[Suppression] = []
    for match in matches:
        listed, reason = match["codes"], match["reason"]
        bare = _BARE_CODES.match(reason) if listed is None else None
        if bare is not None:
            listed, reason = ",".join(bare["codes"].replace(",", " ").split()), reason[bare.end() :]
        codes = tuple(code.strip().upper() for code in (listed or "").split(",") if code.strip())
        verb = match["verb"].lower()
        if verb not in _VERBS or (listed is not None and not codes):
            # it silences nothing, and RLS003 says so
            unknown = match["verb"] if verb not in _VERBS else f"{match['verb']}[]"
            found.append(Suppression(codes, Span(source, match.start(), match.end()), -1, -1, "", unknown))
            continue
        if verb == "ignore-file":
            start, end = 0, len(source.text)
        else:
            start, end = _held(source, spans, bisect_right(starts, match.start()), match.start())
        reason = reason.strip().lstrip(":-").strip()
        found.append(Suppression(codes, Span(source, match.start(), match.end()), start, end, reason))
    return tuple(found)


def _held(source: SourceFile, spans: Sequence[tuple[int, int]], following: int, comment: int) -> tuple[int, int]:
    """``following`` is the index of the first statement that starts behind the comment."""
    line = source.position(comment)[0]
    for start, end in spans[max(0, following - 1) : following]:
        if source.position(max(start, end - 1))[0] >= line:
            return start, end
    for start, end in spans[following : following + 1]:
        if source.position(start)[0] <= line:
            return start, end
        between = source.text[comment:start].splitlines()[1:]
        if all(not text.strip() or text.lstrip().startswith("--") for text in between):
            return start, end
    return comment, comment
