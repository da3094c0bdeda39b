"""A project's statements in, the catalog after them out: the loop over migrations, and the dispatch to handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field
from rlslint.replay import (
    alter_table,
    calls,
    drop,
    extensions,
    functions,
    grants,
    history,
    indexes,
    operators,
    policies,
    procedural,
    ranges,
    rename,
    roles,
    schemas,
    sequences,
    settings,
    tables,
    triggers,
    types,
    views,
)
from rlslint.replay.presets.presets import choose_preset, load_preset
from rlslint.replay.require import require_known
from rlslint.replay.session import DDLError, Event, Handler, NotFollowed, PolicyChange, RejectedPolicy, Session, Step
from rlslint.source.model import Migration, Problem, Project, Statement, Tell, silent

_TOPICS: Final[tuple[Mapping[str, Handler], ...]] = (
    alter_table.HANDLERS,
    calls.HANDLERS,
    drop.HANDLERS,
    extensions.HANDLERS,
    functions.HANDLERS,
    grants.HANDLERS,
    history.HANDLERS,
    indexes.HANDLERS,
    operators.HANDLERS,
    policies.HANDLERS,
    procedural.HANDLERS,
    ranges.HANDLERS,
    rename.HANDLERS,
    roles.HANDLERS,
    schemas.HANDLERS,
    sequences.HANDLERS,
    settings.HANDLERS,
    tables.HANDLERS,
    triggers.HANDLERS,
    types.HANDLERS,
    views.HANDLERS,
)

IGNORED: Final = frozenset(
    """AlterCollationStmt AlterDatabaseRefreshCollStmt AlterDatabaseStmt AlterEventTrigStmt AlterExtensionContentsStmt
    AlterForeignServerStmt AlterFdwStmt AlterObjectDependsStmt AlterOpFamilyStmt AlterOperatorStmt AlterPublicationStmt
    AlterStatsStmt AlterSubscriptionStmt AlterSystemStmt AlterTSConfigurationStmt AlterTSDictionaryStmt
    AlterTableMoveAllStmt AlterTableSpaceOptionsStmt AlterUserMappingStmt CheckPointStmt ClosePortalStmt
    ClusterStmt CommentStmt ConstraintsSetStmt CopyStmt CreateAmStmt CreateConversionStmt CreateEventTrigStmt
    CreateFdwStmt CreateForeignServerStmt CreatePLangStmt CreatePublicationStmt CreateStatsStmt CreateSubscriptionStmt
    CreateTableSpaceStmt CreateTransformStmt CreateUserMappingStmt CreatedbStmt DeallocateStmt DeclareCursorStmt
    DropSubscriptionStmt DropTableSpaceStmt DropUserMappingStmt DropdbStmt ExecuteStmt ExplainStmt
    FetchStmt ImportForeignSchemaStmt ListenStmt LoadStmt LockStmt NotifyStmt PrepareStmt
    RefreshMatViewStmt ReindexStmt RuleStmt SecLabelStmt TruncateStmt UnlistenStmt VacuumStmt
    VariableShowStmt""".split()  # noqa: SIM905
)
"""Kinds of statements that change nothing a policy's plan depends on."""


@dataclass(slots=True)
class Replayed:
    """What replay makes of a project."""

    catalog: Catalog
    problems: list[Problem]
    steps: list[Step]
    rejected_policies: list[RejectedPolicy] = field(default_factory=list)
    policy_changes: list[PolicyChange] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    """What the files' statements did to tables with row security, in order; not what was rolled back."""
    preset: str = "none"
    """What was taken to exist before the first file."""
    acted: tuple[Oid, ...] = ()
    """Roles that did such things in files whose ``events`` are not there (snapshot.py)."""


def handlers() -> dict[str, Handler]:
    """The dispatch table: the handlers of all topics by node kind. Raises ValueError when two claim one."""
    table: dict[str, Handler] = {}
    for topic in _TOPICS:
        for kind, handler in topic.items():
            if kind in table:
                raise ValueError(f"{kind} is handled twice")
            table[kind] = handler
    table["SelectStmt"] = _select
    return table


