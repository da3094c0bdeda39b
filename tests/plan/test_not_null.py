"""NULL tests of NOT NULL columns in policies, predicted and put to the server: dropped, constant false, or kept."""

from __future__ import annotations

import pytest

from tests.conftest import Server
from tests.plan.observed import explain, same
from tests.plan.predicted import predict

SCHEMA = """CREATE ROLE reader; CREATE TABLE notes (id int PRIMARY KEY, owner int NOT NULL, team int);
CREATE INDEX notes_team_idx ON notes (team); CREATE TABLE teams (id int PRIMARY KEY, boss int NOT NULL, deputy int);
GRANT SELECT ON notes, teams TO reader; ALTER TABLE notes ENABLE ROW LEVEL SECURITY; """
ROWS = """INSERT INTO notes SELECT i, i % 5000, i % 5000 FROM generate_series(1, 20000) i;
INSERT INTO teams SELECT i, i, i FROM generate_series(1, 20000) i; ANALYZE notes; ANALYZE teams"""
CONDITIONS = (
    "owner IS NULL",
    "owner IS NOT NULL",
    "team IS NULL AND owner IS NULL",
    "owner IS NULL OR id IS NULL",
    "owner IS NULL OR team = 7",
    "owner IS NOT NULL AND team = 7",
    "(owner IS NOT NULL OR team = 8) AND team = 7",
    "EXISTS (SELECT 1 FROM teams t WHERE t.boss IS NULL AND t.deputy = 7)",
    "EXISTS (SELECT 1 FROM teams t WHERE t.boss IS NOT NULL AND t.id = 7)",
    "team IN (SELECT t.id FROM teams t LEFT JOIN teams b ON b.id = t.deputy WHERE b.boss IS NULL AND t.id < 9)",
)


@pytest.mark.server
@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_not_null_decides(server: Server, condition: str) -> None:
    sql = f"{SCHEMA} CREATE POLICY p ON notes TO reader USING ({condition});"
    _, predicted = predict(sql, "notes")
    with server.database() as connection, connection.transaction():
        connection.execute(sql.encode())
        connection.execute(ROWS.encode())
        observed = explain(connection, "reader", "SELECT * FROM notes", "notes")
        assert same(observed, predicted), (observed, predicted)
