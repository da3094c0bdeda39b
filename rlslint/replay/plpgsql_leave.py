"""Code of a block that may or may not run in; what it would do noted, and whether it may leave the block, out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from rlslint.replay import plpgsql_approximate as approximate
from rlslint.replay.plpgsql_block import Block
from rlslint.replay.plpgsql_errors import sqlstate_of
from rlslint.replay.session import DDLError
from rlslint.source.model import Raw

_LOOPS = ("PLpgSQL_stmt_loop", "PLpgSQL_stmt_while", "PLpgSQL_stmt_fori", "PLpgSQL_stmt_foreach_a",
          "PLpgSQL_stmt_fors", "PLpgSQL_stmt_dynfors", "PLpgSQL_stmt_forc")  # fmt: skip


class MayLeave(Exception):
    """A RETURN, EXIT or CONTINUE that depends on what is not known: what follows it may not run."""

    def __init__(self, kind: Literal["return", "exit", "continue"], label: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.label = label
        self.reason = reason


class Raised(DDLError):
    """An error that RAISE makes, not one that a statement meets."""


def may_fail_with_data(condition: str) -> bool:
    """Whether rows or a function's own checks may raise what WHEN ``condition`` catches, other than DDL's errors."""
    return condition.lower() == "others" or sqlstate_of(condition)[:2] not in ("42", "0A", "0L", "2B", "3D", "3F")


def skip(block: Block, body: list[Any], *, reason: str, leave: MayLeave | None = None, inside: bool = False) -> None:
    """Code that may or may not run: noted where it could matter, its variables forgotten.

    Raises MayLeave where it may leave the code around it: ``leave``, which led here, before all. ``inside``: the code
    is a loop's own body, and what leaves that loop is done with.
    """
    block.forget(*approximate.assigned(body))
    noted = {(one.span.start, one.reason) for one in block.session.problems[-50:]}
    for line, code in approximate.relevant(body, strict=block.session.require_known is not None):
        span = block.line_span(line)
        text = f"not followed, {reason}: {code}"
        if (span.start, text) not in noted:
            block.session.note(block.statement, text, span=span)
    if any(kind in ("PLpgSQL_stmt_return_next", "PLpgSQL_stmt_return_query") for kind, _ in _statements(body)):
        block.returned = None
    if leave is not None:
        raise leave
    for one in _leaving(body, "" if not inside else None, reason):
        raise one


def _leaving(tree: Any, loop: str | None, reason: str, labels: frozenset[str] = frozenset()) -> Iterator[MayLeave]:
    """The ways out of a piece of code; ``loop`` is None inside a loop of its own, ``labels`` are those of its own."""
    if isinstance(tree, list):
        for item in tree:
            yield from _leaving(item, loop, reason, labels)
        return
    if not isinstance(tree, dict):
        return
    for kind, node in tree.items():
        match kind:
            case "PLpgSQL_stmt_return" if "lineno" in node:
                yield MayLeave("return", "", reason)
            case "PLpgSQL_stmt_exit":
                label = node.get("label", "")
                if (label and label not in labels) or (not label and loop is not None):
                    yield MayLeave("exit" if node.get("is_exit") else "continue", label, reason)
            case _:
                own = labels | {node["label"]} if isinstance(node, dict) and "label" in node else labels
                yield from _leaving(node, None if kind in _LOOPS else loop, reason, own)


def _statements(tree: Any) -> Iterator[tuple[str, Raw]]:
    stack = [tree]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, dict):
            yield from one.items()
            stack.extend(one.values())
