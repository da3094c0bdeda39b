"""What stands in a policy's subquery beside tables: WITH queries by the name of a table, subqueries without FROM, IN over
subqueries that group, combine or sort, functions that return sets, conditions on what a subquery in FROM returns; predicted
and put to the server."""

from __future__ import annotations

import pytest

from rlslint.plan.model import AccessPlan
from tests.conftest import Server
from tests.plan.predicted import differing, policy, predict

SCHEMA = """CREATE ROLE reader;
CREATE TABLE items (id int PRIMARY KEY, owner int, team int, org int, body text);
CREATE INDEX items_owner ON items (owner); CREATE INDEX items_team ON items (team);
CREATE TABLE members (id int PRIMARY KEY, usr int, team int, org int, body text);
CREATE INDEX members_usr ON members (usr); CREATE INDEX members_team_usr ON members (team, usr);
CREATE TABLE teams (id int PRIMARY KEY, org int, owner int, name text); CREATE INDEX teams_owner ON teams (owner);
CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE closed (id int PRIMARY KEY, usr int, team int); ALTER TABLE closed ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION me() RETURNS int LANGUAGE sql STABLE AS 'SELECT current_setting(''app.me'')::int';
CREATE FUNCTION teams_of(u int) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT team FROM members WHERE usr = u';
CREATE FUNCTION hidden_teams(u int) RETURNS SETOF int LANGUAGE sql STABLE SECURITY DEFINER
  AS 'SELECT team FROM members WHERE usr = u';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; ALTER TABLE items ENABLE ROW LEVEL SECURITY;"""
