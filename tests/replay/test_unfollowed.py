"""What runs unseen: calls of functions that no file creates, and what is believed afterwards."""

from __future__ import annotations

import pytest

from rlslint.replay.replay import Replayed, replay
from rlslint.source.model import Migration, Project, SourceFile
from rlslint.source.parse import parse_script

TABLE = "CREATE TABLE t (a int); CREATE POLICY p ON t USING (a = 1);\n"


def replayed(sql: str) -> Replayed:
    source = SourceFile("case.sql", sql)
    statements, problems = parse_script(source, 0, len(sql))
    assert problems == []
    return replay(Project("file", (Migration(source, tuple(statements), (), ()),)), preset="none")


def conditions(found: Replayed) -> list[str]:
    return [policy.polqual.text for policy in found.catalog.policies if policy.polqual is not None]


def test_a_policy_created_twice_is_rejected() -> None:
    found = replayed(TABLE + "CREATE POLICY p ON t USING (a = 2);")
    assert conditions(found) == ["a = 1"]
    assert ['policy "p" for table "t" already exists' in problem.reason for problem in found.problems] == [True]


def test_after_an_unknown_call_the_newer_policy_is_believed() -> None:
    found = replayed(TABLE + "SELECT tools.drop_policies('t'); CREATE POLICY p ON t USING (a = 2);")
    assert conditions(found) == ["a = 2"]
    assert [problem.reason for problem in found.problems] == ["calls tools.drop_policies(), which no file creates"]


def test_a_policy_made_after_the_call_is_not_doubted() -> None:
    made = "CREATE TABLE t (a int); SELECT f(); CREATE POLICY p ON t USING (a = 1);"
    found = replayed(f"{made} CREATE POLICY p ON t USING (a = 2);")
    assert conditions(found) == ["a = 1"]
    assert 'policy "p" for table "t" already exists' in found.problems[-1].reason


def test_built_in_and_harmless_calls_are_not_noted() -> None:
    function = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;"
    found = replayed(
        function + "SELECT f(); SELECT pg_catalog.setval('s', 1), now(); SELECT * FROM generate_series(1, 2);"
    )
    assert found.problems == []


USERS = "CREATE TABLE users (id int PRIMARY KEY, email text);\n"
UNIQUE = "ALTER TABLE users ADD CONSTRAINT uq UNIQUE (email)"
DUPLICATES = "SELECT email FROM users GROUP BY email HAVING count(*) > 1"


@pytest.mark.parametrize(
    "body",
    [
        f"DECLARE n int; BEGIN SELECT count(*) INTO n FROM ({DUPLICATES}) d; IF n = 0 THEN {UNIQUE}; END IF; END",
        f"DECLARE n int := (SELECT count(*) FROM ({DUPLICATES}) d); BEGIN IF n = 0 THEN {UNIQUE}; END IF; END",
        f"BEGIN IF NOT EXISTS ({DUPLICATES}) THEN {UNIQUE}; ELSE RAISE NOTICE 'twice'; END IF; END",
        f"BEGIN IF (SELECT count(*) - count(DISTINCT email) FROM users) = 0 THEN {UNIQUE}; END IF; END",
        f"BEGIN PERFORM 1 FROM users GROUP BY email HAVING count(*) > 1; IF NOT found THEN {UNIQUE}; END IF; END",
        f"DECLARE n int; BEGIN EXECUTE 'SELECT count(*) FROM users' INTO n; IF n = 0 THEN {UNIQUE}; END IF; END",
        "DECLARE n int; BEGIN WITH d AS (SELECT row_number() OVER (PARTITION BY email) AS k FROM users) SELECT count(*)"
        f" INTO n FROM d WHERE k > 1; IF n = 0 THEN {UNIQUE}; END IF; END",
        "DECLARE n int; BEGIN DELETE FROM users u USING users v WHERE u.email = v.email AND u.id > v.id;"
        f" GET DIAGNOSTICS n = ROW_COUNT; IF n = 0 THEN {UNIQUE}; END IF; END",
    ],
)
def test_what_depends_on_duplicate_rows_is_said_and_not_followed(body: str) -> None:
    found = replayed(f"{USERS}DO $$ {body} $$;")
    assert ["users_pkey"] == [row.conname for row in found.catalog.constraints]
    assert [("RLS002", True)] == [(one.code, one.reason.endswith(UNIQUE)) for one in found.problems]


def test_what_stands_behind_a_check_of_the_rows_is_followed() -> None:
    raised = f"BEGIN IF EXISTS ({DUPLICATES}) THEN RAISE EXCEPTION 'twice'; END IF; {UNIQUE}; END"
    found = replayed(f"{USERS}DO $$ {raised} $$;")
    assert ["users_pkey", "uq"] == [row.conname for row in found.catalog.constraints]
    assert found.problems == []


def test_what_is_temporary_ends_with_the_file() -> None:
    texts = [
        "CREATE TEMP TABLE t (a int); CREATE TABLE kept (a int);",
        "CREATE TEMP TABLE t (b int); CREATE INDEX ON t (b);",
    ]
    migrations = []
    for number, text in enumerate(texts):
        source = SourceFile(f"{number}.sql", text)
        statements, _ = parse_script(source, 0, len(text))
        migrations.append(Migration(source, tuple(statements), (), ()))
    found = replay(Project("sqitch", tuple(migrations)), preset="none")
    assert found.problems == []
    assert [row.relname for row in found.catalog.relations if row.origin is not None] == ["kept"]
