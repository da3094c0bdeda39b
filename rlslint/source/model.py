"""What reading produces: files, statements with their parse trees, suppressions, and problems, all with places.

Every other stage speaks of places only through `Span`. Offsets count characters (Python `str` indices) from 0;
lines and columns, as users see them, start at 1.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final

from rlslint.records import dataclass, field

Raw = dict[str, Any]
"""A parse-tree node as libpg_query's JSON has it, for instance ``{"ColumnRef": {"fields": [...], "location": 7}}``.

Fields with their type's zero value are absent: a missing ``location`` is 0, a missing boolean is false.
"""


Tell = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and of how much."""


def silent(what: str, done: int, total: int) -> None:
    """A `Tell` for nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceFile:
    """One input text. Compared by identity: two files may hold the same text."""

    path: str
    """As shown to the user: relative to the working directory, with forward slashes; ``<stdin>`` for standard input."""
    text: str
    """The file's text, less the lines of data that ``cuts`` tells."""
    cuts: tuple[tuple[int, int], ...] = ()
    """Where lines were left out (COPY data of a dump): offset in ``text`` of what follows them, and their number."""
    _line_starts: list[int] = field(default_factory=list, repr=False)
    _line_numbers: list[tuple[int, int]] = field(default_factory=list, repr=False)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column in the file, both from 1, of a character offset."""
        starts = self._starts()
        line = bisect_right(starts, offset)
        return self._number(line), offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line of the file (from 1) without its line end; empty for one that was left out."""
        starts = self._starts()
        index = number - self._before(number)
        if index < 1 or index > len(starts) or self._number(index) != number:
            return ""
        end = starts[index] if index < len(starts) else len(self.text)
        return self.text[starts[index - 1] : end].rstrip("\r\n")

    def start(self, number: int) -> int:
        """The offset at which a line of the file (from 1) starts; of what follows it for one that was left out, the end of
        the text for one that is not there."""
        starts = self._starts()
        index = number - self._before(number)
        return starts[max(index, 1) - 1] if index <= len(starts) else len(self.text)

    def _starts(self) -> list[int]:
        """Offsets at which lines start. A file without any line feed is one of an old Mac: its lines end in CR."""
        starts = self._line_starts
        if not starts:
            end = "\n" if "\n" in self.text else "\r"
            starts.append(0)
            starts.extend(match.end() for match in re.finditer(end, self.text))
            total = 0
            for offset, count in self.cuts:
                total += count
                # from this line of the text on, so many lines are missing
                self._line_numbers.append((bisect_right(starts, offset), total))
        return starts

    def _number(self, index: int) -> int:
        """A line of the text (from 1) as the file counts it."""
        place = bisect_right(self._line_numbers, (index, _MANY)) - 1
        return index + (self._line_numbers[place][1] if place >= 0 else 0)

    def _before(self, number: int) -> int:
        """Lines left out before a line of the file."""
        missing = 0
        for first, total in self._line_numbers:
            if first + missing >= number:
                break
            missing = total
        return missing


