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
from tests.replay import histories, histories_tables
from tests.replay.both import functions, privileges, server_functions, server_privileges
from tests.replay.histories import ROLES
from tests.replay.histories_code import CODE
from tests.replay.histories_session import OPERATORS, SCHEMAS, SETTINGS, SUPERUSER, TRANSACTIONS
from tests.replay.histories_session import ROLES as ROLE_STATEMENTS
from tests.replay.snapshot import Both, differences

pytestmark = [pytest.mark.server, pytest.mark.search]

START = (
    "create table t (a int primary key, b int, c text)",
    "create table u (a int unique, b text)",
    "create function ok(x text) returns bool language sql as 'select true'",
    "create policy p on t for select to h_one using (a is not null)",
)
CALLS = ("do ", "select ", "call ")
"""What runs code."""


def equally(*kinds: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Each kind as often as another, however many statements it knows; `st.one_of` counts these."""
    return st.one_of(*(kind.map(str) for kind in kinds))


DDL = histories.STATEMENT
STRUCTURE = equally(histories_tables.STATEMENT, histories_tables.STATEMENT, histories.POLICIES)
SESSION = equally(
    TRANSACTIONS, TRANSACTIONS, SETTINGS, ROLE_STATEMENTS, SCHEMAS, SCHEMAS, OPERATORS, histories.STATEMENT
)
PROGRAMS = equally(CODE, CODE, histories.POLICIES, histories.TYPES)
EVERYTHING = equally(DDL, STRUCTURE, SESSION, PROGRAMS)


_LEFT_IN_PG_CATALOG = """
DO $$ DECLARE command text; BEGIN
    FOR command IN
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND oid >= 16384
        UNION ALL SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) FROM pg_type
        WHERE typnamespace = 'pg_catalog'::regnamespace AND oid >= 16384 AND typelem = 0 AND typtype <> 'm'
    LOOP EXECUTE command; END LOOP;
END $$"""
"""With pg_catalog first in search_path types and functions go there."""


def begin(connection: psycopg.Connection[Any]) -> Both:
    """Both sides empty but for the roles; replay knows that the statements are all there is."""
    connection.execute("ROLLBACK")
    connection.execute("DISCARD ALL")
    connection.execute("SET client_min_messages = error")
    connection.execute("DROP SCHEMA IF EXISTS s3 CASCADE")
    connection.execute(_LEFT_IN_PG_CATALOG.encode())
    both = Both.fresh(connection)
    assert both.step("grant usage on schema public to public") == (None, None)
    for role in (*ROLES, "h_three"):
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None:
            connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}".encode())
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (SUPERUSER,)).fetchone() is None:
        connection.execute(f"CREATE ROLE {SUPERUSER} SUPERUSER".encode())
    connection.execute(
        f"DROP OWNED BY {SUPERUSER}; ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO public".encode()
    )
    both.session.require_known = require_known
    both.replay(f"create role {SUPERUSER} superuser")
    both.replay("create role h_three")
    both.replay("drop role h_three")
    for role in ROLES:
        assert both.step(f"create role {role}") == (None, None)
    return both


def disagreement(
    connection: psycopg.Connection[Any], statements: list[str], start: tuple[str, ...] = START
) -> list[str]:
    """Run a history on both sides: what is accepted by one only, else what differs in the end.

    Where replay says of code that it cannot be followed nothing is claimed of what comes after.
    """
    both = begin(connection)
    for sql in [*start, *statements]:
        served, replayed = both.step(sql)
        if replayed == "unknown" and sql.startswith(CALLS):
            return []
        # of several errors in a statement each side may meet another first
        if (served is None) != (replayed is None):
            return [f"{sql}: PostgreSQL {served}, replay {replayed}"]
    for sql in ("commit", "reset session authorization", "reset role", "reset search_path", "discard temp"):
        both.step(sql)
    return compare(connection, both)


def compare(connection: psycopg.Connection[Any], both: Both) -> list[str]:
    """What differs on the two sides now."""
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
@given(st.one_of(*(st.lists(one, min_size=4, max_size=14) for one in (DDL, STRUCTURE, SESSION, PROGRAMS, EVERYTHING))))
def test_histories(connection: psycopg.Connection[Any], statements: list[str]) -> None:
    assert disagreement(connection, statements) == []
