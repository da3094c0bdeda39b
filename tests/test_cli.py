"""The command line as a user meets it: output, exit status, and one clear line for what cannot be done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROJECTS = Path(__file__).parent / "projects" / "training_metrics"
BAD = PROJECTS / "exists_without_primary_key"
CLEAN = PROJECTS / "exists_with_primary_key"
# jobs lies open to the API and the migrations take locks: true of every variant, and not what these tests look at
PLANS = ("--select", "RLS0,RLS1,RLS2")


def run(*arguments: str, cwd: Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "rlslint", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        env={key: value for key, value in os.environ.items() if "COLOR" not in key} | env,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_findings_as_text() -> None:
    done = run("check", str(BAD), *PLANS, cwd=PROJECTS)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "error[RLS101] seq-scan-per-insert" in done.stdout
    assert "exists_without_primary_key/supabase/migrations/20250101090000_tables.sql:21:15" in done.stdout
    assert "CREATE INDEX CONCURRENTLY local_training_jobs_id_idx ON public.local_training_jobs (id);" in done.stdout
    assert "\033" not in done.stdout
    frame = [line for line in done.stdout.splitlines() if "^^^" in line]
    assert len(frame) == 1


def test_clean_project() -> None:
    done = run("check", str(CLEAN), *PLANS, cwd=PROJECTS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no findings in 2 files")


def test_quiet_says_nothing_about_a_clean_project() -> None:
    assert run("check", "-q", str(CLEAN), *PLANS, cwd=PROJECTS).stdout == ""


def test_json() -> None:
    done = run("check", "--format", "json", str(BAD), *PLANS, cwd=PROJECTS)
    data = json.loads(done.stdout)
    assert list(data) == ["version", "findings", "summary", "not_analysed"]
    (finding,) = data["findings"]
    assert (finding["code"], finding["line"], finding["column"]) == ("RLS101", 21, 15)
    assert finding["statements"] == ["insert", "insert_many"]
    assert finding["roles"] == ["anon"]
    assert data["summary"]["errors"] == 1
    assert data["summary"]["policies"] == 2


def test_the_same_bytes_again_whatever_the_hash_seed() -> None:
    outputs = {
        run("check", "--format", "json", str(BAD), *PLANS, cwd=PROJECTS, PYTHONHASHSEED=seed).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


def test_fail_on() -> None:
    assert run("check", "--fail-on", "never", str(BAD), cwd=PROJECTS).returncode == 0
    assert run("check", "--ignore", "RLS1", str(BAD), *PLANS, cwd=PROJECTS).returncode == 0


def test_standard_input() -> None:
    sql = b"CREATE TABLE t (a int);\nCREATE POLICY IF NOT EXISTS p ON t USING (true);\n"
    done = run("check", "-", "--stdin-filename", "new.sql", cwd=PROJECTS, stdin=sql)
    assert done.returncode == 1
    assert "new.sql:2:18" in done.stdout


def test_standard_input_without_sql_is_no_good_news(tmp_path: Path) -> None:
    done = run("check", "-", cwd=tmp_path, stdin=b"\n")
    assert (done.returncode, done.stderr) == (2, "rlslint: standard input holds no SQL\n")


def test_standard_output_that_is_closed_or_full(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("CREATE TABLE t (a int);\n")
    for command in ("check 1_a.sql >&-", "--version >/dev/full", "check 1_a.sql --output /dev/full"):
        line = f"{sys.executable} -m rlslint {command}"
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith("rlslint: ")
        assert done.stderr.count("\n") == 1


def test_an_interrupt_before_the_work_is_quiet(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nimport click\nfrom rlslint import __main__\n"
        "click.Group.main = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)\n__main__.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_colour_when_asked() -> None:
    assert "\033[31m" in run("check", "--color", "always", str(BAD), cwd=PROJECTS).stdout
    assert "\033[31m" in run("check", str(BAD), *PLANS, cwd=PROJECTS, FORCE_COLOR="1").stdout
    assert "\033" not in run("check", str(BAD), *PLANS, cwd=PROJECTS, FORCE_COLOR="1", NO_COLOR="1").stdout


def test_an_ignore_comment(tmp_path: Path) -> None:
    sql = next(BAD.rglob("*_tables.sql")).read_text()
    (tmp_path / "001_a.sql").write_text(
        sql.replace('CREATE POLICY "Allow', '-- rlslint: ignore[RLS101] small table\nCREATE POLICY "Allow')
    )
    assert "RLS101" not in run("check", "001_a.sql", "--preset", "supabase", cwd=tmp_path).stdout


def test_named_files_are_reported_with_their_folder_as_context() -> None:
    folder = BAD / "supabase" / "migrations"
    done = run("check", "20250201090000_read_policy.sql", cwd=folder)
    assert done.returncode == 0
    done = run("check", "20250101090000_tables.sql", cwd=folder)
    assert done.returncode == 1


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text('CREATE POLICY IF NOT "\x1b[31mred" ON t;\n')
    done = run("check", "1_a.sql", cwd=tmp_path)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout


def test_version_and_help(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout == "rlslint, version 0.1.0\n"
    assert "Usage: " in run("check", "--help", cwd=tmp_path).stdout


def test_explain_and_rules(tmp_path: Path) -> None:
    page = run("explain", "rls101", cwd=tmp_path).stdout
    assert page.startswith("RLS101 seq-scan-per-insert\n")
    assert "What to do" in page
    assert "RLS101  warning  seq-scan-per-insert" in run("rules", cwd=tmp_path).stdout


def write(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return name


@pytest.mark.parametrize(
    ("name", "data", "arguments", "said"),
    [
        ("", b"", ["missing.sql"], "missing.sql: no such file or folder"),
        ("", b"", ["."], "no SQL migrations found"),
        ("a.sql", b"\x00\x01\x02\x00", ["a.sql"], "a binary file"),
        ("a.sql", b"PGDMP\x01", ["a.sql"], "pg_restore -f -"),
        ("a.sql", b"SELECT 1;", ["a.sql", "--select", "RLS9"], "unknown rule code 'RLS9'"),
        ("a.sql", b"SELECT 1;", ["a.sql", "--layout", "rails-ish"], "unknown layout"),
        ("a.sql", b"SELECT 1;", ["a.sql", "-"], "cannot be mixed"),
        ("rlslint.toml", b'extend = "rlslint.toml"', ["."], "extends itself"),
        ("rlslint.toml", b"colour = 1", ["."], "unknown key 'colour'"),
        ("a.sql", b"SELECT 1;", ["a.sql", "--config", "none.toml"], "none.toml"),
        ("a.sql", b"SELECT 1;", ["a.sql", "--output", "no/such/folder/out.txt"], "No such file"),
    ],
)
def test_one_line_and_status_2(tmp_path: Path, name: str, data: bytes, arguments: list[str], said: str) -> None:
    if name:
        write(tmp_path, name, data)
    done = run("check", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_bad_usage_is_status_2(tmp_path: Path) -> None:
    assert run("check", "--no-such-option", cwd=tmp_path).returncode == 2
    assert run("check", "--pg-version", "9", cwd=tmp_path).returncode == 2


def test_invalid_utf8_is_a_finding_and_the_rest_is_linted(tmp_path: Path) -> None:
    write(tmp_path, "1_a.sql", b"CREATE TABLE t (a int); -- caf\xe9\nCREATE POLCY p ON t;\n")
    done = run("check", "--format", "json", "1_a.sql", cwd=tmp_path)
    assert done.returncode == 1
    findings = json.loads(done.stdout)["findings"]
    assert [(one["code"], one["line"], one["column"]) for one in findings] == [("RLS001", 1, 31), ("RLS001", 2, 8)]


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sql")
    done = run("check", "pipe.sql", cwd=tmp_path)
    assert done.returncode == 2
    assert "neither a file nor a folder" in done.stderr


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m rlslint check --format json {BAD} | true"
    done = subprocess.run(["sh", "-c", command], cwd=PROJECTS, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
