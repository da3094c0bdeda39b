"""Calls in a migration's SELECT and CALL: what is followed, and what is said of the rest."""

from __future__ import annotations

from tests.replay.test_unfollowed import conditions, replayed

TABLE = "CREATE TABLE t (a int); CREATE TABLE names (name text);\n"
GUARD = """CREATE FUNCTION guard(tab text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('CREATE POLICY p ON %I USING (a = 1)', tab); END $$;\n"""


def test_a_policy_that_a_function_makes_stands_where_its_body_stands() -> None:
    found = replayed(TABLE + GUARD + "SELECT guard('t');")
    assert found.problems == []
    (policy,) = found.catalog.policies
    assert policy.origin is not None
    assert policy.origin.text.startswith("BEGIN EXECUTE format('CREATE POLICY p")


def test_a_call_for_each_row_of_a_table_is_reported() -> None:
    found = replayed(TABLE + GUARD + "SELECT guard(name) FROM names;")
    assert conditions(found) == []
    assert [problem.reason for problem in found.problems] == [
        "calls guard(), whose body changes the schema: the rows of names are not known"
    ]


def test_what_a_call_of_a_call_does_is_seen() -> None:
    outer = "CREATE FUNCTION outermost() RETURNS int LANGUAGE sql AS $$ SELECT guard('t'); SELECT 1 $$;"
    assert conditions(replayed(TABLE + GUARD + outer + "SELECT outermost() + 1;")) == ["a = 1"]


def test_a_function_that_a_call_renames() -> None:
    rename = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER FUNCTION old() RENAME TO new; END $$;"
    found = replayed("CREATE FUNCTION old() RETURNS int LANGUAGE sql AS 'SELECT 1';" + rename + "SELECT f();")
    assert sorted(proc.proname for proc in found.catalog.procs) == ["f", "new"]


def test_endless_recursion_is_the_error_that_it_is() -> None:
    endless = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE u (); PERFORM f(); END $$;"
    found = replayed(endless.replace("CREATE TABLE u ();", "DROP TABLE IF EXISTS u;") + "SELECT f();")
    assert found.steps[-1].error == "54001"
