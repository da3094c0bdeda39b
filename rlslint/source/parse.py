"""Text in, parsed statements and syntax errors out, through libpg_query's JSON (PostgreSQL's own grammar)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from pglast import parser

from rlslint.source.model import Edit, Limits, Problem, Raw, SourceFile, Span, Statement
from rlslint.source.split import split
from rlslint.source.templates import without_templates

MAX_DEPTH: Final = 1_000
"""Brackets of the JSON tree inside each other (an operator takes two, a UNION four): deeper ones are not analysed."""
DATA: Final = {
    "ANALYZE": "VacuumStmt",
    "COMMENT": "CommentStmt",
    "COPY": "CopyStmt",
    "DELETE": "DeleteStmt",
    "INSERT": "InsertStmt",
    "MERGE": "MergeStmt",
    "TRUNCATE": "TruncateStmt",
    "UPDATE": "UpdateStmt",
    "VACUUM": "VacuumStmt",
}
"""Statements told by their first word whose trees are rarely asked for: their syntax is checked, nothing is built."""
_FIRST_WORD: Final = re.compile(r"[A-Za-z]+")
_STARTS: Final = re.compile(
    r"(?:ALTER|COMMENT|COMMIT|CREATE|DELETE|DO|DROP|GRANT|INSERT|REVOKE|UPDATE)\b", re.IGNORECASE
)
_DATA_CHECKED: Final = 1_000_000
"""Characters of a data statement up to which its syntax is checked."""
_TOO_DEEP: Final = "nested too deeply to be analysed"


def parse_script(source: SourceFile, start: int, end: int) -> tuple[list[Statement], list[Problem]]:
    """The statements between two characters of a file, and a problem RLS001 for each that does not parse."""
    statements: list[Statement] = []
    problems: list[Problem] = []
    for first, last in split(source.text, start, end):
        parsed, broken = parse_piece(Span(source, first, last))
        statements += parsed
        problems += broken
    return statements, problems


def parse_piece(
    span: Span,
    text: str | None = None,
    edits: tuple[Edit, ...] = (),
    limits: Limits = Limits(),  # noqa: B008
) -> tuple[list[Statement], list[Problem]]:
    """One statement (or several, where a tool cuts otherwise than PostgreSQL) at ``span``.

    ``text`` is what is sent when it differs from the file's own, ``edits`` tell where.
    """
    sent = span.text if text is None else text
    if len(sent) > limits.statement:
        word = _FIRST_WORD.match(sent)
        if word is None or word[0].upper() not in DATA:
            reason = f"a statement of {len(sent):,} characters, longer than max-statement-size allows"
            return [], [Problem("RLS002", span, f"{reason} ({limits.statement:,})")]
    kind = _data_kind(sent)
    if kind is not None:
        broken = _check(sent) if len(sent) <= _DATA_CHECKED else None
        if broken is None:
            return [Statement(kind, later(sent), sent, span, edits=edits)], []
    parsed = _parse(sent)
    if isinstance(parsed, _SyntaxError):
        plain = without_templates(sent)
        retry = parsed if plain == sent else _parse(plain)
        if isinstance(retry, _SyntaxError):
            return [], [_problem(span, sent, edits, parsed)]
        sent, parsed = plain, retry
    return [Statement(kind, node, sent, span, edits=edits) for kind, node in parsed], []


def parse_synthetic(text: str, span: Span) -> tuple[list[Statement], list[Problem]]:
    """The statements of SQL that code builds or holds; every place in them is ``span``."""
    statements: list[Statement] = []
    problems: list[Problem] = []
    for first, last in split(text, 0, len(text)):
        piece = text[first:last]
        parsed = _parse(piece)
        if isinstance(parsed, _SyntaxError):
            problems.append(Problem(parsed.code, span, parsed.message))
        else:
            statements += [Statement(kind, node, piece, span, synthetic=True) for kind, node in parsed]
    return statements, problems


def parse_plpgsql(text: str) -> Any:
    """The PL/pgSQL parse tree of a CREATE FUNCTION or DO statement; an empty list when it does not parse."""
    for attempt in dict.fromkeys((text, without_templates(text))):
        try:
            return _loads(parser.parse_plpgsql_json(attempt))
        except (parser.ParseError, json.JSONDecodeError, _TooDeep):
            continue
    return []


_VARIADIC: Final = re.compile(r"(?<=[(,\s])variadic(?=\s)", re.IGNORECASE)
_PLPGSQL_ERRORS: Final = {
    "syntax error at ": "42601",
    "missing expression at ": "42601",
    "RETURN ": "42804",
    "cannot use RETURN ": "42804",
    "too many parameters specified for RAISE": "42601",
    "too few parameters specified for RAISE": "42601",
    "unterminated quoted string ": "42601",
    "there is no label ": "42601",
    "duplicate declaration ": "42601",
    "EXIT cannot be used outside a loop": "42601",
    "CONTINUE cannot be used outside a loop": "42601",
}
"""What messages of the PL/pgSQL parser begin with, and PostgreSQL's SQLSTATE for them."""


