"""Several databases in one repository: each replayed alone, reported together."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.command import rlslint

SQL = """CREATE ROLE member NOLOGIN;
CREATE TABLE notes (id bigint PRIMARY KEY, owner bigint NOT NULL);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON notes TO member;
CREATE POLICY own ON notes FOR SELECT TO member USING (owner = (SELECT nullif(current_setting('app.user', true), '')::bigint));
"""
CONFIGURATION = """
preset = "none"
select = ["RLS106", "RLS001"]
[databases.app]
paths = ["app/migrations"]
[databases.billing]
paths = ["billing/migrations"]
hot = ["notes"]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("app", "billing"):
        folder = tmp_path / name / "migrations"
        folder.mkdir(parents=True)
        (folder / "1_a.sql").write_text(SQL)
    (tmp_path / "rlslint.toml").write_text(CONFIGURATION)
    return tmp_path


def places(repository: Path, *arguments: str) -> list[tuple[str, str]]:
    done = rlslint("check", "--format", "json", *arguments, cwd=repository)
    data = json.loads(done.out)
    fingerprints = [one["fingerprint"] for one in data["findings"]]
    assert len(set(fingerprints)) == len(fingerprints)
    return [(one["code"], one["path"]) for one in data["findings"]]


def test_all_of_them(repository: Path) -> None:
    assert places(repository) == [("RLS106", "app/migrations/1_a.sql"), ("RLS106", "billing/migrations/1_a.sql")]


def test_one_of_them(repository: Path) -> None:
    assert places(repository, "--database", "app") == [("RLS106", "app/migrations/1_a.sql")]


def test_named_files_go_to_their_database(repository: Path) -> None:
    (repository / "app" / "migrations" / "2_b.sql").write_text("CREATE INDEX ON notes (owner);\n")
    assert places(repository, "app/migrations/2_b.sql", "billing/migrations/1_a.sql") == [
        ("RLS106", "billing/migrations/1_a.sql")
    ]


def test_a_table_of_one_is_not_known_to_the_other(repository: Path) -> None:
    (repository / "app" / "migrations" / "2_b.sql").write_text("CREATE INDEX ON notes (owner);\n")
    assert places(repository) == [("RLS106", "billing/migrations/1_a.sql")]


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("plan", [], "choose one with --database: app, billing"),
        ("catalog", [], "choose one with --database: app, billing"),
        ("check", ["--database", "biling"], "did you mean 'billing'?"),
    ],
)
def test_what_cannot_be_meant_is_one_line(repository: Path, command: str, arguments: list[str], said: str) -> None:
    done = rlslint(command, *arguments, cwd=repository)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_plan_of_one(repository: Path) -> None:
    data = json.loads(rlslint("plan", "--format", "json", "--database", "app", cwd=repository).out)
    assert {(one["table"], one["role"]) for one in data["plans"]} == {("notes", "member")}


def test_the_baseline_of_all_outlives_a_run_over_one(repository: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=repository, capture_output=True, check=True)

    rlslint("check", "--baseline", "known.json", cwd=repository)
    kept = (repository / "known.json").read_text()
    assert kept.count("fingerprint") == 2
    for arguments in (["--database", "app"], ["app/migrations"], ["billing/migrations/1_a.sql"]):
        rlslint("check", "--baseline", "known.json", *arguments, cwd=repository)
        assert (repository / "known.json").read_text() == kept, arguments
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "start")
    (repository / "app" / "migrations" / "2_b.sql").write_text(SQL.split("\n", 1)[1].replace("notes", "files"))
    # of several databases the change concerns one
    done = rlslint("fix", "--since", "main", "--dry-run", cwd=repository)
    assert "ON public.files (owner)" in done.out
    (repository / "billing" / "migrations" / "2_b.sql").write_text(SQL.split("\n", 1)[1].replace("notes", "bills"))
    assert "choose one with --database" in rlslint("fix", "--since", "main", "--dry-run", cwd=repository).err
