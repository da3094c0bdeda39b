"""psql's commands in a script: variables, conditions, includes and connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint.source.model import Project, Statement
from rlslint.source.read import load_projects
from tests.loading import load_project


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def statements(project: Project) -> list[Statement]:
    return [statement for migration in project.migrations for statement in migration.statements]


def ran(project: Project) -> list[str]:
    return [" ".join(statement.text.split()) for statement in statements(project)]


def reasons(project: Project) -> list[str]:
    return [problem.reason for migration in project.migrations for problem in migration.problems]


def script(text: str) -> Project:
    return load_project(["-"], cwd=Path.cwd(), stdin=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\set s app\nselect :s, :'s', :\"s\";", ["select app, 'app', \"app\""]),
        ("\\set s 'it''s' \" x\"\nselect :'s';", ["select 'it''s\" x\"'"]),
        ("\\set a 1\n\\set b :a:a\nselect :b;", ["select 11"]),
        ("\\set s 2\nselect ':s', $$:s$$, x::s, a[1:s] -- :s\n;", ["select ':s', $$:s$$, x::s, a[12]"]),
        ("\\set s app\n\\unset s\nselect 1::s;", ["select 1::s"]),
        ("\\if true\nselect 1;\n\\else\nselect 2;\n\\endif\nselect 3;", ["select 1", "select 3"]),
        ("\\if 0\nselect 1;\n\\elif yes\nselect 2;\n\\else\nselect 3;\n\\endif", ["select 2"]),
        ("\\if :{?nobody}\nselect 1;\n\\endif\nselect 2;", ["select 2"]),
        ("\\if off\n\\if on\nselect 1;\n\\endif\nselect 2;\n\\endif\nselect 3;", ["select 3"]),
        (
            "create table t (a int\n\\if true\n, b int\n\\else\n, c int\n\\endif\n);",
            ["create table t (a int , b int )"],
        ),
        ("select 1 \\g\nselect 2;", ["select 1", "select 2"]),
        ("select 1;\n\\q\nselect 2;", ["select 1"]),
        ("\\copy t from stdin\n1;2'\n\\.\nselect 1;", ["select 1"]),
        ("\\copy t from program 'sed ''s/\\\\/\\\\\\\\/g'' x'\nselect 1;", ["select 1"]),
        ("\\! echo \\\\ it's\nselect 1;", ["select 1"]),
        ("\\restrict k\nselect 1;\n\\unrestrict k\n", ["select 1"]),
        ("\\echo it's\nselect 1;", ["select 1"]),
    ],
)
def test_what_is_sent(text: str, expected: list[str]) -> None:
    found = script(text)
    assert ran(found) == expected


def test_places_behind_a_variable_are_those_of_the_file() -> None:
    text = "\\set role authenticated\ncreate policy p on t to :role using (owner = 1);"
    (found,) = statements(script(text))
    start = found.text.index("owner")
    span = found.span_of(start, start + len("owner"))
    assert span.text == "owner"
    whole = found.span_of(0, len(found.text))
    assert whole.text == text.splitlines()[1].removesuffix(";")


def test_an_undecided_condition_is_told() -> None:
    found = script("\\if :prod\nselect 1;\n\\endif\nselect 2;")
    assert ran(found) == ["select 2"]
    assert reasons(found) == ["\\if :prod: not known without running psql, taken as false as psql does"]


def test_gexec_is_told_at_its_query() -> None:
    found = script("select 'create policy p on t' \\gexec\nselect 1;")
    (problem,) = [problem for migration in found.migrations for problem in migration.problems]
    assert problem.code == "RLS002"
    assert problem.span.text == "select 'create policy p on t'"


def test_includes_run_in_their_place_and_in_the_same_session(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "db/init.sql": "set search_path = a;\n\\ir parts/one.sql\ncreate table three (x int);\n\\i db/parts/two.sql\n",
            "db/parts/one.sql": "create table one (x int);\n\\ir two.sql\n",
            "db/parts/two.sql": "create table two (x int);",
        },
    )
    found = load_project([], cwd=tmp_path)
    assert found.layout == "psql"
    made = [one.node["relation"]["relname"] for one in statements(found) if one.kind == "CreateStmt"]
    assert made == ["one", "two", "three", "two"]
    assert [migration.continues for migration in found.migrations] == [False, True, True, True, True]
    assert [source.path for source in found.sources] == ["db/init.sql", "db/parts/one.sql", "db/parts/two.sql"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("\\ir main.sql", "includes itself"),
        ("\\ir ../outside.sql", "no such file in the project's folder"),
        ("\\i /etc/passwd", "no such file in the project's folder"),
        ("\\ir missing.sql", "no such file in the project's folder"),
        ("\\ir link.sql", "no such file in the project's folder"),
        ("\\ir :nowhere", "no such file in the project's folder"),
        ("\\ir `pwd`", "not known without running psql"),
    ],
)
def test_what_is_not_included_is_told(tmp_path: Path, command: str, said: str) -> None:
    write(tmp_path, {"outside.sql": "select 9;", "in/main.sql": f"{command}\nselect 1;"})
    (tmp_path / "in" / "link.sql").symlink_to(tmp_path / "outside.sql")
    found = load_project([str(tmp_path / "in" / "main.sql")], cwd=tmp_path / "in")
    assert ran(found) == ["select 1"]
    (reason,) = reasons(found)
    assert said in reason


def test_a_cluster_dump_is_one_project_a_database() -> None:
    text = (
        "CREATE ROLE app;\n\\connect template1\nSET x.y = 1;\n\\connect one\nCREATE TABLE a (x int);\n"
        "\\connect two\nCREATE TABLE b (x int);\n"
    )
    found = load_projects(["-"], cwd=Path.cwd(), stdin=text)
    assert [ran(project) for project in found] == [
        ["CREATE ROLE app", "CREATE TABLE a (x int)"],
        ["CREATE ROLE app", "CREATE TABLE b (x int)"],
    ]
    assert [project.folder for project in found] == ["<stdin> (database one)", "<stdin> (database two)"]


def test_a_script_that_makes_its_database_is_one_project() -> None:
    found = load_projects(["-"], cwd=Path.cwd(), stdin="CREATE DATABASE d;\n\\c d\nCREATE TABLE a (x int);")
    assert [ran(project) for project in found] == [["CREATE DATABASE d", "CREATE TABLE a (x int)"]]
