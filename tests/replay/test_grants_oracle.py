"""GRANT, REVOKE, default privileges and membership against a server's has_*_privilege()."""

from __future__ import annotations

from typing import Any

import pytest

from tests.replay.both import errors, privileges, replayed, server_errors, server_privileges

SQL = """
CREATE ROLE a; CREATE ROLE b NOINHERIT; CREATE ROLE c IN ROLE a; CREATE ROLE d; CREATE ROLE owner1; CREATE ROLE su SUPERUSER;
CREATE ROLE reader; CREATE ROLE e;
GRANT a TO b; GRANT c TO d WITH INHERIT FALSE; GRANT a TO d WITH ADMIN OPTION;
GRANT pg_read_all_data TO reader;
GRANT d TO a;
GRANT b TO e;
CREATE SCHEMA s AUTHORIZATION owner1;
CREATE TABLE t (id int, name text, secret text);
CREATE TABLE s.u (id int);
CREATE TABLE s.w (id int);
CREATE SEQUENCE sq;
CREATE VIEW v AS SELECT id FROM t;
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE pr() LANGUAGE sql AS '';
GRANT SELECT, INSERT (id, name) ON t TO a;
GRANT SELECT (nope) ON t TO a;
GRANT UPDATE (name) ON t TO public;
GRANT ALL ON v TO c;
GRANT ALL ON TABLE s.u TO e WITH GRANT OPTION;
GRANT USAGE ON SCHEMA s TO a;
GRANT CREATE ON SCHEMA s TO public;
GRANT SELECT ON ALL TABLES IN SCHEMA s TO d;
GRANT SELECT ON t TO public WITH GRANT OPTION;
GRANT EXECUTE ON t TO a;
GRANT USAGE ON SEQUENCE sq TO a;
GRANT USAGE ON SEQUENCE t TO a;
REVOKE EXECUTE ON FUNCTION f(int) FROM public;
GRANT EXECUTE ON FUNCTION f TO e;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM public;
GRANT ALL ON FUNCTION g() TO c;
REVOKE INSERT ON t FROM a;
REVOKE GRANT OPTION FOR SELECT ON s.u FROM e;
REVOKE DELETE ON s.u FROM e;
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT, INSERT ON TABLES TO a;
ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO e;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM public;
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT EXECUTE ON FUNCTIONS TO d;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE DELETE ON TABLES FROM e;
ALTER DEFAULT PRIVILEGES FOR ROLE owner1 GRANT ALL ON TABLES TO b;
CREATE TABLE s.later (id int);
CREATE TABLE later2 (id int);
CREATE FUNCTION s.h() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION k() RETURNS int LANGUAGE sql AS 'SELECT 1';
SET ROLE owner1;
CREATE TABLE s.owned (id int);
RESET ROLE;
ALTER TABLE s.w OWNER TO c;
ALTER FUNCTION k() OWNER TO e;
REVOKE a FROM c;
GRANT a TO a;
DROP ROLE a;
ALTER ROLE e RENAME TO e2;
CREATE ROLE c;
CREATE ROLE pg_mine;
"""


@pytest.mark.server
def test_privileges(server: Any) -> None:
    result = replayed(SQL)
    with server.database() as connection:
        assert server_errors(connection, SQL, errors(result, SQL)) == errors(result, SQL)
        assert server_privileges(connection) == privileges(result.catalog)
