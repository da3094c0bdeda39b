"""What replay carries from statement to statement: the catalog so far, the settings, the role, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from rlslint.catalog.catalog import BOOTSTRAP_SUPERUSER, Catalog, Extension
from rlslint.catalog.rows import DefaultAcl, Policy, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field, replace
from rlslint.source.model import Problem, Span, Statement


class DDLError(Exception):
    """The statement is one that PostgreSQL would reject; it leaves the catalog alone.

    ``sqlstate`` is PostgreSQL's code (42P01 undefined_table, 42P07 duplicate_table, 42704, 42710 ...); the message is
    PostgreSQL's own, as near as it can be had.
    """

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message


class NotFollowed(Exception):
    """The statement may be right, but it depends on what the files do not say (an unknown table, data, dynamic SQL)."""


class Missing(NotFollowed):
    """It names an object that no file creates.

    PostgreSQL rejects it with ``sqlstate`` (42P01 undefined_table, 42703 undefined_column, 42704 undefined_object ...)
    where the files are all there is, and runs it where something else made the object.
    """

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@dataclass(frozen=True, slots=True)
class Step:
    """One replayed statement, for rules about the steps themselves (RLS307, RLS4xx)."""

    migration: int
    """Index of its file in the project; -1 for a preset."""
    statement: Statement
    error: str | None
    """SQLSTATE when it was rejected."""
    in_transaction: bool


Action = Literal[
    "create_policy", "alter_policy", "drop_policy", "enable", "disable", "force", "no_force",
    "insert", "update", "delete", "merge", "read",
]  # fmt: skip
"""What a statement does to a table; ``read``: an INSERT, UPDATE, DELETE or MERGE takes rows from it."""
DATA_ACTIONS: Final = frozenset[Action]({"insert", "update", "delete", "merge", "read"})
"""Those that change or read its rows only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something a migration did to a table, with the table as it was just before."""

    migration: int
    """Index of its file in the project."""
    statement: Statement
    action: Action
    relation: Relation
    policies: tuple[Policy, ...]
    """The table's policies before."""
    polname: str
    """Of the policy that is made, changed or dropped."""
    role: Oid
    as_login: bool
    """The role is the one that logged in, not one that the file switched to."""
    settings: tuple[tuple[str, str], ...]
    transaction: int
    """Equal numbers: in one transaction."""
    existed: bool
    """The table was there before the file began."""
    reads_columns: bool = False
    """An UPDATE or DELETE that reads columns (WHERE, FROM, SET col = col + 1) and so needs the SELECT policies too."""

    def reading(self) -> Event:
        """The same, with ``reads_columns``."""
        return replace(self, reads_columns=True)


@dataclass(frozen=True, slots=True)
class RejectedPolicy:
    """A CREATE or ALTER POLICY that PostgreSQL would certainly reject because of what stands in its expression."""

    statement: Statement
    polname: str
    relid: Oid
    sqlstate: str
    reason: str
    span: Span


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One CREATE, ALTER or DROP POLICY that took effect: the table's policies before and after it."""

    migration: int
    """Index of its file in the project; -1 for a preset."""
    statement: Statement
    relid: Oid
    before: tuple[Policy, ...]
    after: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class Savepoint:
    """A state to go back to: what `Session.savepoint` took."""

    mark: int
    default_acls: tuple[DefaultAcl, ...]
    extensions: tuple[tuple[str, Extension], ...]
    unknown_schemas: frozenset[str]
    search_path_setting: tuple[str, ...]
    search_path: tuple[str, ...]
    role: Oid
    login_role: Oid
    settings: tuple[tuple[str, str], ...]
    dropped_roles: frozenset[str]
    policy_changes: int
    events: int


