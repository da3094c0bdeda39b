"""The function that a name and argument types mean, compared with PostgreSQL's parser."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from rlslint.analyze import types as t
from rlslint.analyze.func import FuncMatch, FuncMiss, resolve_function
from rlslint.analyze.oper import OperMiss, resolve_operator
from rlslint.catalog.catalog import Catalog, Extension
from rlslint.catalog.rows import Namespace
from tests.analyze import probe
from tests.analyze.server_catalog import read_catalog

ONE = (
    "abs lower upper length char_length md5 text int4 int8 bool bpchar varchar name numeric date timestamptz timestamp"
    " interval regclass round ceil sum avg max min count any_value array_agg jsonb_agg to_jsonb to_json"
    " jsonb_array_elements jsonb_array_elements_text unnest array_length cardinality quote_ident quote_literal"
    " isempty range_merge multirange jsonb_typeof hstore trim btrim enum_range concat current_setting now"
    " pg_typeof to_tsvector host bool_and bit_length octet_length array_ndims jsonb_object_keys has_table_privilege"
)
TWO = (
    "round substring position strpos left lpad split_part concat format array_append array_prepend array_cat"
    " array_position array_remove array_length string_agg jsonb_object_agg jsonb_extract_path jsonb_extract_path_text"
    " jsonb_set date_trunc date_part age to_char to_date greatest mod power nullif starts_with current_setting"
    " set_config generate_series has_table_privilege has_schema_privilege pg_has_role enum_range range_merge"
    " int4range array_fill width_bucket overlaps timezone encode decode convert_from regexp_match jsonb_path_exists"
    " bit extract make_date array_to_string string_to_array num_nulls array_upper trim_array"
)
THREE = (
    "substring lpad jsonb_set set_config has_table_privilege has_column_privilege array_replace generate_series"
    " to_tsvector int4range replace translate format concat_ws date_bin array_position string_to_array array_to_string"
    " regexp_replace split_part make_date jsonb_insert overlay json_object width_bucket array_fill"
)


@pytest.fixture(scope="module")
def sides(server: Any) -> Iterator[tuple[probe.Parser, Catalog, dict[str, int]]]:
    with server.database() as connection:
        connection.execute(probe.SCHEMA)
        yield probe.Parser(connection), read_catalog(connection), probe.type_oids(connection)


def server_answer(parsed: probe.Parsed) -> Any:
    if parsed.sqlstate:
        return parsed.sqlstate
    match parsed.tag:
        case "FUNCEXPR":
            return parsed.number("funcid"), parsed.number("funcresulttype")
        case "AGGREF":
            return parsed.number("aggfnoid"), parsed.number("aggtype")
        case _:
            return "cast"


def our_answer(catalog: Catalog, name: str, argtypes: list[int]) -> Any:
    found = resolve_function(catalog, "pg_catalog", name, argtypes, ("public",))
    if isinstance(found, FuncMiss):
        return "cast" if found.cast else found.sqlstate
    return found.proc.oid, found.rettype


def test_lists_hold_functions() -> None:
    procs = Catalog().procs
    # grammar's own words, and names kept to see them missed
    absent = {"hstore", "greatest", "nullif", "trim", "any_value", "text", "int4", "bool"}
    assert [] == [
        name for name in f"{ONE} {TWO} {THREE}".split() if not procs.find("name", name) and name not in absent
    ]


@pytest.mark.server
@pytest.mark.parametrize("count", [1, 2, 3])
def test_builtin(sides: tuple[probe.Parser, Catalog, dict[str, int]], count: int) -> None:
    parser, catalog, oids = sides
    choose = random.Random(count)
    names = {oid: name for name, oid in oids.items()}
    expected: dict[Any, Any] = {}
    actual: dict[Any, Any] = {}
    for function in (ONE, TWO, THREE)[count - 1].split():
        given: list[tuple[str, ...]] = [(name,) for name in oids] if count == 1 else []
        given += [tuple(choose.choices(list(oids), k=count)) for _ in range(100 if count > 1 else 0)]
        # near the declared types, where something is found
        for proc in catalog.procs.find("name", function):
            near = [names.get(oid, "?") for oid in proc.proargtypes[:count]]
            given += [
                tuple(name if choose.random() < 0.7 else choose.choice(list(oids)) for name in near)
                for _ in range(20 * (len(near) == count > 1))
            ]
        for key in given:
            values = ", ".join(map(probe.null, key))
            expected[function, key] = server_answer(parser.parse(f'SELECT pg_catalog."{function}"({values})'))
            actual[function, key] = our_answer(catalog, function, [oids[name] for name in key])
    assert probe.difference(expected, actual) == {}
    assert len([value for value in expected.values() if isinstance(value, tuple)]) > (400, 300, 100)[count - 1]


OVERLOADS = """
CREATE SCHEMA app;
CREATE FUNCTION public.one(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.one(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.one(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.one(email) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION public.opt(a int, b text DEFAULT 'x', c bool DEFAULT true) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.opt2(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.opt2(a int, b text DEFAULT 'x') RETURNS text LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION public.opt3(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.opt3(a int, b text DEFAULT 'x') RETURNS text LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION public.many(VARIADIC xs int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.many(a int, b int) RETURNS text LANGUAGE sql AS $$ SELECT 'x'::text $$;
CREATE FUNCTION public.rest(a text, VARIADIC xs text[] DEFAULT '{}') RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.anys(VARIADIC xs anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1[1]';
CREATE FUNCTION public.pass(a int, INOUT b text, OUT c int) LANGUAGE sql AS 'SELECT $2, 1';
CREATE FUNCTION public.same(anyelement, anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION public.same(anyarray, anyelement) RETURNS anyarray LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION public.common(anycompatible, anycompatiblearray) RETURNS anycompatible LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION public.common_range(anycompatiblerange, anycompatible) RETURNS anycompatiblerange LANGUAGE sql
    AS 'SELECT $1';
CREATE FUNCTION public.span(anyrange) RETURNS anymultirange LANGUAGE sql AS 'SELECT multirange($1)';
CREATE FUNCTION public.label(anyenum) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION public.of_email(email) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.of_mood(mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.of_pair(pair) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.md5(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.md5(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE public.proc(int) LANGUAGE sql AS 'SELECT 1';
"""
OWN = "one opt opt2 opt3 many rest anys pass same common common_range span label of_email of_mood of_pair md5 proc"
FEW = "int2 int4 int8 text varchar bool mood email positive short int4[] text[] tags int4range pair ?"


@pytest.mark.server
@pytest.mark.parametrize("path", [("public",), ("app", "public"), ("public", "app"), ("public", "pg_catalog")])
def test_own(server: Any, path: tuple[str, ...]) -> None:
    with server.database() as connection:
        connection.execute(probe.SCHEMA + OVERLOADS)
        parser, catalog, oids = probe.Parser(connection), read_catalog(connection), probe.type_oids(connection)
        connection.execute(f"SET search_path = {', '.join(path)}")
        expected: dict[Any, Any] = {}
        actual: dict[Any, Any] = {}
        few = FEW.split()
        for function in OWN.split():
            keys: list[tuple[str, ...]] = [(), *((one,) for one in few), *((one, two) for one in few for two in few)]
            keys += [(one, two, three) for one in few[:6] for two in few[1::3] for three in few[::4]]
            for key in keys:
                for variadic in (False, True)[: 1 + bool(key and key[-1] in ("int4[]", "text[]", "tags", "?"))]:
                    values = [probe.null(name) for name in key]
                    if variadic:
                        values[-1] = f"VARIADIC {values[-1]}"
                    call = function, *values
                    expected[call] = server_answer(parser.parse(f"SELECT {function}({', '.join(values)})"))
                    found = resolve_function(
                        catalog, None, function, [oids[name] for name in key], path, variadic=variadic
                    )
                    actual[call] = (found.proc.oid, found.rettype) if isinstance(found, FuncMatch) else found.sqlstate
    assert probe.difference(expected, actual) == {}


@pytest.mark.server
def test_named_arguments(server: Any) -> None:
    calls: dict[str, tuple[str, list[int], tuple[str, ...]]] = {
        "opt(a => 1)": ("opt", [t.INT4], ("a",)),
        "opt(1, c => true)": ("opt", [t.INT4, t.BOOL], ("c",)),
        "opt(c => true, a => 1)": ("opt", [t.BOOL, t.INT4], ("c", "a")),
        "opt(b => 'x')": ("opt", [t.UNKNOWN], ("b",)),
        "opt(1, a => 1)": ("opt", [t.INT4, t.INT4], ("a",)),
        "opt(1, d => 1)": ("opt", [t.INT4, t.INT4], ("d",)),
        "opt2(1, b => 'x'::text)": ("opt2", [t.INT4, t.TEXT], ("b",)),
        "opt2(b => 2, a => 1)": ("opt2", [t.INT4, t.INT4], ("b", "a")),
        "opt2(1, b => NULL)": ("opt2", [t.INT4, t.UNKNOWN], ("b",)),
        "opt2(a => 1)": ("opt2", [t.INT4], ("a",)),
        "opt3(a => 1)": ("opt3", [t.INT4], ("a",)),
        "pass(1, b => 'x')": ("pass", [t.INT4, t.UNKNOWN], ("b",)),
        "pass(b => 'x', a => 1)": ("pass", [t.UNKNOWN, t.INT4], ("b", "a")),
        "pass(1, c => 1)": ("pass", [t.INT4, t.INT4], ("c",)),
        "rest(a => 'x')": ("rest", [t.UNKNOWN], ("a",)),
        "rest('x', xs => '{}')": ("rest", [t.UNKNOWN, t.UNKNOWN], ("xs",)),
        "make_interval(days => 3)": ("make_interval", [t.INT4], ("days",)),
        "make_interval(1, days => 3, hours => 2)": ("make_interval", [t.INT4, t.INT4, t.INT4], ("days", "hours")),
        "jsonb_set('{}', '{a}', '1', create_if_missing => true)": (
            "jsonb_set",
            [t.UNKNOWN, t.UNKNOWN, t.UNKNOWN, t.BOOL],
            ("create_if_missing",),
        ),
    }
    with server.database() as connection:
        connection.execute(probe.SCHEMA + OVERLOADS)
        parser, catalog = probe.Parser(connection), read_catalog(connection)
        expected = {call: server_answer(parser.parse(f"SELECT {call}")) for call in calls}
        actual: dict[str, Any] = {}
        for call, (name, argtypes, named) in calls.items():
            found = resolve_function(catalog, None, name, argtypes, ("public",), named=named)
            actual[call] = (found.proc.oid, found.rettype) if isinstance(found, FuncMatch) else found.sqlstate
    assert probe.difference(expected, actual) == {}


def test_a_function_that_no_file_creates_is_unknown_not_absent() -> None:
    missing = resolve_function(Catalog(), "app", "uid", [], ("public",))
    assert isinstance(missing, FuncMiss)
    assert missing.sqlstate is None


@pytest.mark.parametrize(
    ("schema", "path", "sqlstate"),
    [
        (None, ("public",), "42883"),
        (None, ("gis", "public"), None),
        ("gis", ("public",), None),
        ("pg_catalog", ("gis",), "42883"),
    ],
)
def test_an_extension_that_is_not_known_may_bring_overloads(
    schema: str | None, path: tuple[str, ...], sqlstate: str | None
) -> None:
    catalog = Catalog()
    catalog.namespaces.put(Namespace(oid=20000, nspname="gis", nspowner=10))
    catalog.extensions["postgis"] = Extension("postgis", 20000, known=False)
    function = resolve_function(catalog, schema, "lower", [t.UUID], path)
    operator = resolve_operator(catalog, schema, "&&", t.UUID, t.UUID, path)
    assert isinstance(function, FuncMiss)
    assert isinstance(operator, OperMiss)
    assert (sqlstate, sqlstate) == (function.sqlstate, operator.sqlstate)


def test_an_argument_of_unknown_type_leaves_the_only_candidate() -> None:
    found = resolve_function(Catalog(), None, "md5", [0], ("public",))
    assert isinstance(found, FuncMatch)
    assert t.TEXT == found.rettype
