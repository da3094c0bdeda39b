"""A parsed PL/pgSQL block in, its statements run through the dispatch out, as far as the catalog decides its course."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rlslint.replay import plpgsql_approximate as approximate
from rlslint.replay.plpgsql_assign import assign, code_of, store
from rlslint.replay.plpgsql_block import Block, Unset, entered
from rlslint.replay.plpgsql_errors import matches, sqlstate_of
from rlslint.replay.plpgsql_functions import text_of
from rlslint.replay.plpgsql_leave import MayLeave, Raised, may_fail_with_data, skip
from rlslint.replay.plpgsql_operators import truth
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_sql import dynamic, perform, sql
from rlslint.replay.plpgsql_stored import Value
from rlslint.replay.session import DDLError, NotFollowed
from rlslint.source.model import Raw

MAX_STATEMENTS: Final = 20_000
_RETURNED: Final = re.compile(r"\bRETURN\s+(?:NEXT\s+)?(\w+)\s*;", re.IGNORECASE)
_BARE_NEXT: Final = "next"
"""What `_RETURNED` takes for a variable in a RETURN NEXT that gives the OUT parameters."""


class _Exit(Exception):
    def __init__(self, label: str) -> None:
        self.label = label


class _Continue(_Exit):
    pass


class _Return(Exception):
    pass


def run_block(block: Block, body: list[Raw]) -> None:
    """Run a function's or DO's outermost statements. Raises DDLError when the code raises it."""
    steps = len(block.session.steps)
    try:
        _run(block, body)
    except _Return:
        return
    except MayLeave:
        block.result, block.returned = Unset(None), None
    except DDLError:
        del block.session.steps[steps:]
        raise


def _run(block: Block, body: list[Raw]) -> None:
    for number, item in enumerate(body):
        kind, node = next(iter(item.items()))
        block.session.ran += 1
        if block.session.ran > MAX_STATEMENTS:
            raise NotFollowed("a block that runs too many statements to be followed")
        handler = _STATEMENTS.get(kind)
        if handler is None:
            continue
        try:
            handler(block, node)
        except MayLeave as leave:
            # what follows runs only where the code was not left
            skip(block, body[number + 1 :], reason=leave.reason, leave=leave)


def _block(block: Block, node: Raw) -> None:
    exceptions = node.get("exceptions", {}).get("PLpgSQL_exception_block")
    try:
        with entered(block, node):
            if exceptions is None:
                _run(block, node.get("body", []))
            else:
                _guarded(block, node, exceptions)
    except _Exit as leave:
        if isinstance(leave, _Continue) or not leave.label or leave.label != node.get("label"):
            raise
    except MayLeave as leave:
        if leave.kind != "exit" or not leave.label or leave.label != node.get("label"):
            raise


def _guarded(block: Block, node: Raw, exceptions: Raw) -> None:
    """A block with EXCEPTION. After something that was not followed in it, an error may have led to a handler."""
    session = block.session
    before, rejected, steps = session.savepoint(), len(session.rejected_policies), len(session.steps)
    handlers = [item["PLpgSQL_exception"] for item in exceptions["exc_list"]]
    outer, block.doubt = block.doubt, ""
    try:
        _run(block, node.get("body", []))
    except DDLError as error:
        doubt, block.doubt = block.doubt, outer
        handler = _handler_of(handlers, error.sqlstate)
        if doubt and isinstance(error, Raised):
            # where it is reached nothing failed before it; else whatever failed came to a handler
            handler = handlers[0] if len(handlers) == 1 else None
        if handler is None and not (doubt and isinstance(error, Raised)):
            raise
        session.restore(before)
        del session.steps[steps:]
        if handler is None:
            skip(block, [one.get("action", []) for one in handlers], reason=doubt)
            return
        if "others" not in _conditions(handler):
            # the author expects just this: nothing to report
            del session.rejected_policies[rejected:]
        running, block.error = block.error, error
        block.variables["sqlstate"] = Unset(None) if doubt else error.sqlstate
        block.variables["sqlerrm"] = Unset(None) if doubt else error.message
        _run(block, handler.get("action", []))
        block.error = running
        return
    doubt, block.doubt = block.doubt, outer
    if doubt and any(may_fail_with_data(name) for one in handlers for name in _conditions(one)):
        if session.require_known is not None:
            skip(block, [one.get("action", []) for one in handlers], reason=doubt)
        for one in handlers:
            block.forget(*approximate.assigned(one.get("action", [])))


def _conditions(handler: Raw) -> list[str]:
    return [one["PLpgSQL_condition"].get("condname", "others") for one in handler["conditions"]]


def _handler_of(handlers: list[Raw], sqlstate: str) -> Raw | None:
    for handler in handlers:
        if any(matches(name, sqlstate) for name in _conditions(handler)):
            return handler
    return None


def _if(block: Block, node: Raw) -> None:
    arms = [(code_of(node, "cond"), node.get("then_body", []))]
    arms += [
        (code_of(arm["PLpgSQL_if_elsif"], "cond"), arm["PLpgSQL_if_elsif"].get("stmts", []))
        for arm in node.get("elsif_list", ())
    ]
    rest = [body for _, body in arms]
    for number, (condition, body) in enumerate(arms):
        try:
            holds = truth(block.value(condition))
        except Undecided as reason:
            skip(block, [*rest[number:], node.get("else_body", [])], reason=str(reason))
            return
        if holds:
            _run(block, body)
            return
    _run(block, node.get("else_body", []))


def _case(block: Block, node: Raw) -> None:
    arms = [item["PLpgSQL_case_when"] for item in node.get("case_when_list", ())]
    try:
        if "t_expr" in node:
            block.variables[block.numbers[node["t_varno"]]] = block.value(code_of(node, "t_expr"))
        for arm in arms:
            if truth(block.value(code_of(arm, "expr"))):
                _run(block, arm.get("stmts", []))
                return
    except Undecided as reason:
        skip(block, [*(arm.get("stmts", []) for arm in arms), node.get("else_stmts", [])], reason=str(reason))
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
    except MayLeave as leave:
        if leave.kind == "return" or leave.label not in ("", label):
            raise
        if leave.kind == "exit":
            skip(block, node.get("body", []), reason=leave.reason, inside=True)
            return False
    return True


def _skip_loop(block: Block, node: Raw, reason: str) -> None:
    """A loop whose turns are not known."""
    skip(block, [{"PLpgSQL_stmt_loop": node}], reason=reason)


def _loop(block: Block, node: Raw) -> None:
    while True:
        if "cond" in node:
            try:
                if not truth(block.value(code_of(node, "cond"))):
                    return
            except Undecided as reason:
                _skip_loop(block, node, str(reason))
                return
        if not _loop_body(block, node):
            return


def _integers(block: Block, node: Raw) -> None:
    try:
        bounds = [block.value(code_of(node, name)) for name in ("lower", "upper")]
        step = block.value(code_of(node, "step")) if "step" in node else 1
    except Undecided as reason:
        _skip_loop(block, node, str(reason))
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
        items = block.value(code_of(node, "expr"))
    except Undecided as reason:
        _skip_loop(block, node, str(reason))
        return
    if not isinstance(items, list):
        return
    for item in items:
        block.variables[name] = item
        if not _loop_body(block, node):
            return


def _rows(block: Block, node: Raw) -> None:
    try:
        query = code_of(node, "query")
        if "PLpgSQL_stmt_dynfors" in node:
            query = text_of(block.value(query))
        names, rows = block.rows(query)
    except Undecided as reason:
        _skip_loop(block, node, str(reason))
        return
    for row in rows:
        store(block, node["var"], names, row)
        if not _loop_body(block, node):
            return


def _dynamic_rows(block: Block, node: Raw) -> None:
    _rows(block, {**node, "PLpgSQL_stmt_dynfors": True})


def _exit(block: Block, node: Raw) -> None:
    label = node.get("label", "")
    if "cond" in node:
        try:
            if not truth(block.value(code_of(node, "cond"))):
                return
        except Undecided as reason:
            raise MayLeave("exit" if node.get("is_exit") else "continue", label, str(reason)) from None
    raise _Exit(label) if node.get("is_exit") else _Continue(label)


def _return(block: Block, node: Raw) -> None:
    block.result = _returned(block, node) if "lineno" in node else None
    raise _Return


def _returned(block: Block, node: Raw) -> Value | Unset:
    """What RETURN or RETURN NEXT gives. The tree leaves a plain variable out: it stands in the source."""
    if "expr" in node:
        query = code_of(node, "expr")
    else:
        line = block.body.split("\n")[node["lineno"] - 1 : node["lineno"] + 1]
        found = _RETURNED.findall("\n".join(line))
        if not found:
            return None
        if len(found) > 1 or not found[0] or found[0].lower() == _BARE_NEXT:
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
        query = code_of(node, "query") if "query" in node else text_of(block.value(code_of(node, "dynquery")))
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
            value = text_of(block.value(code_of(option, "expr")))
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
    raise Raised(sqlstate, message)


def _diagnostics(block: Block, node: Raw) -> None:
    for item in node.get("diag_items", ()):
        block.forget({item["PLpgSQL_diag_item"].get("target", -1)}, set())


def _assert(block: Block, node: Raw) -> None:
    try:
        if truth(block.value(code_of(node, "cond"))) is not True:
            raise DDLError("P0004", "assertion failed")
    except Undecided as reason:
        # a migration is taken to work
        if block.session.require_known is not None:
            block.session.note(block.statement, f"not followed, {reason}: ASSERT")


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
    "PLpgSQL_stmt_assign": assign,
    "PLpgSQL_stmt_execsql": sql,
    "PLpgSQL_stmt_dynexecute": dynamic,
    "PLpgSQL_stmt_perform": perform,
    "PLpgSQL_stmt_exit": _exit,
    "PLpgSQL_stmt_return": _return,
    "PLpgSQL_stmt_return_next": _return_next,
    "PLpgSQL_stmt_return_query": _return_query,
    "PLpgSQL_stmt_call": perform,
    "PLpgSQL_stmt_raise": _raise,
    "PLpgSQL_stmt_getdiag": _diagnostics,
    "PLpgSQL_stmt_assert": _assert,
}
