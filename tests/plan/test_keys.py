"""A row looked up by its primary key, whatever the key's type, predicted and put to the server; the owner as a role."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.catalog.catalog import Catalog
from rlslint.config import Options
from rlslint.plan.predict import Predictor, roles_of
from tests.conftest import Server
from tests.plan.observed import explain

KEYS = {
    "a domain": ("id place", "'7'"),
    "an enum": ("id colour", "'r'"),
    "an enum and a number": ("n int, kind colour", "7, 'r'"),
    "a number": ("id numeric", "7"),
    "text": ("id varchar(9)", "'7'"),
    "characters": ("id char(5)", "'7'"),
    "an array": ("id int[]", "'{7}'"),
    "a range": ("id int4range", "'[7,8)'"),
    "a name": ("id name", "'7'"),
}


def _catalog(sql: str) -> Catalog:
    return pipeline.load(Options(paths=("-",), preset="none", pg_version=18), cwd=Path.cwd(), stdin=sql)[1].catalog


@pytest.mark.server
@pytest.mark.parametrize("kind", KEYS)
def test_a_row_is_found_by_its_key(server: Server, kind: str) -> None:
    columns, values = KEYS[kind]
    names = [column.split()[0] for column in columns.split(", ")]
    sql = f"""CREATE ROLE reader; CREATE DOMAIN place AS int; CREATE TYPE colour AS ENUM ('r', 'g');
    CREATE TABLE items ({columns}, owner int, PRIMARY KEY ({", ".join(names)})); GRANT SELECT ON items TO reader;
    ALTER TABLE items ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON items TO reader USING (owner + 1 = 8);"""
    catalog = _catalog(sql)
    table, role = catalog.find_relation(None, "items", ("public",)), catalog.find_role("reader")
    assert table is not None
    assert role is not None
    scan = Predictor(catalog).predict(table.oid, role.oid, "select_by_key").scan
    where = " AND ".join(f"{name} = {value}" for name, value in zip(names, values.split(", "), strict=True))
    with server.database() as connection, connection.transaction():
        connection.execute(sql.encode())
        # an index that serves the condition is taken even for an empty table
        connection.execute(b"SET LOCAL enable_seqscan = off")
        observed = explain(connection, "reader", f"SELECT * FROM items WHERE {where}", "items")
    assert observed["scan"] == [scan.method, [catalog.indexes[oid].relname for oid in scan.indexes]]


@pytest.mark.parametrize(("force", "roles"), [("FORCE", ["app"]), ("NO FORCE", ["public"])])
def test_the_owner_is_a_role_where_row_security_is_forced(force: str, roles: list[str]) -> None:
    catalog = _catalog(
        f"""CREATE ROLE app; CREATE TABLE items (id int PRIMARY KEY, owner int); ALTER TABLE items OWNER TO app;
        ALTER TABLE items ENABLE ROW LEVEL SECURITY; ALTER TABLE items {force} ROW LEVEL SECURITY;
        CREATE POLICY p ON items TO app USING (owner = 7);"""
    )
    table = catalog.find_relation(None, "items", ("public",))
    assert table is not None
    assert roles == [catalog.rolname(role) for role in roles_of(catalog, table)]
