"""How many rows a table's unique keys leave room for: told from the catalog, and tried by filling it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import psycopg
import pytest

from rlslint import pipeline
from rlslint.catalog.catalog import Catalog
from rlslint.config import Options
from rlslint.plan.few_rows import most_rows
from tests.conftest import Server

HEAD = "CREATE TYPE colour AS ENUM ('r', 'g', 'b');"
TABLES = {
    "(a boolean PRIMARY KEY DEFAULT true CHECK (a))": 1,
    "(a boolean PRIMARY KEY)": 2,
    "(a boolean UNIQUE)": None,
    "(a boolean UNIQUE NULLS NOT DISTINCT)": 3,
    "(a colour PRIMARY KEY)": 3,
    "(a colour, b boolean, PRIMARY KEY (a, b))": 6,
    "(a int PRIMARY KEY CHECK (a = 1))": 1,
    "(a int PRIMARY KEY CHECK (1 = a))": 1,
    "(a text PRIMARY KEY CHECK (a IN ('r', 'g')))": 2,
    "(a text PRIMARY KEY CHECK (a IN ('r', 'g', 'b') AND a <> 'x'))": 3,
    "(a text PRIMARY KEY CHECK (a = 'r' OR a = 'g'))": 2,
    "(a text PRIMARY KEY CHECK (a IN ('r', NULL)))": None,
    "(a text PRIMARY KEY CHECK (a = NULL))": None,
    "(a text PRIMARY KEY CHECK (a = 'r' OR b), b boolean)": None,
    "(a text PRIMARY KEY CHECK (a <> 'r'))": None,
    "(a int PRIMARY KEY)": None,
    "(a text PRIMARY KEY CHECK (a::bpchar = 'x'))": None,
    "(a varchar(9) PRIMARY KEY CHECK (a IN ('r', 'g')))": 2,
    "(a bigint PRIMARY KEY CHECK (a = 1))": 1,
    "(a int NOT NULL, b boolean UNIQUE NOT NULL CHECK (NOT b))": 1,
}


@pytest.mark.server
@pytest.mark.parametrize("definition", TABLES)
def test_the_table_takes_so_many_rows(server: Server, definition: str) -> None:
    sql = f"{HEAD} CREATE TABLE t {definition};"
    assert most_rows(*_loaded(sql)) == TABLES[definition]
    with server.database() as connection, connection.transaction(force_rollback=True):
        connection.execute(sql.encode())
        _fill(connection, sql.count(" b ") or sql.count(", b"))
        (rows,) = connection.execute("SELECT count(*) FROM t").fetchone() or (0,)
    expected = TABLES[definition]
    assert rows == expected if expected is not None else rows > 3


def test_a_constant_that_is_unique_leaves_room_for_one_row() -> None:
    assert most_rows(*_loaded("CREATE TABLE t (a int); CREATE UNIQUE INDEX ON t ((true));")) == 1
    assert most_rows(*_loaded("CREATE TABLE t (a int); CREATE UNIQUE INDEX ON t ((a + 1));")) is None
    assert most_rows(*_loaded("CREATE TABLE t (a int); CREATE UNIQUE INDEX ON t ((NULL::int));")) is None
    children = "CREATE TABLE t (a bool PRIMARY KEY); CREATE TABLE u () INHERITS (t);"
    assert most_rows(*_loaded(children)) is None
    assert most_rows(*_loaded("CREATE TABLE t (a bool NOT NULL); CREATE UNIQUE INDEX ON t (a) WHERE a;")) is None


def _loaded(sql: str) -> tuple[Catalog, int]:
    catalog = pipeline.load(Options(paths=("-",), preset="none", pg_version=18), cwd=Path.cwd(), stdin=sql)[1].catalog
    table = catalog.find_relation(None, "t", ("public",))
    assert table is not None
    return catalog, table.oid


def _fill(connection: psycopg.Connection[tuple[object, ...]], second: int) -> None:
    """Every value that the column's type takes of some, twice."""
    values = ("true", "false", "1", "2", "3", "4", "5", "r", "g", "b", "x", "x ", "x  ", "x   ", "y", None)
    for a, b in product(values * 2, ("true", "false", None) if second else (None,)):
        try:
            with connection.transaction():
                if second:
                    connection.execute(
                        "INSERT INTO t (a, b) SELECT r.a, r.b FROM jsonb_populate_record(NULL::t, "
                        "jsonb_build_object('a', %s::text, 'b', %s::text)) r",
                        (a, b),
                    )
                else:
                    connection.execute(
                        "INSERT INTO t SELECT r.* FROM jsonb_populate_record(NULL::t, "
                        "jsonb_build_object('a', %s::text)) r",
                        (a,),
                    )
        except psycopg.errors.DataError:
            continue
        except psycopg.errors.IntegrityError:
            continue
