"""The embedded server: empty scratch databases that leave nothing behind."""

from __future__ import annotations

import psycopg
import pytest

from rlslint.verify.server import EmbeddedServer
from tests.conftest import Server

pytestmark = pytest.mark.server


def test_a_scratch_database_is_empty_and_new_each_time(server: Server) -> None:
    for _ in range(2):
        with server.database() as connection:
            connection.execute("CREATE TABLE left_behind (id int)")
            tables = connection.execute("SELECT relname FROM pg_class WHERE oid >= 16384 AND relkind = 'r'").fetchall()
            assert tables == [("left_behind",)]


def test_roles_made_in_a_scratch_database_go_with_it(server: Server) -> None:
    for _ in range(2):
        with server.database() as connection:
            connection.execute('CREATE ROLE "odd ""role"""')
            connection.execute('CREATE TABLE t (id int); GRANT SELECT ON t TO "odd ""role"""')
    with psycopg.connect(server.uri) as connection:
        assert connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'odd%'").fetchall() == []


def test_a_broken_test_leaves_nothing_behind(server: Server) -> None:
    def fail() -> None:
        with server.database() as connection:
            connection.execute("CREATE ROLE doomed; SET ROLE doomed")
            connection.execute("SELECT 1/0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        fail()
    with psycopg.connect(server.uri) as connection:
        assert connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'doomed'").fetchall() == []
        assert connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'scratch%'").fetchall() == []


def test_durability_is_off(server: Server) -> None:
    with server.database() as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


def test_a_server_that_is_not_running_says_so() -> None:
    server = EmbeddedServer()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.uri
    server.stop()
