"""How many rows a flag is taken to leave, seen by what a subquery beside it is planned as: one look-up a row where few rows
come to it, a hash table where many do."""

from __future__ import annotations

import pytest

from tests.conftest import Server
from tests.plan.predicted import differing, install

SCHEMA = """CREATE ROLE reader;
CREATE FUNCTION asked() RETURNS int LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.n', true), '')::int $$;
CREATE TABLE teams (id int PRIMARY KEY, owner int NOT NULL);
CREATE TABLE items (id int PRIMARY KEY, team int NOT NULL, flag boolean NOT NULL);
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON items, teams TO reader;
"""
ROWS = """INSERT INTO teams SELECT i, i % 500 FROM generate_series(1, 20000) i;
INSERT INTO items SELECT i, i % 20000, i % 100 = 0 FROM generate_series(1, 100000) i;
VACUUM ANALYZE teams; VACUUM ANALYZE items"""
EXISTS = "EXISTS (SELECT 1 FROM teams t WHERE t.id = items.team AND t.owner = asked())"
CONDITIONS = [
    f"flag = (team = asked()) AND {EXISTS}",
    f"flag = (team = asked()) AND flag <> (id = asked()) AND {EXISTS}",
    f"flag = (SELECT asked() = 1) AND {EXISTS}",
    f"team = id AND {EXISTS}",
    f"team + 1 = id AND {EXISTS}",
    f"flag AND {EXISTS}",
    f"NOT flag AND {EXISTS}",
    f"flag = true AND {EXISTS}",
]


@pytest.mark.server
def test_a_flag_that_is_compared_with_what_is_not_known_leaves_half(server: Server) -> None:
    with server.database() as connection:
        install(connection, SCHEMA, ROWS)
        assert differing(connection, SCHEMA, CONDITIONS, {"select": "SELECT * FROM items"}) == []
