"""What the commands share: the options that are the same everywhere, errors in one line, input and output."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from rlslint.records import dataclass, field
from rlslint.settings import PRESETS

if TYPE_CHECKING:
    from datetime import datetime
    from typing import BinaryIO

    from rlslint.config import Options
    from rlslint.report.inputs import Input


@dataclass(frozen=True, slots=True)
class Given:
    """What the common options of a command say."""

    paths: tuple[str, ...]
    config: Path | None
    output: Path | None
    stdin_filename: str
    verbose: bool
    values: dict[str, object] = field(default_factory=dict)
    """What goes over the configuration, by the names of Options; None and () for what was not said."""

    def options(self, *, select: str | None = None, ignore: str | None = None, **more: object) -> Options:
        """The configuration with the command line over it. Raises ConfigError."""
        from rlslint import pipeline
        from rlslint.config import load_options

        return pipeline.merged(
            load_options(Path.cwd(), self.config),
            paths=self.paths,
            select=codes(select),
            ignore=codes(ignore),
            **self.values,
            **more,
        )


def common(function: Callable[..., None]) -> Callable[..., None]:
    """The options that every command over migrations has, handed on as one `Given`."""

    @wraps(function)
    def command(
        paths: tuple[str, ...],
        config: Path | None,
        database: str | None,
        layout: str | None,
        preset: str | None,
        pg_version: int | None,
        hot: tuple[str, ...],
        stats: str | None,
        output: Path | None,
        stdin_filename: str,
        verbose: bool,
        **own: Any,
    ) -> None:
        values: dict[str, object] = {
            "database": database,
            "layout": layout,
            "preset": preset,
            "pg_version": pg_version,
            "hot": hot,
            "stats": stats,
        }
        function(Given(paths, config, output, stdin_filename, verbose, values), **own)

    decorated: Callable[..., None] = command
    for option in reversed(
        (
            click.argument("paths", nargs=-1, type=click.Path()),
            click.option(
                "--config",
                type=click.Path(path_type=Path),
                help="Configuration file (default: rlslint.toml or pyproject.toml, found upwards).",
            ),
            click.option("--database", metavar="NAME", help="One of the databases that the configuration names."),
            click.option(
                "--layout",
                metavar="NAME",
                help="Layout of the migrations (default: auto; --verbose names the one taken).",
            ),
            click.option(
                "--preset",
                type=click.Choice(PRESETS),
                help="What exists before the first migration (default: auto, by what the files use).",
            ),
            click.option("--pg-version", type=click.IntRange(14, 18), help="PostgreSQL major version (default: 17)."),
            click.option(
                "--hot",
                multiple=True,
                metavar="GLOB",
                help="Tables that take many inserts (default: guessed, the evidence is shown); again for more.",
            ),
            click.option(
                "--stats", type=click.Path(), help="Row counts and inserts, exported from pg_stat_user_tables."
            ),
            click.option("--output", type=click.Path(path_type=Path), help="Write to a file instead of the terminal."),
            click.option("--stdin-filename", default="<stdin>", help="Name to show for standard input."),
            click.option("--verbose", "-v", is_flag=True, help="Say which files are read, in which order and layout."),
        )
    ):
        decorated = option(decorated)
    return decorated


def leave(status: int) -> NoReturn:
    """End with a status. The process of `rlslint.__main__` ends at once, as mypy's does: to take a catalog apart, object
    by object, takes a twelfth of the time."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        sys.exit(status)
    if process.own:
        os._exit(status)
    sys.exit(status)


@dataclass
class _Process:
    own: bool = False
    """Nobody else's code runs in it."""


process: Final = _Process()


