"""CALL and the calls in a SELECT in, what their bodies do replayed out.

A call that cannot be followed - of a function that no file creates, or whose body does DDL that depends on data - may
change the catalog unseen. What it made or dropped is not known, so a later CREATE that collides is believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rlslint.analyze.func import has_unseen
from rlslint.analyze.typename import names_of
from rlslint.catalog.rows import Proc
from rlslint.replay import plpgsql_approximate as approximate
from rlslint.replay import settings
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_select import select as select_rows
from rlslint.replay.plpgsql_stored import Value
from rlslint.replay.plpgsql_values import Scope, evaluate
from rlslint.replay.session import Handler, Session
from rlslint.source.model import Raw, Statement

_MAX_NESTING: Final = 10


class _NoVariables:
    def read(self, name: str) -> tuple[bool, Value]:
        """No name is a variable outside a block."""
        return False, None


def select(session: Session, statement: Statement, scope: Scope | None = None) -> None:
    """The calls of a SELECT; ``scope`` is that of the block which performs it. Raises DDLError as their bodies do."""
    settings.select(session, statement)
    whole = [id(call) for call in _whole_calls(statement.node)]
    calls = [call for call in _all_calls(statement.node) if _may_matter(session, call, whole=id(call) in whole)]
    if not calls:
        return
    scope = scope or Scope(session, _NoVariables())
    before = session.savepoint()
    try:
        if "fromClause" in statement.node:
            select_rows(statement.node, scope)
        else:
            for target in statement.node.get("targetList", ()):
                _target(scope, target["ResTarget"]["val"])
    except Undecided as reason:
        session.restore(before)
        for call in calls:
            _note(session, statement, call, str(reason))


def call(session: Session, statement: Statement, scope: Scope | None = None) -> None:
    """CALL; ``scope`` is that of the block which calls. Raises DDLError as the procedure does."""
    node = statement.node["funccall"]
    scope = scope or Scope(session, _NoVariables())
    before = session.savepoint()
    try:
        _target(scope, {"FuncCall": node})
    except Undecided as reason:
        session.restore(before)
        if _may_matter(session, node, whole=True):
            _note(session, statement, node, str(reason))


def _target(scope: Scope, raw: Raw) -> None:
    """Evaluate one output column. A call that is all of it is run for what it does: its value need not be known."""
    from rlslint.replay.plpgsql_calls import followable, run_call

    node = raw.get("FuncCall")
    proc = None if node is None else followable(scope.session, node)
    if node is not None and proc is not None:
        run_call(scope, proc, node)
    elif any(_may_matter(scope.session, one, whole=one is node) for one in _all_calls(raw)):
        evaluate(scope, raw)


def _note(session: Session, statement: Statement, node: Raw, reason: str) -> None:
    schema, name = names_of(node["funcname"])
    procs = session.catalog.find_procs(schema, name, session.search_path)
    shown = f"{schema}.{name}" if schema else name
    if not procs and not has_unseen(session.catalog, schema, session.search_path):
        session.absent("42883", f"function {shown}() is created by no file")
    if procs and not any(approximate.could_matter(proc.prosrc) for proc in procs):
        return
    session.unfollowed = session.catalog.newest_oid
    why = f"whose body changes the schema: {reason}" if procs else "which no file creates"
    session.note(statement, f"calls {shown}(), {why}")


def _may_matter(session: Session, node: Raw, *, whole: bool) -> bool:
    """Whether a call may change the schema: its code could do so, or no file creates the function and the call is all
    that a column or a member of FROM is (what computes a value seldom does more)."""
    procs = session.catalog.find_procs(*names_of(node["funcname"]), session.search_path)
    return any(_may_change(session, proc, 0) for proc in procs) if procs else whole


def _may_change(session: Session, proc: Proc, nesting: int) -> bool:
    if proc.statement is None or proc.prolang not in ("plpgsql", "sql"):
        return False
    if approximate.could_change(proc.prosrc):
        return True
    if nesting > _MAX_NESTING:
        return False
    names = approximate.called(proc.prosrc)
    others = (one for one in session.catalog.procs if one.proname in names and one.oid != proc.oid)
    return any(_may_change(session, one, nesting + 1) for one in others)


def _all_calls(node: Any) -> Iterator[Raw]:
    if isinstance(node, list):
        for item in node:
            yield from _all_calls(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "FuncCall":
                yield value
            yield from _all_calls(value)


def _whole_calls(node: Raw) -> Iterator[Raw]:
    """Calls that are a whole output column or member of FROM."""
    for target in node.get("targetList", ()):
        call = target.get("ResTarget", {}).get("val", {}).get("FuncCall")
        if call is not None:
            yield call
    for item in node.get("fromClause", ()):
        for function in item.get("RangeFunction", {}).get("functions", ()):
            call = function["List"]["items"][0].get("FuncCall")
            if call is not None:
                yield call


HANDLERS: Final[dict[str, Handler]] = {"CallStmt": call}
