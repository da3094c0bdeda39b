"""Operator classes and hashing by type, compared with the indexes and joins that PostgreSQL makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rlslint.analyze.opclass import commutator, default_opclass, is_hashable
from rlslint.analyze.oper import OperMatch, resolve_operator
from rlslint.catalog.catalog import Catalog
from tests.analyze import probe
from tests.analyze.server_catalog import read_catalog

MORE = (
    "xml money macaddr path point box circle varbit timetz regproc xid tsquery varchar[] json[] jsonb[] point[]"
    " oddrange oddrange[] plain plain[] holder"
)
EXTRA = """
CREATE TYPE public.oddrange AS RANGE (subtype = tsvector);
CREATE TYPE public.plain AS (j json, n int);
CREATE DOMAIN public.holder AS pair;
"""


@pytest.fixture(scope="module")
def sides(server: Any) -> Iterator[tuple[Any, Catalog, dict[str, int]]]:
    with server.database() as connection:
        connection.execute(probe.SCHEMA + EXTRA)
        oids = probe.type_oids(connection, f"{probe.TYPES} {MORE}".split())
        del oids[probe.LITERAL]
        connection.execute("CREATE TABLE one (" + ", ".join(f"t{oid} {name}" for name, oid in oids.items()) + ")")
        yield connection, read_catalog(connection), oids


@pytest.mark.server
@pytest.mark.parametrize("method", ["btree", "hash", "gin", "gist", "brin", "spgist"])
def test_default_opclass(sides: tuple[Any, Catalog, dict[str, int]], method: str) -> None:
    import psycopg

    connection, catalog, oids = sides
    expected: dict[str, Any] = {}
    actual: dict[str, Any] = {}
    for name, oid in oids.items():
        with connection.transaction(force_rollback=True):
            try:
                connection.execute(f"CREATE INDEX made ON one USING {method} (t{oid})")
                query = "SELECT indclass[0]::int FROM pg_index WHERE indexrelid = 'made'::regclass"
                expected[name] = connection.execute(query).fetchone()[0]
            except psycopg.errors.UndefinedObject:
                expected[name] = None
            except psycopg.errors.UndefinedFunction:
                # array_ops it is for json[], but it cannot be built
                continue
        row = default_opclass(catalog, oid, method)
        actual[name] = None if row is None else row.oid
    assert probe.difference(expected, actual) == {}


@pytest.mark.server
def test_is_hashable(sides: tuple[Any, Catalog, dict[str, int]]) -> None:
    import psycopg

    connection, catalog, oids = sides
    for setting in ("enable_nestloop", "enable_mergejoin"):
        connection.execute(f"SET {setting} = off")
    expected: dict[str, Any] = {}
    actual: dict[str, Any] = {}
    for name, oid in oids.items():
        found = resolve_operator(catalog, None, "=", oid, oid, ("public",))
        if not isinstance(found, OperMatch):
            continue
        try:
            rows = connection.execute(f"EXPLAIN SELECT FROM one a JOIN one b ON a.t{oid} = b.t{oid}").fetchall()
        except psycopg.errors.UndefinedFunction:
            # json[]: there is an operator for arrays, but nothing compares their elements
            rows = []
        expected[name] = any("Hash Join" in row[0] for row in rows)
        actual[name] = is_hashable(catalog, found.operator.oid, oid)
    assert probe.difference(expected, actual) == {}
    assert {True, False} == set(expected.values())


def test_commutator() -> None:
    assert 521 == commutator(Catalog(), 97)
    assert 0 == commutator(Catalog(), 551 + 100_000)
