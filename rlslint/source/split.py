"""A stretch of SQL text in, the spans of its statements out; never fails, whatever the text.

Follows psql's lexer (psqlscan.l): a semicolon ends a statement unless it stands in a string, a quoted name, a comment,
a dollar-quoted body, parentheses (CREATE RULE) or a BEGIN ATOMIC body. Data behind COPY ... FROM stdin and psql's
backslash commands belong to no statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlslint.records import dataclass

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement, from its first token to its last without comments around it, or a backslash command."""

    start: int
    end: int
    command: bool = False
    holes: tuple[Range, ...] = ()
    """Backslash commands inside a statement, which psql obeys and leaves out."""


# the tag of a dollar quote is made of letters, digits, underscores and all that is not ASCII: said by what is not in it,
# for a range that reaches so far takes long to compile
_TOKEN: Final = re.compile(
    r"""
    # what a token may begin with: most characters begin none, and need not be tried with each
    (?=[-/eE'"$\\;()bBcCaAdD])(?:
    --[^\n\r]*
  | /\*
  | (?<![\w$])[eE]'
  | '[^']*'?
  | "[^"]*"?
  | (?<![\w$])\$(?:[^\x00-@\[-^`{-\x7f][^\x00-/:-@\[-^`{-\x7f]*)?\$
  | \\(?:copy|help|h|!|[es][fv])(?![A-Za-z])[^\n\r]*
  | \\(?:[^\n\r\\]|\\(?!\\))*(?:\\\\)?
  | [;()]
  | \b(?:begin\s+atomic|case|end)\b
  | \b(?:as|do)\s+\$(?=\s)
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
# a doubled quote inside a string reads here as the end of one and the start of the next, which cuts the same
_ESCAPE: Final = re.compile(r"\\.|''|'", re.DOTALL)
_COMMENT: Final = re.compile(r"/\*|\*/")
_COPY: Final = re.compile(r"copy\b[^$]*\bfrom\s+stdin\b", re.IGNORECASE)
_COPY_COMMAND: Final = re.compile(r"\\copy\b.*\bfrom\s+p?stdin\b", re.IGNORECASE)
_SENDS: Final = re.compile(r"\\(?:g(?:x|set|exec|desc)?|crosstabview|watch|bind|parse)\b|\\g$|\\;")
_END_OF_DATA: Final = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)
# `AS $ ... $`: a template or a shell took the second dollar sign. No parser takes it, but it is one mistake, not many
_LONE_DOLLAR: Final = re.compile(
    r"(?<![\w$])\$(?=\s*(?:;|language\b|stable\b|immutable\b|volatile\b|security\b))", re.IGNORECASE
)
_BLANK: Final = re.compile(r"(?:[\s;]+|--[^\n\r]*)+")


def _plain(depth: int) -> str:
    """What need not be followed from token to token, parentheses inside each other up to ``depth``. Each character can
    begin only one of its parts: no text makes it try long."""
    inner = rf"|\({_plain(depth - 1)}\)" if depth else ""
    parts = rf"""(?<![eE])'[^']*'|"[^"]*"|--[^\n\r]*(?![^\n\r])|-(?!-)|/(?!\*){inner}"""
    return rf"""[^-/;'"$\\()]*(?:(?:{parts})[^-/;'"$\\()]*)*"""


_SIMPLE: Final = re.compile(rf"(?![cC][oO][pP][yY]\b){_plain(5)};")
"""Most statements, in one step."""
_SIMPLE_LENGTH: Final = 4_000
"""Characters that it is tried on: what it has passed is remembered until its end."""


def split(text: str, start: int, end: int) -> Iterator[Range]:
    """Spans of the statements between ``start`` and ``end``: first token to last, comments around them left out."""
    for piece in pieces(text, start, end):
        if not piece.command:
            yield piece.start, piece.end


