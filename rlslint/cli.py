"""The command line: arguments in, exit status out. Nothing but click here; the work is in pipeline.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rlslint import __version__

if TYPE_CHECKING:
    from typing import BinaryIO

    from rlslint.report.inputs import Input

FORMATS = ("text", "compact", "json", "sarif", "github", "gitlab", "junit", "markdown", "html")

Function = TypeVar("Function", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rlslint")
def main() -> None:
    """Predict from SQL migrations how PostgreSQL will run row-level-security policies.

    Exit status: 0 nothing found, 1 findings, 2 rlslint could not do its work.
    """


def _common(function: Function) -> Function:
    for option in reversed(
        (
            click.argument("paths", nargs=-1, type=click.Path()),
            click.option("--config", type=click.Path(path_type=Path), help="Configuration file to use."),
            click.option("--database", metavar="NAME", help="One of the databases that the configuration names."),
            click.option("--layout", help="Layout of the migrations (default: auto)."),
            click.option(
                "--preset",
                type=click.Choice(["auto", "supabase", "postgrest", "none"]),
                help="What exists before the first migration (default: auto).",
            ),
            click.option("--pg-version", type=click.IntRange(14, 18), help="PostgreSQL major version (default: 17)."),
            click.option("--hot", multiple=True, metavar="GLOB", help="Tables that take many inserts."),
            click.option(
                "--stats", type=click.Path(), help="Row counts and inserts, exported from pg_stat_user_tables."
            ),
            click.option("--output", type=click.Path(path_type=Path), help="Write to a file instead of the terminal."),
            click.option("--stdin-filename", default="<stdin>", help="Name to show for standard input."),
            click.option("--verbose", "-v", is_flag=True, help="Say which files are read, in which order and layout."),
        )
    ):
        function = option(function)
    return function


@main.command()
@_common
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="Output format.")
@click.option("--select", help="Codes or prefixes to report, separated by commas.")
@click.option("--ignore", help="Codes or prefixes not to report, separated by commas.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info", "never"]),
    help="Least severe finding that makes the exit status 1 (default: warning).",
)
@click.option("--since", metavar="REF", help="Report only what the changes since this git commit cause.")
@click.option(
    "--baseline",
    type=click.Path(),
    help="Report only what this file does not hold; it is made when it is not there, and only shrinks.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print findings only.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour the text.")
def check(
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
    format_: str,
    select: str | None,
    ignore: str | None,
    fail_on: str | None,
    since: str | None,
    baseline: str | None,
    quiet: bool,
    color: str,
) -> None:
    """Lint migrations: PATHS are files or folders, - is standard input, none means those found below."""
    # imported late: --version and --help need none of it
    from rlslint import pipeline
    from rlslint.baseline import keep
    from rlslint.config import load_options
    from rlslint.report.formats import render
    from rlslint.source.stack import with_room

    cwd = Path.cwd()
    with _one_line_errors():
        options = pipeline.merged(
            load_options(cwd, config),
            paths=paths,
            database=database,
            layout=layout,
            preset=preset,
            pg_version=pg_version,
            hot=hot,
            stats=stats,
            select=_codes(select),
            ignore=_codes(ignore),
            fail_on=fail_on,
            since=since,
            baseline=baseline,
        )
        stdin = _stdin(options.paths)
        result = with_room(lambda: pipeline.check(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename))
        _say_inputs(result.inputs, verbose, quiet)
        text = render(result, format_, colour=_colour(color, output), quiet=quiet)
        _write(text, output)
        if result.ratchet is not None:
            said = keep(Path(options.baseline), result.ratchet)
            if said and not quiet:
                click.echo(f"rlslint: {said}", err=True)
    if options.fail_on != "never" and result.worst_at_least(options.fail_on):  # type: ignore[arg-type]
        sys.exit(1)


@main.command()
@_common
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def plan(
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
    format_: str,
) -> None:
    """Predict how each statement of each role on each table will run."""
    from rlslint import pipeline
    from rlslint.config import load_options
    from rlslint.report.plan import render_json
    from rlslint.report.plan_text import render_text
    from rlslint.source.stack import with_room

    cwd = Path.cwd()
    with _one_line_errors():
        options = pipeline.merged(
            load_options(cwd, config),
            paths=paths,
            database=database,
            layout=layout,
            preset=preset,
            pg_version=pg_version,
            hot=hot,
            stats=stats,
        )
        stdin = _stdin(options.paths)
        catalog, plans = with_room(
            lambda: pipeline.plan(
                options,
                cwd=cwd,
                stdin=stdin,
                stdin_filename=stdin_filename,
                tell=lambda read: _say_inputs((read,), verbose, False),
            )
        )
        rows = pipeline.row_counts(catalog, options)
        _write(render_json(catalog, plans) if format_ == "json" else render_text(catalog, plans, rows), output)


@main.command()
@_common
@click.option("--format", "format_", type=click.Choice(["json", "sql"]), default="json", help="Output format.")
def catalog(
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
    format_: str,
) -> None:
    """Print the schema that the migrations add up to."""
    from rlslint import pipeline
    from rlslint.config import load_options
    from rlslint.report.catalog import render_json
    from rlslint.report.catalog_sql import catalog_sql
    from rlslint.report.inputs import input_of
    from rlslint.source.stack import with_room

    cwd = Path.cwd()
    with _one_line_errors():
        options = pipeline.merged(
            load_options(cwd, config),
            paths=paths,
            database=database,
            layout=layout,
            preset=preset,
            pg_version=pg_version,
            hot=hot,
            stats=stats,
        )
        stdin = _stdin(options.paths)
        project, replayed = with_room(
            lambda: pipeline.load(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename, assume_missing=False)
        )
        _say_inputs((input_of(project, replayed.preset),), verbose, False)
        text = with_room(lambda: render_json(replayed) if format_ == "json" else catalog_sql(replayed.catalog))
        _write(text, output)


@main.command()
@_common
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@click.option("--select", help="Codes or prefixes to cure, separated by commas.")
@click.option("--ignore", help="Codes or prefixes to leave, separated by commas.")
@click.option("--dry-run", is_flag=True, help="Print the SQL and write nothing.")
@click.option("--diff", is_flag=True, help="Print each policy before and after and write nothing.")
@click.option("--unsafe", is_flag=True, help="Make changes, too, that alter who passes.")
def fix(
    paths: tuple[str, ...],
    config: Path | None,
    layout: str | None,
    preset: str | None,
    pg_version: int | None,
    hot: tuple[str, ...],
    output: Path | None,
    stdin_filename: str,
    verbose: bool,
    format_: str,
    select: str | None,
    ignore: str | None,
    dry_run: bool,
    diff: bool,
    unsafe: bool,
) -> None:
    """Write a new migration, with its rollback, that cures what check finds; none that exists is edited."""
    from rlslint import pipeline
    from rlslint.config import load_options
    from rlslint.report import fix as report
    from rlslint.suggest.migration import new_migration, write_files

    cwd = Path.cwd()
    with _one_line_errors():
        options = pipeline.merged(
            load_options(cwd, config),
            paths=paths,
            layout=layout,
            preset=preset,
            pg_version=pg_version,
            hot=hot,
            select=_codes(select),
            ignore=_codes(ignore),
        )
        project, cure = pipeline.fix(
            options, cwd=cwd, unsafe=unsafe, stdin=_stdin(options.paths), stdin_filename=stdin_filename
        )
        only_shown = dry_run or diff
        files = [] if only_shown or not cure.changes else new_migration(project, cure.changes, cwd=cwd, now=_now())
        if format_ == "json":
            _write(report.render_json(cure, files), output)
        elif only_shown:
            _write(report.render_diff(cure) if diff else report.render_sql(cure), output)
        write_files(files)
        if format_ == "text" and not only_shown:
            for file in files:
                click.echo(os.path.relpath(file.path, cwd))
        click.echo(f"rlslint: {report.summary(cure, unsafe=unsafe)}", err=True)


@main.command()
@click.argument("code")
@click.option(
    "--format", "format_", type=click.Choice(["text", "markdown", "json"]), default="text", help="Output format."
)
def explain(code: str, format_: str) -> None:
    """Print one rule's page: CODE is its code or its name."""
    from rlslint.registry import find_rule, load_rules
    from rlslint.report.rules import markdown, page, rules_json

    with _one_line_errors():
        rule = find_rule(load_rules(), code)
        if format_ == "json":
            _write(rules_json([rule]), None)
        else:
            _write(page(rule) if format_ == "text" else markdown(rule), None)


