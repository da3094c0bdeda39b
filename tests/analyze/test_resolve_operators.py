"""The operator that two operand types mean, for every pair of common types, compared with PostgreSQL's parser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rlslint.analyze import types as t
from rlslint.analyze.oper import OperMatch, resolve_operator
from rlslint.catalog.catalog import Catalog
from tests.analyze import probe
from tests.analyze.server_catalog import read_catalog

OPERATORS = ("=", "<>", "<", "||", "->", "->>", "@>", "<@", "?", "&&", "~", "~~", "+", "-", "*", "^@", "@@", "-|-")
PREFIXES = ("-", "+", "@", "!!", "~", "|/")


@pytest.fixture(scope="module")
def sides(server: Any) -> Iterator[tuple[probe.Parser, Catalog, dict[str, int]]]:
    with server.database() as connection:
        connection.execute(probe.SCHEMA)
        yield probe.Parser(connection), read_catalog(connection), probe.type_oids(connection)


def server_answer(parsed: probe.Parsed) -> Any:
    return parsed.sqlstate or (parsed.number("opno"), parsed.number("opresulttype"))


def our_answer(catalog: Catalog, name: str, left: int | None, right: int) -> Any:
    found = resolve_operator(catalog, None, name, left, right, ("public",))
    return (found.operator.oid, found.result) if isinstance(found, OperMatch) else found.sqlstate


@pytest.mark.server
@pytest.mark.parametrize("name", OPERATORS)
def test_binary(sides: tuple[probe.Parser, Catalog, dict[str, int]], name: str) -> None:
    parser, catalog, oids = sides
    pairs = [(left, right) for left in oids for right in oids]
    expected = {
        (left, right): server_answer(
            parser.parse(f"SELECT {probe.null(left)} OPERATOR(pg_catalog.{name}) {probe.null(right)}")
        )
        for left, right in pairs
    }
    actual = {(left, right): our_answer(catalog, name, oids[left], oids[right]) for left, right in pairs}
    assert probe.difference(expected, actual) == {}


@pytest.mark.server
@pytest.mark.parametrize("name", PREFIXES)
def test_prefix(sides: tuple[probe.Parser, Catalog, dict[str, int]], name: str) -> None:
    parser, catalog, oids = sides
    expected = {
        right: server_answer(parser.parse(f"SELECT OPERATOR(pg_catalog.{name}) {probe.null(right)}")) for right in oids
    }
    actual = {right: our_answer(catalog, name, None, oids[right]) for right in oids}
    assert probe.difference(expected, actual) == {}


def test_an_operator_that_no_file_creates_is_unknown() -> None:
    catalog = Catalog()
    missing = resolve_operator(catalog, None, "<~>", t.INT4, t.INT4, ("public",))
    assert ("operator <~> is created by no file", None) == (missing.reason, missing.sqlstate)  # type: ignore[union-attr]


def test_an_operand_of_unknown_type_takes_the_others() -> None:
    found = resolve_operator(Catalog(), None, "=", 0, t.UUID, ("public",))
    assert isinstance(found, OperMatch)
    assert (2972, t.BOOL) == (found.operator.oid, found.result)
