"""What was said of a file's last text and what is known of its new one so far in, what may be said at once out.

An edit that reaches many tables is answered in two steps: first what it says of the tables that the file itself makes or
writes policies for, beside what was said of the others, moved to where its lines are now; then everything.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

from lsprotocol.types import Diagnostic, Position, Range

from rlslint.lsp.analysis import Analysis, Name
from rlslint.lsp.answers import diagnostics
from rlslint.records import dataclass


class Overtaken(Exception):
    """The text was typed over while it was looked at."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of a text, each with the table that it is about; None for what hangs on all of them."""

    lines: Sequence[str] = ()
    diagnostics: Sequence[tuple[Diagnostic, Name | None]] = ()


def said(found: Analysis, text: str, root: Path) -> Said:
    """Everything that an analysis says."""
    findings = [*found.here, *(one for one, _ in found.elsewhere)]
    tables = [(one.schema, one.table) if one.schema is not None and one.table is not None else None for one in findings]
    return Said(text.splitlines(), list(zip(diagnostics(found, root), tables, strict=True)))


def first_words(found: Analysis, looked_at: frozenset[Name], before: Said, text: str, root: Path) -> list[Diagnostic]:
    """What an analysis of some tables says, and what was said of the others."""
    now = text.splitlines()
    others = [
        moved
        for one, table in before.diagnostics
        if table is not None and table not in looked_at and (moved := _moved(one, before.lines, now)) is not None
    ]
    return [*diagnostics(found, root), *others]


def _moved(one: Diagnostic, old: Sequence[str], new: Sequence[str]) -> Diagnostic | None:
    """The diagnostic where its lines stand in the new text; None where they were changed."""
    shortest = min(len(old), len(new))
    above = next((n for n in range(shortest) if old[n] != new[n]), shortest)
    below = next((n for n in range(shortest - above) if old[-1 - n] != new[-1 - n]), shortest - above)
    if one.range.end.line < above:
        return one
    if one.range.start.line < len(old) - below:
        return None
    by = len(new) - len(old)
    start, end = one.range.start, one.range.end
    moved = copy.copy(one)
    moved.range = Range(start=Position(start.line + by, start.character), end=Position(end.line + by, end.character))
    return moved
