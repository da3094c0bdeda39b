"""What reading produces: files, statements with their parse trees, suppressions, and problems, all with places.

Every other stage speaks of places only through `Span`. Offsets count characters (Python `str` indices) from 0;
lines and columns, as users see them, start at 1.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final

Raw = dict[str, Any]
"""A parse-tree node as libpg_query's JSON has it, for instance ``{"ColumnRef": {"fields": [...], "location": 7}}``.

Fields with their type's zero value are absent: a missing ``location`` is 0, a missing boolean is false.
"""


@dataclass(frozen=True, slots=True, eq=False)
class SourceFile:
    """One input text. Compared by identity: two files may hold the same text."""

    path: str
    """As shown to the user: relative to the working directory, with forward slashes; ``<stdin>`` for standard input."""
    text: str
    _line_starts: list[int] = field(default_factory=list, repr=False)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character offset."""
        starts = self._line_starts
        if not starts:
            starts.append(0)
            starts.extend(i + 1 for i, char in enumerate(self.text) if char == "\n")
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (from 1) without its line end."""
        self.position(0)
        starts = self._line_starts
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a file: character offsets, the end exclusive."""

    source: SourceFile
    start: int
    end: int

    @property
    def text(self) -> str:
        """The piece itself."""
        return self.source.text[self.start : self.end]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One parsed SQL statement.

    ``text`` is the statement's own SQL, from its first token to its last, without the semicolon. Locations in ``node``
    are byte offsets into ``text`` (libpg_query counts UTF-8 bytes); `offset` turns them into character offsets.
    A statement that comes out of EXECUTE in a DO block is ``synthetic``: it has its own text, and every place in it is
    the place of the code that ran it.
    """

    kind: str
    """The node's tag, for instance ``CreatePolicyStmt``."""
    node: Raw
    """The tagged node's fields."""
    text: str
    span: Span
    synthetic: bool = False

    def offset(self, location: int) -> int:
        """Character offset in ``text`` of a byte ``location`` of the parse tree; -1 (unknown) stays -1."""
        if location < 0 or self.text.isascii():
            return location
        return len(self.text.encode()[:location].decode(errors="ignore"))

    def span_of(self, start: int, end: int) -> Span:
        """The file's span of the characters ``start`` to ``end`` of ``text``; the whole span when synthetic."""
        if self.synthetic or start < 0:
            return self.span
        return Span(self.span.source, self.span.start + start, self.span.start + end)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read or followed, with its place and reason."""

    code: str
    """``RLS001`` (PostgreSQL would not parse it) or ``RLS002`` (could not be followed)."""
    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """An ignore comment. ``start`` and ``end`` are the characters of the file for which it holds."""

    codes: tuple[str, ...]
    """Codes or prefixes; empty means every rule."""
    span: Span
    """The comment itself."""
    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Migration:
    """The part of one file that runs when migrating up, in the order it runs."""

    source: SourceFile
    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...]
    suppressions: tuple[Suppression, ...]
    transactional: bool = True
    """Whether the layout's tool runs the file in one transaction."""


@dataclass(frozen=True, slots=True)
class Project:
    """All migrations of one database in the order their tool would run them."""

    layout: str
    migrations: tuple[Migration, ...]
    reported: frozenset[str] | None = None
    """Paths that findings are reported for, the rest being context; None means all."""


class InputError(Exception):
    """The input cannot be used at all: a missing path, a binary file. The message is one line; exit status 2."""


UNKNOWN: Final = -1
"""The location of a node that has none."""
