"""Composed policies, roles and grants: what the row-security stage says is what the server does.

Conditions are the constants true and false (and NULL), so that the outcome of every statement follows from which
policies apply and how they combine, which is what this stage decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Const
from rlslint.replay.replay import replay
from rlslint.rewrite.model import Quals, RowSecurity, StatementName
from rlslint.rewrite.recursion import statement_error
from rlslint.rewrite.rowsecurity import FORMS, row_security_of
from rlslint.source.model import Migration, Project, SourceFile
from rlslint.source.parse import parse_script
from tests.conftest import Server

ROLES = ("app_a", "app_b", "app_c")
SETUP = """
CREATE ROLE app_a NOLOGIN; CREATE ROLE app_b NOLOGIN; CREATE ROLE app_c NOLOGIN NOINHERIT;
GRANT app_a TO app_b;
GRANT app_a TO app_c WITH INHERIT FALSE;
"""
# (statement, whether it reads columns, SQL)
STATEMENTS: tuple[tuple[StatementName, bool, str], ...] = (
    ("select", False, "SELECT * FROM t"),
    ("select_by_key", False, "SELECT * FROM t WHERE id = 1"),
    ("insert", False, "INSERT INTO t VALUES (2, 0)"),
    ("insert_many", False, "INSERT INTO t SELECT i, 0 FROM generate_series(2, 4) i"),
    ("insert_returning", False, "INSERT INTO t VALUES (2, 0) RETURNING id"),
    ("upsert", False, "INSERT INTO t VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET a = 1"),
    ("update", False, "UPDATE t SET a = 1"),
    ("update", True, "UPDATE t SET a = a + 1"),
    ("delete", False, "DELETE FROM t"),
    ("delete", True, "DELETE FROM t WHERE id = 1"),
)


@dataclass(frozen=True)
class Case:
    policies: tuple[str, ...]
    grants: tuple[str, ...]
    force: bool
    owner: str

    def sql(self) -> str:
        lines = ["CREATE TABLE t (id int PRIMARY KEY, a int);", "INSERT INTO t VALUES (1, 0);"]
        lines += ["ALTER TABLE t ENABLE ROW LEVEL SECURITY;"]
        lines += ["ALTER TABLE t FORCE ROW LEVEL SECURITY;"] if self.force else []
        lines += [*self.policies, *self.grants]
        lines += [f"ALTER TABLE t OWNER TO {self.owner};"] if self.owner else []
        return "\n".join(lines)


@st.composite
def policies(draw: st.DrawFn, number: int) -> str:
    kind = draw(st.sampled_from(["PERMISSIVE", "PERMISSIVE", "RESTRICTIVE"]))
    command = draw(st.sampled_from(["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"]))
    to = draw(st.sampled_from(["PUBLIC", "app_a", "app_b", "app_a, app_c"]))
    condition = st.sampled_from(["true", "true", "false", "NULL"])
    using = f" USING ({draw(condition)})" if command != "INSERT" else ""
    check = ""
    if command == "INSERT" or (command in ("ALL", "UPDATE") and draw(st.booleans())):
        check = f" WITH CHECK ({draw(condition)})"
    return f"CREATE POLICY p{number} ON t AS {kind} FOR {command} TO {to}{using}{check};"


@st.composite
def projects(draw: st.DrawFn) -> Case:
    count = draw(st.integers(0, 4))
    grants = draw(
        st.lists(
            st.sampled_from(
                [
                    "GRANT ALL ON t TO PUBLIC;",
                    "GRANT SELECT ON t TO app_a;",
                    "GRANT INSERT, UPDATE ON t TO app_a;",
                    "GRANT SELECT (id) ON t TO app_b;",
                    "GRANT ALL ON t TO app_c;",
                    "GRANT INSERT, DELETE ON t TO app_b;",
                    "REVOKE UPDATE ON t FROM PUBLIC;",
                ]
            ),
            max_size=4,
        )
    )
    made = tuple(draw(policies(number)) for number in range(count))
    return Case(made, tuple(grants), draw(st.booleans()), draw(st.sampled_from(["", "", "app_a"])))


def replayed(sql: str) -> Catalog:
    source = SourceFile("case.sql", sql)
    statements, problems = parse_script(source, 0, len(sql))
    assert not problems
    project = Project("file", (Migration(source, tuple(statements), (), ()),))
    return replay(project, preset="none").catalog


Outcome = tuple[Literal["ok", "42501"], int]


def predicted(security: RowSecurity) -> Outcome:
    """SQLSTATE and number of rows for the table of one row."""
    visible = security.bypass is not None or all(passes(quals) for quals in security.security_quals)
    written = {"insert_many": 3, "select": 1, "select_by_key": 1}.get(security.statement, 1)
    if security.security_quals and not visible:
        return "ok", 0
    if security.bypass is None and not all(passes(option.quals) for option in security.with_check_options):
        return "42501", 0
    return "ok", written


def passes(quals: Quals) -> bool:
    def holds(clauses: Iterator[Any]) -> list[bool]:
        return [isinstance(clause.expr, Const) and clause.expr.value == "true" for clause in clauses]

    return any(holds(iter(quals.permissive))) and all(holds(iter(quals.restrictive)))


def actual(connection: psycopg.Connection[Any], role: str, sql: str) -> Outcome:
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT s")
        try:
            cursor.execute(f"SET LOCAL ROLE {role}".encode())
            cursor.execute(sql.encode())
            return "ok", cursor.rowcount
        except psycopg.errors.InsufficientPrivilege:
            return "42501", 0
        finally:
            cursor.execute("ROLLBACK TO s")


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with server.database() as scratch:
        scratch.execute(SETUP.encode())
        yield scratch


# columns that a statement needs where only column privileges are there are not this test's business
def columns_matter(case: Case, role: str) -> bool:
    return any("(id)" in grant for grant in case.grants) and role == "app_b"


@pytest.mark.server
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(case=projects())
def test_outcomes_are_the_servers(connection: psycopg.Connection[Any], case: Case) -> None:
    catalog = replayed(SETUP + case.sql())
    relation = catalog.find_relation(None, "t", ("public",))
    assert relation is not None
    with connection.transaction(force_rollback=True):
        connection.execute(case.sql().encode())
        for name in ROLES:
            role = catalog.find_role(name)
            assert role is not None
            if columns_matter(case, name):
                continue
            for statement, reads, sql in STATEMENTS:
                form = replace(FORMS[statement], reads=()) if reads else FORMS[statement]
                security = replace(row_security_of(catalog, relation.oid, role.oid, form), statement=statement)
                error = statement_error(catalog, relation.oid, role.oid, statement)
                expected: Outcome = ("42501", 0) if error is not None else predicted(security)
                if reads and not _may(catalog, relation.oid, role.oid, "select"):
                    expected = ("42501", 0)
                assert actual(connection, name, sql) == expected, (name, sql, security)


def _may(catalog: Catalog, relid: int, role: int, statement: StatementName) -> bool:
    return statement_error(catalog, relid, role, statement) is None