def plpgsql_error(text: str) -> tuple[str, str] | None:
    """(SQLSTATE, message) of what is wrong in a CREATE FUNCTION's or DO's body in PL/pgSQL, or None.

    That is its syntax and RETURNs that do not fit what it returns. Other complaints are none: the parser has no
    catalog, and takes names that it does not know for mistakes.
    """
    message = None
    # the parser does not know that the type of a VARIADIC parameter is an array
    for attempt in dict.fromkeys((text, without_templates(text), _VARIADIC.sub("", text))):
        try:
            parser.parse_plpgsql_json(attempt)
            return None
        except parser.ParseError as error:
            message = str(error.args[0])
    for start, sqlstate in _PLPGSQL_ERRORS.items():
        if message is not None and message.startswith(start):
            return sqlstate, message
    return None


class _SyntaxError:
    __slots__ = ("code", "message", "offset")

    def __init__(self, message: str, offset: int, code: str = "RLS001") -> None:
        self.message = message
        self.offset = offset
        self.code = code
        """RLS002 where a server would take it and rlslint does not."""


class _TooDeep(Exception):
    pass


def _data_kind(text: str) -> str | None:
    word = _FIRST_WORD.match(text)
    return DATA.get(word[0].upper()) if word else None


def later(text: str) -> Callable[[], Raw]:
    """What parses a text that holds one statement when somebody asks for its tree."""

    def node() -> Raw:
        parsed = _parse(text)
        return {} if isinstance(parsed, _SyntaxError) or not parsed else parsed[0][1]

    return node


def _check(text: str) -> _SyntaxError | None:
    """The syntax error of a statement, without building anything from it; None for one or no statement."""
    if "\0" in text:
        return _nul(text)
    try:
        cut = parser.split(text, with_parser=True)
    except parser.ParseError as error:
        return _from_parser(text, error)
    return None if len(cut) == 1 else _SyntaxError("more than one statement", 0)


def _parse(text: str) -> list[tuple[str, Raw]] | _SyntaxError:
    if "\0" in text:
        return _nul(text)
    try:
        tree = _loads(parser.parse_sql_json(text))
    except parser.ParseError as error:
        return _from_parser(text, error)
    except (json.JSONDecodeError, _TooDeep):
        return _SyntaxError(_TOO_DEEP, 0, "RLS002")
    return [next(iter(item["stmt"].items())) for item in tree.get("stmts", ()) if item.get("stmt")]


def _loads(text: str) -> Any:
    """json.loads, but not of a tree so deep that walking it might end in RecursionError. Raises _TooDeep."""
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise _TooDeep
    try:
        return json.loads(text)
    except RecursionError:
        raise _TooDeep from None


_BRACKET: Final = re.compile(r'"(?:[^"\\]+|\\.)*"|[\[{]+|[\]}]+')


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _BRACKET.finditer(text):
        char = text[match.start()]
        if char in "[{":
            depth += match.end() - match.start()
            deepest = max(deepest, depth)
        elif char != '"':
            depth -= match.end() - match.start()
    return deepest


def _nul(text: str) -> _SyntaxError:
    return _SyntaxError("a NUL character, which PostgreSQL does not accept", text.index("\0"))


def _from_parser(text: str, error: Exception) -> _SyntaxError:
    message, location = (*error.args, None)[:2]
    offset = location if isinstance(location, int) else 0
    said = str(message)
    if said.startswith("memory exhausted"):
        # the grammar's own limit (YYMAXDEPTH), which a server has as well
        return _SyntaxError(_TOO_DEEP, 0)
    if said.startswith("stack depth limit exceeded"):
        return _SyntaxError(_TOO_DEEP, 0, "RLS002")
    if said.endswith("at end of input"):
        offset = len(text) - 1
    elif said.endswith('near "$"'):
        said += ": is $$ meant?"
    elif _STARTS.match(text, offset) and not text[text.rfind("\n", 0, offset) + 1 : offset].strip() and offset:
        said += ": is the semicolon before it missing?"
    return _SyntaxError(said, offset)


def _problem(span: Span, text: str, edits: tuple[Edit, ...], error: _SyntaxError) -> Problem:
    place = Statement("", {}, text, span, edits=edits).span_of(max(error.offset, 0), max(error.offset, 0)).start
    start = min(place, max(span.end - 1, span.start))
    return Problem(error.code, Span(span.source, start, span.end), error.message)
