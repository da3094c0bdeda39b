"""The baseline: recorded once, then it only shrinks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import rlslint

SQL = """CREATE ROLE member NOLOGIN;
CREATE TABLE notes (id bigint PRIMARY KEY, owner bigint NOT NULL, title text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON notes TO member;
CREATE POLICY own ON notes FOR SELECT TO member USING (owner = (SELECT nullif(current_setting('app.user', true), '')::bigint));
"""
SECOND = "CREATE POLICY {} ON notes FOR SELECT TO member USING (title = (SELECT current_setting('app.title', true)));\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "1_a.sql").write_text(SQL)
    return tmp_path


def check(project: Path, *arguments: str, baseline: str = "known.json") -> tuple[int, str, str]:
    done = rlslint("check", "--baseline", baseline, "--preset", "none", *arguments, cwd=project)
    return done.status, done.out, done.err


def codes(project: Path) -> list[str]:
    return [entry["code"] for entry in json.loads((project / "known.json").read_text())["findings"]]


def test_recorded_then_held(project: Path) -> None:
    assert rlslint("check", cwd=project).status == 1
    status, out, err = check(project)
    assert (status, codes(project)) == (0, ["RLS106"])
    assert "held by the baseline" in out
    assert "recorded in known.json: 1" in err
    recorded = (project / "known.json").read_bytes()
    status, _, err = check(project)
    assert (status, err) == (0, "")
    assert (project / "known.json").read_bytes() == recorded


def test_moved_lines_are_held_and_new_findings_reported(project: Path) -> None:
    check(project)
    (project / "1_a.sql").write_text("\n\n-- words\n" + SQL)
    assert check(project)[0] == 0
    (project / "2_b.sql").write_text(SECOND.format("titled"))
    status, out, _ = check(project, "--select", "RLS106", "--format", "compact")
    assert status == 1
    assert [line.split(":")[0] for line in out.splitlines()] == ["2_b.sql"]
    assert codes(project) == ["RLS106"]


def test_what_is_cured_leaves_the_file_and_does_not_come_back(project: Path) -> None:
    check(project)
    index = project / "2_b.sql"
    index.write_text("CREATE INDEX ON notes (owner);\n")
    status, _, err = check(project)
    assert (status, codes(project)) == (0, [])
    assert "taken out of known.json: 1" in err
    index.unlink()
    assert check(project)[0] == 1


def test_a_run_over_less_drops_nothing(project: Path) -> None:
    check(project)
    (project / "2_b.sql").write_text("CREATE INDEX ON notes (owner);\n")
    check(project, "2_b.sql")
    assert codes(project) == ["RLS106"]
    check(project, "--select", "RLS2")
    assert codes(project) == ["RLS106"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a baseline"),
        ('{"version": 9, "findings": []}', "version 9"),
        ('{"version": 1, "findings": [{"code": "RLS106"}]}', "an entry lacks"),
        ('{"version": 1, "findings": [{"code": "RLS106", "fingerprint": "a", "severity": "loud"}]}', "an entry lacks"),
    ],
)
def test_a_broken_baseline_is_one_line(project: Path, text: str, said: str) -> None:
    (project / "known.json").write_text(text)
    status, out, err = check(project)
    assert (status, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_baseline_that_is_a_folder(project: Path) -> None:
    (project / "known.json").mkdir()
    status, _, err = check(project)
    assert status == 2
    assert "known.json" in err