@main.command()
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", help="Output format."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write to a file instead of the terminal.")
@click.option("--pages", type=click.Path(path_type=Path), help="Write one Markdown page a rule into this folder.")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file to use.")
@click.option("--new", metavar="NAME", help="Write a rule of your own, with its check and an example, to start from.")
@click.option("--folder", type=click.Path(path_type=Path), default="rlslint-rules", help="Where --new writes it.")
@click.option(
    "--test", type=click.Path(path_type=Path), metavar="FOLDER", help="Try a folder's rules on their examples."
)
def rules(
    format_: str,
    output: Path | None,
    pages: Path | None,
    config: Path | None,
    new: str | None,
    folder: Path,
    test: Path | None,
) -> None:
    """List every rule, those of your own included."""
    from rlslint.config import load_options
    from rlslint.own import outcome, write_rule
    from rlslint.registry import load_rules
    from rlslint.report.rules import listing, rules_json, table, write_pages

    with _one_line_errors():
        if new is not None:
            click.echo("\n".join(str(path) for path in write_rule(new, folder)))
            click.echo(f'rlslint: name the folder in the configuration: own-rules = ["{folder}"]', err=True)
            return
        if test is not None:
            text, passed = outcome(test)
            click.echo(text, nl=False)
            sys.exit(0 if passed else 1)
        every = load_rules(load_options(Path.cwd(), config).own_rules).values()
        if pages is not None:
            write_pages(every, pages)
            return
        _write({"text": listing, "json": rules_json, "markdown": table}[format_](every), output)