class Commands(click.Group):
    """A group whose usage errors are one line, as every other error is, instead of click's four."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _one_line_usage():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _one_line_usage():
            return super().invoke(ctx)


_NO_ARGUMENTS: Final[type[click.UsageError]] = getattr(click.exceptions, "NoArgsIsHelpError", click.MissingParameter)
"""Shows the help; older versions of click show it without an exception, and a group has no parameters."""


class _UsageLine(click.ClickException):
    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"rlslint: {self.message}", file=file, err=file is None)


@contextmanager
def _one_line_usage() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if isinstance(error, _NO_ARGUMENTS):
            raise
        from rlslint.report.escape import printable

        text = error.format_message().rstrip(".")
        command = error.ctx.command_path if error.ctx is not None else "rlslint"
        raise _UsageLine(printable(f"{text[:1].lower()}{text[1:]} ({command} --help)")) from None


class one_line_errors:  # noqa: N801 - used as a statement
    """What the user can mend ends in one line on standard error and status 2. ``terminated``: SIGTERM counts as an
    interrupt, since there is something to tidy up."""

    def __init__(self, *, terminated: bool = False) -> None:
        self._signals = (signal.SIGINT, signal.SIGTERM) if terminated else (signal.SIGINT,)

    def __enter__(self) -> None:
        # outside, an interrupt ends the process at once and without a word (__main__)
        self._before = [(number, signal.signal(number, signal.default_int_handler)) for number in self._signals]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        for number, before in self._before:
            if before is not None:
                signal.signal(number, before)
        if error is None or isinstance(error, SystemExit):
            return
        from rlslint.baseline import BaselineError
        from rlslint.config import ConfigError
        from rlslint.registry import RuleError
        from rlslint.report.escape import printable
        from rlslint.source.model import InputError, UsageError

        if isinstance(error, KeyboardInterrupt):
            click.echo("rlslint: interrupted", err=True)
            sys.stderr.flush()
            # the work goes on in its thread: leave without waiting for it
            os._exit(2)
        if isinstance(error, BrokenPipeError):
            # the reader went away: nothing more to say
            forget_output()
            sys.exit(1)
        if isinstance(error, OSError):
            forget_output()
            message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        elif isinstance(error, RecursionError):
            message = "the SQL leads too deep to be followed: this is a limit of rlslint"
        elif isinstance(error, MemoryError):
            message = "out of memory"
        elif isinstance(error, (InputError, BaselineError, ConfigError, RuleError, UsageError)):
            message = str(error)
        else:
            return
        click.echo(f"rlslint: {printable(message)}", err=True)
        sys.exit(2)


def forget_output() -> None:
    """Leave nothing for the interpreter to flush into a pipe that is closed or a disk that is full."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def remarks_on(inputs: tuple[Input, ...], verbose: bool, quiet: bool, *, settled: bool = False) -> list[str]:
    """Lines about what was read: all of it, or what a user should know, or nothing. ``settled``: the configuration
    says where they lie."""
    from rlslint.report import inputs as report
    from rlslint.report.escape import printable

    lines = report.verbose(inputs) if verbose else report.notes(inputs, settled=settled) if not quiet else ()
    return [f"rlslint: {printable(line)}" for line in lines]


def say_inputs(inputs: tuple[Input, ...], verbose: bool, quiet: bool) -> None:
    """Say them on standard error."""
    for line in remarks_on(inputs, verbose, quiet):
        click.echo(line, err=True)


class Progress:
    """How far long work has come, on standard error: where a terminal is read by a person, and not before a second."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._start = self._last = monotonic()
        self._shown = False
        self._quiet = quiet
        self._on = not quiet and not in_ci() and sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = monotonic()
        if self._on and now - self._start >= 1 and (now - self._last >= _REFRESH or not total):
            self._last = now
            self._shown = True
            click.echo(f"{_CLEAR}rlslint: {what}" + (f" {done}/{total}" if total else "") + " ...", nl=False, err=True)

    def say(self, text: str) -> None:
        """A line that stays, read along by a person or not."""
        if not self._quiet:
            self.clear()
            click.echo(f"rlslint: {text}", err=True)

    def clear(self) -> None:
        """Leave the line as it was."""
        if self._shown:
            self._shown = False
            click.echo(_CLEAR, nl=False, err=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()


def in_ci() -> bool:
    """Whether this runs where nobody sees what changes on the disk: every CI system sets CI."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


_REFRESH: Final = 0.1
"""Seconds."""
_CLEAR: Final = "\r\x1b[2K"


def codes(text: str | None) -> tuple[str, ...]:
    """Codes separated by commas."""
    return tuple(code.strip() for code in text.split(",") if code.strip()) if text else ()


def standard_input(paths: tuple[str, ...]) -> BinaryIO | None:
    """Standard input where the paths ask for it. Raises UsageError where it is mixed with others, or closed."""
    from rlslint.source.model import UsageError

    if "-" not in paths:
        return None
    if paths != ("-",):
        raise UsageError("- (standard input) cannot be mixed with paths")
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return sys.stdin.buffer


def colour(choice: str, output: Path | None) -> bool:
    """Whether to colour: as chosen, as the environment says, or where a terminal reads along."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return output is None and sys.stdout is not None and sys.stdout.isatty()


def write(text: str, output: Path | None) -> None:
    """Write the result, as UTF-8. Raises UsageError where standard output is closed, and OSError."""
    from rlslint.source.model import UsageError

    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{output}: {error.strerror}") from error
        return
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def now() -> datetime:
    """The time that new migrations are named by; SOURCE_DATE_EPOCH sets it, for output that is the same every time."""
    from datetime import datetime, timezone

    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(given), timezone.utc) if given.isdigit() else datetime.now(timezone.utc)
