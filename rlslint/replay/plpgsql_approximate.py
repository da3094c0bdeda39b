"""Code that cannot be followed in; what it would say, whether that could matter, and which variables it sets out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from rlslint.replay.plpgsql_functions import text_of
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_values import Scope, evaluate
from rlslint.replay.session import DDLError
from rlslint.source.model import Raw, Span
from rlslint.source.parse import parse_synthetic

UNKNOWN: Final = "\N{HORIZONTAL ELLIPSIS}"
"""Stands for a part of a text that is not known."""
_MATTERS: Final = re.compile(
    r"\bpolicy\b|\brow\s+level\s+security\b|\balter\s+table\b|\b(?:create|drop)\s+(?:unlogged\s+|unique\s+)?(?:table|index)\b",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(r"\balter\s+publication\b[^;]*", re.IGNORECASE)
"""Says TABLE and DROP, and touches neither a table nor a policy."""
_CHANGES: Final = re.compile(r"\b(?:create|alter|drop|grant|revoke|execute|reassign)\b", re.IGNORECASE)
_CALLED: Final = re.compile(r"(\w+)\"?\s*\(")
_FORMAT: Final = re.compile(r"%(?:(\d+)\$)?-?\d*[sIL]")


def could_matter(code: str) -> bool:
    """Whether code, as far as it is known, could touch policies, row security, tables or indexes."""
    known = code.replace(UNKNOWN, "").strip()
    return not known or _matters(code) or not re.search(r"[A-Za-z]{3}", known)


def _matters(code: str) -> bool:
    return bool(_MATTERS.search(_HARMLESS.sub("", code)))


def could_change(code: str) -> bool:
    """Whether code could change the catalog at all: it holds a word of DDL, or runs text."""
    return bool(_CHANGES.search(code))


def called(code: str) -> frozenset[str]:
    """Names that code may call as functions or procedures, in lower case as they are written."""
    return frozenset(name.lower() for name in _CALLED.findall(code))


def shorten(code: str) -> str:
    """One line for a message."""
    flat = " ".join(code.split())
    return flat if len(flat) <= 120 else flat[:119] + UNKNOWN


def relevant(node: Any, *, strict: bool = False) -> Iterator[tuple[int, str]]:
    """(line, code) of the statements in a skipped piece of a block that could matter; ``strict``: change anything."""
    if isinstance(node, list):
        for item in node:
            yield from relevant(item, strict=strict)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in ("PLpgSQL_stmt_execsql", "PLpgSQL_stmt_dynexecute"):
            expr = value.get("sqlstmt", value.get("query"))
            code = expr["PLpgSQL_expr"]["query"]
            if could_change(code) if strict else _matters(code):
                yield value.get("lineno", 1), shorten(code)
        elif strict and key == "PLpgSQL_stmt_raise" and value.get("elog_level", 21) >= 21:
            yield value.get("lineno", 1), "RAISE"
        else:
            yield from relevant(value, strict=strict)


def assigned(node: Any) -> tuple[set[int], set[str]]:
    """Numbers and names of the variables that a piece of a block may set."""
    numbers: set[int] = set()
    names: set[str] = set()
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
            continue
        if not isinstance(one, dict):
            continue
        for key, value in one.items():
            if key == "PLpgSQL_stmt_assign" or key == "PLpgSQL_stmt_foreach_a":
                numbers.add(value.get("varno", 0))
            if key in ("target", "var") and isinstance(value, dict):
                inner = next(iter(value.values()))
                names.update(item["name"] for item in inner.get("fields", ()))
                names.add(inner.get("refname", ""))
            stack.append(value)
    return numbers, names - {""}


def text(scope: Scope, query: str, span: Span) -> str:
    """A text expression's value with `UNKNOWN` for every part that is not known."""
    statements, problems = parse_synthetic(f"SELECT {query}", span)
    if problems or not statements or statements[0].kind != "SelectStmt":
        return UNKNOWN
    return _text(scope, statements[0].node["targetList"][0]["ResTarget"]["val"])


def _text(scope: Scope, raw: Raw) -> str:
    try:
        return text_of(evaluate(scope, raw))
    except (Undecided, DDLError):
        pass
    kind, node = next(iter(raw.items()))
    if kind == "A_Expr" and node.get("name", [{}])[-1].get("String", {}).get("sval") == "||":
        return _text(scope, node["lexpr"]) + _text(scope, node["rexpr"])
    if kind == "FuncCall" and node["funcname"][-1]["String"]["sval"] == "format" and node.get("args"):
        return _formatted([_text(scope, arg) for arg in node["args"]])
    if kind == "TypeCast":
        return _text(scope, node["arg"])
    return UNKNOWN


def _formatted(args: list[str]) -> str:
    taken = 0

    def one(match: re.Match[str]) -> str:
        nonlocal taken
        taken = int(match[1]) if match[1] else taken + 1
        return args[taken] if taken < len(args) else UNKNOWN

    return _FORMAT.sub(one, args[0])
