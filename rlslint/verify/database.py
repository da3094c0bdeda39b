"""A connection string or nothing in, a database of our own out: on the embedded server, or beside the one that was named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import conninfo, sql

from rlslint.source.model import UsageError
from rlslint.verify.request import Request
from rlslint.verify.server import EmbeddedServer

Connection = psycopg.Connection[Any]

SCRATCH: Final = "rlslint_verify_"
"""What the names of our databases begin with."""
_LOCAL: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})
_HOLDS_TABLES: Final = """
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)')"""


@contextmanager
def own_database(request: Request) -> Iterator[Connection]:
    """A connection (autocommit) to an empty database, dropped afterwards together with the roles made meanwhile, also
    when the work is stopped.

    Raises UsageError for a server that is not local without ``yes``, for a database that holds tables, and for one that
    cannot be reached.
    """
    stop = request.stop

    class Stoppable(psycopg.Connection[Any]):
        """Begins no query once the work is to end."""

        def execute(self, *args: Any, **options: Any) -> Any:
            stop.look()
            return super().execute(*args, **options)

    with stop.busy(), _database(request, Stoppable) as connection, stop.cancelling(connection.cancel):
        yield connection


@contextmanager
def _database(request: Request, kind: type[Connection]) -> Iterator[Connection]:
    url, yes = request.database_url, request.yes
    if url is None:
        with EmbeddedServer() as server, server.scratch_database(kind) as connection:
            yield connection
        return
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.Error as error:
        raise UsageError(f"--database-url: {_line(error)}") from None
    hosts = str(given.get("host") or "").split(",")
    if not yes and not all(host in _LOCAL or host.startswith("/") for host in hosts):
        raise UsageError(
            f"--database-url names the host {', '.join(hosts)}, which is not local: say --yes if it is meant"
        )
    try:
        main = psycopg.connect(url, autocommit=True)
    except psycopg.Error as error:
        raise UsageError(f"--database-url: {_line(error)}") from None
    with main:
        row = main.execute(_HOLDS_TABLES.encode()).fetchone()
        if row is not None and row[0]:
            raise UsageError("--database-url names a database that holds tables: give an empty one on a scratch server")
        yield from _beside(main, request, kind)


def _beside(main: Connection, request: Request, kind: type[Connection]) -> Iterator[Connection]:
    name = f"{SCRATCH}{os.getpid()}"
    before = {row[0] for row in main.execute("SELECT rolname FROM pg_roles")}
    main.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        with kind.connect(request.database_url or "", dbname=name, autocommit=True) as connection:
            yield connection
    finally:
        main.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        for (role,) in main.execute("SELECT rolname FROM pg_roles").fetchall():
            if role in before:
                continue
            try:
                main.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
            except psycopg.Error as error:
                request.say(f"role {role} stays: {_line(error)}")


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
