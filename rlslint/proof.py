"""The line from files to what a real server says of the findings: `pipeline.check` with the oracle behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlslint.config import Options
from rlslint.look import gather, lint, table_stats
from rlslint.pipeline import chosen_rules, fix, load
from rlslint.plan.predict import predict_all
from rlslint.records import replace
from rlslint.replay.presets.presets import made_by_tool, preset_statements, preset_superusers, starting_path
from rlslint.replay.replay import Replayed
from rlslint.source.model import Project, UsageError
from rlslint.source.read import Stdin
from rlslint.suggest.judge import Judge
from rlslint.suggest.suggest import suggest

if TYPE_CHECKING:
    from rlslint.verify.against import Comparison
    from rlslint.verify.claims import Claim
    from rlslint.verify.database import Connection
    from rlslint.verify.request import Request


def verify(
    options: Options,
    *,
    cwd: Path,
    request: Request,
    take: Callable[[Claim], None],
    stdin: Stdin = None,
    stdin_filename: str = "<stdin>",
) -> None:
    """Put the findings that have a suggestion to a real server; each claim is handed over as soon as it is measured. Raises
    as `pipeline.check` does, and UsageError where there is no server."""
    try:
        from rlslint.verify.claims import claims
        from rlslint.verify.database import own_database
    except ModuleNotFoundError as error:
        raise UsageError(f"verify needs {error.name}: pip install 'rlslint[verify]'") from None
    chosen = chosen_rules(options)
    tell = request.tell
    project, replayed = load(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename, tell=tell)
    facts = gather(project, replayed, options, tell=tell)
    findings = lint(facts, project, options, chosen, cwd)
    offered = suggest(findings, Judge(facts, chosen), tell)
    with own_database(request) as connection:
        _prepare(connection, project, replayed, options, request)
        for claim in claims(connection, replayed.catalog, offered, request):
            take(claim)


def _prepare(connection: Connection, project: Project, replayed: Replayed, options: Options, request: Request) -> None:
    """Bring the database to where the migrations end, with rows."""
    from rlslint.suggest.policies import table_name
    from rlslint.verify.claims import prepare

    preset, catalog = replayed.preset, replayed.catalog
    prepare(
        connection,
        preset_superusers(preset),
        (*preset_statements(preset), *made_by_tool(project.search_path)),
        [one for migration in project.migrations for one in migration.statements],
        starting_path(preset, project.search_path),
        {table_name(catalog, relid): one.live for relid, one in table_stats(catalog, options).items()},
        request,
    )


def verify_against(
    options: Options,
    *,
    cwd: Path,
    against: Path,
    request: Request,
) -> list[Comparison]:
    """Put the schema as it is, with another cure and with rlslint's own to a real server, side by side. Raises as
    `verify` does, and InputError for a file that cannot be read or that the server refuses."""
    try:
        from rlslint.verify.against import compare, concerned, statements_of
        from rlslint.verify.claims import session_settings
        from rlslint.verify.database import own_database
    except ModuleNotFoundError as error:
        raise UsageError(f"verify needs {error.name}: pip install 'rlslint[verify]'") from None
    theirs = statements_of(against)
    project, replayed = load(options, cwd=cwd)
    _, whole = fix(replace(options, baseline=""), cwd=cwd, unsafe=False)
    ups = [text for change in whole.changes for text in change.up]
    downs = [text for change in reversed(whole.changes) for text in change.down]
    relations = concerned(replayed.catalog, predict_all(replayed.catalog), [ups, theirs])
    settings = session_settings(replayed.catalog)
    with own_database(request) as connection:

        def run(texts: Sequence[str]) -> Callable[[], None]:
            def reach() -> None:
                for text in texts:
                    connection.execute(text.encode())

            return reach

        _prepare(connection, project, replayed, options, request)
        states = [
            ("as it is", run(())),
            ("rlslint", run(ups)),
            (against.stem.lstrip("0123456789_-"), run([*downs, *theirs])),
        ]
        return compare(connection, replayed.catalog, relations, states, settings, request)
