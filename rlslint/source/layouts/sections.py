"""A file's text and layout in, the stretches that run when migrating up out, and whether in one transaction."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sections:
    """Character ranges in the order they run."""

    ranges: tuple[tuple[int, int], ...]
    transactional: bool = True


_DBMATE = re.compile(r"^[ \t]*--[ \t]*migrate:(up|down)\b([^\n]*)", re.MULTILINE)
_GOOSE = re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]+(up|down)\b", re.MULTILINE | re.IGNORECASE)
_GOOSE_NO_TRANSACTION = re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]+no[ \t]+transaction\b", re.MULTILINE | re.IGNORECASE)
_SQL_MIGRATE = re.compile(r"^[ \t]*--[ \t]*\+migrate[ \t]+(up|down)\b([^\n]*)", re.MULTILINE | re.IGNORECASE)
_NODE_PG = re.compile(r"^[ \t]*--[\s-]*(up|down)\s+migration", re.MULTILINE | re.IGNORECASE)
_LIQUIBASE = re.compile(r"^--[ \t]*liquibase[ \t]+formatted[ \t]+sql", re.MULTILINE | re.IGNORECASE)
_CHANGESET = re.compile(r"^--[ \t]*changeset\b[^\n]*", re.MULTILINE | re.IGNORECASE)
_ROLLBACK = re.compile(r"^--[ \t]*rollback\b[^\n]*|/\*[ \t]*liquibase[ \t]+rollback\b.*?\*/", re.M | re.I | re.S)
_DOWN_COMMENT = re.compile(r"^[ \t]*--[ \t]*(?:down|rollback)[ \t]*(?:migration)?[ \t]*:?[ \t]*$", re.M | re.I)


def sections(text: str) -> Sections:
    """The stretches of a file that run, by the markers it holds; a file without markers runs whole."""
    if _LIQUIBASE.search(text):
        return _liquibase(text)
    for pattern in (_DBMATE, _GOOSE, _SQL_MIGRATE, _NODE_PG):
        marks = list(pattern.finditer(text))
        if marks:
            return _between(text, marks, _transactional(pattern, text, marks))
    return Sections(((0, len(text)),))


def _between(text: str, marks: list[re.Match[str]], transactional: bool) -> Sections:
    ranges: list[tuple[int, int]] = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        if mark[1].lower() == "up":
            ranges.append((mark.end(), len(text) if following is None else following.start()))
    return Sections(tuple(ranges), transactional)


def _transactional(pattern: re.Pattern[str], text: str, marks: list[re.Match[str]]) -> bool:
    if pattern is _GOOSE:
        return _GOOSE_NO_TRANSACTION.search(text) is None
    if pattern is _DBMATE:
        return not any("transaction:false" in mark[2].replace(" ", "") for mark in marks)
    if pattern is _SQL_MIGRATE:
        return not any("notransaction" in mark[2].lower() for mark in marks)
    return True


def _liquibase(text: str) -> Sections:
    """Each changeset is a stretch of its own, so that one without a semicolon ends where the next begins."""
    starts = [match.start() for match in _CHANGESET.finditer(text)] or [0]
    ranges: list[tuple[int, int]] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        position = start
        for rollback in _ROLLBACK.finditer(text, start, end):
            ranges.append((position, rollback.start()))
            position = rollback.end()
        ranges.append((position, end))
    return Sections(tuple(part for part in ranges if part[0] < part[1]))
