"""A file's text and statement spans in, its ignore comments out, each with the stretch it holds for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rlslint.source.model import SourceFile, Span, Statement, Suppression

_COMMENT = re.compile(
    r"--[ \t]*rlslint:[ \t]*(?P<verb>ignore-file|ignore)(?:\[(?P<codes>[^\]\n]*)\])?(?P<reason>[^\n]*)", re.IGNORECASE
)


def suppressions(source: SourceFile, statements: Sequence[Statement]) -> tuple[Suppression, ...]:
    """Every ``-- rlslint: ignore[CODES] reason`` and ``ignore-file`` of the file.

    ``ignore`` holds for the statement whose lines it stands on, else for the one that starts after it on the next line
    that is no comment; one that finds no statement holds for nothing and is reported as unused.
    """
    found: list[Suppression] = []
    for match in _COMMENT.finditer(source.text):
        codes = tuple(code.strip().upper() for code in (match["codes"] or "").split(",") if code.strip())
        if match["verb"].lower() == "ignore-file":
            start, end = 0, len(source.text)
        else:
            start, end = _held(source, statements, match.start())
        reason = match["reason"].strip().lstrip(":-").strip()
        found.append(Suppression(codes, Span(source, match.start(), match.end()), start, end, reason))
    return tuple(found)


def _held(source: SourceFile, statements: Sequence[Statement], comment: int) -> tuple[int, int]:
    line = source.position(comment)[0]
    for statement in statements:
        span = statement.span
        if span.source is not source:
            continue
        first, last = source.position(span.start)[0], source.position(max(span.start, span.end - 1))[0]
        if first <= line <= last:
            return span.start, span.end
        if span.start > comment:
            between = source.text[comment : span.start].splitlines()[1:]
            if all(not text.strip() or text.lstrip().startswith("--") for text in between):
                return span.start, span.end
            break
    return comment, comment
