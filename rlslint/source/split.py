"""A stretch of SQL text in, the spans of its statements out; never fails, whatever the text.

Follows psql's lexer (psqlscan.l): a semicolon ends a statement unless it stands in a string, a quoted name, a comment,
a dollar-quoted body, parentheses (CREATE RULE) or a BEGIN ATOMIC body. Data behind COPY ... FROM stdin and psql's
backslash commands belong to no statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
    --[^\n]*
  | /\*
  | (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'?
  | '(?:[^']|'')*'?
  | "(?:[^"]|"")*"?
  | (?<![\w$])\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$
  | \\[^\n]*
  | [;()]
  | \b(?:begin\s+atomic|case|end)\b
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")
_COPY = re.compile(r"copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_END_OF_DATA = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)
_BLANK = re.compile(r"(?:[\s;]+|--[^\n]*)+")


def split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of the statements between ``start`` and ``end``: first token to last, comments around them left out."""
    position = begin = start
    depth = atomic = 0
    while True:
        match = _TOKEN.search(text, position, end)
        if match is None:
            yield from _trimmed(text, begin, end)
            return
        position = match.end()
        token = match[0]
        if token == ";":
            if depth > 0 or atomic > 0:
                continue
            yield from _trimmed(text, begin, match.start())
            if _COPY.match(text, skip_blank(text, begin, match.start()), match.start()):
                position = _behind_data(text, position, end)
            begin = position
            depth = 0
        elif token == "(":
            depth += 1
        elif token == ")":
            depth = max(0, depth - 1)
        elif token == "/*":
            position = _behind_comment(text, position, end)
        elif token[0] == "$":
            close = text.find(token, position, end)
            position = end if close < 0 else close + len(token)
        elif token[0] == "\\":
            # a backslash command ends its line; a statement before it was sent by \g or is broken anyway
            yield from _trimmed(text, begin, match.start())
            begin = position
            depth = atomic = 0
        elif (token[0] in "bB" and token[1] in "eE") or (atomic and token.lower() == "case"):
            atomic += 1
        elif atomic and token.lower() == "end":
            atomic -= 1


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


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first = skip_blank(text, start, end)
    if first >= end:
        return
    last = _code_end(text, first, end)
    if last > first:
        yield first, last


def _code_end(text: str, start: int, end: int) -> int:
    """The end of the last token: trailing white space and comments left out."""
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
        if token == "/*":
            position = _behind_comment(text, position, end)
            continue
        if token.startswith("--"):
            continue
        if token[0] == "$":
            close = text.find(token, position, end)
            position = end if close < 0 else close + len(token)
        last = position
    return last


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