ROWS = """SELECT set_config('app.me', '7', false);
INSERT INTO items SELECT i, i * 7 % 2000, i * 31 % 2000, i * 17 % 2000, repeat('x', 40) FROM generate_series(1, 100000) i;
INSERT INTO members SELECT i, i * 31 % 2000, i * 7 % 2000, i * 17 % 2000, 'x' FROM generate_series(1, 100000) i;
INSERT INTO teams SELECT i, i % 2000, i * 3 % 2000, 'n' || i FROM generate_series(1, 100000) i; """
CONDITIONS = (
    "EXISTS (SELECT 1 FROM closed WHERE team = items.team AND usr = (SELECT me()))",
    "EXISTS (SELECT 1 FROM closed WHERE (team = items.team OR team = items.org) AND usr = (SELECT me()))",
    "EXISTS (SELECT 1 FROM closed JOIN members m ON m.team = closed.id WHERE m.usr = (SELECT me()) AND m.org = items.org)",
    "EXISTS (SELECT 1 FROM closed WHERE team = items.team)",
    "team IN (SELECT team FROM closed WHERE usr = (SELECT me()))",
    "team IN (WITH members AS (SELECT * FROM members) SELECT team FROM members WHERE usr = me())",
    "EXISTS (WITH members AS (SELECT * FROM members) SELECT 1 FROM members WHERE usr = me() AND team = items.team)",
    "team IN (WITH a AS (SELECT * FROM members), b AS (SELECT * FROM a) SELECT team FROM b WHERE usr = me())",
    "team IN (WITH a AS (SELECT * FROM members), b AS (SELECT * FROM a) SELECT b.team FROM b, a WHERE"
    " b.usr = me() AND a.id = 3)",
    "team IN (WITH RECURSIVE b AS (SELECT * FROM a), a AS (SELECT * FROM members) SELECT team FROM b WHERE usr = me())",
    "team IN (WITH RECURSIVE a AS (SELECT * FROM members) SELECT team FROM a WHERE usr = me())",
    "EXISTS (SELECT 1 FROM (SELECT me() AS usr) u JOIN members m ON m.usr = u.usr WHERE m.team = items.team)",
    "EXISTS (SELECT 1 FROM members m LEFT JOIN (SELECT me() AS usr) u ON m.usr = u.usr WHERE m.team = items.team)",
    "EXISTS (SELECT 1 FROM (SELECT me() AS usr) u LEFT JOIN members m ON m.usr = u.usr WHERE m.team = items.team)",
    "EXISTS (SELECT 1 FROM members m JOIN LATERAL (SELECT m.org AS o) l ON true WHERE l.o = items.org"
    " AND m.usr = me())",
    "EXISTS (SELECT 1 FROM members m FULL JOIN teams t ON t.id = m.team WHERE m.usr = me() AND m.team = items.team)",
    "EXISTS (SELECT 1 FROM teams t FULL JOIN members m ON t.id = m.team WHERE m.usr = me() AND m.team = items.team)",
    "team IN (SELECT x.u FROM (SELECT me() u) x)",
    "EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND m.usr IN (SELECT me()))",
    "EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND m.usr IN (SELECT teams_of(me())))",
    "EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND m.org IN"
    " (SELECT t.org FROM teams t WHERE t.owner = me() UNION SELECT t.id FROM teams t WHERE t.owner = 5))",
    "EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND m.org IN (SELECT max(t.org) FROM"
    " teams t GROUP BY t.owner))",
    "EXISTS (SELECT 1 FROM members m WHERE m.team = items.team"
    " AND m.org IN (SELECT t.org FROM teams t ORDER BY t.owner LIMIT 5))",
    "EXISTS (SELECT 1 FROM members m WHERE m.team = items.team"
    " AND m.org IN (SELECT t.org FROM teams t WHERE t.owner = m.usr LIMIT 5))",
    "team IN (SELECT m.team FROM members m WHERE (m.usr, m.org) IN (SELECT DISTINCT owner, org FROM"
    " teams WHERE owner = me()))",
    "team IN (SELECT m.team FROM members m WHERE m.usr = me() AND m.org IN"
    " (WITH w AS (SELECT org FROM teams WHERE owner = me()) SELECT org FROM w))",
    "team IN (SELECT m.team FROM members m WHERE m.usr = me() AND m.org NOT IN (SELECT DISTINCT org FROM teams))",
    "EXISTS (SELECT 1 FROM members m WHERE m.org = items.org AND m.team IN (SELECT t FROM hidden_teams(me()) t))",
    "team IN (SELECT t.id FROM teams t WHERE t.id IN (SELECT hidden_teams(me())))",
    "team IN (SELECT t FROM teams_of(me()) t)",
    "EXISTS (SELECT 1 FROM (SELECT DISTINCT team, usr FROM members) v WHERE v.usr = me() AND v.team = items.team)",
    "EXISTS (SELECT 1 FROM (SELECT team, usr FROM members UNION ALL SELECT id, owner FROM teams) v WHERE"
    " v.usr = me() AND v.team = items.team)",
    "EXISTS (SELECT 1 FROM (SELECT team, usr FROM members UNION SELECT id, owner FROM teams UNION SELECT"
    " org, id FROM teams) v WHERE v.usr = me() AND v.team = items.team)",
    "EXISTS (SELECT 1 FROM (SELECT team, usr FROM members EXCEPT SELECT id, owner FROM teams) v WHERE"
    " v.usr = me() AND v.team = items.team)",
    "team IN (SELECT v.team FROM (SELECT team, usr, count(*) FROM members GROUP BY 1, 2) v WHERE v.usr = me())",
    "team IN (SELECT v.team FROM (SELECT team, usr, count(*) AS n FROM members GROUP BY 1, 2) v WHERE"
    " v.usr = me() AND v.n > 1)",
    "team IN (SELECT v.team FROM (SELECT team, usr FROM members ORDER BY id LIMIT 100) v WHERE v.usr = me())",
    "team IN (SELECT v.team FROM (SELECT team, usr, row_number() OVER (ORDER BY id) AS n FROM members) v"
    " WHERE v.usr = me())",
    "team IN (WITH a AS (SELECT DISTINCT team, usr FROM members) SELECT team FROM a WHERE usr = (SELECT me()))",
    "team IN (WITH a AS MATERIALIZED (SELECT DISTINCT team, usr FROM members) SELECT team FROM a WHERE"
    " usr = (SELECT me()))",
    "team IN (SELECT v.team FROM (WITH a AS (SELECT * FROM members) SELECT * FROM a) v WHERE v.usr = me())",
    "EXISTS (SELECT 1 FROM teams t LEFT JOIN (SELECT DISTINCT team, usr FROM members) v ON v.team = t.id"
    " AND v.usr = me() WHERE t.owner = items.owner)",
    "EXISTS (SELECT 1 FROM teams t JOIN (SELECT team, usr FROM members UNION ALL SELECT id, owner FROM"
    " teams) v ON v.team = t.id WHERE v.usr = me() AND t.org = items.org)",
    "EXISTS (SELECT 1 FROM members m, LATERAL (SELECT t.org FROM teams t WHERE t.id = m.team UNION ALL"
    " SELECT m.org) x WHERE m.usr = me() AND x.org = items.org)",
    "team IN (WITH a AS (SELECT * FROM members) SELECT x.team FROM (WITH a AS (SELECT * FROM a) SELECT *"
    " FROM a) x WHERE x.usr = me())",
)


