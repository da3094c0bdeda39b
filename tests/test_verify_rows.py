"""Rows that are made for `verify`: as many and as various as types and CHECK constraints let in."""

from __future__ import annotations

import pytest

from rlslint.verify.rows import fill
from tests.conftest import Server

ROWS = 5000
TABLES = {
    "v int CHECK (v > 10), CHECK (v <> 0)": (4900, 4900),
    "v int CHECK (v > 0 AND v <> 1)": (4900, 4900),
    "v int CHECK (v > 0), CHECK (v >= 18)": (4900, 4900),
    "v int CHECK (v = 0 OR v >= 100)": (4900, 4900),
    "v numeric CHECK (v >= 0 AND v = round(v, 2))": (ROWS, ROWS),
    "v numeric CHECK (v = v::numeric(12, 2))": (ROWS, ROWS),
    "v int, code text CHECK (length(code) BETWEEN 1 AND 10)": (ROWS, ROWS),
    "v int CHECK (v BETWEEN -90 AND 90)": (ROWS, 181),
    "v int CHECK (v >= 1 AND v <= 5)": (ROWS, 5),
    "v smallint CHECK (v IN (1, 2, 3, 5))": (4000, 4),
    "v bytea": (ROWS, ROWS),
    "v bytea CHECK (octet_length(v) <= 100000)": (ROWS, ROWS),
    "v bytea CHECK (octet_length(v) < 17)": (ROWS, ROWS),
    "v bytea PRIMARY KEY CHECK (octet_length(v) = 32)": (ROWS, ROWS),
    "v bytea REFERENCES hashes": (ROWS, 1000),
    "v inet": (ROWS, ROWS),
}


@pytest.mark.server
@pytest.mark.parametrize("columns", TABLES)
def test_so_many_and_so_various(server: Server, columns: str) -> None:
    rows, distinct = TABLES[columns]
    with server.database() as connection:
        connection.execute(b"CREATE TABLE hashes (h bytea PRIMARY KEY CHECK (octet_length(h) = 32))")
        connection.execute(f"CREATE TABLE t ({columns})".encode())
        assert [one.problem for one in fill(connection, ROWS)] == ["", ""]
        found = connection.execute(b"SELECT count(*), count(DISTINCT v) FROM t").fetchone()
    assert found is not None
    assert found[0] >= rows
    assert found[1] >= distinct
