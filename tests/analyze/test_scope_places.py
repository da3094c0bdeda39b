"""Every node that somebody wrote knows where; columns know whether their table's name was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rlslint.analyze.entry import analyze_relation_expr, rejections, stored_expr, unknowns
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import StoredExpr
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import FuncExpr, SubLink, Unresolved, Var, walk
from tests.analyze.differential import SCHEMA, statement_of
from tests.analyze.server_catalog import read_catalog
from tests.conftest import Server

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def catalog(server: Server) -> Iterator[Catalog]:
    with server.database() as connection:
        connection.execute(SCHEMA)
        yield read_catalog(connection)


def stored(catalog: Catalog, text: str) -> StoredExpr:
    statement = statement_of(f"CREATE POLICY ü ON public.docs USING ({text})")
    relation = catalog.find_relation("public", "docs", ())
    assert relation is not None
    return stored_expr(catalog, statement, statement.node["qual"], relation.oid, ("public",), boolean=True)


def test_text_and_place_in_characters(catalog: Catalog) -> None:
    text = "title = 'ü' AND (owner = uid())"
    found = stored(catalog, text)
    assert found.text == text
    whole = found.statement.text
    places = [whole[node.location :].split(" ")[0] for node in walk(found.expr) if isinstance(node, (Var, FuncExpr))]
    assert places == ["title", "owner", "uid()))"]


def test_parentheses_around_the_whole_are_left_out(catalog: Catalog) -> None:
    assert stored(catalog, "(ok)").text == "ok"


def test_qualified(catalog: Catalog) -> None:
    expr = stored(catalog, "EXISTS (SELECT 1 FROM members m WHERE m.team_id = id AND docs.owner = user_id)").expr
    found = [
        (node.varno, node.attnum, node.levelsup, level, node.qualified)
        for node, level in walk_deep(expr)
        if isinstance(node, Var)
    ]
    assert found == [(1, 2, 0, 1, True), (1, 1, 0, 1, False), (1, 2, 1, 1, True), (1, 3, 0, 1, False)]


@pytest.mark.parametrize(
    "text",
    [
        "CASE WHEN ok THEN n IN (1, 2) ELSE tags[1] = ANY (tags) END",
        "COALESCE(title, 'x') LIKE 'a' AND (p).x BETWEEN 1 AND 2 OR meta -> 'a' IS NOT NULL",
        "(n, id) IN (SELECT id, team_id FROM members) AND NOT (body::uuid = owner)",
    ],
)
def test_written_nodes_have_places(catalog: Catalog, text: str) -> None:
    found: list[Any] = [node for node in walk(stored(catalog, text).expr) if node.location < 0 or node.raw is None]
    # the array that a list becomes is nobody's text
    assert [type(node).__name__ for node in found] == ["ArrayExpr"] * text.count("IN (1")


def test_a_column_that_an_unseen_table_might_have(catalog: Catalog) -> None:
    expr = stored(catalog, "EXISTS (SELECT 1 FROM unseen WHERE unseen.a = owner)").expr
    assert rejections(expr) == ()
    assert [node.sqlstate for node in unknowns(expr)] == [None, None]


def test_the_error_stands_where_the_name_stands(catalog: Catalog) -> None:
    found = stored(catalog, "ok AND EXISTS (SELECT 1 FROM members WHERE members.nowhere = 1)")
    (error,) = rejections(found.expr)
    assert (error.sqlstate, error.reason) == ("42703", "column members.nowhere does not exist")
    assert found.statement.text[error.location :].startswith("members.nowhere")


def test_without_a_relation(catalog: Catalog) -> None:
    statement = statement_of("SELECT ok")
    raw = statement.node["targetList"][0]["ResTarget"]["val"]
    expr = analyze_relation_expr(catalog, statement, raw, 0, ("public",))
    assert isinstance(expr, Unresolved)
    assert expr.sqlstate == "42703"


def test_subquery_is_reached_through_the_sublink(catalog: Catalog) -> None:
    expr = stored(catalog, "EXISTS (SELECT 1 FROM members)").expr
    assert isinstance(expr, SubLink)
    assert [rte.eref for rte in expr.subselect.rtable] == ["members"]


def test_nested_too_deeply(catalog: Catalog) -> None:
    statement = statement_of("SELECT ok")
    raw = statement.node["targetList"][0]["ResTarget"]["val"]
    for _ in range(5_000):
        raw = {"BoolExpr": {"boolop": "NOT_EXPR", "args": [raw]}}
    expr = analyze_relation_expr(catalog, statement, raw, 0, ("public",))
    assert isinstance(expr, Unresolved)
    assert (expr.reason, expr.sqlstate) == ("nested too deeply to be analysed", None)
