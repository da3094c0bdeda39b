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
    assert "made known.json: 1 finding known from now on; name it in the configuration: baseline = " in err
    recorded = (project / "known.json").read_bytes()
    status, _, err = check(project)
    assert (status, err) == (0, "")
    assert (project / "known.json").read_bytes() == recorded


def test_it_is_never_made_in_silence_nor_by_a_slip(project: Path) -> None:
    """What a run over a part finds is no record, in CI nobody would keep it, and a misspelt name is no new file."""
    (project / "2_b.sql").write_text("SELECT 1;\n")
    for arguments, env, said in (
        (["2_b.sql"], {}, "a run over everything records it"),
        ([], {"CI": "true"}, "record it outside CI and commit it"),
    ):
        done = rlslint("check", "--baseline", "known.json", *arguments, cwd=project, **env)
        assert (done.status, done.out) == (2, "")
        assert said in done.err
    assert not (project / "known.json").exists()
    assert "made known.json" in check(project, "--quiet")[2]
    status, _, err = check(project, baseline="knwon.json")
    assert (status, err) == (2, "rlslint: knwon.json: no such file: did you mean known.json?\n")
    assert not (project / "knwon.json").exists()
    # what is there is used, and shrinks, in CI as elsewhere
    assert rlslint("check", "--baseline", "known.json", cwd=project, CI="true").status == 0


def test_the_configuration_s_baseline_needs_no_naming(project: Path) -> None:
    (project / "rlslint.toml").write_text('baseline = "known.json"\n')
    done = rlslint("check", cwd=project)
    assert (done.status, "name it in the configuration" in done.err) == (0, False)
    assert "made " in done.err


def test_other_encodings(project: Path) -> None:
    check(project)
    text = (project / "known.json").read_text()
    (project / "known.json").write_text(text, encoding="utf-8-sig")
    assert check(project)[0] == 0
    (project / "known.json").write_text(text, encoding="utf-16")
    assert check(project) == (2, "", "rlslint: known.json: not UTF-8\n")


def test_fix_leaves_what_the_baseline_holds(project: Path) -> None:
    (project / "rlslint.toml").write_text('baseline = "known.json"\n')
    rlslint("check", cwd=project)
    table = SQL.replace("notes", "pages").partition("\n")[2]
    (project / "2_b.sql").write_text(table)
    assert "pages (owner)" in rlslint("fix", "--dry-run", cwd=project).out
    assert "notes (owner)" not in rlslint("fix", "--dry-run", cwd=project).out
    assert "notes (owner)" in rlslint("fix", "--dry-run", "--all", cwd=project).out
    done = rlslint("fix", "--dry-run", "--all", "--baseline", "known.json", cwd=project)
    assert (done.status, done.err) == (2, "rlslint: --all and --baseline are two things: choose one\n")


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
