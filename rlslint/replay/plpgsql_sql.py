"""SQL statements of a block, EXECUTE, PERFORM and CALL in; the dispatch is given what can be followed of them."""

from __future__ import annotations

from itertools import takewhile
from typing import Final

from rlslint.catalog.catalog import PG_CATALOG
from rlslint.nodes.primnodes import Oid
from rlslint.replay import calls, history
from rlslint.replay import plpgsql_approximate as approximate
from rlslint.replay.plpgsql_assign import code_of, store, unknown_target
from rlslint.replay.plpgsql_block import Block, Unset
from rlslint.replay.plpgsql_functions import text_of
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_select import select as select_rows
from rlslint.replay.plpgsql_stored import Value
from rlslint.replay.reads import require_columns
from rlslint.replay.session import DDLError, NotFollowed, Step
from rlslint.source.model import Raw, Statement
from rlslint.source.parse import parse_synthetic

_WHOLE: Final = frozenset({"sortClause", "distinctClause", "groupClause", "valuesLists", "larg", "withClause"})
"""What may hang on all columns of a query at once."""


def sql(block: Block, node: Raw) -> None:
    """A SQL statement of the block itself."""
    query = code_of(node, "sqlstmt")
    statements, problems = parse_synthetic(query, block.line_span(node.get("lineno", 1)))
    if problems or not statements:
        return
    statement = statements[0]
    if statement.kind == "SelectStmt" and "target" in node:
        _into(block, node, query)
        return
    if "target" in node:
        unknown_target(block, node["target"])
    block.forget(set(), {"found"})
    span = block.place(query, node.get("lineno", 1))
    if span is not None:
        statement = Statement(statement.kind, statement.node, statement.text, span)
    dispatch(block, statement)


def _into(block: Block, node: Raw, query: str) -> None:
    try:
        names, rows = block.rows(query)
    except Undecided as reason:
        block.doubt = str(reason)
        if not _partly_into(block, node, query):
            unknown_target(block, node["target"])
            block.forget(set(), {"found"})
        return
    if node.get("strict") and len(rows) != 1:
        raise DDLError(*(("P0002", "query returned no rows") if not rows else ("P0003", "more than one row")))
    block.variables["found"] = bool(rows)
    store(block, node["target"], names, rows[0] if rows else None)


def _partly_into(block: Block, node: Raw, query: str) -> bool:
    """Where some columns of a query are known and others are not, the former, and whether there is a row; False where
    nothing is."""
    fields = node["target"].get("PLpgSQL_row", {}).get("fields", [])
    select = parse_synthetic(query, block.statement.span)[0][0].node
    targets = select.get("targetList", [])
    if len(fields) != len(targets) or node.get("strict") or not select.keys().isdisjoint(_WHOLE):
        return False
    known: dict[str, Value] = {}
    count = None
    for field, target in zip(fields, targets, strict=True):
        try:
            _, rows = select_rows({**select, "targetList": [target]}, block.scope())
        except Undecided:
            continue
        count = len(rows)
        known[field["name"]] = block.typed(field["name"], rows[0][0] if rows else None)
    if count is None:
        return False
    # no row: NULL, whatever is selected
    for field in fields:
        block.variables[field["name"]] = known.get(field["name"], None if count == 0 else Unset(None))
    block.variables["found"] = count > 0
    return True


def dynamic(block: Block, node: Raw) -> None:
    """EXECUTE of a text. Raises DDLError for one that is null or does not parse."""
    query = code_of(node, "query")
    span = block.line_span(node.get("lineno", 1))
    try:
        text = block.value(query)
    except Undecided as reason:
        block.doubt = str(reason)
        shown = approximate.text(block.scope(), query, block.statement.span)
        if "target" in node:
            unknown_target(block, node["target"])
        if approximate.could_matter(shown):
            block.session.note(block.statement, f"dynamic SQL, {reason}: {approximate.shorten(shown)}", span=span)
        return
    if text is None:
        raise DDLError("22004", "query string argument of EXECUTE is null")
    statements, problems = parse_synthetic(text_of(text), span)
    if problems:
        raise DDLError("42601", problems[0].reason)
    if "target" in node:
        if len(statements) == 1 and statements[0].kind == "SelectStmt" and not node.get("params"):
            _into(block, node, text_of(text))
            return
        unknown_target(block, node["target"])
    for statement in statements:
        if statement.kind == "TransactionStmt":
            raise DDLError("0A000", "EXECUTE of transaction commands is not implemented")
        dispatch(block, statement)


def dispatch(block: Block, statement: Statement) -> None:
    """Run one statement of a block. What cannot be followed is noted. Raises DDLError."""
    session = block.session
    if statement.kind not in session.handlers:
        return
    before = session.savepoint()
    if statement.kind in history.HANDLERS:
        block.doubt = "its rows are not known"
        require_columns(session, statement, block.variables)
    outer, session.params = session.params, _params(block)
    try:
        session.run(statement)
    except NotFollowed as reason:
        session.restore(before)
        session.note(block.statement, str(reason), span=statement.span)
        return
    finally:
        session.params = outer
    session.steps.append(Step(session.migration, statement, None, True))


def _params(block: Block) -> tuple[tuple[str, Oid], ...]:
    """The block's variables, as parameters of its queries."""
    numbered = (f"${number}" for number in range(1, len(block.variables) + 1))
    arguments = list(takewhile(block.variables.__contains__, numbered))
    types = block.session.catalog.types
    found = [(name, types.first("name", (PG_CATALOG, block.types.get(name, "")))) for name in block.variables]
    return (*((name, 0) for name in arguments), *((name, row.oid if row else 0) for name, row in found))


def perform(block: Block, node: Raw) -> None:
    """PERFORM and CALL."""
    _call(block, node)
    block.doubt = "what is called is not followed whole"


def _call(block: Block, node: Raw) -> None:
    block.forget(set(), {"found"})
    query = code_of(node, "expr")
    span = block.line_span(node.get("lineno", 1))
    statements, problems = parse_synthetic(query, span)
    for statement in [] if problems else statements:
        if statement.kind == "CallStmt":
            calls.call(block.session, statement, block.scope())
        if statement.kind != "SelectStmt":
            continue
        if "fromClause" not in statement.node:
            calls.select(block.session, statement, block.scope())
            continue
        try:
            _, rows = block.rows(query)
        except Undecided:
            continue
        block.variables["found"] = bool(rows)
