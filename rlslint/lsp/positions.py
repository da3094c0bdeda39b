"""Places in a file in, LSP's positions out, and back: lines from 0, characters in UTF-16 code units."""

from __future__ import annotations

from lsprotocol.types import Position, Range

from rlslint.source.model import SourceFile, Span


def range_of(span: Span) -> Range:
    """The range of a span; one of nothing takes a character, so that there is something to point at."""
    source = span.source
    end = span.end if span.end > span.start else min(span.start + 1, len(source.text))
    return Range(start=position_of(source, span.start), end=position_of(source, end))


def position_of(source: SourceFile, offset: int) -> Position:
    """The position of a character of a file."""
    line, column = source.position(min(offset, len(source.text)))
    return Position(line=line - 1, character=units(source.line(line)[: column - 1]))


def offset_at(source: SourceFile, position: Position) -> int:
    """The character at a position; what lies behind a line's end is its end."""
    start = source.start(position.line + 1)
    text = source.line(position.line + 1)
    taken = 0
    for number, char in enumerate(text):
        if taken >= position.character:
            return start + number
        taken += units(char)
    return start + len(text)


def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text) + sum(ord(char) > 0xFFFF for char in text)
