"""Where the statements of a file stand and what kinds they are, which spares parsing it: a file's text in, these out.

Only files that hold nothing but statements have an outline: no psql command or variable, no template, no error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rlslint.records import dataclass, field
from rlslint.source.model import SourceFile, Span, Statement
from rlslint.source.parse import later


@dataclass(frozen=True, slots=True)
class Outline:
    """One file's."""

    transactional: bool
    """Whether the file lets itself be run in one transaction."""
    places: tuple[tuple[str, int, int], ...]
    """Kind, start and end of each statement."""

    def statements(self, source: SourceFile) -> list[Statement]:
        """The statements, each parsed when somebody asks for its tree."""
        text = source.text
        return [
            Statement(kind, later(text[start:end]), text[start:end], Span(source, start, end))
            for kind, start, end in self.places
        ]


def outline(source: SourceFile, statements: Sequence[Statement], *, transactional: bool) -> Outline | None:
    """The outline of a file without problems that runs these statements; None where something else than they stands in
    it, or where they do not stand in it as they are sent."""
    last = -1
    for one in statements:
        # two with one place came out of one piece of text
        if one.edits or one.synthetic or one.span.source is not source or one.span.start <= last or not one.tree:
            return None
        if one.text != one.span.text:
            return None
        last = one.span.start
    return Outline(transactional, tuple((one.kind, one.span.start, one.span.end) for one in statements))


@dataclass(slots=True)
class Outlines:
    """Those that are known, by what `mark` says of a file."""

    known: dict[str, Outline] = field(default_factory=dict)
    used: dict[str, Outline] = field(default_factory=dict)
    """Those that files of this run have."""
    added: bool = False
    """Whether there are new ones."""

    def get(self, mark: str) -> Outline | None:
        """The outline, if it is known."""
        found = self.known.get(mark)
        if found is not None:
            self.used[mark] = found
        return found

    def add(self, mark: str, made: Outline) -> None:
        """Remember one."""
        self.used[mark] = made
        self.added = True


def mark(source: SourceFile, layout: str) -> str:
    """What stands for a file as it is read in a layout."""
    kind = source.path.rpartition(".")[2].lower()
    return hashlib.sha256(f"{layout}\0{kind}\0{source.text}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
