"""What a check said is said again only while every file is as it was; a bad entry is passed over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from click.testing import CliRunner, Result

from rlslint import cache, pipeline
from rlslint.cache import Cache, Kept
from rlslint.cli import main
from rlslint.memory import files
from rlslint.memory.files import digest

ROOT = Path(__file__).parent.parent
TABLE = """CREATE ROLE member;
CREATE TABLE notes (id int PRIMARY KEY, owner text, body text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON notes TO member;
"""
POLICY = "CREATE POLICY mine ON notes FOR SELECT TO member USING (owner = current_setting('app.me'));\n"
SAID = Kept("what was found\n", ("rlslint: a remark",), 1)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project" / "migrations"
    folder.mkdir(parents=True)
    (folder / "1_tables.sql").write_text(TABLE)
    (folder / "2_policy.sql").write_text(POLICY)
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("RLSLINT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("RLSLINT_NO_CACHE")
    return folder


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every check that is really done."""
    done: list[int] = []
    check = pipeline.check

    def counted(*args: object, **kwargs: object) -> object:
        done.append(1)
        return check(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "check", counted)
    return done


def checked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def entries(project: Path) -> list[Path]:
    return sorted((project.parent.parent / "cache").glob("*.json"))


def test_nothing_changed(project: Path, looked: list[int]) -> None:
    first, second = checked(), checked()
    assert "RLS106" in first.output
    assert (first.exit_code, first.output) == (second.exit_code, second.output)
    assert first.exit_code == 1
    assert len(looked) == 1
    # other questions are other entries
    assert json.loads(checked("--format", "json").output)["findings"]
    assert "RLS106" not in checked("--select", "RLS2").output
    assert "RLS106" not in checked("migrations/1_tables.sql").output
    assert len(looked) == 4
    checked("--no-cache")
    assert len(looked) == 5


def rewritten(folder: Path) -> None:
    """Another text of the same length, with the old times."""
    path = folder / "2_policy.sql"
    was = path.stat()
    path.write_text(POLICY.replace("owner", "body "))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "another text": rewritten,
    "a file more": lambda folder: (folder / "3_index.sql").write_text("CREATE INDEX o ON notes (owner);\n"),
    "a file less": lambda folder: (folder / "2_policy.sql").unlink(),
    "another name": lambda folder: (folder / "2_policy.sql").rename(folder / "0_policy.sql"),
    "a configuration": lambda folder: (folder.parent / "rlslint.toml").write_text('ignore = ["RLS106"]\n'),
    "a configuration above": lambda folder: (folder.parent.parent / "rlslint.toml").write_text('ignore = ["RLS106"]\n'),
    "a repository": lambda folder: (folder.parent / ".git").mkdir(),
    "a folder more": lambda folder: (folder / "down").mkdir(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_changed_is_looked_at(project: Path, looked: list[int], change: Callable[[Path], object]) -> None:
    checked()
    change(project)
    again = checked()
    assert len(looked) == 2
    assert again.output == checked("--no-cache").output


def test_touched_files_hold_the_same(project: Path, looked: list[int]) -> None:
    checked()
    for path in project.iterdir():
        os.utime(path, ns=(1, 1))
    checked()
    assert len(looked) == 1


def kept(project: Path, asked: str = "") -> Cache:
    """A cache that holds what was said of one file."""
    one = Cache(asked, project.parent.parent / "cache")
    with one.reading():
        (project / "1_tables.sql").read_bytes()
    one.keep(SAID)
    return one


def sealed(asked: str, body: str) -> str:
    """An entry that says what was asked and is as it was written."""
    return json.dumps([asked, digest(body.encode())]) + "\n" + body


@pytest.mark.parametrize(
    "spoil",
    [
        lambda asked, entry: "",
        lambda asked, entry: "[" * 100_000,
        lambda asked, entry: sealed(asked, "[" * 100_000),
        lambda asked, entry: sealed(asked, "null"),
        lambda asked, entry: sealed("another", json.dumps(entry)),
        lambda asked, entry: sealed(asked, json.dumps(entry)).replace("was found", "was hidden"),
        lambda asked, entry: sealed(asked, json.dumps(entry | {"files": {"/": [[1], "x"]}})),
        lambda asked, entry: sealed(asked, json.dumps(entry | {"files": [1]})),
        lambda asked, entry: sealed(asked, json.dumps(entry | {"status": "x"})),
        lambda asked, entry: sealed(asked, json.dumps(entry | {"made": None})),
        lambda asked, entry: sealed(asked, json.dumps({"made": 1})),
        lambda asked, entry: sealed(asked, json.dumps(entry) + " " * 20_000_000),
    ],
)
def test_a_damaged_entry_is_passed_over(project: Path, spoil: Callable[[str, object], str]) -> None:
    one = kept(project)
    assert one.recall() == SAID
    (path,) = entries(project)
    head, body = path.read_text().split("\n")
    path.write_text(spoil(json.loads(head)[0], json.loads(body)))
    assert one.recall() is None


def test_somebody_else_s_entry_is_passed_over(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = kept(project)
    monkeypatch.setattr(files, "_uid", lambda: 12345)
    assert one.recall() is None


def test_without_a_place_for_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = project.parent.parent / "file"
    file.write_text("")
    monkeypatch.setenv("RLSLINT_CACHE_DIR", str(file / "cache"))
    assert checked().exit_code == 1


def test_entries_are_bounded(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_ENTRIES", 3)
    every = [kept(project, str(n)) for n in range(5)]
    assert [one.recall() for one in every] == [None, None, SAID, SAID, SAID]
    monkeypatch.setattr(cache, "_LARGEST", 10)
    assert kept(project, "large").recall() is None
    assert len(entries(project)) == 3


def test_what_changes_while_it_is_read_is_not_kept(project: Path) -> None:
    one = Cache("", project.parent.parent / "cache")
    with one.reading():
        (project / "1_tables.sql").read_bytes()
        (project / "1_tables.sql").write_text(TABLE + TABLE)
    one.keep(SAID)
    assert one.recall() is None


def test_what_hangs_on_more_than_files_is_not_kept(project: Path) -> None:
    CliRunner().invoke(main, ["check", "-"], input=TABLE)
    checked("--output", "out.txt")
    checked("--baseline", "base.json")
    (project.parent / "rlslint.toml").write_text('baseline = "base.json"\n')
    checked()
    assert entries(project) == []


def test_runs_at_the_same_time(project: Path) -> None:
    command = [sys.executable, "-m", "rlslint", "check", "--format", "compact"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    running = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE) for _ in range(3)]
    outputs = {one.communicate()[0] for one in running}
    assert len(outputs) == 1
    assert len(entries(project)) == 1
    assert not list(entries(project)[0].parent.glob("*.tmp"))


def test_a_user_without_a_home_has_none(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: str) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(platformdirs, "user_cache_dir", nowhere)
    monkeypatch.delenv("RLSLINT_CACHE_DIR")
    assert checked().exit_code == 1
    assert entries(project) == []


def spoilt(path: Path, change: Callable[[Any], Any]) -> None:
    """An entry with another body, sealed as if it were one of ours."""
    head, body = path.read_text().split("\n")
    path.write_text(sealed(json.loads(head)[0], json.dumps(change(json.loads(body)))))


def with_field(said: Any, name: str, value: object) -> Any:
    """A project's entry whose snapshot holds something else."""
    state = said["state"]
    place = said["shapes"][state[1][0] - 10][1].index(name) + 1
    state[1][place] = value
    return said


SPOILT: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "statements beyond the text": ("outlines", lambda said: {mark: [1, "CreateStmt", 0, 99_999] for mark in said}),
    "no places": ("outlines", lambda said: {mark: [1, "CreateStmt", "x", "y"] for mark in said}),
    "another kind": ("outlines", lambda said: {mark: [1, "DropStmt", 0, 20] for mark in said}),
    "no outline": ("outlines", lambda said: dict.fromkeys(said, 7)),
    "an OID that is none": ("project", lambda said: with_field(said, "newest_oid", "x")),
    "stores that are none": ("project", lambda said: with_field(said, "stores", 3)),
    "rows that are none": ("project", lambda said: with_field(said, "stores", [1, *[[1, 5]] * 13])),
    "another state": ("project", lambda said: {**said, "state": [1, None, None]}),
    "shapes of others": ("project", lambda said: {**said, "shapes": [["os.system", ["command"]]]}),
}


@pytest.mark.parametrize(("kind", "change"), SPOILT.values(), ids=SPOILT.keys())
def test_what_somebody_else_wrote_is_no_harm(project: Path, kind: str, change: Callable[[Any], Any]) -> None:
    checked()
    (path,) = (project.parent.parent / "cache").glob(f"*.{kind}")
    spoilt(path, change)
    (project / "2_policy.sql").write_text(f"{POLICY}-- changed\n")
    again = checked()
    assert again.exception is None or isinstance(again.exception, SystemExit)
    assert again.output == checked("--no-cache").output


def test_what_is_kept_is_nobody_else_s(project: Path) -> None:
    checked()
    kept = list((project.parent.parent / "cache").iterdir())
    assert {path.suffix for path in kept} == {".json", ".outlines", ".project"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
