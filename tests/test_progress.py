"""Progress of long work: on a terminal that a person reads, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rlslint import commandline
from rlslint.commandline import Progress

ROOT = Path(__file__).parent.parent


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A pseudo-terminal in place of standard error; the other end of it to read from."""
    master, slave = os.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stderr", file)
        yield master
    os.close(master)


def written(master: int) -> str:
    """What came to the terminal, to its last line; a read may give a part of it."""
    text = b""
    while not text.endswith(b"end\r\n"):
        text += os.read(master, 10_000)
    return text.decode()


def told(monkeypatch: pytest.MonkeyPatch, *, seconds: float, quiet: bool = False) -> str:
    clock = iter([0.0, *(seconds + n for n in range(10))])
    monkeypatch.setattr(commandline, "monotonic", lambda: next(clock))
    with terminal(monkeypatch) as master:
        with Progress(quiet=quiet) as progress:
            progress("replaying migrations", 3, 10)
            progress("looking for findings", 0, 0)
        sys.stderr.write("end\n")
        sys.stderr.flush()
        return written(master)


def test_long_work_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    text = told(monkeypatch, seconds=2)
    assert "rlslint: replaying migrations 3/10 ..." in text
    assert "rlslint: looking for findings ..." in text
    # the line is empty again when what follows is written
    assert text.endswith("\r\x1b[2Kend\r\n")


@pytest.mark.parametrize(("seconds", "quiet", "ci"), [(0.2, False, ""), (2, True, ""), (2, False, "true")])
def test_short_work_quiet_work_and_ci_say_nothing(
    monkeypatch: pytest.MonkeyPatch, seconds: float, quiet: bool, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    if seconds < 1:
        monkeypatch.setattr(commandline, "_REFRESH", 100)
        clock = iter([0.0, 0.2, 0.4])
        monkeypatch.setattr(commandline, "monotonic", lambda: next(clock))
        with terminal(monkeypatch) as master:
            with Progress() as progress:
                progress("replaying migrations", 1, 2)
                progress("replaying migrations", 2, 2)
            sys.stderr.write("end\n")
            sys.stderr.flush()
            assert written(master) == "end\r\n"
        return
    assert told(monkeypatch, seconds=seconds, quiet=quiet) == "end\r\n"


def test_a_pipe_gets_none(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("CREATE TABLE t (a int);\n")
    env = {key: value for key, value in os.environ.items() if key != "CI"} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "rlslint", "check", "1_a.sql"], cwd=tmp_path, env=env, capture_output=True, check=False
    )
    assert done.stderr == b""
