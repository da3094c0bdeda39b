"""Bodies of SQL functions: arguments by name and number, compared with what PostgreSQL stores for BEGIN ATOMIC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from rlslint.analyze.entry import analyze_function_body, parse_search_path
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import walk_query
from rlslint.nodes.primnodes import Unresolved
from tests.analyze import node_tree, normal
from tests.analyze.differential import SCHEMA
from tests.analyze.server_catalog import read_catalog
from tests.conftest import Server

pytestmark = pytest.mark.server

ARGUMENTS = "k int, id bigint, d docs, doc_owner uuid, INOUT level level, VARIADIC xs int[]"
BODIES = [
    "SELECT 'low'::level WHERE k = 1",
    "SELECT level FROM docs WHERE docs.id = k",
    "SELECT level FROM docs WHERE docs.id = probe.id",
    "SELECT level FROM docs WHERE id = probe.k AND n = ANY (xs)",
    "SELECT docs.level FROM docs WHERE owner = doc_owner",
    "SELECT docs.level FROM docs WHERE owner = $4 AND docs.id = $2",
    "SELECT d.level FROM docs",
    "SELECT probe.d.level FROM docs",
    "SELECT (d).level FROM members d2 WHERE d.id = d2.id",
    "SELECT d.level FROM members d",
    "SELECT (SELECT m.level FROM members m WHERE m.id = k AND m.team_id = probe.id)",
    "SELECT m.level FROM members m WHERE xs[1] = m.id; SELECT level FROM docs WHERE n = k",
    "WITH c AS (SELECT k AS one) SELECT docs.level FROM docs, c WHERE n = one",
    # rejected
    "SELECT docs.level FROM docs WHERE nowhere = k",
    "SELECT docs.level FROM docs WHERE probe.nowhere = k",
    "SELECT docs.level FROM docs WHERE n = $9",
    "SELECT d.nowhere",
]


@pytest.fixture(scope="module")
def compared(server: Server) -> Iterator[tuple[Any, Catalog, Proc]]:
    with server.database() as connection:
        connection.execute(SCHEMA)
        connection.execute(f"CREATE FUNCTION probe({ARGUMENTS}) LANGUAGE sql AS 'SELECT level'".encode())
        catalog = read_catalog(connection)
        (proc,) = catalog.procs.find("name", "probe")
        yield connection, catalog, proc


@pytest.mark.parametrize("body", BODIES)
def test_body(compared: tuple[Any, Catalog, Proc], body: str) -> None:
    connection, catalog, proc = compared
    queries = analyze_function_body(catalog, replace(proc, prosrc=body))
    assert queries is not None
    errors = [
        node.sqlstate
        for query in queries
        for node, _ in walk_query(query)
        if isinstance(node, Unresolved) and node.sqlstate is not None
    ]
    import psycopg

    with connection.transaction(force_rollback=True):
        try:
            connection.execute(f"CREATE OR REPLACE FUNCTION probe({ARGUMENTS}) LANGUAGE sql BEGIN ATOMIC {body}; END")
            rejected = None
        except psycopg.Error as error:
            rejected = error.sqlstate
        assert next(iter(errors), None) == rejected
        if rejected is not None:
            return
        stored = connection.execute("SELECT prosqlbody::text FROM pg_proc WHERE proname = 'probe'").fetchone()[0]
    statements = node_tree.parse(stored)
    while isinstance(statements[0], list):
        statements = statements[0]
    assert [normal.query(query) for query in queries] == [node_tree.query(node, None) for node in statements]


def test_what_has_no_queries(compared: tuple[Any, Catalog, Proc]) -> None:
    _, catalog, proc = compared
    assert analyze_function_body(catalog, replace(proc, prolang="plpgsql")) is None
    assert analyze_function_body(catalog, replace(proc, prosrc="SELECT FROM WHERE")) is None
    assert analyze_function_body(catalog, replace(proc, prosrc="DELETE FROM docs")) is None


@pytest.mark.parametrize("prosrc", ["RETURN level", "BEGIN ATOMIC SELECT level; END"])
def test_standard_bodies(compared: tuple[Any, Catalog, Proc], prosrc: str) -> None:
    _, catalog, proc = compared
    queries = analyze_function_body(catalog, replace(proc, prosrc=prosrc, prosqlbody=True, search_path=("public",)))
    assert queries is not None
    assert [normal.expr(query.targets[0].expr) for query in queries] == [("param", 5, proc.proargtypes[4])]


def test_own_search_path(compared: tuple[Any, Catalog, Proc]) -> None:
    _, catalog, proc = compared
    proc = replace(proc, prosrc="SELECT tenant FROM docs", proconfig=(("search_path", 'app, "public"'),))
    queries = analyze_function_body(catalog, proc)
    assert queries is not None
    assert [rte.relid for rte in queries[0].rtable] == [relation_oid(catalog, "app", "docs")]


def relation_oid(catalog: Catalog, schema: str, name: str) -> int:
    row = catalog.find_relation(schema, name, ())
    assert row is not None
    return row.oid


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("public", ("public",)),
        ('""', ()),
        ("''", ()),
        ("app, public", ("app", "public")),
        ('"Odd, Name", App', ("Odd, Name", "app")),
        ('"$user", public', ("$user", "public")),
    ],
)
def test_parse_search_path(value: str, expected: tuple[str, ...]) -> None:
    assert parse_search_path(value) == expected
