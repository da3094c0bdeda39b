"""The catalog command: the contract's JSON, an SQL script, and policies under today's names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rlslint.cli import main
from rlslint.report.catalog import catalog_json
from tests.catalog_oracle import replayed

SCHEMA = """
CREATE TABLE teams (id int PRIMARY KEY, label text);
CREATE TABLE docs (id int PRIMARY KEY, team int REFERENCES teams, body text DEFAULT 'none' NOT NULL);
CREATE INDEX docs_body ON docs (lower(body)) WHERE team > 1;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION mine(team int) RETURNS boolean LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = ''
    AS 'SELECT true';
CREATE POLICY p ON docs FOR UPDATE TO app, other USING (mine(team)) WITH CHECK (true);
"""


def written(tmp_path: Path, *arguments: str) -> str:
    path = tmp_path / "schema.sql"
    path.write_text(SCHEMA, encoding="utf-8")
    done = CliRunner().invoke(main, ["catalog", str(path), *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_json_is_the_contract(tmp_path: Path) -> None:
    data = json.loads(written(tmp_path))
    assert data.keys() == {"version", "tables", "indexes", "constraints", "policies", "functions", "not_analysed"}
    docs = {
        "schema": "public",
        "name": "docs",
        "kind": "table",
        "rls": True,
        "force_rls": False,
        "columns": [
            {"name": "id", "type": "integer", "not_null": True},
            {"name": "team", "type": "integer", "not_null": False},
            {"name": "body", "type": "text", "not_null": True},
        ],
    }
    assert data["tables"][0] == docs
    assert data["indexes"][0] == {
        "schema": "public",
        "table": "docs",
        "name": "docs_body",
        "method": "btree",
        "unique": False,
        "keys": ["lower(body)"],
        "include": [],
        "where": "team > 1",
        "definition": "CREATE INDEX docs_body ON public.docs USING btree (lower(body)) WHERE (team > 1)",
    }
    assert data["constraints"][1] == {
        "schema": "public",
        "table": "docs",
        "name": "docs_team_fkey",
        "type": "f",
        "definition": "FOREIGN KEY (team) REFERENCES teams(id)",
    }
    assert data["policies"] == [
        {
            "schema": "public",
            "table": "docs",
            "name": "p",
            "permissive": True,
            "command": "update",
            "roles": ["app", "other"],
            "using": "mine(team)",
            "check": "true",
        }
    ]
    assert data["functions"] == [
        {
            "schema": "public",
            "name": "mine",
            "arguments": "team integer",
            "language": "sql",
            "volatility": "stable",
            "security_definer": True,
            "strict": True,
            "config": ['search_path=""'],
        }
    ]


def test_the_script_is_sql(tmp_path: Path) -> None:
    script = written(tmp_path, "--format", "sql")
    assert "ALTER TABLE public.docs ENABLE ROW LEVEL SECURITY;\n" in script
    assert "USING (mine(team)) WITH CHECK (true);\n" in script


def test_what_a_preset_brings_is_not_part_of_the_schema(tmp_path: Path) -> None:
    bare = json.loads(written(tmp_path))
    assert json.loads(written(tmp_path, "--preset", "supabase")) == bare


def using(*statements: str) -> str:
    tables = "CREATE TABLE t (a int, b int); CREATE TABLE s (a int, c int);"
    data: dict[str, Any] = catalog_json(replayed([tables + ";".join(statements)]))
    return str(data["policies"][0]["using"])


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        ("a = 1", "ALTER TABLE t RENAME b TO x", "a = 1"),
        ("a = 1 AND t.b /* here */ > 2", "ALTER TABLE t RENAME b TO x", "a = 1 AND t.x /* here */ > 2"),
        ("T.a = 1", "ALTER TABLE t RENAME TO \"T\"", '"T".a = 1'),
        ("a IN (SELECT c FROM s)", "ALTER TABLE s RENAME c TO d", "a IN (SELECT d AS c FROM s)"),
        ("a IN (SELECT (c) FROM s)", "ALTER TABLE s RENAME c TO d", "a IN (SELECT (d) AS c FROM s)"),
        ("a IN (SELECT x.c FROM s x)", "ALTER TABLE s RENAME TO r", "a IN (SELECT x.c FROM public.r x)"),
        ("EXISTS (SELECT 1 FROM s WHERE c = b)", "ALTER TABLE s ADD b int", "EXISTS (SELECT 1 FROM public.s WHERE s.c = t.b)"),
        ("EXISTS (SELECT * FROM s)", "ALTER TABLE s ADD b int", "EXISTS (SELECT s.a, s.c FROM s)"),
        ("EXISTS (SELECT * FROM s)", "ALTER TABLE s RENAME c TO d", "EXISTS (SELECT s.a, s.d AS c FROM s)"),
        ("t IS NOT NULL", "ALTER TABLE t RENAME TO u", "u IS NOT NULL"),
        ("'é' <> '' AND b = 1", "ALTER TABLE t RENAME b TO x", "'é' <> '' AND x = 1"),
    ],
)  # fmt: skip
def test_names_are_todays(policy: str, change: str, expected: str) -> None:
    assert using(f"CREATE POLICY p ON t USING ({policy})", change) == expected


def test_a_policy_that_no_text_says_is_told() -> None:
    data = catalog_json(
        replayed(
            [
                """CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
                CREATE TABLE t (a int);
                CREATE POLICY p ON t USING (a = f());
                CREATE FUNCTION f(x int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1';"""
            ]
        )
    )
    reason = 'policy "p": no SQL is known that means today what it meant when it was made'
    assert data["not_analysed"] == [{"path": "1.sql", "line": 3, "reason": reason}]
    assert data["policies"][0]["using"] == "a = f()"
