"""What runs unseen: calls of functions that no file creates, and what is believed afterwards."""

from __future__ import annotations

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
