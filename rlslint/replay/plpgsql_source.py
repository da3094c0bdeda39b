"""The text of a DO block or a function in, its PL/pgSQL tree out, and where the lines of its body stand in the file."""

from __future__ import annotations

import re
from typing import Any, Final

from rlslint.source.model import Raw, Span, Statement
from rlslint.source.parse import parse_plpgsql

_ROWTYPE: Final = re.compile(r'[\w."]+\s*%\s*rowtype\b', re.IGNORECASE)
_OPENING: Final = re.compile(r"\$(?:[^\x00-@\[-^`{-\x7f][^\x00-/:-@\[-^`{-\x7f]*)?\$")


def parsed(text: str) -> Raw | None:
    """The PLpgSQL_function of a DO or CREATE FUNCTION statement; None when the parser does not take it."""
    tree: Any = parse_plpgsql(text)
    if not tree:
        # the parser knows no row types: a record serves as well
        tree = parse_plpgsql(_ROWTYPE.sub("record", text))
    if not tree or "action" not in tree[0].get("PLpgSQL_function", {}):
        return None
    function: Raw = tree[0]["PLpgSQL_function"]
    return function


class Places:
    """Where the lines of a body stand in the file of the statement that holds it."""

    def __init__(self, statement: Statement, body: str) -> None:
        self._statement = statement
        self._body = body
        opening = _OPENING.search(statement.text)
        start = -1 if opening is None else opening.end()
        # a body in plain quotes has its quotes doubled, so that its characters have no places of their own
        self._start = start if start >= 0 and statement.text.startswith(body, start) else -1

    def line(self, number: int) -> Span:
        """The line of the body (from 1) without white space around it; the whole statement when it is not known."""
        if self._start < 0:
            return self._statement.span
        start = self._line_start(number)
        end = self._body.find("\n", start)
        end = len(self._body) if end < 0 else end
        text = self._body[start:end]
        first = start + len(text) - len(text.lstrip())
        last = start + len(text.rstrip())
        if last <= first:
            return self._statement.span
        return self._statement.span_of(self._start + first, self._start + last)

    def find(self, code: str, number: int) -> Span | None:
        """The place of a statement's text that begins on a line."""
        if self._start < 0 or self._statement.synthetic:
            return None
        at = self._body.find(code, max(self._line_start(number), 0))
        if at < 0:
            return None
        return self._statement.span_of(self._start + at, self._start + at + len(code))

    def _line_start(self, number: int) -> int:
        at = 0
        for _ in range(number - 1):
            newline = self._body.find("\n", at)
            if newline < 0:
                break
            at = newline + 1
        return at