@main.command("config")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file to use.")
@click.option("--show", is_flag=True, help="Every value and where it comes from (the default).")
@click.option("--schema", is_flag=True, help="The JSON schema of rlslint.toml, for editors.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def config_(config: Path | None, show: bool, schema: bool, format_: str) -> None:
    """Show the configuration that holds here."""
    from rlslint.config import load_configuration
    from rlslint.report.escape import json_text
    from rlslint.settings import json_schema
    from rlslint.shown import as_json, as_text

    with _one_line_errors():
        if schema and show:
            raise ValueError("--show and --schema are two things: choose one")
        if schema:
            _write(json_text(json_schema()), None)
            return
        found = load_configuration(Path.cwd(), config)
        _write((as_json if format_ == "json" else as_text)(found), None)


@main.command()
@click.option(
    "--pre-commit", is_flag=True, help="Write .pre-commit-config.yaml too; where there is one, print the entry."
)
@click.option(
    "--ci", type=click.Choice(["github", "gitlab"]), help="Write the CI entry too; where there is one, print it."
)
@click.option("--dry-run", is_flag=True, help="Print everything, write nothing.")
def init(pre_commit: bool, ci: str | None, dry_run: bool) -> None:
    """Look for migrations here and write a commented rlslint.toml."""
    from rlslint import adopt

    with _one_line_errors():
        root = Path.cwd()
        found = adopt.places(root)
        files = {"rlslint.toml": adopt.configuration(found)}
        if pre_commit:
            files[".pre-commit-config.yaml"] = adopt.pre_commit(found)
        if ci == "github":
            files[".github/workflows/rlslint.yml"] = adopt.github()
        elif ci == "gitlab":
            files[".gitlab-ci.yml"] = adopt.gitlab()
        for said, shown in adopt.write(root, files, dry_run=dry_run):
            if said:
                click.echo(f"rlslint: {said}", err=True)
            click.echo(shown, nl=False)


class _one_line_errors:  # noqa: N801 - used as a statement
    """What the user can mend ends in one line on standard error and status 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from rlslint.baseline import BaselineError
        from rlslint.config import ConfigError
        from rlslint.registry import RuleError
        from rlslint.report.escape import printable
        from rlslint.source.model import InputError

        if error is None or isinstance(error, SystemExit):
            return
        if isinstance(error, KeyboardInterrupt):
            click.echo("rlslint: interrupted", err=True)
            sys.stderr.flush()
            # the work goes on in its thread: leave without waiting for it
            os._exit(2)
        if isinstance(error, BrokenPipeError):
            # the reader went away: nothing more to say
            _forget_output()
            sys.exit(1)
        if isinstance(error, OSError):
            _forget_output()
            message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        elif isinstance(error, RecursionError):
            message = "the SQL leads too deep to be followed: this is a limit of rlslint"
        elif isinstance(error, MemoryError):
            message = "out of memory"
        elif isinstance(error, (InputError, BaselineError, ConfigError, RuleError, ValueError)):
            message = str(error)
        else:
            return
        click.echo(f"rlslint: {printable(message)}", err=True)
        sys.exit(2)


def _forget_output() -> None:
    """Leave nothing for the interpreter to flush into a pipe that is closed or a disk that is full."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_inputs(inputs: tuple[Input, ...], verbose: bool, quiet: bool) -> None:
    from rlslint.report import inputs as report
    from rlslint.report.escape import printable

    lines = report.verbose(inputs) if verbose else report.notes(inputs) if not quiet else ()
    for line in lines:
        click.echo(f"rlslint: {printable(line)}", err=True)


def _now() -> datetime:
    """The time that new migrations are named by; SOURCE_DATE_EPOCH sets it, for output that is the same every time."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(given), timezone.utc) if given.isdigit() else datetime.now(timezone.utc)


def _codes(text: str | None) -> tuple[str, ...]:
    return tuple(code.strip() for code in text.split(",") if code.strip()) if text else ()


def _stdin(paths: tuple[str, ...]) -> BinaryIO | None:
    if "-" not in paths:
        return None
    if paths != ("-",):
        raise ValueError("- (standard input) cannot be mixed with paths")
    if sys.stdin is None:
        raise ValueError("standard input is closed")
    return sys.stdin.buffer


def _colour(choice: str, output: Path | None) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return output is None and sys.stdout.isatty()


def _write(text: str, output: Path | None) -> None:
    if output is not None:
        output.write_text(text, encoding="utf-8")
        return
    if sys.stdout is None:
        raise ValueError("standard output is closed")
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
