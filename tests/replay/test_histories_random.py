"""Random histories of all DDL: after them the server and replay hold the same tables, policies with their conditions,
indexes, constraints, functions and privileges."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlslint.replay.require import require_known
from rlslint.report.catalog import catalog_json
from rlslint.verify.compare import differences as catalog_differences
from rlslint.verify.compare import wording_differences
from rlslint.verify.introspect import introspect
from tests.replay.both import functions, privileges, server_functions, server_privileges
from tests.replay.histories import ROLES, STATEMENT
from tests.replay.snapshot import Both, differences

pytestmark = [pytest.mark.server, pytest.mark.search]

START = (
    "create table t (a int primary key, b int, c text)",
    "create table u (a int unique, b text)",
    "create function ok(x text) returns bool language sql as 'select true'",
    "create policy p on t for select to h_one using (a is not null)",
)


def begin(connection: psycopg.Connection[Any]) -> Both:
    """Both sides empty but for the roles; replay knows that the statements are all there is."""
    for role in ROLES:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute(f"DROP OWNED BY {role} CASCADE".encode())
    connection.execute("REVOKE h_one FROM h_two; ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO public")
    connection.execute("DROP SCHEMA IF EXISTS s3 CASCADE")
    both = Both.fresh(connection)
    both.session.require_known = require_known
    for role in ROLES:
        both.replay(f"create role {role}")
    return both


def disagreement(connection: psycopg.Connection[Any], statements: list[str]) -> list[str]:
    """Run a history on both sides: what is accepted by one only, else what differs in the end."""
    both = begin(connection)
    for sql in [*START, *statements]:
        served, replayed = both.step(sql)
        # of several errors in a statement each side may meet another first
        if (served is None) != (replayed is None):
            return [f"{sql}: PostgreSQL {served}, replay {replayed}"]
    found = differences(*both.snapshots())
    catalog = both.session.catalog
    ours, theirs = functions(catalog), server_functions(connection)
    found += [f"function {one}: on one side only" for one in {*map(repr, ours)} ^ {*map(repr, theirs)}]
    found += [f"privilege {one}: on one side only" for one in privileges(catalog) ^ server_privileges(connection)]
    shown = catalog_json(both.replayed)
    return found + catalog_differences(introspect(connection), shown) + wording_differences(connection, shown)


@settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STATEMENT, min_size=4, max_size=14))
def test_histories(connection: psycopg.Connection[Any], statements: list[str]) -> None:
    assert disagreement(connection, statements) == []
