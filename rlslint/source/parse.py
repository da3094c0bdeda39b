"""Text in, parsed statements and syntax errors out, through libpg_query's JSON (PostgreSQL's own grammar)."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from pglast import parser

from rlslint.source.model import Problem, Raw, SourceFile, Span, Statement
from rlslint.source.split import split

MAX_DEPTH: Final = 2_000
"""Parentheses deeper than this are not handed to the C parser, which keeps its state on the C stack."""

# what templates and psql leave in a statement; replaced by as many characters, so that places stay right
_PSQL_VARIABLE = re.compile(r"""(?<![:\w]):(?=[A-Za-z_'"])""")
_PLACEHOLDER = re.compile(r"\$\{(\w[\w.:-]*)\}|\{\{.*?\}\}|<%=?.*?%>|@@?\w+@@?")
_STRING = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")


def parse_script(source: SourceFile, start: int, end: int) -> tuple[list[Statement], list[Problem]]:
    """The statements between two characters of a file, and a problem RLS001 for each that does not parse."""
    statements: list[Statement] = []
    problems: list[Problem] = []
    for first, last in split(source.text, start, end):
        _parse_slice(Span(source, first, last), statements, problems)
    return statements, problems


def parse_synthetic(text: str, span: Span) -> tuple[list[Statement], list[Problem]]:
    """The statements of SQL that code builds or holds; every place in them is ``span``."""
    statements: list[Statement] = []
    problems: list[Problem] = []
    for first, last in split(text, 0, len(text)):
        piece = text[first:last]
        parsed = _parse(piece)
        if isinstance(parsed, _SyntaxError):
            problems.append(Problem("RLS001", span, parsed.message))
        else:
            statements += [Statement(kind, node, piece, span, synthetic=True) for kind, node in parsed]
    return statements, problems


def parse_plpgsql(text: str) -> Any:
    """The PL/pgSQL parse tree of a CREATE FUNCTION or DO statement; an empty list when it does not parse."""
    try:
        return json.loads(parser.parse_plpgsql_json(text))
    except (parser.ParseError, json.JSONDecodeError):
        return []


def parse_expression(text: str) -> Raw | None:
    """The parse tree of an expression, or None."""
    parsed = _parse(f"SELECT {text}")
    if isinstance(parsed, _SyntaxError) or len(parsed) != 1:
        return None
    value: Raw = parsed[0][1]["targetList"][0]["ResTarget"]["val"]
    return value


class _SyntaxError:
    __slots__ = ("message", "offset")

    def __init__(self, message: str, offset: int) -> None:
        self.message = message
        self.offset = offset


def _parse_slice(span: Span, statements: list[Statement], problems: list[Problem]) -> None:
    text = span.text
    parsed = _parse(text)
    if isinstance(parsed, _SyntaxError):
        retry = _parse(_without_templates(text))
        if isinstance(retry, _SyntaxError):
            place = min(span.start + max(parsed.offset, 0), max(span.end - 1, span.start))
            problems.append(Problem("RLS001", Span(span.source, place, span.end), parsed.message))
            return
        parsed = retry
    statements += [Statement(kind, node, text, span) for kind, node in parsed]


def _parse(text: str) -> list[tuple[str, Raw]] | _SyntaxError:
    if "\0" in text:
        return _SyntaxError("a NUL character, which PostgreSQL does not accept", text.index("\0"))
    if len(text) > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return _SyntaxError(f"nested deeper than {MAX_DEPTH} levels, not handed to the parser", 0)
    try:
        tree = json.loads(parser.parse_sql_json(text))
    except parser.ParseError as error:
        message, location = (*error.args, None)[:2]
        return _SyntaxError(str(message), location if isinstance(location, int) else len(text) - 1)
    except (RecursionError, json.JSONDecodeError):
        return _SyntaxError("nested too deeply to be analysed", 0)
    return [next(iter(item["stmt"].items())) for item in tree.get("stmts", ()) if item.get("stmt")]


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        if char in "([":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]":
            depth -= 1
    return deepest


def _without_templates(text: str) -> str:
    """psql variables and template placeholders replaced, character for character, by what parses in their place."""
    text = _PLACEHOLDER.sub(lambda match: re.sub(r"\W", "_", match[0]), text)
    parts: list[str] = []
    position = 0
    for match in _STRING.finditer(text):
        before = text[position : match.start()]
        # :'name' and :"name" have their colon just before the quote
        parts.append(_PSQL_VARIABLE.sub(" ", before + match[0][0])[:-1] + match[0])
        position = match.end()
    parts.append(_PSQL_VARIABLE.sub(" ", text[position:]))
    return "".join(parts)
