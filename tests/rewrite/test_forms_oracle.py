"""Composed policies, roles, grants, views and helpers: the outcome of every form of DML is the server's.

What the row-security stage predicts (`row_security_of`, `lacks_privilege`, `missing_in_clause`, `rewriting_cycle`) is
applied to a few rows by `interpreter`; SQLSTATE and row count must be those of the same statement on a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlslint.catalog.acl import has_column_privilege, has_privilege
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import Oid
from rlslint.replay.replay import replay
from rlslint.rewrite.access import function_calls
from rlslint.rewrite.model import Form, PolicyClause, RowSecurity
from rlslint.rewrite.privileges import evaluated_clauses, has_any_column, may_read, missing_in_clause
from rlslint.rewrite.recursion import rewriting_cycle
from rlslint.rewrite.rowsecurity import row_security_of
from rlslint.source.model import Migration, Project, SourceFile
from rlslint.source.parse import parse_script
from tests.conftest import Server
from tests.rewrite.interpreter import REFUSED, Outcome, World, insert, merge, scan, update, upsert

ROLES = ("app_a", "app_b", "app_c")
SETUP = """
CREATE ROLE app_a NOLOGIN; CREATE ROLE app_b NOLOGIN; CREATE ROLE app_c NOLOGIN NOINHERIT; CREATE ROLE app_d NOLOGIN;
GRANT app_a TO app_b;
GRANT app_a TO app_c WITH INHERIT FALSE;
CREATE SCHEMA app;
CREATE TABLE app.t (id int PRIMARY KEY, a int);
CREATE TABLE app.s (k int);
INSERT INTO app.t VALUES (1, 0), (2, 1);
INSERT INTO app.s VALUES (1), (3);
CREATE VIEW app.v AS SELECT k FROM app.s;
CREATE FUNCTION app.f() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT 1 FROM app.s WHERE k = 1)';
ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
"""
ROWS = ((1, 0), (2, 1))
KEYS = ((1,), (3,))
CONDITIONS = (
    "true",
    "true",
    "false",
    "NULL",
    "a = 0",
    "a > 0",
    "id = 1",
    "NOT a = 7",
    "id = 1 OR a > 3",
    "EXISTS (SELECT 1 FROM app.s)",
    "EXISTS (SELECT 1 FROM app.s WHERE k = id)",
    "EXISTS (SELECT 1 FROM app.v WHERE v.k = t.id)",
    "NOT EXISTS (SELECT 1 FROM app.v)",
    "EXISTS (SELECT 1 FROM app.t x WHERE x.id = t.a)",
    "app.f()",
)
GRANTS = (
    "GRANT ALL ON app.t TO PUBLIC",
    "GRANT ALL ON app.t TO app_a, app_c",
    "GRANT SELECT ON app.t TO app_a",
    "GRANT INSERT, UPDATE ON app.t TO app_a",
    "GRANT SELECT (id) ON app.t TO app_b",
    "GRANT SELECT (a), UPDATE (a) ON app.t TO app_c",
    "GRANT INSERT (id) ON app.t TO app_a",
    "GRANT INSERT, DELETE ON app.t TO app_b",
    "GRANT DELETE ON app.t TO app_c",
    "REVOKE UPDATE ON app.t FROM PUBLIC",
    "REVOKE SELECT ON app.t FROM app_a",
    "GRANT SELECT ON app.s TO PUBLIC",
    "GRANT SELECT (k) ON app.s TO app_a",
    "GRANT SELECT ON app.s TO app_d",
    "GRANT SELECT ON app.v TO app_a, app_c",
    "REVOKE EXECUTE ON FUNCTION app.f FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION app.f TO app_b",
)
OTHERS = (
    "ALTER TABLE app.t FORCE ROW LEVEL SECURITY",
    "ALTER TABLE app.t OWNER TO app_a",
    "ALTER TABLE app.s ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE app.s FORCE ROW LEVEL SECURITY",
    "ALTER TABLE app.s OWNER TO app_d",
    "ALTER VIEW app.v OWNER TO app_d",
    "ALTER VIEW app.v SET (security_invoker = true)",
    "ALTER FUNCTION app.f SECURITY DEFINER",
    "ALTER FUNCTION app.f OWNER TO app_d",
    "CREATE POLICY s1 ON app.s TO app_a USING (k = 1)",
    "CREATE POLICY s2 ON app.s USING (true)",
    "CREATE POLICY s3 ON app.s AS RESTRICTIVE FOR SELECT USING (k > 1)",
)

Predict = Callable[[World, RowSecurity], Outcome]


@dataclass(frozen=True)
class Case:
    statements: tuple[str, ...]
    usage: bool

    def sql(self) -> str:
        usage = [] if not self.usage else ["GRANT USAGE ON SCHEMA app TO PUBLIC"]
        return ";\n".join((*usage, *self.statements)) + ";"


@dataclass(frozen=True)
class Query:
    """A statement, its form, and what follows from the quals that the stage predicts for the form."""

    sql: str
    form: Form
    predict: Predict


def _scanned(world: World, security: RowSecurity) -> Outcome:
    return "ok", len(scan(world, security, ROWS))


def _found(key: int) -> Predict:
    return lambda world, security: ("ok", sum(row[0] == key for row in scan(world, security, ROWS)))


def _insert(row: tuple[int, int | None]) -> Predict:
    return lambda world, security: insert(world, security, row)


def _update(change: Callable[[Any], Any], key: int | None = None) -> Predict:
    rows = tuple(row for row in ROWS if key in (None, row[0]))
    return lambda world, security: update(world, security, rows, change)


def _upsert(proposed: tuple[int, int], old: tuple[int, int] | None, new: tuple[int, int]) -> Predict:
    return lambda world, security: upsert(world, security, proposed, old, new)


def _nothing(world: World, security: RowSecurity) -> Outcome:
    outcome = insert(world, security, (1, 7))
    return outcome if outcome == REFUSED else ("ok", 0)


def _merge(new: tuple[tuple[int, int], ...], action: str) -> Predict:
    return lambda world, security: merge(world, security, ROWS, new, action, 5)


ID, A = 1, 2
# WHERE holds no equality: against a policy's `id = 1` the planner would find a contradiction, and what else the policies
# read would not be planned, nor its privileges asked for
MERGE = "MERGE INTO app.t USING (VALUES (1, 0), (3, 0)) v (k, b) ON t.id = v.k WHEN MATCHED THEN "
QUERIES = (
    Query("SELECT * FROM app.t", Form("select", (ID, A)), _scanned),
    Query("SELECT 1 FROM app.t", Form("select", ()), _scanned),
    Query("SELECT id FROM app.t WHERE id < 2", Form("select", (ID,)), _found(1)),
    Query("SELECT id FROM app.t FOR UPDATE", Form("select", (ID,), locks=True), _scanned),
    Query("SELECT id FROM app.t WHERE id > 1 FOR KEY SHARE", Form("select", (ID,), locks=True), _found(2)),
    Query("INSERT INTO app.t VALUES (3, 0)", Form("insert", inserts=(ID, A)), _insert((3, 0))),
    Query("INSERT INTO app.t (id) VALUES (3)", Form("insert", inserts=(ID,)), _insert((3, None))),
    Query("INSERT INTO app.t VALUES (3, 0) RETURNING id", Form("insert", (ID,), inserts=(ID, A)), _insert((3, 0))),
    Query("INSERT INTO app.t VALUES (3, 4) RETURNING 1", Form("insert", inserts=(ID, A)), _insert((3, 4))),
    Query("INSERT INTO app.t VALUES (1, 7) ON CONFLICT DO NOTHING", Form("insert", inserts=(ID, A)), _nothing),
    Query(
        "INSERT INTO app.t VALUES (1, 7) ON CONFLICT (id) DO NOTHING", Form("insert", (ID,), inserts=(ID, A)), _nothing
    ),
    Query(
        "INSERT INTO app.t VALUES (3, 0) ON CONFLICT (id) DO NOTHING",
        Form("insert", (ID,), inserts=(ID, A)),
        _insert((3, 0)),
    ),
    Query(
        "INSERT INTO app.t VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET a = 1",
        Form("insert", (ID,), inserts=(ID, A), updates=(A,), on_conflict_update=True),
        _upsert((1, 7), (1, 0), (1, 1)),
    ),
    Query(
        "INSERT INTO app.t VALUES (3, 7) ON CONFLICT (id) DO UPDATE SET a = 1",
        Form("insert", (ID,), inserts=(ID, A), updates=(A,), on_conflict_update=True),
        _upsert((3, 7), None, (3, 1)),
    ),
    Query("UPDATE app.t SET a = 1", Form("update", updates=(A,)), _update(lambda row: (row[0], 1))),
    Query("UPDATE app.t SET a = a + 1", Form("update", (A,), updates=(A,)), _update(lambda row: (row[0], row[1] + 1))),
    Query(
        "UPDATE app.t SET a = 9 WHERE id < 2", Form("update", (ID,), updates=(A,)), _update(lambda row: (row[0], 9), 1)
    ),
    Query("UPDATE app.t SET a = 0 RETURNING id", Form("update", (ID,), updates=(A,)), _update(lambda row: (row[0], 0))),
    Query("DELETE FROM app.t", Form("delete"), _scanned),
    Query("DELETE FROM app.t WHERE id > 1", Form("delete", (ID,)), _found(2)),
    Query(
        MERGE + "UPDATE SET a = 5 WHEN NOT MATCHED THEN INSERT VALUES (v.k, v.b)",
        Form("merge", (ID,), inserts=(ID, A), updates=(A,)),
        _merge(((1, 0), (3, 0)), "update"),
    ),
    Query(
        MERGE + "DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.k, v.b)",
        Form("merge", (ID,), inserts=(ID, A), deletes=True),
        _merge(((1, 0), (3, 0)), "delete"),
    ),
)


@st.composite
def policies(draw: st.DrawFn, number: int) -> str:
    kind = draw(st.sampled_from(["PERMISSIVE", "PERMISSIVE", "PERMISSIVE", "RESTRICTIVE"]))
    command = draw(st.sampled_from(["ALL", "ALL", "SELECT", "SELECT", "INSERT", "UPDATE", "DELETE"]))
    to = draw(st.sampled_from(["PUBLIC", "PUBLIC", "app_a", "app_b", "app_a, app_c"]))
    condition = st.sampled_from(CONDITIONS)
    using = f" USING ({draw(condition)})" if command != "INSERT" else ""
    check = ""
    if command == "INSERT" or (command in ("ALL", "UPDATE") and draw(st.booleans())):
        check = f" WITH CHECK ({draw(condition)})"
    return f"CREATE POLICY p{number} ON app.t AS {kind} FOR {command} TO {to}{using}{check}"


@st.composite
def composed(draw: st.DrawFn) -> Case:
    made = [draw(policies(number)) for number in range(draw(st.integers(0, 5)))]
    grants = draw(st.lists(st.sampled_from(GRANTS), max_size=6))
    # most cases get past the privileges, or the policies would seldom be met
    if draw(st.integers(0, 3)):
        grants.insert(0, "GRANT ALL ON app.t TO PUBLIC")
    others = draw(st.lists(st.sampled_from(OTHERS), max_size=5, unique=True))
    return Case((*made, *grants, *others), draw(st.integers(0, 9)) > 0)


def replayed(sql: str) -> Catalog:
    source = SourceFile("case.sql", sql)
    statements, problems = parse_script(source, 0, len(sql))
    assert not problems
    project = Project("file", (Migration(source, tuple(statements), (), ()),))
    return replay(project, preset="none").catalog


def predicted(world: World, relid: int, role: int, query: Query) -> Outcome | None:
    """SQLSTATE and row count; None where a helper may fail while rows are run through it."""
    catalog = world.catalog
    relation = catalog.relations[relid]
    if not has_privilege(catalog, role, catalog.namespaces[relation.relnamespace], "usage"):
        return REFUSED
    security = row_security_of(catalog, relid, role, query.form)
    if rewriting_cycle(catalog, security):
        return "42P17", 0
    if lacks_privilege(catalog, relation, role, query.form):
        return REFUSED
    clauses = evaluated_clauses(security)
    if any(missing_in_clause(catalog, clause, role) for clause in clauses):
        return REFUSED
    if any(_helper_lacks_privilege(catalog, one.clause, role) for one in clauses):
        return None
    return query.predict(world, security)


def lacks_privilege(catalog: Catalog, relation: Relation, role: Oid, form: Form) -> bool:
    """Whether the statement fails with 42501 for want of a privilege on its table or on the table's schema, policies
    aside (ExecCheckOneRelPerms, LookupExplicitNamespace)."""
    namespace = catalog.namespaces[relation.relnamespace]
    if not has_privilege(catalog, role, namespace, "usage"):
        return True
    if form.reads is not None and not _has_all(catalog, role, relation, form.reads, "select"):
        return True
    if form.command == "insert" or form.inserts:
        if not _has_all(catalog, role, relation, form.inserts, "insert"):
            return True
    if (form.updates or form.locks) and not _has_all(catalog, role, relation, form.updates, "update"):
        return True
    return (form.command == "delete" or form.deletes) and not has_privilege(catalog, role, relation, "delete")


def _has_all(catalog: Catalog, role: Oid, relation: Relation, columns: tuple[int, ...], privilege: str) -> bool:
    if not columns:
        return has_any_column(catalog, role, relation, privilege)
    return all(has_column_privilege(catalog, role, relation, column, privilege) for column in columns)


def _helper_lacks_privilege(catalog: Catalog, clause: PolicyClause, role: int) -> bool:
    """Whether app.f() would fail if it is called, which depends on the order in which conditions are evaluated."""
    for call in function_calls(clause.expr):
        proc = catalog.procs[call.funcid]
        if proc.proname == "f":
            keys = catalog.find_relation("app", "s", ())
            assert keys is not None
            inner = proc.proowner if proc.prosecdef else role
            usable = has_privilege(catalog, inner, catalog.namespaces[keys.relnamespace], "usage")
            return not (usable and may_read(catalog, inner, keys, frozenset({1})))
    return False


def actual(connection: psycopg.Connection[Any], role: str, sql: str) -> Outcome:
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT s")
        try:
            cursor.execute(f"SET LOCAL ROLE {role}".encode())
            cursor.execute(sql.encode())
            return "ok", cursor.rowcount
        except psycopg.Error as error:
            return str(error.sqlstate), 0
        finally:
            cursor.execute("ROLLBACK TO s")


def compare(
    connection: psycopg.Connection[Any],
    case: Case,
    names: tuple[str, ...] = ROLES,
    queries: tuple[Query, ...] = QUERIES,
) -> list[tuple[str, str, Outcome, Outcome]]:
    """(role, statement, predicted, met) wherever the two differ."""
    catalog = replayed(SETUP + case.sql())
    table, keys = (catalog.find_relation("app", name, ()) for name in ("t", "s"))
    assert table is not None
    assert keys is not None
    world = World(catalog, {table.oid: ROWS, keys.oid: KEYS})
    differences = []
    with connection.transaction(force_rollback=True):
        connection.execute(case.sql().encode())
        for name in names:
            role = catalog.find_role(name)
            assert role is not None
            for query in queries:
                expected = predicted(world, table.oid, role.oid, query)
                if expected is None:
                    continue
                met = actual(connection, name, query.sql)
                if met != expected:
                    differences.append((name, query.sql, expected, met))
    return differences


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with server.database() as scratch:
        scratch.execute(SETUP.encode())
        yield scratch


@pytest.mark.search
@pytest.mark.server
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(case=composed())
def test_outcomes_of_every_form_are_the_servers(connection: psycopg.Connection[Any], case: Case) -> None:
    assert compare(connection, case) == []
