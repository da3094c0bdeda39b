"""CREATE and DROP of operators and casts against a server: the same errors, the same rows afterwards."""

from __future__ import annotations

import pytest

from rlslint.replay.replay import replay
from rlslint.verify.compare import apply
from tests.catalog_oracle import project
from tests.conftest import Server

SQL = """
CREATE SCHEMA s;
CREATE TABLE t (id int, name text);
CREATE FUNCTION near(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs($1 - $2) < 2';
CREATE FUNCTION flipped(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT -$1';
CREATE FUNCTION same(text, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2::text';
CREATE OPERATOR ~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = near);
CREATE OPERATOR s.=~= (LEFTARG = int, RIGHTARG = int, FUNCTION = near);
CREATE OPERATOR @@@ (RIGHTARG = int, FUNCTION = flipped);
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = int, FUNCTION = same);
CREATE POLICY near ON t USING (id ~~~ 1);
CREATE POLICY listed ON t USING (id OPERATOR(s.=~=) ANY (ARRAY[1, 2]));
CREATE POLICY asked ON t USING (id OPERATOR(s.=~=) ANY (SELECT 1));
CREATE INDEX flipped ON t ((@@@ id));
DROP OPERATOR ~~~ (int, int);
DROP OPERATOR s.=~= (int, int);
DROP OPERATOR @@@ (NONE, int);
DROP OPERATOR === (text, int);
DROP OPERATOR === (text, int);
DROP OPERATOR IF EXISTS === (text, int);
DROP OPERATOR ~~~ (int, text);
DROP OPERATOR = (int, int);
DROP FUNCTION near(int, int);
DROP OPERATOR @@@ (NONE, int) CASCADE;
DROP OPERATOR ~~~ (int, int) CASCADE;
DROP SCHEMA s;
DROP SCHEMA s CASCADE;
DROP FUNCTION near(int, int);
CREATE FUNCTION bool_to_int(boolean) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1::int::bigint';
CREATE CAST (boolean AS bigint) WITH FUNCTION bool_to_int(boolean);
CREATE CAST (boolean AS bigint) WITH FUNCTION bool_to_int(boolean);
CREATE POLICY cast_to ON t USING (true::bigint = id);
DROP CAST (boolean AS bigint);
DROP CAST (boolean AS bigint);
DROP CAST IF EXISTS (boolean AS bigint);
CREATE POLICY cast_again ON t USING (true::bigint = id);
DROP CAST (int AS bigint);
DROP PUBLICATION IF EXISTS feed;
"""


@pytest.mark.server
def test_operators_and_casts(server: Server) -> None:
    given = project([SQL])
    result = replay(given, preset="none", pg_version=18, assume_missing=False)
    refused = [(one.statement.text, one.error) for one in result.steps if one.error is not None]
    with server.database() as connection:
        connection.execute("SET client_min_messages = error")
        assert [(one.text, code) for one, code, _ in apply(connection, given.migrations[0].statements)] == refused
        for query, expected in (
            ("SELECT oprname FROM pg_operator WHERE oid >= 16384", [row.oprname for row in result.catalog.operators]),
            ("SELECT polname FROM pg_policy", [row.polname for row in result.catalog.policies]),
            (
                "SELECT relname FROM pg_class WHERE relkind = 'i' AND oid >= 16384 AND relnamespace = 2200",
                [row.relname for row in result.catalog.indexes],
            ),
            (
                "SELECT castsource::text FROM pg_cast WHERE oid >= 16384",
                [str(row.castsource) for row in result.catalog.casts],
            ),
        ):
            assert sorted(row[0] for row in connection.execute(query.encode()).fetchall()) == sorted(expected)


def test_a_kind_that_is_not_kept_is_said() -> None:
    given = project(["DROP OPERATOR CLASS c USING btree; DROP COLLATION c; DROP COLLATION c CASCADE;"])
    result = replay(given, preset="none")
    assert [problem.reason for problem in result.problems] == [
        "DROP of a kind of object that is not followed: opclass",
        "DROP of a kind of object that is not followed: collation",
    ]
