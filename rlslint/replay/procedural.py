"""DO blocks in, the statements they run replayed out, followed statically."""

from __future__ import annotations

from typing import Final

from rlslint.replay import plpgsql_approximate as approximate
from rlslint.replay.names import options, word
from rlslint.replay.plpgsql_block import Block, declare
from rlslint.replay.plpgsql_exec import run_block
from rlslint.replay.plpgsql_source import Places, parsed
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.source.model import Statement
from rlslint.source.parse import plpgsql_error


def do(session: Session, statement: Statement) -> None:
    """DO. Raises DDLError when the block ends in an error; what depends on data is noted."""
    language = "plpgsql"
    body = ""
    for name, element in options(statement.node["args"]):
        if name == "language":
            language = word(element).lower()
        elif name == "as":
            body = word(element)
    function = parsed(statement.text) if language == "plpgsql" else None
    if function is None and language == "plpgsql" and session.require_known is not None:
        error = plpgsql_error(statement.text)
        if error is not None:
            raise DDLError(*error)
    if function is None:
        if approximate.could_matter(body):
            session.note(statement, f"a DO block that cannot be followed: {approximate.shorten(body)}")
        return
    places = Places(statement, body)
    block = Block(session, statement, places.find, places.line, body=body)
    declare(block, function)
    run_block(block, [function["action"]])


HANDLERS: Final[dict[str, Handler]] = {"DoStmt": do}
