"""Calls in a migration's SELECT that may change the catalog unseen: functions that no file creates, or whose body does
DDL. What they made or dropped is not known, so a later CREATE that collides is believed."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.analyze.typename import names_of
from rlslint.catalog.rows import Proc
from rlslint.replay import plpgsql_approximate as approximate
from rlslint.replay.session import Session
from rlslint.source.model import Raw, Statement


def note_calls(session: Session, statement: Statement) -> None:
    """Note each such call once, and remember when the last one ran."""
    for call in _calls(statement.node):
        schema, name = names_of(call["funcname"])
        procs = session.catalog.find_procs(schema, name, session.search_path)
        if procs and not any(_may_change(proc) for proc in procs):
            continue
        session.unfollowed = session.catalog.newest_oid
        shown = f"{schema}.{name}" if schema else name
        why = "whose body changes the schema" if procs else "which no file creates"
        session.note(statement, f"calls {shown}(), {why}")


def _may_change(proc: Proc) -> bool:
    return proc.statement is not None and proc.prolang in ("plpgsql", "sql") and approximate.could_matter(proc.prosrc)


def _calls(node: Raw) -> Iterator[Raw]:
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
