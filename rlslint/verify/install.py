"""A preset or migrations in, as much of them as a server takes out: what it refuses takes nothing else with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from rlslint.source.model import Statement
from rlslint.verify.standins import stand_in

Connection = psycopg.Connection[Any]
Rejected = tuple[Statement, str, str]
"""Statement, SQLSTATE and message."""


def install(connection: Connection, statements: Iterable[Statement]) -> Iterator[Rejected]:
    """Run each statement, in the transactions that the scripts begin; yields those that the server refuses and that nothing
    stands in for. A transaction that is left open ends as if it were committed."""
    for statement in statements:
        guarded = statement.kind != "TransactionStmt" and _inside(connection)
        if guarded:
            connection.execute(b"SAVEPOINT rlslint")
        try:
            connection.execute(statement.text.encode())
        except psycopg.Error as error:
            if guarded:
                connection.execute(b"ROLLBACK TO SAVEPOINT rlslint")
            if not stand_in(connection, statement):
                yield statement, error.sqlstate or "", str(error).split("\n")[0]
        if guarded:
            connection.execute(b"RELEASE SAVEPOINT rlslint")
    if _inside(connection):
        connection.execute(b"COMMIT")


def _inside(connection: Connection) -> bool:
    return connection.info.transaction_status is TransactionStatus.INTRANS
