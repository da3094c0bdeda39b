"""Input that means harm: each ends in findings or one line, and the rest of the project is still read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlslint.source.model import InputError, Limits, Project
from rlslint.source.read import load_projects
from rlslint.source.stack import with_room
from tests.loading import load_project

ROOT = Path(__file__).parent.parent
DEEP = 100_000


def load(root: Path, limits: Limits | None = None) -> Project:
    return with_room(lambda: load_project([str(root)], cwd=root, limits=limits or Limits()))


def kinds(project: Project) -> list[str]:
    return [statement.kind for migration in project.migrations for statement in migration.statements]


def problems(project: Project) -> list[tuple[str, str]]:
    return [(problem.code, problem.reason) for migration in project.migrations for problem in migration.problems]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("select " + "(" * DEEP + "1" + ")" * DEEP, "RLS001"),
        ("select 1" + "+1" * DEEP, "RLS002"),
        ("select 1" + "::int" * DEEP, "RLS002"),
        ("select 1" + " union select 1" * DEEP, "RLS002"),
        ("select " + "not " * DEEP + "true", "RLS001"),
        ("select " + "(select " * DEEP + "1" + ")" * DEEP, "RLS001"),
        ("select " + "array[" * DEEP + "1" + "]" * DEEP, "RLS001"),
        ("select from a" + " cross join a" * DEEP, "RLS002"),
    ],
    ids=["parentheses", "operators", "casts", "unions", "not", "subqueries", "arrays", "joins"],
)
def test_deep_nesting_is_told_and_the_rest_read(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "1_deep.sql").write_text(f"{text};\nselect 1;")
    (tmp_path / "2_rest.sql").write_text("create table t (a int);")
    found = load(tmp_path)
    assert problems(found) == [(code, "nested too deeply to be analysed")]
    assert kinds(found) == ["SelectStmt", "CreateStmt"]


def test_wide_is_not_deep(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("select true" + " and true" * 20_000 + ";")
    assert problems(load(tmp_path)) == []


def test_a_long_statement_is_told_unless_it_is_data(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text(
        f"create view v as select '{'x' * 5_000}';\ninsert into t values ('{'x' * 5_000}');"
    )
    found = load(tmp_path, Limits(statement=1_000))
    assert kinds(found) == ["InsertStmt"]
    ((code, reason),) = problems(found)
    assert code == "RLS002"
    assert "longer than max-statement-size allows (1,000)" in reason


@pytest.mark.parametrize(
    "text", ["select 'a", 'select "a', "select $x$ a", "select (1", "/* a", "select E'\\", "\\", "$$"]
)
def test_what_is_not_closed_ends_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "1_a.sql").write_text(text)
    (tmp_path / "2_b.sql").write_text("create table t (a int);")
    assert kinds(load(tmp_path))[-1] == "CreateStmt"


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_bytes(bytes(64) + b"\x01" * 64)
    (tmp_path / "2_b.sql").write_text("create table t (a int);")
    found = load(tmp_path)
    assert kinds(found) == ["CreateStmt"]
    assert problems(found) == [("RLS001", "cannot be read: a binary file, not SQL")]


def test_pipes_devices_and_links_to_nothing_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("create table t (a int);")
    os.mkfifo(tmp_path / "2_pipe.sql")
    (tmp_path / "3_zero.sql").symlink_to("/dev/zero")
    (tmp_path / "4_gone.sql").symlink_to(tmp_path / "nowhere")
    found = load(tmp_path)
    assert kinds(found) == ["CreateStmt"]
    assert [path for path, reason in found.skipped if "neither a file" in reason] == [
        "2_pipe.sql",
        "3_zero.sql",
        "4_gone.sql",
    ]
    with pytest.raises(InputError, match="neither a file nor a folder"):
        load_projects([str(tmp_path / "2_pipe.sql")], cwd=tmp_path)


def test_rings_of_links_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1_a.sql").write_text("create table t (a int);")
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    (tmp_path / "5_ring.sql").symlink_to(tmp_path / "5_ring.sql")
    assert kinds(load(tmp_path)) == ["CreateStmt"]


def test_includes_that_multiply_end(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"f{number}.sql").write_text(f"\\ir f{number + 1}.sql\n" * 3)
    (tmp_path / "f8.sql").write_text("select 1;\n")
    found = with_room(lambda: load_project([str(tmp_path / "f0.sql")], cwd=tmp_path))
    assert any("not followed, more than 2,000 includes" in reason for _, reason in problems(found))


def test_recursion_has_room_and_errors_come_back() -> None:
    def deep(count: int) -> int:
        return 0 if count == 0 else 1 + deep(count - 1)

    assert with_room(lambda: deep(20_000)) == 20_000
    limit = sys.getrecursionlimit()
    with pytest.raises(ZeroDivisionError):
        with_room(lambda: 1 // 0)
    assert sys.getrecursionlimit() == limit


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command.replace("RLSLINT", f"{sys.executable} -m rlslint")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("create table t (a int);")
    done = run(tmp_path, "RLSLINT check --format json > /dev/full")
    assert done.returncode == 2
    assert done.stderr == "rlslint: No space left on device\n"
