"""Which collation a comparison goes by, and whether an index in another one serves it: predicted and put to the server."""

from __future__ import annotations

import pytest

from tests.conftest import Server
from tests.plan.predicted import READING, differing, install

SCHEMA = """CREATE ROLE reader;
CREATE DOMAIN label AS text; CREATE DOMAIN c_label AS text COLLATE "C";
CREATE TABLE items (id int PRIMARY KEY, t text, v varchar(40), n name, c text COLLATE "C", d label, dc c_label, body text);
CREATE INDEX items_t ON items (t); CREATE INDEX items_v ON items (v); CREATE INDEX items_n ON items (n);
CREATE INDEX items_c ON items (c); CREATE INDEX items_d ON items (d); CREATE INDEX items_dc ON items (dc);
CREATE INDEX items_lower ON items (lower(t)); CREATE INDEX items_body ON items (body COLLATE "C");
CREATE FUNCTION me() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN current_user; END';
CREATE FUNCTION me_name() RETURNS name LANGUAGE plpgsql STABLE AS 'BEGIN RETURN current_user; END';
GRANT SELECT ON items TO reader; ALTER TABLE items ENABLE ROW LEVEL SECURITY;"""
ROWS = """INSERT INTO items SELECT i, 'u' || i, 'u' || i, 'u' || i, 'u' || i, 'u' || i, 'u' || i, 'u' || i
  FROM generate_series(1, 100000) i; VACUUM ANALYZE items; SET max_parallel_workers_per_gather = 0"""
VALUES = (
    *("current_user", "(SELECT current_user)", "current_user::text", "(SELECT current_user)::text", "session_user"),
    *("current_user::varchar", "lower(current_user)", "current_user::text || ''", 'current_user COLLATE "default"'),
    *("me()", "me_name()", "current_setting('role')", "current_setting('role')::name", "'u7'", "'u7'::name", "user"),
    "coalesce(current_setting('role', true), current_user)",
    "CASE WHEN current_user = 'x' THEN 'a' ELSE me() END",
    "CASE WHEN me() = 'x' THEN current_user ELSE current_user END",
    "to_jsonb(current_user) ->> 'a'",
    "length(current_user)::text",
    "md5(current_user)",
)
CONDITIONS = (
    *(f"{column} = {value}" for column in ("t", "v", "n", "c", "d", "dc", "lower(t)", "body") for value in VALUES),
    "t IN (current_user, 'b')",
    "t = ANY (ARRAY[current_user])",
    "t = ANY (ARRAY[current_user]::text[])",
    "t = ANY (ARRAY(SELECT me()))",
    "t = ANY (ARRAY(SELECT current_user))",
    "t = ANY (string_to_array(current_user, ','))",
    'body = me() COLLATE "C"',
    'body COLLATE "C" = me()',
    't COLLATE "C" = me()',
    't COLLATE "default" = current_user',
    'body COLLATE "C" = current_setting($$role$$) OR t = me()',
    "(t, id) = (me(), 3)",
    "(c, t) >= (SELECT current_user, me()) AND (c, t) < (current_user, 'x')",
    "current_user = t",
    "t >= current_user AND t < me()",
)


@pytest.mark.server
def test_the_server_uses_the_same_index(server: Server) -> None:
    with server.database() as connection:
        install(connection, SCHEMA, ROWS)
        assert differing(connection, SCHEMA, CONDITIONS, {"select": READING["select"]}) == []
