"""A statement and one of its expression nodes in, the characters that the expression takes up in the text out.

libpg_query tells one place a node (an operator's, say); the rest comes from the tokens around it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from typing import Any, Final

from pglast import parser

from rlslint.source.model import Raw, Statement

_OPEN: Final = {"ASCII_40": "ASCII_41", "ASCII_91": "ASCII_93"}
_TAIL: Final = {
    # nodes whose last tokens have no place of their own
    "NullTest": ("IS", "ISNULL", "NOTNULL", "NOT", "NULL_P"),
    "BooleanTest": ("IS", "NOT", "TRUE_P", "FALSE_P", "UNKNOWN"),
}
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")


class Token:
    """One token: character offsets (end exclusive) and libpg_query's name for it."""

    __slots__ = ("end", "name", "start")

    def __init__(self, start: int, end: int, name: str) -> None:
        self.start = start
        self.end = end
        self.name = name


@lru_cache(maxsize=256)
def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text without comments; () when it cannot be scanned."""
    # the scanner's places cost a pass over the text each where it is not ASCII, and no token's kind or place depends
    # on which letter stands there
    try:
        found = parser.scan(_NOT_ASCII.sub("x", text))
    except parser.ParseError:
        return ()
    return tuple(Token(t.start, t.end + 1, t.name) for t in found if t.name not in ("SQL_COMMENT", "C_COMMENT"))


def expression_extent(statement: Statement, raw: Raw) -> tuple[int, int]:
    """Character offsets of the expression in ``statement.text``; (-1, -1) when the node has no place.

    Parentheses around the whole expression are left out, those that belong to it (a subquery's, a call's) are in.
    """
    known = statement.extents.get(id(raw))
    if known is None:
        known = statement.extents[id(raw)] = raw, _extent(statement, raw)
    return known[1]


def _extent(statement: Statement, raw: Raw) -> tuple[int, int]:
    locations = sorted(statement.offset(location) for location in _locations(raw))
    if not locations:
        return -1, -1
    stream = tokens(statement.text)
    if not stream:
        return locations[0], len(statement.text)
    starts = [token.start for token in stream]
    first = _index(starts, locations[0])
    last = _index(starts, locations[-1])
    if stream[last].name == "COLLATE" and last + 1 < len(stream):
        # the collation's name has no place
        last += 1
    last = _operand_end(stream, last)
    first, last = _balance(stream, first, last)
    last = _tail(stream, raw, last)
    return stream[first].start, stream[last].end


def _locations(node: Any) -> list[int]:
    """Every place in the tree; a tag whose fields carry none takes no part. A missing location is 0."""
    found: list[int] = []
    stack: list[Any] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
            continue
        if not isinstance(item, dict):
            continue
        for tag, fields in item.items():
            if not isinstance(fields, (dict, list)):
                continue
            if tag in _PLACED and isinstance(fields, dict) and fields.get("location", 0) >= 0:
                found.append(fields.get("location", 0))
            stack.append(fields)
    return found


_PLACED: Final = frozenset(
    {
        "A_Const",
        "A_Expr",
        "A_ArrayExpr",
        "BoolExpr",
        "BooleanTest",
        "CaseExpr",
        "CaseWhen",
        "CoalesceExpr",
        "CollateClause",
        "ColumnRef",
        "FuncCall",
        "MinMaxExpr",
        "NullTest",
        "ParamRef",
        "RangeVar",
        "ResTarget",
        "RowExpr",
        "SQLValueFunction",
        "SubLink",
        "TypeCast",
        "TypeName",
        "typeName",
        "XmlExpr",
        "SortBy",
    }
)


def _index(starts: list[int], offset: int) -> int:
    """The token that starts at the offset, or the one before it."""
    index = bisect_left(starts, offset)
    if index == len(starts) or starts[index] > offset:
        index -= 1
    return max(index, 0)


def _operand_end(stream: tuple[Token, ...], index: int) -> int:
    """From an operand's first token to its last: dotted names, call arguments, subscripts, type modifiers."""
    while index + 1 < len(stream):
        following = stream[index + 1].name
        if following == "ASCII_46" and index + 2 < len(stream):
            index += 2
        elif following in _OPEN and (stream[index].name not in ("ASCII_44", *_OPEN)):
            if following == "ASCII_40" and not _callable(stream, index):
                break
            index = _closing(stream, index + 1)
        elif stream[index].name == "EXISTS" and following == "ASCII_40":
            index = _closing(stream, index + 1)
        else:
            break
    if stream[index].name in _OPEN:
        index = _closing(stream, index)
    return index


def _callable(stream: tuple[Token, ...], index: int) -> bool:
    name = stream[index].name
    return name in ("IDENT", "ASCII_41", "ASCII_93", "IN_P", "ANY", "SOME", "ALL") or not (
        name.startswith("ASCII_")
        or name in ("AND", "OR", "NOT", "Op", "SCONST", "ICONST", "WHERE", "ON", "WHEN", "THEN")
    )


def _closing(stream: tuple[Token, ...], index: int) -> int:
    """The token that closes the bracket at ``index``; the last token when none does."""
    depth = 0
    for position in range(index, len(stream)):
        name = stream[position].name
        if name in _OPEN:
            depth += 1
        elif name in ("ASCII_41", "ASCII_93"):
            depth -= 1
            if depth == 0:
                return position
    return len(stream) - 1


def _balance(stream: tuple[Token, ...], first: int, last: int) -> tuple[int, int]:
    """Widen to the brackets and CASE ... END that were opened or closed inside."""
    depth = lowest = 0
    cases = 0
    for token in stream[first : last + 1]:
        if token.name in _OPEN:
            depth += 1
        elif token.name in ("ASCII_41", "ASCII_93"):
            depth -= 1
            lowest = min(lowest, depth)
        elif token.name == "CASE":
            cases += 1
        elif token.name == "END_P":
            cases -= 1
    for _ in range(-lowest):
        first = _opening(stream, first)
    depth -= lowest
    while (depth > 0 or cases > 0) and last + 1 < len(stream):
        last += 1
        name = stream[last].name
        if name in _OPEN:
            depth += 1
        elif name in ("ASCII_41", "ASCII_93"):
            depth -= 1
        elif name == "CASE":
            cases += 1
        elif name == "END_P":
            cases -= 1
    return first, last


def _opening(stream: tuple[Token, ...], first: int) -> int:
    depth = 0
    for position in range(first - 1, -1, -1):
        name = stream[position].name
        if name in ("ASCII_41", "ASCII_93"):
            depth += 1
        elif name in _OPEN:
            if depth == 0:
                return position
            depth -= 1
    return first


def _tail(stream: tuple[Token, ...], raw: Raw, last: int) -> int:
    words: tuple[str, ...] = _TAIL.get(next(iter(raw), ""), ())
    if stream[last].name in ("IS", "ISNULL", "NOTNULL"):
        # the last operand is a test of its own
        words = tuple(word for tail in _TAIL.values() for word in tail)
    while last + 1 < len(stream) and stream[last + 1].name in words:
        last += 1
    return last