@dataclass(slots=True)
class Session:
    """The state of the replayed session. Handlers take it with a statement and change ``catalog``."""

    catalog: Catalog
    search_path: tuple[str, ...] = ("public",)
    role: Oid = BOOTSTRAP_SUPERUSER
    """The current role: owner of what is created."""
    login_role: Oid = BOOTSTRAP_SUPERUSER
    settings: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    migration: int = -1
    events: list[Event] = field(default_factory=list)
    transaction: int = 0
    """Number of the transaction that statements run in now."""
    migration_start: Oid = 0
    """The newest OID when the current file began."""
    broken: bool = False
    """Whether something in the current file does not parse."""
    observe: Callable[[Session, Statement], None] | None = None
    """Sees every statement before it is replayed (history.py)."""
    statement: Statement | None = None
    """The statement being replayed; the outermost one while a DO block runs others."""
    search_path_setting: tuple[str, ...] = ("$user", "public")
    """search_path as set, ``$user`` not replaced; `search_path` is made from it."""
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    """The dispatch table, for handlers that run other statements (DO blocks, CREATE SCHEMA's elements)."""
    rejected_policies: list[RejectedPolicy] = field(default_factory=list)
    policy_changes: list[PolicyChange] = field(default_factory=list)
    """In order; what is rolled back is taken out again."""
    unfollowed: Oid = 0
    """The newest OID when something last ran that may have dropped objects unseen; what is older may be gone."""
    dropped_roles: set[str] = field(default_factory=set)
    """Roles that files drop: naming one afterwards is an error, unlike naming one that no file mentions."""

    preset_extensions: frozenset[str] = frozenset()
    """Extensions that the preset has: creating one again is not worth a word."""
    start_role: Oid = BOOTSTRAP_SUPERUSER
    """The role that logged in: what RESET SESSION AUTHORIZATION goes back to."""
    start_search_path: tuple[str, ...] = ("$user", "public")
    """search_path of a new session, ALTER ROLE and ALTER DATABASE taken into account."""
    savepoints: list[tuple[str, Savepoint]] = field(default_factory=list)
    """The open transaction, under an empty name, and the savepoints in it; empty outside a transaction."""
    tool_transaction: bool = False
    """Whether the tool that applies the file has opened a transaction for it."""
    local_settings: Savepoint | None = None
    """Settings to go back to when the transaction ends, where SET LOCAL changed some."""
    depth: int = 0
    """How many functions that files created are being run."""
    params: tuple[tuple[str, Oid], ...] = ()
    """Names (arguments as $1, $2 ... first) and types of the variables of the code that runs; type 0 is not known."""
    ran: int = 0
    """Statements of code that have run since the file's statement began."""
    require_known: Callable[[Session, Statement, Oid], None] | None = None
    """Where the files are all there is: raises `Missing` when what a statement has made (what is newer than the OID)
    stands on something that no file creates. None: such things are taken to exist elsewhere."""

    def run(self, statement: Statement) -> None:
        """Dispatch one statement; a kind without a handler changes nothing that is followed here."""
        handler = self.handlers.get(statement.kind)
        if self.observe is not None:
            self.observe(self, statement)
        if handler is None:
            return
        if self.require_known is None:
            handler(self, statement)
            return
        newest = self.catalog.newest_oid
        try:
            handler(self, statement)
            self.require_known(self, statement, newest)
        except Missing as missing:
            raise DDLError(missing.sqlstate, str(missing)) from None

    def absent(self, sqlstate: str, message: str) -> None:
        """Raise `Missing` where the files are all there is; elsewhere the object is taken to exist."""
        if self.require_known is not None:
            raise Missing(sqlstate, message)

    def savepoint(self) -> Savepoint:
        """The state now, catalog and settings, for `restore`."""
        catalog = self.catalog
        return Savepoint(
            catalog.mark(),
            tuple(catalog.default_acls),
            tuple(catalog.extensions.items()),
            frozenset(catalog.unknown_schemas),
            self.search_path_setting,
            self.search_path,
            self.role,
            self.login_role,
            tuple(self.settings.items()),
            frozenset(self.dropped_roles),
            len(self.policy_changes),
            len(self.events),
        )

    def restore(self, savepoint: Savepoint) -> None:
        """Go back: catalog and settings as they were (ROLLBACK, ROLLBACK TO, a failed block)."""
        catalog = self.catalog
        catalog.rollback(savepoint.mark)
        del self.policy_changes[savepoint.policy_changes :]
        catalog.default_acls[:] = savepoint.default_acls
        catalog.extensions.clear()
        catalog.extensions.update(savepoint.extensions)
        catalog.unknown_schemas.clear()
        catalog.unknown_schemas.update(savepoint.unknown_schemas)
        self.dropped_roles.clear()
        self.dropped_roles.update(savepoint.dropped_roles)
        del self.events[savepoint.events :]
        self.restore_settings(savepoint)

    def restore_settings(self, savepoint: Savepoint) -> None:
        """Go back with the settings only, the catalog stays."""
        self.search_path_setting = savepoint.search_path_setting
        self.search_path = savepoint.search_path
        self.role = savepoint.role
        self.login_role = savepoint.login_role
        self.settings.clear()
        self.settings.update(savepoint.settings)

    def refresh_search_path(self) -> None:
        """Make `search_path` from its setting: ``$user`` is the current role's schema where there is one."""
        names: list[str] = []
        for name in self.search_path_setting:
            if name == "$user":
                name = self.catalog.rolname(self.role)
                if self.catalog.namespace_oid(name) is None:
                    continue
            names.append(name)
        self.search_path = tuple(names)

    def creation_namespace(self) -> Oid:
        """The schema that unqualified new objects go to: the first of the search path that exists, be it pg_catalog."""
        for name in self.search_path:
            oid = self.catalog.namespace_oid(name)
            if oid is not None:
                return oid
        raise DDLError("3F000", "no schema has been selected to create in")

    def note(self, statement: Statement, reason: str, code: str = "RLS002", span: Span | None = None) -> None:
        """Record that something was not followed, at the statement (or a narrower span)."""
        self.problems.append(Problem(code, span or statement.span, reason))


Handler = Callable[[Session, Statement], None]
"""Replays one statement: changes ``session.catalog``, or raises DDLError or NotFollowed and leaves it alone."""
