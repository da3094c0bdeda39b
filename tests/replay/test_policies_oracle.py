"""CREATE, ALTER, DROP and RENAME POLICY against a server: the same errors, the same pg_policies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.replay.both import errors, policies, replayed, server_errors, server_policies

SQL = """
CREATE ROLE app; CREATE ROLE "Mixed Case";
CREATE SCHEMA s;
CREATE TABLE t (id int PRIMARY KEY, owner text, tenant uuid, flag boolean, n int);
CREATE TABLE s.u (id int, t_id int);
CREATE VIEW v AS SELECT id FROM t;
CREATE POLICY p ON t TO app USING (owner = current_user);
CREATE POLICY p ON t USING (true);
CREATE POLICY p ON s.u USING (true);
CREATE POLICY ins_using ON t FOR INSERT USING (true);
CREATE POLICY sel_check ON t FOR SELECT WITH CHECK (true);
CREATE POLICY del_check ON t FOR DELETE WITH CHECK (true);
CREATE POLICY upd ON t FOR UPDATE USING (flag) WITH CHECK (n > 0);
CREATE POLICY nothing ON t FOR SELECT;
CREATE POLICY r1 ON t AS RESTRICTIVE FOR ALL TO app, "Mixed Case" USING (id > 0);
CREATE POLICY everybody ON t TO app, public USING (true);
CREATE POLICY me ON t TO CURRENT_USER, app, app USING (true);
CREATE POLICY onview ON v USING (true);
CREATE POLICY mismatch ON t USING (owner = tenant);
CREATE POLICY nocolumn ON t USING (nope = 1);
CREATE POLICY notbool ON t USING (n);
CREATE POLICY notbool2 ON t USING (n + 1);
CREATE POLICY subselect ON t USING (EXISTS (SELECT 1 FROM s.u WHERE u.t_id = t.id));
CREATE POLICY badsub ON t USING (EXISTS (SELECT 1 FROM s.u WHERE u.nope = t.id));
ALTER POLICY upd ON t USING (n = 1);
ALTER POLICY upd ON t TO "Mixed Case" WITH CHECK (n = 2);
ALTER POLICY nothing ON t WITH CHECK (true);
ALTER POLICY gone ON t USING (true);
ALTER POLICY p ON s.u RENAME TO q;
ALTER POLICY p ON t RENAME TO r1;
ALTER POLICY gone ON t RENAME TO q2;
DROP POLICY everybody ON t;
DROP POLICY everybody ON t;
DROP POLICY IF EXISTS everybody ON t;
DROP POLICY IF EXISTS everybody ON missing;
DROP ROLE app;
BEGIN;
CREATE POLICY undone ON t USING (true);
ROLLBACK;
BEGIN;
CREATE POLICY kept ON t USING (true);
SAVEPOINT one;
CREATE POLICY undone2 ON t USING (true);
ROLLBACK TO one;
CREATE POLICY kept2 ON t USING (true);
COMMIT;
SET search_path TO s;
CREATE POLICY in_s ON u USING (id = 1);
"""


@pytest.mark.server
def test_policies(server: Any) -> None:
    result = replayed(SQL)
    with server.database() as connection:
        assert server_errors(connection, SQL, errors(result, SQL)) == errors(result, SQL)
        assert server_policies(connection) == policies(result.catalog)


def test_implicit_public() -> None:
    result = replayed("CREATE TABLE t (a int); CREATE POLICY p ON t; CREATE POLICY q ON t TO public;")
    assert [True, False] == [row.to_public_implicitly for row in result.catalog.policies]


def test_rejected_policy_is_kept_for_its_rule() -> None:
    result = replayed("CREATE TABLE t (a int); CREATE POLICY p ON t USING (a = 1 AND nope > 2);")
    (rejected,) = result.rejected_policies
    assert ("p", "42703", "nope") == (rejected.polname, rejected.sqlstate, rejected.span.text)
    assert [] == list(result.catalog.policies)


def test_table_that_no_file_creates() -> None:
    result = replayed("CREATE POLICY p ON elsewhere USING (true);")
    assert [None] == [step.error for step in result.steps]
    assert ["RLS002"] == [problem.code for problem in result.problems]


def test_role_that_no_file_creates() -> None:
    result = replayed("CREATE TABLE t (a int); CREATE POLICY p ON t TO somebody USING (true);")
    (policy,) = result.catalog.policies
    assert [] == result.problems
    assert not result.catalog.roles[policy.polroles[0]].known