def _select(session: Session, statement: Statement) -> None:
    if "intoClause" in statement.node:
        if session.broken:
            raise NotFollowed("a SELECT INTO in a file that does not parse is taken for a part of a function's body")
        views.select_into(session, statement)
    else:
        calls.select(session, statement)


def replay(
    project: Project, *, preset: str = "auto", pg_version: int = 17, assume_missing: bool = True, tell: Tell = silent
) -> Replayed:
    """Replay a project's migrations in order.

    ``assume_missing``: a table that no file creates is taken to exist elsewhere, as far as that is possible (a foreign
    key to it is kept); otherwise the preset and the files are all there is, as on a server that ran nothing else.

    A statement that PostgreSQL would reject (`DDLError`) or that cannot be followed (`NotFollowed`) leaves the catalog
    as it was and becomes a problem. PostgreSQL would give up the whole file; here the next statement is replayed, since
    the base schema that an error comes from is often not among the files.
    """
    chosen = choose_preset(project) if preset == "auto" else preset
    session, replayed = begin(
        chosen, pg_version=pg_version, assume_missing=assume_missing, search_path=project.search_path
    )
    for number, migration in enumerate(project.migrations):
        tell("replaying migrations", number, len(project.migrations))
        run_migration(session, replayed, number, migration)
    finish(session)
    return replayed


def begin(
    preset: str, *, pg_version: int = 17, assume_missing: bool = True, search_path: tuple[str, ...] = ()
) -> tuple[Session, Replayed]:
    """A session before the first migration, with the ``search_path`` of the tool in front, and what it fills. Raises
    ValueError for a preset there is none of."""
    session = Session(Catalog(pg_version), handlers=handlers())
    replayed = Replayed(
        session.catalog,
        session.problems,
        session.steps,
        session.rejected_policies,
        session.policy_changes,
        session.events,
    )
    replayed.preset = preset
    load_preset(session, preset, search_path)
    session.observe = history.observe
    if not assume_missing:
        session.require_known = require_known
    return session, replayed


def run_migration(
    session: Session,
    replayed: Replayed,
    number: int,
    migration: Migration,
    after: Callable[[Statement], None] | None = None,
) -> None:
    """Replay one migration, the ``number``-th of its project; ``after`` is called after each statement."""
    if number and not migration.continues:
        # the tool's connection, or its transaction, ended with the file
        settings.start_session(session)
    session.migration = number
    session.migration_start = session.catalog.newest_oid
    session.transaction += 1
    session.problems.extend(migration.problems)
    session.broken = any(problem.code == "RLS001" for problem in migration.problems)
    for statement in migration.statements:
        run(session, statement, replayed, transactional=migration.transactional)
        if after is not None:
            after(statement)


def finish(session: Session) -> None:
    """After the last migration: the catalog as the application's sessions, which start anew, find it."""
    settings.start_session(session)
    session.catalog.start_search_path = tuple(name for name in session.start_search_path if name != "$user")
    # names in bodies may now mean others, though no row is another one
    session.catalog.forget()


def run(session: Session, statement: Statement, replayed: Replayed, *, transactional: bool) -> None:
    """Replay one statement and note what became of it."""
    if statement.kind in IGNORED:
        return
    if statement.kind not in session.handlers:
        return
    session.statement = statement
    session.tool_transaction = transactional
    session.ran = 0
    in_transaction = transactional or bool(session.savepoints)
    if not in_transaction:
        session.transaction += 1
    before = session.savepoint()
    error = None
    try:
        session.run(statement)
    except DDLError as rejected:
        session.restore(before)
        error = rejected.sqlstate
        session.note(statement, f"PostgreSQL would reject this: {rejected.message}")
    except NotFollowed as reason:
        session.restore(before)
        session.note(statement, str(reason))
    if not transactional and not session.savepoints:
        # outside a transaction block every statement is a transaction of its own, and SET LOCAL ends with it
        settings.end_transaction(session)
    session.steps.append(Step(session.migration, statement, error, in_transaction))
