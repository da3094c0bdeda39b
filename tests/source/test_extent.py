"""The characters that an expression takes up, for composed expressions in every place of a policy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pglast import parser

from rlslint.source.extent import expression_extent
from rlslint.source.model import SourceFile, Statement
from rlslint.source.parse import parse_script

ATOMS = [
    "a",
    "t.a",
    '"odd name"."Ü"',
    "1",
    "'x'",
    "'it''s'",
    "$tag$ ) $tag$",
    "NULL",
    "true",
    "current_user",
    "f()",
    "s.f(a, (b))",
    "auth.uid()",
    "(SELECT auth.uid())",
    "(SELECT 1 FROM t WHERE (a) = (b))",
    "ARRAY[1, 2]",
    "ARRAY(SELECT a FROM t)",
    "count(*)",
    "coalesce(a, (b))",
    "a[1]",
    "(a)[1:2]",
    "('{}'::jsonb)",
    "CASE WHEN a THEN (b) ELSE c END",
    "CASE a WHEN 1 THEN 2 END",
    "CAST(a AS numeric(10, 2))",
    "interval '1 day'",
    "extract(year FROM a)",
    "EXISTS (SELECT 1 FROM t)",
    "row(a, b)",
    "(a, b)",
    "nullif(a, b)",
    'a COLLATE "C"',
    "f(a) COLLATE pg_catalog.default",
]
expressions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds("{} = {}".format, st.builds("({})".format, inner), st.builds("({})".format, inner)),
        st.builds("({}) AND ({})".format, inner, inner),
        st.builds("({}) OR {}".format, inner, st.sampled_from(ATOMS)),
        st.builds("NOT ({})".format, inner),
        st.builds("({}) IS NOT NULL".format, inner),
        st.builds("({}) IS NULL".format, inner),
        st.builds("({})::text".format, inner),
        st.builds("({})::uuid[]".format, inner),
        st.builds("({}) IN (1, (2))".format, inner),
        st.builds("({}) IN (SELECT a FROM t)".format, inner),
        st.builds("({}) = ANY (ARRAY(SELECT a FROM t WHERE ({})))".format, inner, inner),
        st.builds("({}) BETWEEN 1 AND (2)".format, inner),
        st.builds("({}) LIKE 'x%'".format, inner),
        st.builds("({}) ->> 'é'".format, inner),
        st.builds("f(({}), 'é')".format, inner),
        st.builds("({}) IS NOT TRUE".format, inner),
        st.builds("({}) IS DISTINCT FROM 1".format, inner),
        st.builds("({}) IS DISTINCT FROM (a IS NULL)".format, inner),
        st.builds("({}) = b IS NOT TRUE".format, inner),
    ),
    max_leaves=6,
)


def statement(sql: str) -> Statement:
    (found,), problems = parse_script(SourceFile("a.sql", sql), 0, len(sql))
    assert problems == []
    return found


def bare(node: Any) -> Any:
    """A parse tree without places."""
    if isinstance(node, dict):
        places = ("location", "list_start", "list_end")
        return {key: bare(value) for key, value in node.items() if not key.endswith(places)}
    return [bare(item) for item in node] if isinstance(node, list) else node


def tree(expression: str) -> Any:
    parsed = json.loads(parser.parse_sql_json(f"SELECT {expression}"))
    return bare(parsed["stmts"][0]["stmt"]["SelectStmt"]["targetList"][0]["ResTarget"]["val"])


@given(text=expressions)
def test_the_extent_reads_as_the_same_expression(text: str) -> None:
    sql = f'CREATE POLICY "né" ON t USING (/* é */ {text} ) WITH CHECK (true)'
    found = statement(sql)
    start, end = expression_extent(found, found.node["qual"])
    piece = found.text[start:end]
    assert tree(piece) == bare(found.node["qual"]), piece
    assert piece in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1", "a = 1"),
        ("((a = 1))", "a = 1"),
        ("(a = 1) OR (b = 2)", "(a = 1) OR (b = 2)"),
        ("EXISTS (SELECT 1 FROM jobs WHERE id = job_id)", "EXISTS (SELECT 1 FROM jobs WHERE id = job_id)"),
        ("(SELECT auth.uid()) = a", "(SELECT auth.uid()) = a"),
        ("a IS NOT NULL -- why", "a IS NOT NULL"),
        ("a::int", "a::int"),
    ],
)
def test_outer_parentheses_and_comments_are_left_out(text: str, expected: str) -> None:
    found = statement(f"CREATE POLICY p ON t USING (\n {text}\n)")
    start, end = expression_extent(found, found.node["qual"])
    assert found.text[start:end] == expected
