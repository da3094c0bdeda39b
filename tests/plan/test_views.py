"""A policy that reads views: whose row security the tables behind them show (their owner's, or that of who runs the
statement), and the subqueries that this brings into the plan; predicted and put to the server."""

from __future__ import annotations

import pytest

from tests.conftest import Server
from tests.plan.predicted import differing

SCHEMA = """CREATE ROLE reader;
CREATE ROLE keeper;
CREATE TABLE items (id int PRIMARY KEY, team int, body text);
CREATE TABLE members (id int PRIMARY KEY, usr int, team int, active boolean);
CREATE TABLE teams (id int PRIMARY KEY, org int, owner int);
CREATE TABLE orgs (id int PRIMARY KEY, owner int);
CREATE FUNCTION me() RETURNS int LANGUAGE sql STABLE AS 'SELECT current_setting(''app.me'')::int';
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON members TO reader USING (EXISTS (SELECT 1 FROM teams t WHERE t.id = members.team AND t.owner = me()));
CREATE POLICY kept ON members TO keeper USING (EXISTS (SELECT 1 FROM teams t WHERE t.id = members.team AND t.org = 7));
ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON teams TO reader USING (owner = me());
CREATE POLICY kept ON teams TO keeper USING (EXISTS (SELECT 1 FROM orgs o WHERE o.id = teams.org AND o.owner = 7));
CREATE VIEW plain AS SELECT team, usr FROM members WHERE active;
CREATE VIEW barrier WITH (security_barrier) AS SELECT team, usr FROM members WHERE active;
CREATE VIEW invoker WITH (security_invoker) AS SELECT team, usr FROM members WHERE active;
CREATE VIEW invoker_barrier WITH (security_invoker, security_barrier) AS SELECT team, usr FROM members WHERE active;
CREATE VIEW grouped AS SELECT team, usr, count(*) AS n FROM members GROUP BY team, usr;
CREATE VIEW invoker_grouped WITH (security_invoker) AS SELECT team, usr, count(*) AS n FROM members GROUP BY team, usr;
CREATE VIEW with_subquery AS SELECT m.team, m.usr FROM members m WHERE (SELECT t.org FROM teams t WHERE t.id = m.team) = 3;
CREATE VIEW keepers AS SELECT team, usr FROM members WHERE active;
CREATE VIEW keepers_over_invoker AS SELECT team, usr FROM invoker;
ALTER VIEW keepers OWNER TO keeper;
ALTER VIEW keepers_over_invoker OWNER TO keeper;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader, keeper;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;"""
ROWS = """SELECT set_config('app.me', '7', false);
INSERT INTO items SELECT i, i * 31 % 2000, repeat('x', 40) FROM generate_series(1, 100000) i;
INSERT INTO members SELECT i, i * 31 % 2000, i * 7 % 2000, i % 100 = 0 FROM generate_series(1, 100000) i;
INSERT INTO teams SELECT i, i % 2000, i * 3 % 2000 FROM generate_series(1, 100000) i;
INSERT INTO orgs SELECT i, i * 3 % 2000 FROM generate_series(1, 100000) i;
VACUUM ANALYZE items, members, teams, orgs; SET max_parallel_workers_per_gather = 0"""
VIEWS = ("plain", "barrier", "invoker", "invoker_barrier", "grouped", "invoker_grouped", "with_subquery", "keepers")
CONDITIONS = (
    *(f"team IN (SELECT v.team FROM {view} v WHERE v.usr = me())" for view in (*VIEWS, "keepers_over_invoker")),
    "EXISTS (SELECT 1 FROM barrier v WHERE v.team = items.team AND v.usr = me())",
    "EXISTS (SELECT 1 FROM keepers v WHERE v.team = items.team AND v.usr = me())",
    "EXISTS (SELECT 1 FROM keepers v JOIN invoker w USING (team) WHERE v.team = items.team AND w.usr = me())",
)


@pytest.mark.server
def test_the_server_reads_the_same(server: Server) -> None:
    with server.database() as connection:
        for sql in (SCHEMA, *ROWS.split(";")):
            connection.execute(sql.encode())
        assert differing(connection, SCHEMA, CONDITIONS) == []
