"""Assignments and INTO of a block in, its variables changed out."""

from __future__ import annotations

import re
from typing import Final

from rlslint.replay import plpgsql_approximate as approximate
from rlslint.replay.plpgsql_block import Block, Unset
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_stored import Value
from rlslint.source.model import Raw

_ASSIGNMENT: Final = re.compile(r'\s*("(?:[^"]|"")+"|\w+)((?:\s*\.\s*(?:"[^"]+"|\w+))*)\s*(\[.*?\])?\s*:?=', re.DOTALL)


def code_of(node: Raw, name: str) -> str:
    """The text of an expression or a query in a node of PL/pgSQL."""
    return str(node[name]["PLpgSQL_expr"]["query"])


def store(block: Block, target: Raw, names: list[str], row: list[Value] | None) -> None:
    """Put a row into a record or a list of variables; None puts NULLs."""
    kind, node = next(iter(target.items()))
    if kind == "PLpgSQL_row":
        for number, item in enumerate(node["fields"]):
            value = row[number] if row is not None and number < len(row) else None
            block.variables[item["name"]] = block.typed(item["name"], value)
    elif kind == "PLpgSQL_rec":
        block.variables[node["refname"]] = dict(zip(names, row or [None] * len(names), strict=True))
    else:
        block.variables[node["refname"]] = block.typed(node["refname"], row[0] if row else None)


def unknown_target(block: Block, target: Raw) -> None:
    """Forget the variables of an INTO whose rows are not known."""
    _, names = approximate.assigned([{"into": {"target": target}}])
    block.forget(set(), names)


def assign(block: Block, node: Raw) -> None:
    """An assignment statement; what is not known makes its variable unknown."""
    query = code_of(node, "expr")
    match = _ASSIGNMENT.match(query)
    if match is None:
        return
    name = match[1].strip('"') if match[1].startswith('"') else match[1].lower()
    if name not in block.variables:
        name = block.numbers.get(node["varno"], name)
    try:
        value: Value | Unset = block.value(query[match.end() :])
        if not match[2] and not match[3]:
            value = block.typed(name, value)
    except Undecided as reason:
        block.doubt = str(reason)
        value = Unset(None)
    if match[3]:
        value = _with_element(block, name, match[3][1:-1], value)
    elif match[2]:
        held = block.variables.get(name)
        fields = dict(held) if isinstance(held, dict) else {}
        if isinstance(value, Unset):
            fields.pop(match[2].strip(" ."), None)
        else:
            fields[match[2].strip(" .")] = value
        value = fields
    block.variables[name] = value


def _with_element(block: Block, name: str, subscript: str, value: Value | Unset) -> Value | Unset:
    try:
        number = block.value(subscript)
        _, held = block.read(name)
    except Undecided:
        return Unset(None)
    items = list(held) if isinstance(held, list) else []
    if isinstance(value, Unset) or not isinstance(number, int) or not 0 < number <= len(items) + 1:
        return Unset(None)
    return [*items[: number - 1], value, *items[number:]]
