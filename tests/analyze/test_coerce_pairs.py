"""Casts and common types of every pair of types, compared with PostgreSQL's parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from rlslint.analyze import types as t
from rlslint.analyze.coerce import binary_coercible, coerce, find_pathway, select_common_type
from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    CoerceToDomain,
    CoerceViaIO,
    Const,
    Expr,
    FuncExpr,
    RelabelType,
    Var,
)
from tests.analyze import probe
from tests.analyze.server_catalog import read_catalog

MORE = "xml money macaddr path point box circle varbit timetz regproc regprocedure regrole xid cid tsquery _varchar"
TAGS = {
    "RELABELTYPE": RelabelType,
    "FUNCEXPR": FuncExpr,
    "COERCEVIAIO": CoerceViaIO,
    "ARRAYCOERCEEXPR": ArrayCoerceExpr,
    "COERCETODOMAIN": CoerceToDomain,
    "VAR": Var,
    "CONST": Const,
}


@pytest.fixture(scope="module")
def sides(server: Any) -> Iterator[tuple[probe.Parser, Catalog, dict[str, int]]]:
    with server.database() as connection:
        connection.execute(probe.SCHEMA)
        oids = probe.type_oids(connection, f"{probe.TYPES} {MORE}".split())
        columns = ", ".join(f'"{name}" {name}' for name in oids if name != probe.LITERAL)
        connection.execute(f"CREATE TABLE one ({columns})".replace('""char""', '"c"'))
        yield probe.Parser(connection), read_catalog(connection), oids


def column(name: str) -> str:
    return {probe.LITERAL: "NULL", '"char"': "c"}.get(name, f'"{name}"')


def chain(tree: str) -> Any:
    """Kinds of nodes from the top down to the column, and the functions called."""
    found = re.findall(r"\{(RELABELTYPE|FUNCEXPR|COERCEVIAIO|ARRAYCOERCEEXPR|COERCETODOMAIN|VAR|CONST)\b", tree)
    kinds = []
    for kind in found:
        kinds.append(kind)
        # what an array's elements go through is not part of our tree
        if kind in ("VAR", "CONST", "ARRAYCOERCEEXPR"):
            break
    return kinds, re.findall(r"^\{(?:COERCETODOMAIN :arg \{)?FUNCEXPR :funcid (\d+)", tree)


def our_chain(expr: Expr) -> Any:
    kinds = []
    function: list[str] = []
    node: Any = expr
    while True:
        kinds.append(next(name for name, kind in TAGS.items() if isinstance(node, kind)))
        if isinstance(node, FuncExpr):
            if len(kinds) == 1 or kinds == ["COERCETODOMAIN", "FUNCEXPR"]:
                function.append(str(node.funcid))
            node = node.args[0]
        elif isinstance(node, (Var, Const, ArrayCoerceExpr)):
            return kinds, function
        else:
            node = node.arg


@pytest.mark.server
def test_explicit_casts(sides: tuple[probe.Parser, Catalog, dict[str, int]]) -> None:
    parser, catalog, oids = sides
    expected: dict[Any, Any] = {}
    actual: dict[Any, Any] = {}
    for source in oids:
        for target in oids:
            # a bit(1) column to bit without a length is relabelled for its modifier, which types alone do not show
            if probe.LITERAL in (source, target) or source == target == "bit":
                continue
            # the grammar's BIT is BIT(1)
            written = '"bit"' if target == "bit" else target
            parsed = parser.parse(f"SELECT {column(source)}::{written} FROM one")
            expected[source, target] = parsed.sqlstate or chain(parsed.tree)
            made = coerce(catalog, Var(type=oids[source], varno=1, attnum=1), oids[target], "e")
            actual[source, target] = "42846" if made is None else our_chain(made)
    assert probe.difference(expected, actual) == {}


@pytest.mark.server
@pytest.mark.parametrize("context", ["i", "a"])
def test_contexts(sides: tuple[probe.Parser, Catalog, dict[str, int]], context: str) -> None:
    parser, catalog, oids = sides
    expected: dict[Any, Any] = {}
    actual: dict[Any, Any] = {}
    for source in oids:
        for target in oids:
            if probe.LITERAL in (source, target):
                continue
            if context == "a":
                text = f"INSERT INTO one ({column(target)}) SELECT {column(source)} FROM one"
            else:
                # a one-row VALUES list keeps the column's type, and the second branch must become it
                text = f"SELECT is_{oids[target]}({column(source)}) FROM one"
            if context == "i" and not actual.get(("made", target)):
                parser.execute(f"CREATE FUNCTION is_{oids[target]}({target}) RETURNS int LANGUAGE sql AS 'SELECT 1'")
                actual["made", target] = expected["made", target] = True
            expected[source, target] = parser.accepts(text)
            path, _ = find_pathway(catalog, oids[target], oids[source], context)  # type: ignore[arg-type]
            actual[source, target] = path != "none"
    assert probe.difference(expected, actual) == {}


@pytest.mark.server
def test_common_types(sides: tuple[probe.Parser, Catalog, dict[str, int]]) -> None:
    parser, catalog, oids = sides
    expected: dict[Any, Any] = {}
    actual: dict[Any, Any] = {}
    for first in oids:
        for second in oids:
            parsed = parser.parse(f"SELECT CASE WHEN true THEN {column(first)} ELSE {column(second)} END FROM one")
            expected[first, second] = parsed.sqlstate is None and parsed.number("casetype")
            common = select_common_type(catalog, [oids[second], oids[first]])
            actual[first, second] = common or False
    assert probe.difference(expected, actual) == {}


@pytest.mark.server
def test_common_types_of_three(sides: tuple[probe.Parser, Catalog, dict[str, int]]) -> None:
    parser, catalog, oids = sides
    few = "int2 int4 int8 numeric float8 text varchar bpchar name date timestamptz email positive short ?"
    expected: dict[Any, Any] = {}
    actual: dict[Any, Any] = {}
    for key in ((one, two, three) for one in few.split() for two in few.split() for three in few.split()):
        parsed = parser.parse(f"SELECT COALESCE({', '.join(map(column, key))}) FROM one")
        expected[key] = parsed.sqlstate is None and parsed.number("coalescetype")
        actual[key] = select_common_type(catalog, [oids[name] for name in key]) or False
    assert probe.difference(expected, actual) == {}


@pytest.mark.server
def test_names_of_types(server: Any) -> None:
    modifiers = {t.VARCHAR: 44, t.BPCHAR: 8, t.NUMERIC: (10 << 16) + 6, t.TIMESTAMPTZ: 3, t.BIT: 5, t.VARBIT: 5}
    modifiers |= {t.TIME: 2, t.TIMETZ: 0, t.TIMESTAMP: 6, t.INTERVAL: (4 << 16) | 0xFFFF, 1015: 44, 1231: (3 << 16) + 7}
    with server.database() as connection:
        connection.execute(
            probe.SCHEMA + 'CREATE SCHEMA app; CREATE TYPE app."My Type" AS ENUM (); CREATE TYPE app.t AS ()'
        )
        catalog = read_catalog(connection)
        asked = [(row[0], -1) for row in connection.execute("SELECT oid::int FROM pg_type ORDER BY oid")]
        asked += modifiers.items()
        query = "SELECT format_type(%s, %s)"
        expected = {key: connection.execute(query, key).fetchone()[0] for key in asked}
    actual = {key: format_type(catalog, *key) for key in asked}
    assert probe.difference(expected, actual) == {}


def test_binary_coercible() -> None:
    catalog = Catalog()
    assert binary_coercible(catalog, t.VARCHAR, t.TEXT)
    assert not binary_coercible(catalog, t.INT4, t.INT8)
    assert binary_coercible(catalog, t.INT4, t.ANYNONARRAY)
    assert not binary_coercible(catalog, t.INT4, t.ANYARRAY)
    # assignment only
    assert not binary_coercible(catalog, t.OID, t.INT4)