@pytest.mark.server
def test_the_server_does_the_same(server: Server) -> None:
    with server.database() as connection:
        for sql in (SCHEMA, ROWS, "VACUUM ANALYZE items, members, teams", "SET max_parallel_workers_per_gather = 0"):
            for one in sql.split(";") if sql is ROWS else [sql]:
                connection.execute(one.encode())
        assert differing(connection, SCHEMA, CONDITIONS) == []


def _plan(condition: str) -> AccessPlan:
    return predict(SCHEMA + policy(condition))[0]


@pytest.mark.parametrize(
    ("condition", "calls"),
    [
        # inlined as a subquery in FROM; asked for its argument once, for the index
        ("team IN (SELECT t FROM teams_of(me()) t)", ["inlined", "index_condition"]),
        ("team IN (SELECT t FROM hidden_teams(me()) t)", ["init_plan", "init_plan"]),
        (
            "EXISTS (SELECT 1 FROM hidden_teams(me()) s JOIN members m ON m.team = s WHERE m.org = items.org)",
            ["init_plan", "init_plan"],
        ),
        ("team IN (SELECT me() UNION SELECT id FROM teams)", ["init_plan"]),
        (
            "team IN (WITH w AS MATERIALIZED (SELECT me() AS u) SELECT m.team FROM members m, w WHERE m.usr = w.u)",
            ["init_plan"],
        ),
        (
            "EXISTS (SELECT 1 FROM (SELECT me() AS u) w JOIN members m ON m.usr = w.u WHERE m.team = items.team)",
            ["index_condition"],
        ),
        (
            "team IN (SELECT v.team FROM (SELECT team, usr FROM members ORDER BY id LIMIT 9) v WHERE v.usr = me())",
            ["inlined"],
        ),
        ("EXISTS (SELECT 1 FROM hidden_teams(owner) t WHERE t > team)", ["per_row"]),
    ],
)
def test_calls_in_from(condition: str, calls: list[str]) -> None:
    assert calls == [call.evaluation for call in _plan(condition).calls]


@pytest.mark.parametrize(
    ("condition", "growth"),
    [
        ("team IN (SELECT a FROM pairs WHERE b = me())", "O(n + m)"),
        ("team IN (SELECT b FROM pairs WHERE a = me())", "O(n + log m)"),
        ("team = ANY (ARRAY(SELECT a FROM pairs WHERE b = me()))", "O(log n + m)"),
    ],
)
def test_an_index_that_is_read_from_end_to_end_grows_with_its_table(condition: str, growth: str) -> None:
    assert growth == _plan(condition).growth


def test_values_are_no_table() -> None:
    plan = _plan("EXISTS (SELECT 1 FROM (VALUES (1), (2)) v (x) WHERE v.x = items.team)")
    assert [()] == [subquery.relations for subquery in plan.subqueries]
