"""A parsed PL/pgSQL block in, its statements run through the dispatch out, as far as the catalog decides its course."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rlslint.replay import calls, history
from rlslint.replay import plpgsql_approximate as approximate
from rlslint.replay.plpgsql_block import Block, Unset
from rlslint.replay.plpgsql_errors import matches, sqlstate_of
from rlslint.replay.plpgsql_functions import text_of
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_values import truth
from rlslint.replay.plpgsql_views import Value
from rlslint.replay.reads import require_columns
from rlslint.replay.session import DDLError, NotFollowed, Step
from rlslint.source.model import Raw, Statement
from rlslint.source.parse import parse_synthetic

MAX_STATEMENTS: Final = 20_000
_RETURNED: Final = re.compile(r"\bRETURN\s+(?:NEXT\s+)?(\w+)\s*;", re.IGNORECASE)
_ASSIGNMENT: Final = re.compile(r'\s*("(?:[^"]|"")+"|\w+)((?:\s*\.\s*(?:"[^"]+"|\w+))*)\s*(\[.*?\])?\s*:?=', re.DOTALL)


class _Exit(Exception):
    def __init__(self, label: str) -> None:
        self.label = label


class _Continue(_Exit):
    pass


class _Return(Exception):
    pass


def run_block(block: Block, body: list[Raw]) -> None:
    """Run a function's or DO's outermost statements. Raises DDLError when the code raises it."""
    try:
        _run(block, body)
    except _Return:
        return


def _run(block: Block, body: list[Raw]) -> None:
    for item in body:
        kind, node = next(iter(item.items()))
        block.session.ran += 1
        if block.session.ran > MAX_STATEMENTS:
            raise NotFollowed("a block that runs too many statements to be followed")
        handler = _STATEMENTS.get(kind)
        if handler is not None:
            handler(block, node)


def _query(node: Raw, name: str) -> str:
    return str(node[name]["PLpgSQL_expr"]["query"])


def _block(block: Block, node: Raw) -> None:
    exceptions = node.get("exceptions", {}).get("PLpgSQL_exception_block")
    try:
        if exceptions is None:
            _run(block, node.get("body", []))
        else:
            _guarded(block, node, exceptions)
    except _Exit as leave:
        if isinstance(leave, _Continue) or not leave.label or leave.label != node.get("label"):
            raise


def _guarded(block: Block, node: Raw, exceptions: Raw) -> None:
    before = block.session.savepoint()
    rejected = len(block.session.rejected_policies)
    try:
        _run(block, node.get("body", []))
    except DDLError as error:
        for item in exceptions["exc_list"]:
            handler = item["PLpgSQL_exception"]
            names = [one["PLpgSQL_condition"].get("condname", "others") for one in handler["conditions"]]
            if not any(matches(name, error.sqlstate) for name in names):
                continue
            block.session.restore(before)
            if not {"others"}.intersection(names):
                # the author expects just this: nothing to report
                del block.session.rejected_policies[rejected:]
            outer, block.error = block.error, error
            block.variables["sqlstate"] = error.sqlstate
            block.variables["sqlerrm"] = error.message
            _run(block, handler.get("action", []))
            block.error = outer
            return
        raise


def _skip(block: Block, body: list[Raw], reason: str) -> None:
    """Code that may or may not run: noted where it could matter, its variables forgotten."""
    numbers, names = approximate.assigned(body)
    block.forget(numbers, names)
    for item in body:
        for line, code in approximate.relevant(item):
            block.session.note(block.statement, f"not followed, {reason}: {code}", span=block.line_span(line))


def _if(block: Block, node: Raw) -> None:
    arms = [(_query(node, "cond"), node.get("then_body", []))]
    arms += [
        (_query(arm["PLpgSQL_if_elsif"], "cond"), arm["PLpgSQL_if_elsif"].get("stmts", []))
        for arm in node.get("elsif_list", ())
    ]
    rest = [body for _, body in arms]
    for number, (condition, body) in enumerate(arms):
        try:
            holds = truth(block.value(condition))
        except Undecided as reason:
            for skipped in (*rest[number:], node.get("else_body", [])):
                _skip(block, skipped, str(reason))
            return
        if holds:
            _run(block, body)
            return
    _run(block, node.get("else_body", []))


def _case(block: Block, node: Raw) -> None:
    arms = [item["PLpgSQL_case_when"] for item in node.get("case_when_list", ())]
    try:
        if "t_expr" in node:
            block.variables[block.numbers[node["t_varno"]]] = block.value(_query(node, "t_expr"))
        for arm in arms:
            if truth(block.value(_query(arm, "expr"))):
                _run(block, arm.get("stmts", []))
                return
    except Undecided as reason:
        for arm in arms:
            _skip(block, arm.get("stmts", []), str(reason))
        _skip(block, node.get("else_stmts", []), str(reason))
        return
    if not node.get("have_else"):
        raise DDLError("20000", "case not found")
    _run(block, node.get("else_stmts", []))


def _loop_body(block: Block, node: Raw) -> bool:
    """One turn; false when the loop was left."""
    label = node.get("label", "")
    try:
        _run(block, node.get("body", []))
    except _Continue as leave:
        if leave.label not in ("", label):
            raise
    except _Exit as leave:
        if leave.label not in ("", label):
            raise
        return False
    return True


def _loop(block: Block, node: Raw) -> None:
    while True:
        if "cond" in node:
            try:
                if not truth(block.value(_query(node, "cond"))):
                    return
            except Undecided as reason:
                _skip(block, node.get("body", []), str(reason))
                return
        if not _loop_body(block, node):
            return


def _integers(block: Block, node: Raw) -> None:
    try:
        bounds = [block.value(_query(node, name)) for name in ("lower", "upper")]
        step = block.value(_query(node, "step")) if "step" in node else 1
    except Undecided as reason:
        _skip(block, node.get("body", []), str(reason))
        return
    first, last = bounds
    if not isinstance(first, int) or not isinstance(last, int) or not isinstance(step, int) or step < 1:
        return
    name = next(iter(node["var"].values()))["refname"]
    turns = range(first, last - 1, -step) if node.get("reverse") else range(first, last + 1, step)
    for number in turns:
        block.variables[name] = number
        if not _loop_body(block, node):
            return


def _elements(block: Block, node: Raw) -> None:
    name = block.numbers[node["varno"]]
    try:
        items = block.value(_query(node, "expr"))
    except Undecided as reason:
        _skip(block, node.get("body", []), str(reason))
        return
    if not isinstance(items, list):
        return
    for item in items:
        block.variables[name] = item
        if not _loop_body(block, node):
            return


def _rows(block: Block, node: Raw) -> None:
    try:
        query = _query(node, "query")
        if "PLpgSQL_stmt_dynfors" in node:
            query = text_of(block.value(query))
        names, rows = block.rows(query)
    except Undecided as reason:
        _skip(block, node.get("body", []), str(reason))
        return
    for row in rows:
        _store(block, node["var"], names, row)
        if not _loop_body(block, node):
            return


def _dynamic_rows(block: Block, node: Raw) -> None:
    _rows(block, {**node, "PLpgSQL_stmt_dynfors": True})


def _store(block: Block, target: Raw, names: list[str], row: list[Value] | None) -> None:
    """Put a row into a record or a list of variables; None puts NULLs."""
    kind, node = next(iter(target.items()))
    if kind == "PLpgSQL_row":
        for number, item in enumerate(node["fields"]):
            value = row[number] if row is not None and number < len(row) else None
            block.variables[item["name"]] = value
    elif kind == "PLpgSQL_rec":
        block.variables[node["refname"]] = dict(zip(names, row or [None] * len(names), strict=True))
    else:
        block.variables[node["refname"]] = row[0] if row else None


def _unknown_target(block: Block, target: Raw) -> None:
    _, names = approximate.assigned([{"into": {"target": target}}])
    block.forget(set(), names)


def _assign(block: Block, node: Raw) -> None:
    query = _query(node, "expr")
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
    except Undecided:
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


def _sql(block: Block, node: Raw) -> None:
    query = _query(node, "sqlstmt")
    statements, problems = parse_synthetic(query, block.line_span(node.get("lineno", 1)))
    if problems or not statements:
        return
    statement = statements[0]
    if statement.kind == "SelectStmt" and "target" in node:
        _into(block, node, query)
        return
    if "target" in node:
        _unknown_target(block, node["target"])
    block.forget(set(), {"found"})
    span = block.place(query, node.get("lineno", 1))
    if span is not None:
        statement = Statement(statement.kind, statement.node, statement.text, span)
    dispatch(block, statement)


def _into(block: Block, node: Raw, query: str) -> None:
    try:
        names, rows = block.rows(query)
    except Undecided:
        _unknown_target(block, node["target"])
        block.forget(set(), {"found"})
        return
    if node.get("strict") and len(rows) != 1:
        raise DDLError(*(("P0002", "query returned no rows") if not rows else ("P0003", "more than one row")))
    block.variables["found"] = bool(rows)
    _store(block, node["target"], names, rows[0] if rows else None)


def _dynamic(block: Block, node: Raw) -> None:
    query = _query(node, "query")
    span = block.line_span(node.get("lineno", 1))
    try:
        text = block.value(query)
    except Undecided as reason:
        shown = approximate.text(block.scope(), query, block.statement.span)
        if "target" in node:
            _unknown_target(block, node["target"])
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
        _unknown_target(block, node["target"])
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
        require_columns(session, statement, block.variables)
    try:
        session.run(statement)
    except NotFollowed as reason:
        session.restore(before)
        session.note(block.statement, str(reason), span=statement.span)
        return
    session.steps.append(Step(session.migration, statement, None, True))


def _perform(block: Block, node: Raw) -> None:
    block.forget(set(), {"found"})
    query = _query(node, "expr")
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


def _exit(block: Block, node: Raw) -> None:
    if "cond" in node:
        try:
            if not truth(block.value(_query(node, "cond"))):
                return
        except Undecided:
            # the turn goes on as if nobody left: what follows is then followed once more than needed at most
            return
    label = node.get("label", "")
    raise _Exit(label) if node.get("is_exit") else _Continue(label)


def _return(block: Block, node: Raw) -> None:
    block.result = _returned(block, node) if "lineno" in node else None
    raise _Return


def _returned(block: Block, node: Raw) -> Value | Unset:
    """What RETURN or RETURN NEXT gives. The tree leaves a plain variable out: it stands in the source."""
    if "expr" in node:
        query = _query(node, "expr")
    else:
        line = block.body.split("\n")[node["lineno"] - 1 : node["lineno"] + 1]
        found = _RETURNED.findall("\n".join(line))
        if not found:
            return None
        if len(found) > 1 or not found[0]:
            return Unset(None)
        query = found[0]
    try:
        return block.value(query)
    except Undecided:
        return Unset(None)


def _return_next(block: Block, node: Raw) -> None:
    value = _returned(block, node)
    if isinstance(value, Unset):
        block.returned = None
    elif block.returned is not None:
        block.returned.append(list(value.values()) if isinstance(value, dict) else [value])


def _return_query(block: Block, node: Raw) -> None:
    try:
        query = _query(node, "query") if "query" in node else text_of(block.value(_query(node, "dynquery")))
        _, rows = block.rows(query)
    except Undecided:
        block.returned = None
        return
    if block.returned is not None:
        block.returned += rows


def _raise(block: Block, node: Raw) -> None:
    if node.get("elog_level", 21) < 21:
        return
    if "message" not in node and "condname" not in node and not node.get("options"):
        if block.error is not None:
            raise block.error
        return
    sqlstate = sqlstate_of(node["condname"]) if "condname" in node else "P0001"
    message = str(node.get("message", node.get("condname", "")))
    for item in node.get("options", ()):
        option = item["PLpgSQL_raise_option"]
        try:
            value = text_of(block.value(_query(option, "expr")))
        except Undecided:
            continue
        if option.get("opt_type", 0) == 0:
            sqlstate = sqlstate_of(value)
        elif option["opt_type"] == 1:
            message = value
    for item in node.get("params", ()):
        try:
            shown = text_of(block.value(str(item["PLpgSQL_expr"]["query"])))
        except Undecided:
            shown = "?"
        message = message.replace("%", shown, 1)
    raise DDLError(sqlstate, message)


def _diagnostics(block: Block, node: Raw) -> None:
    for item in node.get("diag_items", ()):
        block.forget({item["PLpgSQL_diag_item"].get("target", -1)}, set())


def _assert(block: Block, node: Raw) -> None:
    try:
        if truth(block.value(_query(node, "cond"))) is not True:
            raise DDLError("P0004", "assertion failed")
    except Undecided:
        return


_STATEMENTS: Final[dict[str, Callable[[Block, Raw], None]]] = {
    "PLpgSQL_stmt_block": _block,
    "PLpgSQL_stmt_if": _if,
    "PLpgSQL_stmt_case": _case,
    "PLpgSQL_stmt_loop": _loop,
    "PLpgSQL_stmt_while": _loop,
    "PLpgSQL_stmt_fori": _integers,
    "PLpgSQL_stmt_foreach_a": _elements,
    "PLpgSQL_stmt_fors": _rows,
    "PLpgSQL_stmt_dynfors": _dynamic_rows,
    "PLpgSQL_stmt_assign": _assign,
    "PLpgSQL_stmt_execsql": _sql,
    "PLpgSQL_stmt_dynexecute": _dynamic,
    "PLpgSQL_stmt_perform": _perform,
    "PLpgSQL_stmt_exit": _exit,
    "PLpgSQL_stmt_return": _return,
    "PLpgSQL_stmt_return_next": _return_next,
    "PLpgSQL_stmt_return_query": _return_query,
    "PLpgSQL_stmt_call": _perform,
    "PLpgSQL_stmt_raise": _raise,
    "PLpgSQL_stmt_getdiag": _diagnostics,
    "PLpgSQL_stmt_assert": _assert,
}
