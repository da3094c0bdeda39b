"""`rlslint --help` and `--version` are said without click: what they say is kept in step with the command line here.

`python -m tests.test_help` writes rlslint/helptext.py anew.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from rlslint import __main__, __version__, helptext
from rlslint.cli import main

WIDTHS = (80, 100)
FILE = Path(helptext.__file__)


def by_click(columns: int) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        return click.Context(main, info_name="rlslint", **main.context_settings).get_help() + "\n"


def generated() -> str:
    texts = "".join(f'    {columns}: """\\\n{by_click(columns)}""",\n' for columns in WIDTHS)
    return (
        '"""What `rlslint --help` says, by the columns of the terminal: written by `python -m tests.test_help`."""\n\n'
        "# without typing, which takes longer to import than all else that this needs\n"
        f"HELP = {{\n{texts}}}\n"
    )


def test_help_is_what_click_says() -> None:
    assert FILE.read_text(encoding="utf-8") == generated()


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("columns", [50, 80, 99, 100, 200])
def test_every_width(option: str, columns: int) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rlslint", option],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "COLUMNS": str(columns), "PYTHONPATH": ":".join(sys.path)},
    )
    assert run.stdout == by_click(columns)


def test_click_is_not_loaded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for option, said in (("--help", by_click(80)), ("--version", f"rlslint, version {__version__}\n")):
        monkeypatch.setattr(sys, "argv", ["rlslint", option])
        monkeypatch.setattr(__main__, "_work", lambda: pytest.fail("looked at the command line"))
        __main__.run()
        assert capsys.readouterr().out == said


if __name__ == "__main__":
    FILE.write_text(generated(), encoding="utf-8")
