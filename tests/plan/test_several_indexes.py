"""Plans that hang on more than one condition or index, predicted and put to the server: BitmapAnd and BitmapOr, arms that one
index searches as a list, min() and max(), InitPlans of joins that are removed, equalities that follow from others, WITH
queries that are computed as a whole, what row security brings into a subquery."""

from __future__ import annotations

import pytest

from rlslint.rewrite.model import StatementName
from tests.conftest import Server
from tests.plan.observed import explain, same
from tests.plan.predicted import predict

SCHEMA = """CREATE ROLE reader;
CREATE TABLE notes (id int PRIMARY KEY, owner int, team int NOT NULL, org int, body text);
CREATE INDEX notes_owner_idx ON notes (owner); CREATE INDEX notes_team_idx ON notes (team);
CREATE INDEX notes_org_idx ON notes (org);
CREATE TABLE members (id int PRIMARY KEY, team int NOT NULL, usr int NOT NULL, org int, active boolean, body text);
CREATE INDEX members_usr_team_idx ON members (usr, team); CREATE INDEX members_org_idx ON members (org);
CREATE TABLE bosses (id int PRIMARY KEY, team int, since int, body text); CREATE INDEX bosses_since_idx ON bosses (since);
CREATE INDEX bosses_team_idx ON bosses (team DESC) WHERE since IS NOT NULL;
CREATE FUNCTION me() RETURNS int LANGUAGE sql STABLE AS 'SELECT current_setting(''app.me'')::int';
CREATE FUNCTION me_volatile() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 7; END';
CREATE TABLE staff (usr int, team int); CREATE INDEX staff_usr_idx ON staff (usr); ALTER TABLE staff ENABLE ROW LEVEL SECURITY;
CREATE POLICY s ON staff TO reader USING (usr = me_volatile());
GRANT SELECT ON notes, members, bosses, staff TO reader; ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE bosses ENABLE ROW LEVEL SECURITY; CREATE POLICY b ON bosses TO reader USING (since <> (SELECT me())); """
ROWS = """SELECT set_config('app.me', '7', true);
INSERT INTO notes SELECT i, i * 7 % 2000, i * 31 % 2000, i * 17 % 2000, repeat('x', 40) FROM generate_series(1, 40000) i;
INSERT INTO members SELECT i, i * 31 % 2000, i * 7 % 2000, i * 17 % 2000, i % 2 = 0, repeat('x', 40)
  FROM generate_series(1, 40000) i;
INSERT INTO staff SELECT i * 7 % 2000, i * 31 % 2000 FROM generate_series(1, 40000) i;
INSERT INTO bosses SELECT i, i * 31 % 2000, i * 7 % 2000, repeat('x', 40) FROM generate_series(1, 40000) i;
ANALYZE notes, members, bosses, staff"""
CONDITIONS = (
    "owner = me() AND org = 7",
    "owner = me() AND org = 7 AND body = 'x'",
    "(owner = me() OR org = 7) AND team = 7",
    "(owner = me() AND team = 7) OR org = 7",
    "owner = me() OR owner = (SELECT me()) OR org = 7",
    "owner = me() OR org = 7 OR me() = owner OR body = 'x'",
    "owner = me() OR (owner = 8 AND team = 7)",
    "team IN (1, 2) OR team = 8",
    "team IS NULL OR owner = me()",
    "(owner = (SELECT me()) OR team = 3) AND org = (SELECT me()) AND (owner = (SELECT me()) OR team = 3) AND org = (SELECT me())",
    "team IN (SELECT m.team FROM members m WHERE m.usr = (SELECT me()) AND m.org = (SELECT me()) AND m.org = notes.org)",
    "team = (SELECT max(m.team) FROM members m WHERE m.usr = me())",
    "team = (SELECT min(m.usr) FROM members m)",
    "team = (SELECT max(m.usr) FROM members m WHERE m.active)",
    "team = (SELECT max(m.usr) FILTER (WHERE m.active) FROM members m)",
    "team = (SELECT max(m.usr) - min(m.usr) FROM members m)",
    "team = (SELECT max(m.usr) - min(m.team) FROM members m)",
    "team = (SELECT max(m.usr) FROM members m GROUP BY m.org LIMIT 1)",
    "(SELECT bool_or(m.active) FROM members m WHERE m.usr = me())",
    "team = (SELECT max(b.since) FROM bosses b)",
    "team = (SELECT max(b.team) FROM bosses b WHERE b.since IS NOT NULL)",
    "team = (SELECT max(b.team) FROM bosses b)",
    "team = (SELECT m.team FROM members m WHERE m.body = 'y' ORDER BY m.id LIMIT 1)",
    "team = (SELECT m.team FROM members m WHERE m.usr = me() ORDER BY m.team DESC LIMIT 1)",
    "team = (SELECT b.team FROM bosses b WHERE b.since <> 3 ORDER BY b.body LIMIT 1)",
    "EXISTS (SELECT 1 FROM members m LEFT JOIN bosses b ON b.id = m.team"
    " WHERE m.team = notes.team AND m.usr = me() AND m.body = 'x')",
    "EXISTS (SELECT 1 FROM members m WHERE m.org = notes.org AND m.usr = (SELECT me()) AND m.body = 'x')",
    "owner = me() AND owner = (SELECT me())",
    "owner = me() AND owner = 7",
    "owner = me() AND org = owner",
    "owner = 7 AND owner = me() AND team = owner",
    "EXISTS (SELECT 1 FROM members m WHERE m.team = notes.team AND m.usr = me() AND m.usr = (SELECT me()) AND m.body = 'x')",
    "team = (SELECT max(m.team) FROM members m WHERE m.usr = me() AND m.usr = (SELECT me()))",
    "team IN (WITH mine AS MATERIALIZED (SELECT m.team, m.usr FROM members m) SELECT team FROM mine WHERE usr = me())",
    "team IN (WITH mine AS (SELECT m.team, m.usr FROM members m) SELECT team FROM mine WHERE usr = me())",
    "team IN (WITH mine AS (SELECT m.team, m.usr FROM members m) SELECT a.team FROM mine a, mine b WHERE b.usr = me())",
    "team IN (WITH mine AS NOT MATERIALIZED (SELECT m.team, m.usr FROM members m)"
    " SELECT a.team FROM mine a JOIN mine b ON a.team = b.team WHERE b.usr = me())",
    "team IN (WITH mine AS (SELECT s.team FROM staff s WHERE s.usr = me()) SELECT team FROM mine)",
    "team IN (WITH RECURSIVE r AS (SELECT 1 AS team UNION ALL SELECT team + 1 FROM r WHERE team < 9) SELECT team FROM r)",
    "EXISTS (WITH mine AS (SELECT m.team FROM members m WHERE m.usr = notes.owner) SELECT 1 FROM mine WHERE mine.team = 7)",
    "EXISTS (SELECT 1 FROM bosses b WHERE b.id = notes.team AND b.since IN (SELECT s.usr FROM staff s WHERE s.team = 7))",
    "EXISTS (SELECT 1 FROM members a, members b WHERE a.org = notes.org AND b.usr = me())",
)


@pytest.mark.server
@pytest.mark.parametrize("statement", ["SELECT * FROM notes", "SELECT * FROM notes WHERE id = 5"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_server_does_the_same(server: Server, condition: str, statement: str) -> None:
    sql = f"{SCHEMA} CREATE POLICY p ON notes TO reader USING ({condition});"
    name: StatementName = "select_by_key" if "WHERE id" in statement else "select"
    _, predicted = predict(sql, "notes", name)
    with server.database() as connection, connection.transaction():
        connection.execute(sql.encode())
        connection.execute(ROWS.encode())
        connection.execute(b"SET LOCAL max_parallel_workers_per_gather = 0")
        observed = explain(connection, "reader", statement, "notes")
        assert same(observed, predicted), (observed, predicted)