def pieces(text: str, start: int, end: int) -> Iterator[Piece]:
    """Statements and backslash commands between ``start`` and ``end``, in order."""
    position = begin = start
    depth = atomic = 0
    holes: list[Range] = []
    while True:
        if position == begin:
            blank = _BLANK.match(text, begin, end)
            first = begin if blank is None else blank.end()
            simple = _SIMPLE.match(text, first, min(end, first + _SIMPLE_LENGTH))
            if simple is not None and "atom" not in simple[0].lower():
                position = begin = simple.end()
                yield Piece(first, _code_end(text, first, begin - 1))
                continue
        match = _TOKEN.search(text, position, end)
        if match is None:
            yield from _trimmed(text, begin, end, holes)
            return
        position = match.end()
        token = match[0]
        if token == ";":
            if depth > 0 or atomic > 0:
                continue
            yield from _trimmed(text, begin, match.start(), holes)
            if _COPY.match(text, skip_blank(text, begin, match.start()), match.start()):
                position = _behind_data(text, position, end)
            begin = position
            depth = 0
        elif token == "(":
            depth += 1
        elif token == ")":
            depth = max(0, depth - 1)
        elif token.endswith("$") or (token[0] in "/eE'\"" and token.lower() != "end"):
            position = _behind_token(text, token, position, end)
        elif token[0] == "\\":
            if token.startswith("\\;"):
                position = match.start() + 2
            if depth > 0 and not _SENDS.match(token):
                holes.append((match.start(), position))
                continue
            # it ends its line; a statement before it is sent by it (\g) or broken anyway
            yield from _trimmed(text, begin, match.start(), holes)
            yield Piece(match.start(), position, command=True)
            if _COPY_COMMAND.match(token):
                position = _behind_data(text, position, end)
            begin = position
            depth = atomic = 0
        elif (token[0] in "bB" and token[1] in "eE") or (atomic and token.lower() == "case"):
            atomic += 1
        elif atomic and token.lower() == "end":
            atomic -= 1


def closed(text: str, start: int) -> bool:
    """Whether the text from ``start`` ends right behind a statement's semicolon."""
    last = None
    for piece in pieces(text, start, len(text)):
        last = piece
    return last is not None and not last.command and text[last.end :].strip() == ";"


def skip_blank(text: str, start: int, end: int) -> int:
    """The first character that is neither white space, comment nor semicolon."""
    position = start
    while position < end:
        match = _BLANK.match(text, position, end)
        if match is not None:
            position = match.end()
        if not text.startswith("/*", position):
            break
        position = _behind_comment(text, position + 2, end)
    return min(position, end)


def _trimmed(text: str, start: int, end: int, holes: list[Range]) -> Iterator[Piece]:
    first = skip_blank(text, start, end)
    if first < end:
        last = _code_end(text, first, end)
        if last > first:
            yield Piece(first, last, holes=tuple(holes))
    holes.clear()


def _code_end(text: str, start: int, end: int) -> int:
    """The end of the last token: trailing white space and comments left out."""
    if not text[end - 1].isspace() and text.find("--", start, end) < 0 and text.find("/*", start, end) < 0:
        return end
    last = position = start
    while position < end:
        match = _TOKEN.search(text, position, end)
        plain_end = end if match is None else match.start()
        plain = text[position:plain_end].rstrip()
        if plain:
            last = position + len(plain)
        if match is None:
            break
        token = match[0]
        position = match.end()
        if token.startswith("--"):
            continue
        position = _behind_token(text, token, position, end)
        if token != "/*":
            last = position
    return last


def _behind_token(text: str, token: str, position: int, end: int) -> int:
    """The end of a token that only begins with what the expression matched, ``position`` being behind that."""
    if token == "/*":
        return _behind_comment(text, position, end)
    if token[0] in "aAdD":
        dollar = _LONE_DOLLAR.search(text, position, end)
        return dollar.end() if dollar else position
    if token[0] == "$":
        close = text.find(token, position, end)
        return end if close < 0 else close + len(token)
    if token in ("e'", "E'"):
        for match in _ESCAPE.finditer(text, position, end):
            if match[0] == "'":
                return match.end()
        return end
    return position


def _behind_comment(text: str, position: int, end: int) -> int:
    depth = 1
    while depth:
        match = _COMMENT.search(text, position, end)
        if match is None:
            return end
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position


def _behind_data(text: str, position: int, end: int) -> int:
    match = _END_OF_DATA.search(text, position, end)
    return end if match is None else match.end()
