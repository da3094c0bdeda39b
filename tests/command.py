"""The command line run in this process: arguments in, exit status and both outputs out. `tests/test_cli.py` runs it for real."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from click.testing import CliRunner

from rlslint.cli import main


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


def rlslint(*arguments: str, cwd: Path, stdin: str | None = None, **env: str) -> Done:
    """Run it in ``cwd``. What is no orderly exit raises."""
    before = Path.cwd()
    kept = {key: value for key, value in os.environ.items() if "COLOR" not in key}
    os.chdir(cwd)
    try:
        with mock.patch.dict(os.environ, {**kept, **env}, clear=True):
            result = CliRunner().invoke(main, list(arguments), input=stdin, prog_name="rlslint")
    finally:
        os.chdir(before)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)