_MANY: Final = 1 << 60


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


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of a statement's text that stands for another piece of its file: a psql variable and its value."""

    start: int
    """Where the value stands in the statement's text."""
    length: int
    source_start: int
    """Where the variable stands, counted from the start of the statement's span."""
    source_length: int


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One parsed SQL statement.

    ``text`` is the statement's own SQL, from its first token to its last, without the semicolon, psql's variables
    replaced. Locations in ``node`` are byte offsets into ``text`` (libpg_query counts UTF-8 bytes); `offset` turns them
    into character offsets. A statement that comes out of EXECUTE in a DO block is ``synthetic``: it has its own text,
    and every place in it is the place of the code that ran it.
    """

    kind: str
    """The node's tag, for instance ``CreatePolicyStmt``."""
    tree: Raw | Callable[[], Raw]
    """The tagged node's fields, or what parses them when somebody asks (`node`)."""
    text: str
    span: Span
    synthetic: bool = False
    edits: tuple[Edit, ...] = ()
    """In the order they stand in ``text``."""
    _parsed: list[Raw] = field(default_factory=list, repr=False)
    _wide: list[int] = field(default_factory=list, repr=False)
    extents: dict[int, tuple[Raw, tuple[int, int]]] = field(default_factory=dict, repr=False)
    """Where expressions stand in ``text``, by the identity of their nodes, which are kept (source/extent.py)."""

    @property
    def node(self) -> Raw:
        """The tagged node's fields."""
        if not callable(self.tree):
            return self.tree
        if not self._parsed:
            self._parsed.append(self.tree())
        return self._parsed[0]

    @property
    def known_tree(self) -> Raw | None:
        """The same, where it has been parsed."""
        if not callable(self.tree):
            return self.tree
        return self._parsed[0] if self._parsed else None

    def offset(self, location: int) -> int:
        """Character offset in ``text`` of a byte ``location`` of the parse tree; -1 (unknown) stays -1."""
        if location < 0 or self.text.isascii():
            return location
        wide = self._wide
        if not wide:
            # for each character longer than a byte: the byte offsets of its bytes after the first
            byte = last = 0
            for match in _WIDE.finditer(self.text):
                byte += match.start() - last
                for length in map(len, map(str.encode, match[0])):
                    wide.extend(range(byte + 1, byte + length))
                    byte += length
                last = match.end()
        return location - bisect_right(wide, location)

    def span_of(self, start: int, end: int) -> Span:
        """The file's span of the characters ``start`` to ``end`` of ``text``; the whole span when synthetic."""
        if self.synthetic or start < 0:
            return self.span
        base = self.span.start
        return Span(self.span.source, base + self._in_source(start), base + self._in_source(end, last=True))

    def _in_source(self, offset: int, *, last: bool = False) -> int:
        delta = 0
        for edit in self.edits:
            if offset < edit.start + (1 if last else 0):
                break
            if offset < edit.start + edit.length + (1 if last else 0):
                return edit.source_start + (edit.source_length if last else 0)
            delta = edit.source_start + edit.source_length - edit.start - edit.length
        return offset + delta


_WIDE: Final = re.compile("[^\\x00-\\x7f]+")


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
    unknown: str = ""
    """What is not understood of it; it then holds for nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Migration:
    """The part of one file that runs when migrating up, in the order it runs."""

    source: SourceFile
    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...]
    suppressions: tuple[Suppression, ...]
    transactional: bool = True
    """Whether the layout's tool runs the file in one transaction."""
    continues: bool = False
    """Whether it runs in the session of the one before: the rest of a file behind an include, or the included file."""


@dataclass(frozen=True, slots=True)
class Project:
    """All migrations of one database in the order their tool would run them."""

    layout: str
    migrations: tuple[Migration, ...]
    reported: frozenset[str] | None = None
    """Paths that findings are reported for, the rest being context; None means all."""
    folder: str = "."
    """What was read, as shown to the user: a folder, or the names given."""
    skipped: tuple[tuple[str, str], ...] = ()
    """SQL files beside the others that the tool does not run: path and reason."""
    note: str = ""
    """What a user should know about how the files were put together; empty when it is as the tool would."""
    variables: tuple[tuple[str, str], ...] = ()
    """Placeholders that the tool's configuration sets, and their values."""
    search_path: tuple[str, ...] = ()
    """Schemas that the tool makes and puts in front of the search_path that its migrations run with."""

    @property
    def sources(self) -> tuple[SourceFile, ...]:
        """The files, each once, in the order they begin to run."""
        return tuple({id(one.source): one.source for one in self.migrations}.values())


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read: what is larger is reported and passed over."""

    file: int = 256_000_000
    """Bytes of one file, COPY data not counted."""
    statement: int = 4_000_000
    """Characters of one statement."""


class UsageError(Exception):
    """The user asked for what cannot be done (an unknown code, options that exclude one another); one line. Exit status
    2."""


class InputError(Exception):
    """The input cannot be used at all: a missing path, a binary file. The message is one line; exit status 2."""


UNKNOWN: Final = -1
"""The location of a node that has none."""
