"""A statement and a role in, its plan, time and buffers and the rows it touches out, as a real server has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

import psycopg

from rlslint.plan.signed_out import ANONYMOUS_ROLES
from rlslint.records import dataclass
from rlslint.verify.request import TIMED_OUT

_NUMBERS: Final = frozenset(
    {"int", "int2", "int4", "int8", "integer", "bigint", "smallint", "numeric", "serial", "bigserial", "oid"}
)
_TRUTHS: Final = frozenset({"bool", "boolean"})
ANYBODY: Final = "rlslint_anybody"
"""The role that asks for PUBLIC: it may use every table, and no policy names it."""
_RUNS: Final = 10
_ENOUGH: Final = 0.25
"""Seconds of one statement after which no more runs are made."""
Connection = psycopg.Connection[Any]

SCANS: Final = {
    "Seq Scan": "seq_scan",
    "Index Scan": "index_scan",
    "Index Only Scan": "index_scan",
    "Bitmap Heap Scan": "index_scan",
    "Result": "no_rows",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. ``error`` is an SQLSTATE and leaves the rest empty, but for the milliseconds of a time limit (57014)."""

    milliseconds: float = 0.0
    buffers: int = 0
    scan: str = ""
    """How the statement's table is read: seq_scan, index_scan, no_rows, none."""
    error: str = ""


def user_id(number: int) -> str:
    """The id that generated rows have for a user."""
    return f"00000000-0000-0000-0000-{number:012x}"


def _setting(kind: str, user: int) -> str:
    """What the session brings in a setting that is cast to a type: the user's number or id."""
    if kind in _NUMBERS:
        return str(user)
    return "false" if kind in _TRUTHS else user_id(user)


@contextmanager
def acting(connection: Connection, role: str, user: int, settings: Mapping[str, str], limit_ms: int) -> Iterator[None]:
    """A transaction as the role and user, rolled back at the end. A request as anon brings no user."""
    sub = {} if role in ANONYMOUS_ROLES else {"sub": user_id(user)}
    claims = json.dumps({**sub, "role": role})
    with connection.transaction(force_rollback=True):
        values: Mapping[str, str] = {
            "request.jwt.claims": claims,
            "request.jwt.claim.sub": sub.get("sub", ""),
            "request.jwt.claim.role": role,
            **{name: _setting(kind, user) for name, kind in settings.items()},
            "statement_timeout": str(limit_ms),
        }
        for name, text in values.items():
            connection.execute(b"SELECT set_config(%s, %s, true)", (name, text))
        name = ANYBODY if role == "public" else role
        connection.execute(psycopg.sql.SQL("SET LOCAL ROLE {}").format(psycopg.sql.Identifier(name)))
        yield


def explain(connection: Connection, statement: str, table: str) -> Measured:
    """EXPLAIN ANALYZE. Raises psycopg.Error."""
    row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode()).fetchone()
    assert row is not None
    top = row[0][0]
    plan = top["Plan"]
    scans = [
        SCANS[node["Node Type"]]
        for node in _own(plan)
        if node.get("Relation Name") == table and node["Node Type"] in SCANS
    ]
    empty = any(node["Node Type"] == "Result" and "One-Time Filter" in node for node in _own(plan))
    return Measured(
        milliseconds=float(top["Execution Time"]),
        buffers=int(plan.get("Shared Hit Blocks", 0)) + int(plan.get("Shared Read Blocks", 0)),
        scan=scans[0] if scans else "no_rows" if empty else "none",
    )


def _own(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Nodes of the statement itself, not of subplans."""
    yield node
    for child in node.get("Plans", ()):
        if "Subplan Name" not in child:
            yield from _own(child)


def measure(
    connection: Connection,
    statement: str,
    table: str,
    role: str,
    user: int,
    settings: Mapping[str, str],
    limit_ms: int,
    runs: int = _RUNS,
) -> Measured:
    """The best of two runs, of more, up to ``runs``, while they are quick."""
    best: Measured | None = None
    begun = perf_counter()
    for run in range(runs):
        if run > 1 and perf_counter() - begun > _ENOUGH:
            break
        try:
            with acting(connection, role, user, settings, limit_ms):
                found = explain(connection, statement, table)
        except psycopg.Error as error:
            return failed(error, limit_ms)
        if best is None or found.milliseconds < best.milliseconds:
            best = found
    assert best is not None
    return best


def failed(error: psycopg.Error, limit_ms: int) -> Measured:
    """A run that ended in an error."""
    return Measured(milliseconds=limit_ms if error.sqlstate == TIMED_OUT else 0.0, error=error.sqlstate or "?")


def digest(connection: Connection, query: str, role: str, user: int, settings: Mapping[str, str], limit_ms: int) -> str:
    """What a query gives, as one text, or the SQLSTATE it meets."""
    try:
        with acting(connection, role, user, settings, limit_ms):
            row = connection.execute(query.encode()).fetchone()
            return str(row)
    except psycopg.Error as error:
        return error.sqlstate or "?"
