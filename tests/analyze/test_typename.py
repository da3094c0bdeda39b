"""Type names as SQL writes them: OID and modifier, compared with PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pglast import parser

from rlslint.analyze import types as t
from rlslint.analyze.typename import quote_identifier, resolve_type_name
from rlslint.catalog.catalog import Catalog
from tests.analyze import probe
from tests.analyze.server_catalog import read_catalog

SCHEMA = """
CREATE SCHEMA app;
CREATE DOMAIN app.email AS varchar(30);
CREATE TYPE app."Mixed" AS ENUM ('a');
CREATE TABLE app.t (id int8, mail app.email, name varchar(7), n numeric(5,1), codes char(3)[]);
"""
NAMES = """int|int4|integer|smallint|bigint|real|float|float(10)|float(30)|double precision|decimal|decimal(8)|numeric
numeric(10,2)|numeric(5,-2)|numeric(3,5)|dec(4,1)|char|char(7)|character|character varying|varchar|varchar(12)|bpchar
nchar(3)|national character varying(4)|text|bool|boolean|bit|bit(4)|bit varying|bit varying(9)|varbit(3)|uuid|"char"
timestamp|timestamp(3)|timestamptz|timestamptz(0)|timestamp with time zone|timestamp(2) with time zone|date
timestamp without time zone|time|time(1)|timetz|time(4) with time zone|interval|interval(3)|interval year
interval year to month|interval day|interval day to hour|interval day to minute|interval day to second
interval day to second(2)|interval hour|interval hour to minute|interval hour to second(0)|interval minute
interval minute to second|interval second|interval second(4)|interval month|json|jsonb|bytea|inet|oid|regclass
int[]|int[3]|int[][]|text ARRAY|int ARRAY[4]|varchar(5)[]|numeric(4,2)[]|timestamptz(1)[]|pg_catalog.int4
pg_catalog.varchar(8)|pg_catalog.timestamptz|pg_catalog.bpchar(2)|pg_catalog.numeric(7,3)|email|app.email|app.email[]
mood|public.mood|mood[]|tags|positive|pair|public.pair[]|app."Mixed"|app."Mixed"[]|app.t|app.t[]|int4range|int4multirange
tsvector|xml|_int4|_varchar|public.email|information_schema.sql_identifier|information_schema.cardinal_number"""


def type_node(written: str) -> Any:
    tree = json.loads(parser.parse_sql_json(f"CREATE TABLE x (a {written})"))
    return tree["stmts"][0]["stmt"]["CreateStmt"]["tableElts"][0]["ColumnDef"]["typeName"]


@pytest.mark.server
@pytest.mark.parametrize("path", [("public",), ("app", "public")])
def test_names(server: Any, path: tuple[str, ...]) -> None:
    expected: dict[str, tuple[int, int]] = {}
    with server.database() as connection:
        connection.execute(probe.SCHEMA + SCHEMA)
        connection.execute(f"SET search_path = {', '.join(path)}")
        catalog = read_catalog(connection)
        names = NAMES.replace("\n", "|").split("|")
        for name in names:
            with connection.transaction(force_rollback=True):
                connection.execute(f"CREATE TABLE public.x (a {name})")
                expected[name] = connection.execute(
                    "SELECT atttypid::int, atttypmod FROM pg_attribute WHERE attrelid = 'public.x'::regclass AND attnum = 1"
                ).fetchone()
    # a domain's own length is the domain's, not the column's
    actual = {name: resolve_type_name(catalog, type_node(name), path) for name in names}
    assert probe.difference(expected, actual) == {}


def test_names_that_mean_something_else_in_a_column() -> None:
    catalog = Catalog()
    serials = [resolve_type_name(catalog, type_node(name), ()) for name in ("serial", "bigserial", "smallserial")]
    assert [(t.INT4, -1), (t.INT8, -1), (t.INT2, -1)] == serials


def test_a_type_that_no_file_creates_is_unknown() -> None:
    for name in ("geometry", "geometry(Point, 4326)", "public.vector(3)", "app.state[]"):
        assert (0, -1) == resolve_type_name(Catalog(), type_node(name), ("public",))


@pytest.mark.server
def test_column_types(server: Any) -> None:
    expected: dict[str, int] = {}
    names = ("app.t.id", "app.t.mail", "app.t.name", "t.codes")
    with server.database() as connection:
        connection.execute(probe.SCHEMA + SCHEMA)
        connection.execute("SET search_path = app; SET check_function_bodies = off")
        catalog = read_catalog(connection)
        for name in names:
            connection.execute(
                f"CREATE OR REPLACE FUNCTION public.f() RETURNS {name}%TYPE LANGUAGE sql AS 'SELECT NULL'"
            )
            expected[name] = connection.execute("SELECT prorettype::int FROM pg_proc WHERE proname = 'f'").fetchone()[0]
            connection.execute("DROP FUNCTION public.f()")
    actual = {}
    for name in names:
        tree = json.loads(parser.parse_sql_json(f"CREATE FUNCTION f() RETURNS {name}%TYPE LANGUAGE sql AS ''"))
        node = tree["stmts"][0]["stmt"]["CreateFunctionStmt"]["returnType"]
        actual[name] = resolve_type_name(catalog, node, ("app",))[0]
    assert probe.difference(expected, actual) == {}


@pytest.mark.server
def test_quoting(server: Any) -> None:
    names = ["a", "A", "a b", "a1", "1a", "_x", "a$", 'q"q', "", "ümlaut", "user", "select", "value", "between", "name"]
    with server.database() as connection:
        # keywords of every kind
        names += [row[0] for row in connection.execute("SELECT word FROM pg_get_keywords()")]
        expected = {name: connection.execute("SELECT quote_ident(%s)", (name,)).fetchone()[0] for name in names}
    assert probe.difference(expected, {name: quote_identifier(name) for name in names}) == {}
