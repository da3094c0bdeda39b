"""SELECT expressions in, what PostgreSQL's parser makes of each out, without running or storing anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

SCHEMA = """
CREATE TYPE public.mood AS ENUM ('low', 'high');
CREATE TYPE public.pair AS (x int, y text);
CREATE DOMAIN public.email AS text;
CREATE DOMAIN public.positive AS int4 CHECK (VALUE > 0);
CREATE DOMAIN public.tags AS text[];
CREATE DOMAIN public.short AS varchar(5);
"""


class Parsed(NamedTuple):
    """The first target's expression as PostgreSQL prints its nodes, or the SQLSTATE."""

    tree: str
    sqlstate: str | None

    def number(self, field: str) -> int:
        """The first value of a field: the topmost node's that has it."""
        found = re.search(rf":{field} (\d+)", self.tree)
        assert found is not None, (field, self.tree)
        return int(found.group(1))

    @property
    def tag(self) -> str:
        """The topmost node's kind."""
        return self.tree[1:].split(" ", 1)[0]


class Parser:
    """Parses statements on a server; ``debug_print_parse`` sends the tree back as a message."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._trees: list[str] = []
        connection.execute("SET client_min_messages = log")
        connection.execute("SET debug_pretty_print = off")
        connection.execute("SET debug_print_parse = on")
        connection.add_notice_handler(lambda notice: self._trees.append(notice.message_detail or ""))

    def parse(self, text: str) -> Parsed:
        """One statement."""
        self._trees.clear()
        result = self._connection.pgconn.prepare(b"", text.encode())
        sqlstate = result.error_field(67)
        if sqlstate is not None:
            return Parsed("", sqlstate.decode())
        found = re.search(r":targetList \(\{TARGETENTRY :expr (.*)", self._trees[-1].replace("\n", " "))
        assert found is not None, self._trees
        return Parsed(found.group(1), None)

    def accepts(self, text: str) -> bool:
        """Whether the statement passes analysis."""
        return self._connection.pgconn.prepare(b"", text.encode()).error_field(67) is None

    def execute(self, text: str) -> None:
        """Run a statement."""
        self._connection.execute(text)


TYPES = (
    "int2 int4 int8 numeric float4 float8 text varchar bpchar name uuid bool date timestamp timestamptz time interval"
    ' jsonb json bytea inet cidr text[] int4[] uuid[] oid regclass "char" oidvector int4range int4multirange bit'
    " tsvector pair pair[] mood mood[] email email[] positive tags short"
)
LITERAL = "?"
"""An untyped literal among the types."""


def type_oids(connection: Any, names: Sequence[str] = tuple(TYPES.split())) -> dict[str, int]:
    """OIDs of the types, and of an untyped literal."""
    found = connection.execute("SELECT n, n::regtype::oid::int FROM unnest(%s::text[]) n", (list(names),)).fetchall()
    return {**dict(found), LITERAL: 705}


def null(name: str) -> str:
    """An expression of the type."""
    return "NULL" if name == LITERAL else f"NULL::{name}"


def difference(expected: dict[Any, Any], actual: dict[Any, Any]) -> dict[Any, Any]:
    """(expected, actual) where they differ."""
    return {key: (value, actual[key]) for key, value in expected.items() if actual[key] != value}
