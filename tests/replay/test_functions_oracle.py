"""CREATE, ALTER and DROP FUNCTION against a server: the same errors, the same pg_proc."""

from __future__ import annotations

from typing import Any

import pytest

from tests.replay.both import errors, functions, replayed, server_errors, server_functions

SQL = """
CREATE ROLE app;
CREATE SCHEMA s;
CREATE TABLE t (id int, name text);
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE FUNCTION f1() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f1(x int) RETURNS int LANGUAGE sql STABLE AS 'SELECT x';
CREATE FUNCTION f1() RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE OR REPLACE FUNCTION f1() RETURNS int LANGUAGE sql IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'SELECT 3';
CREATE OR REPLACE FUNCTION f1() RETURNS text LANGUAGE sql AS 'SELECT 3::text';
CREATE FUNCTION s.f2(a int, b text DEFAULT 'x', OUT c int, OUT d text) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = s, public SET work_mem = '10MB' AS 'BEGIN END';
CREATE FUNCTION f3(VARIADIC a int[]) RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM t';
CREATE FUNCTION f4(a mood) RETURNS TABLE (x int, y mood[]) LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION f4b() RETURNS TABLE (x int) LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION f5(int) RETURNS int RETURN $1 + 1;
CREATE FUNCTION f6(x int) RETURNS int BEGIN ATOMIC SELECT x; SELECT x + 1; END;
CREATE PROCEDURE p1(INOUT a int) LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE p2(a int) LANGUAGE sql SET search_path = '' AS '';
CREATE FUNCTION f7() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION nolang() RETURNS int AS 'SELECT 1';
CREATE FUNCTION noresult(a int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION late(a int DEFAULT 1, b int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION named(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE FUNCTION named(a int, c int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE PROCEDURE named(a int, b int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION defaulted(a int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE FUNCTION defaulted(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
ALTER FUNCTION f1(int) SECURITY DEFINER SET search_path TO 'a', "B c" VOLATILE;
ALTER FUNCTION f1(int) SET timezone = 'UTC';
ALTER FUNCTION f1(int) RESET search_path;
ALTER FUNCTION f1 STABLE;
ALTER FUNCTION f7 RENAME TO f8;
ALTER FUNCTION f8() SET SCHEMA s;
ALTER FUNCTION s.f8() OWNER TO app;
ALTER FUNCTION f1() RENAME TO f6;
ALTER FUNCTION f1(int) RENAME TO f6;
ALTER PROCEDURE p1 RENAME TO p3;
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION s.f8();
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION s.f8();
DROP FUNCTION s.f8();
DROP TRIGGER tr ON t;
DROP TRIGGER tr ON t;
DROP FUNCTION s.f8();
DROP FUNCTION f1(text);
DROP FUNCTION f1;
DROP FUNCTION IF EXISTS f1(text);
CREATE FUNCTION used() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
CREATE POLICY p ON t USING ((SELECT used()));
DROP FUNCTION used();
CREATE TYPE pair AS (a int, b mood);
CREATE FUNCTION takes(pair) RETURNS pair[] LANGUAGE sql AS 'SELECT ARRAY[$1]';
DROP TYPE mood;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN positive AS int;
ALTER TYPE mood ADD VALUE 'c' AFTER 'a';
ALTER TYPE mood ADD VALUE 'c';
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'c';
ALTER TYPE mood RENAME VALUE 'zz' TO 'y';
ALTER TYPE mood RENAME TO feeling;
CREATE TYPE feeling AS ENUM ();
CREATE SCHEMA s;
CREATE SCHEMA IF NOT EXISTS s;
DROP SCHEMA s;
DROP SCHEMA s CASCADE;
"""


@pytest.mark.server
def test_functions(server: Any) -> None:
    result = replayed(SQL)
    with server.database() as connection:
        assert server_errors(connection, SQL, errors(result, SQL)) == errors(result, SQL)
        owner = connection.execute("SELECT current_user").fetchone()[0]
        server_rows = [
            tuple("postgres" if value == owner else value for value in row) for row in server_functions(connection)
        ]
        assert server_rows == functions(result.catalog)
        labels = connection.execute("SELECT enumlabel FROM pg_enum ORDER BY enumsortorder").fetchall()
        found = [row.labels for row in result.catalog.types if row.typname == "feeling"]
        assert [tuple(label for (label,) in labels)] == found


def test_replacing_keeps_the_oid_and_the_acl() -> None:
    result = replayed(
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f FROM public;"
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';"
    )
    (proc,) = [row for row in result.catalog.procs if row.proname == "f"]
    assert (frozenset(), "SELECT 2") == (proc.proacl, proc.prosrc)


def test_sql_bodies_as_text() -> None:
    result = replayed(
        "CREATE FUNCTION f(x int) RETURNS int RETURN (x + 1) * 2;"
        "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;"
    )
    bodies = [row.prosrc for row in result.catalog.procs]
    assert ["SELECT (x + 1) * 2", "SELECT CASE WHEN true THEN 1 END; SELECT 2;"] == bodies
