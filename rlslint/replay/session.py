"""What replay carries from statement to statement: the catalog so far, the settings, the role, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from rlslint.catalog.catalog import BOOTSTRAP_SUPERUSER, Catalog
from rlslint.nodes.primnodes import Oid
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


@dataclass(frozen=True, slots=True)
class Step:
    """One replayed statement, for rules about the steps themselves (RLS307, RLS4xx)."""

    migration: int
    """Index of its file in the project; -1 for a preset."""
    statement: Statement
    error: str | None
    """SQLSTATE when it was rejected."""
    in_transaction: bool


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
    statement: Statement | None = None
    """The statement being replayed; the outermost one while a DO block runs others."""

    def creation_namespace(self) -> Oid:
        """The schema that unqualified new objects go to: the first of the search path that exists."""
        for name in self.search_path:
            oid = self.catalog.namespace_oid(name)
            if oid is not None and name != "pg_catalog":
                return oid
        raise DDLError("3F000", "no schema has been selected to create in")

    def note(self, statement: Statement, reason: str, code: str = "RLS002", span: Span | None = None) -> None:
        """Record that something was not followed, at the statement (or a narrower span)."""
        self.problems.append(Problem(code, span or statement.span, reason))
