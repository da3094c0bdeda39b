"""A PL/pgSQL function's tree and source in, which variables each of its blocks declares out.

The tree numbers all variables of a function in one list and does not say whose they are (PLpgSQL_stmt_block's initvarnos
is left out of it), so that is read from the source: what stands between a DECLARE and the BEGIN after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rlslint.records import dataclass
from rlslint.source.extent import tokens
from rlslint.source.model import Raw

_KINDS: Final = ("PLpgSQL_var", "PLpgSQL_rec")


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable."""

    name: str
    default: str | None
    """The default's source."""
    typname: str
    """Its type as the tree names it; empty for a record."""


def declarations(function: Raw, body: str) -> tuple[Mapping[int, tuple[Variable, ...]], frozenset[int]]:
    """By the id of a block's node what the block declares, and the numbers of all these variables.

    Both are empty where source and tree do not tell the same blocks.
    """
    blocks = list(_blocks(function["action"]))
    sections = list(_sections(body))
    if len(blocks) != len(sections):
        return {}, frozenset()
    datums = [next(iter(item.items())) for item in function.get("datums", ())]
    found: dict[int, tuple[Variable, ...]] = {}
    numbers: set[int] = set()
    at = 0
    for node, names in zip(blocks, sections, strict=True):
        own = []
        for name in names:
            number = next((n for n in range(at, len(datums)) if _is(datums[n], name)), None)
            if number is not None:
                # what has no datum is another name for a parameter (ALIAS FOR)
                own.append(_variable(datums[number][1]))
                numbers.add(number)
                at = number + 1
        if own:
            found[id(node)] = tuple(own)
    return found, frozenset(numbers)


def _is(datum: tuple[str, Raw], name: str) -> bool:
    return datum[0] in _KINDS and datum[1].get("refname") == name


def _variable(node: Raw) -> Variable:
    default = node.get("default_val", {}).get("PLpgSQL_expr", {}).get("query")
    typname = node.get("datatype", {}).get("PLpgSQL_type", {}).get("typname", "")
    return Variable(node["refname"], default, typname)


def is_array(typname: str) -> bool:
    """Whether a variable's type is an array, as the tree names it."""
    return typname.startswith("_") or typname.endswith("[]")


def _blocks(tree: Any) -> Iterator[Raw]:
    """The blocks that are written, as their BEGINs follow each other; one that is not has no line (add_dummy_return)."""
    if isinstance(tree, list):
        for item in tree:
            yield from _blocks(item)
    elif isinstance(tree, dict):
        for kind, node in tree.items():
            if kind == "PLpgSQL_stmt_block" and "lineno" in node:
                yield node
            yield from _blocks(node)


def _sections(body: str) -> Iterator[list[str]]:
    """For each BEGIN the names that are declared before it."""
    names: list[str] = []
    declaring = fresh = False
    stream = tokens(body)
    for at, token in enumerate(stream):
        word = body[token.start : token.end]
        if token.name == "DECLARE":
            declaring = fresh = True
        elif token.name == "BEGIN_P":
            if stream[at + 1 : at + 2] and stream[at + 1].name == "ATOMIC":
                continue
            yield names
            names, declaring = [], False
        elif declaring and fresh:
            names.append(word[1:-1].replace('""', '"') if word.startswith('"') else word.lower())
            fresh = False
        elif declaring and word == ";":
            fresh = True
