"""The command line: arguments in, exit status out. Nothing but click here; the work is in pipeline.py."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlslint import __version__
from rlslint.cli_setup import configuration, init, lsp
from rlslint.commandline import (
    Commands,
    Given,
    Progress,
    colour,
    common,
    leave,
    now,
    one_line_errors,
    say_inputs,
    standard_input,
    write,
)
from rlslint.records import replace

if TYPE_CHECKING:
    from rlslint.config import FailOn
    from rlslint.report.inputs import Input
    from rlslint.verify.claims import Claim

FORMATS = ("text", "compact", "json", "sarif", "github", "gitlab", "junit", "markdown", "html")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rlslint")
def main() -> None:
    """Predict from SQL migrations how PostgreSQL will run row-level-security policies.

    No database is needed: migrations are replayed into a catalog, policies applied for each role and statement, the plan
    predicted. Only verify starts a server.

    \b
    Start with:
      rlslint check              lint the migrations below this folder
      rlslint explain RLS106     what a code means
      rlslint init               write a configuration, pre-commit and CI entries

    Exit status: 0 nothing found, 1 findings, 2 rlslint could not do its work.
    """


@main.command()
@common
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
@click.option(
    "--no-cache",
    is_flag=True,
    envvar="RLSLINT_NO_CACHE",
    help="Look at everything anew, though nothing changed since the last run.",
)
def check(
    given: Given,
    format_: str,
    select: str | None,
    ignore: str | None,
    fail_on: FailOn | None,
    since: str | None,
    baseline: str | None,
    quiet: bool,
    color: str,
    no_cache: bool,
) -> None:
    """Say which policies will be slow or wrong.

    PATHS are files or folders; - is standard input; none means the migrations found below this folder. Of migrations given
    one by one, the whole history is read and only what these files cause is reported, in older policies too.

    \b
    Examples:
      rlslint check
      rlslint check supabase/migrations/20260101000000_new.sql
      pg_dump --schema-only app | rlslint check -
      rlslint check --since origin/main --format github
      rlslint check --baseline rlslint-baseline.json

    Exit status: 0 nothing as severe as --fail-on, 1 findings, 2 rlslint could not do its work.
    """
    from rlslint.answer import Asked, answer

    with one_line_errors():
        coloured = colour(color, given.output)
        asked = Asked(given, format_, select, ignore, fail_on, since, baseline, quiet, coloured)
        said = answer(asked, anew=no_cache)
        for line in said.remarks:
            click.echo(line, err=True)
        write(said.output, given.output)
    leave(said.status)


@main.command()
@common
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def plan(given: Given, format_: str) -> None:
    """Predict the plan of each statement, role and table.

    A table with the growth of every statement for every role, then the tree of each policy: scans, indexes, subqueries with
    how often they run, calls, and what was assumed.

    \b
    Examples:
      rlslint plan
      rlslint plan --stats pg_stat_user_tables.csv
      rlslint plan --pg-version 15 --format json --output plan.json
    """
    from rlslint import pipeline
    from rlslint.look import row_counts
    from rlslint.report.plan import render_json
    from rlslint.report.plan_text import render_text
    from rlslint.source.stack import with_room

    cwd = Path.cwd()
    with one_line_errors():
        options = given.options()
        stdin = standard_input(options.paths)
        read: list[Input] = []
        with Progress() as progress:
            catalog, plans = with_room(
                lambda: pipeline.plan(
                    options,
                    cwd=cwd,
                    stdin=stdin,
                    stdin_filename=given.stdin_filename,
                    say=read.append,
                    tell=progress,
                )
            )
        say_inputs(tuple(read), given.verbose, False)
        rows = row_counts(catalog, options)
        write(render_json(catalog, plans) if format_ == "json" else render_text(catalog, plans, rows), given.output)


@main.command()
@common
@click.option("--format", "format_", type=click.Choice(["json", "sql"]), default="json", help="Output format.")
def catalog(given: Given, format_: str) -> None:
    """Print the schema that the migrations add up to.

    As JSON, or as SQL that makes it anew. What cannot be followed without a server is listed under not_analysed.

    \b
    Examples:
      rlslint catalog --format sql > schema.sql
      rlslint catalog db/migrations | jq '.tables[].policies'
    """
    from rlslint import pipeline
    from rlslint.report.catalog import render_json
    from rlslint.report.catalog_sql import catalog_sql
    from rlslint.report.inputs import input_of
    from rlslint.source.stack import with_room

    cwd = Path.cwd()
    with one_line_errors():
        options = given.options()
        stdin = standard_input(options.paths)
        with Progress() as progress:
            project, replayed = with_room(
                lambda: pipeline.load(
                    options,
                    cwd=cwd,
                    stdin=stdin,
                    stdin_filename=given.stdin_filename,
                    assume_missing=False,
                    tell=progress,
                )
            )
        say_inputs((input_of(project, replayed.preset),), given.verbose, False)
        text = with_room(lambda: render_json(replayed) if format_ == "json" else catalog_sql(replayed.catalog))
        write(text, given.output)


@main.command()
@common
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@click.option("--select", help="Codes or prefixes to cure, separated by commas.")
@click.option("--ignore", help="Codes or prefixes to leave, separated by commas.")
@click.option("--since", metavar="REF", help="Cure only what the changes since this git commit cause.")
@click.option("--baseline", type=click.Path(), help="Leave what this file holds.")
@click.option("--all", "everything", is_flag=True, help="Cure, too, what the configuration's baseline holds.")
@click.option("--dry-run", is_flag=True, help="Print the SQL and write nothing.")
@click.option("--diff", is_flag=True, help="Print each policy before and after and write nothing.")
@click.option("--unsafe", is_flag=True, help="Make changes, too, that alter who passes.")
def fix(
    given: Given,
    format_: str,
    select: str | None,
    ignore: str | None,
    since: str | None,
    baseline: str | None,
    everything: bool,
    dry_run: bool,
    diff: bool,
    unsafe: bool,
) -> None:
    """Write a new migration that cures what check finds.

    With its rollback, in the project's layout and under its next number; no file that exists is edited. Written is what keeps
    every row's fate as it was; --unsafe adds what changes who passes. Of migrations given one by one, and with --since, only
    what these cause is cured, in older policies too; what the baseline holds stays.

    \b
    Examples:
      rlslint fix --diff
      rlslint fix --dry-run --select RLS104,RLS106
      rlslint fix
    """
    from rlslint import pipeline
    from rlslint.report import fix as report
    from rlslint.source.model import UsageError
    from rlslint.source.stack import with_room
    from rlslint.suggest.migration import new_migration, write_files

    cwd = Path.cwd()
    with one_line_errors():
        options = given.options(select=select, ignore=ignore, since=since, baseline=baseline)
        if everything and baseline is not None:
            raise UsageError("--all and --baseline are two things: choose one")
        if everything:
            options = replace(options, baseline="")
        stdin = standard_input(options.paths)
        with Progress() as progress:
            project, cure = with_room(
                lambda: pipeline.fix(
                    options,
                    cwd=cwd,
                    unsafe=unsafe,
                    stdin=stdin,
                    stdin_filename=given.stdin_filename,
                    tell=progress,
                )
            )
        only_shown = dry_run or diff
        files = [] if only_shown or not cure.changes else new_migration(project, cure.changes, cwd=cwd, now=now())
        if format_ == "json":
            write(report.render_json(cure, files), given.output)
        elif only_shown:
            write(report.render_diff(cure) if diff else report.render_sql(cure), given.output)
        write_files(files)
        if format_ == "text" and not only_shown:
            for file in files:
                click.echo(os.path.relpath(file.path, cwd))
        click.echo(f"rlslint: {report.summary(cure, unsafe=unsafe)}", err=True)


@main.command()
@common
@click.option("--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", help="Format.")
@click.option("--select", help="Codes or prefixes to prove, separated by commas.")
@click.option("--ignore", help="Codes or prefixes to leave out, separated by commas.")
@click.option(
    "--rows",
    type=click.IntRange(1),
    default=100_000,
    help="Rows a table that --stats says nothing of (default: 100000).",
)
@click.option(
    "--time-limit", type=click.FloatRange(0.001), default=20.0, help="Seconds that a statement may take (default: 20)."
)
@click.option("--database-url", help="A scratch server to use instead of the embedded one.")
@click.option("--yes", is_flag=True, help="Use a server that is not local.")
@click.option(
    "--against", type=click.Path(path_type=Path), help="SQL of another cure: both are shown beside what there is."
)
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def verify(
    given: Given,
    format_: str,
    select: str | None,
    ignore: str | None,
    rows: int,
    time_limit: float,
    database_url: str | None,
    yes: bool,
    against: Path | None,
    quiet: bool,
) -> None:
    """Prove findings and suggestions on a real PostgreSQL.

    A scratch server is started (extra verify: pip install 'rlslint[verify]'), the migrations applied, rows made up, and every
    statement run before and after each suggestion: the same rows, the plan as predicted, the time. With --database-url this
    happens in a database of its own beside the one that is named. It is gone afterwards, also after Ctrl-C.

    \b
    Examples:
      rlslint verify
      rlslint verify --select RLS106 --rows 1000000 --format markdown
      rlslint verify --database-url postgresql://localhost/scratch

    Exit status: 0 every claim holds, 1 one does not, 2 rlslint could not do its work.
    """
    from rlslint import proof
    from rlslint.report import against as against_report
    from rlslint.report import verify as report
    from rlslint.source.stack import with_room
    from rlslint.verify.request import Request

    cwd = Path.cwd()
    with one_line_errors(terminated=True), Progress(quiet=quiet) as progress:
        options = given.options(select=select, ignore=ignore)
        request = Request(
            rows=rows,
            limit_ms=max(1, round(1000 * time_limit)),
            database_url=database_url,
            yes=yes,
            say=progress.say,
            tell=progress,
        )
        stdin = standard_input(options.paths)

        def compare(theirs: Path) -> tuple[str, bool]:
            tables = proof.verify_against(options, cwd=cwd, against=theirs, request=request)
            return getattr(against_report, f"render_{format_}")(tables), all(one.holds for one in tables)

        claims: list[Claim] = []

        def shown() -> str:
            return str(getattr(report, f"render_{format_}")(claims))

        def prove() -> tuple[str, bool]:
            name = given.stdin_filename
            proof.verify(options, cwd=cwd, request=request, take=claims.append, stdin=stdin, stdin_filename=name)
            return shown(), all(one.holds for one in claims)

        try:
            text, held = with_room(prove if against is None else partial(compare, against), request.stop)
        except KeyboardInterrupt:
            progress.clear()
            if claims:
                # what was measured until then took its time
                write(shown(), given.output)
            raise
        progress.clear()
        write(text, given.output)
    if not held:
        sys.exit(1)


@main.command()
@click.argument("code")
@click.option(
    "--format", "format_", type=click.Choice(["text", "markdown", "json"]), default="text", help="Output format."
)
def explain(code: str, format_: str) -> None:
    """Print one rule's page.

    CODE is its code or its name: rlslint explain RLS104, rlslint explain call-per-row.
    """
    from rlslint.config import load_options
    from rlslint.registry import find_rule, load_rules
    from rlslint.report.rules import markdown, page, rules_json

    with one_line_errors():
        rules = load_rules()
        if code.upper() not in rules and code.lower() not in {rule.name for rule in rules.values()}:
            # only then: a rule of ours is explained whatever the configuration looks like
            rules = load_rules(load_options(Path.cwd()).own_rules)
        rule = find_rule(rules, code)
        if format_ == "json":
            write(rules_json([rule]), None)
        else:
            write(page(rule) if format_ == "text" else markdown(rule), None)


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
    """List every rule, or make one of your own.

    \b
    Examples:
      rlslint rules
      rlslint rules --new tenant-column
      rlslint rules --test rlslint-rules
    """
    from rlslint.config import load_options
    from rlslint.own import outcome, write_rule
    from rlslint.registry import load_rules
    from rlslint.report.rules import listing, rules_json, table, write_pages

    with one_line_errors():
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
        write({"text": listing, "json": rules_json, "markdown": table}[format_](every), output)


for command in (configuration, init, lsp):
    main.add_command(command)
