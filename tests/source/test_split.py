"""Statements cut apart as psql cuts them, and parsed with their places."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlslint.source import split as splitting
from rlslint.source.model import SourceFile
from rlslint.source.parse import parse_script
from rlslint.source.split import split


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in split(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1; select 2", ["select 1", "select 2"]),
        ("-- a;b\nselect 1 -- c;d\n;", ["select 1"]),
        ("/* ; /* nested ; */ ; */ select 1;", ["select 1"]),
        ("select ';', E'\\';', \"a;b\"; select 2", ["select ';', E'\\';', \"a;b\"", "select 2"]),
        ("select $$ ; $$, $a$ ; $$ ; $a$; x", ["select $$ ; $$, $a$ ; $$ ; $a$", "x"]),
        ("select a$1 ; b$", ["select a$1", "b$"]),
        ("create rule r as on insert to t do (a; b); c", ["create rule r as on insert to t do (a; b)", "c"]),
        (
            "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3",
            [
                "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
                "select 3",
            ],
        ),
        ("begin; select 1; end; select 2", ["begin", "select 1", "end", "select 2"]),
        ("copy t from stdin;\n1;2\n'\n\\.\nselect 1;", ["copy t from stdin", "select 1"]),
        ("\\set x 1;\nselect 1;\n\\restrict abc", ["select 1"]),
        (";;  ;", []),
        # one dollar sign was lost: one broken statement, not one for each semicolon in the body
        ("do $\nbegin\n  perform 1;\nend\n$; select 2", ["do $\nbegin\n  perform 1;\nend\n$", "select 2"]),
        (
            "create function f() as $ a; b $ language sql; select 2",
            ["create function f() as $ a; b $ language sql", "select 2"],
        ),
        ("select 1 as $ ; select 2", ["select 1 as $", "select 2"]),
        ("", []),
        ("select 'unterminated ; ", ["select 'unterminated ;"]),
        ("select $$ unterminated ; ", ["select $$ unterminated ;"]),
    ],
)
def test_split(text: str, expected: list[str]) -> None:
    assert [piece.strip() for piece in pieces(text)] == expected


@given(st.text(alphabet="';\"$-/*\\()aA \néE", max_size=60))
def test_any_text_is_cut_in_order_and_without_overlap(text: str) -> None:
    spans = list(split(text, 0, len(text)))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(spans))


def problems(text: str) -> list[tuple[str, tuple[int, int]]]:
    source = SourceFile("a.sql", text)
    return [(problem.reason, source.position(problem.span.start)) for problem in parse_script(source, 0, len(text))[1]]


def test_a_broken_statement_does_not_hide_the_rest() -> None:
    text = "create table é (a int);\ncreate polcy p on é;\nselect 1;"
    source = SourceFile("a.sql", text)
    statements, _ = parse_script(source, 0, len(text))
    assert [statement.kind for statement in statements] == ["CreateStmt", "SelectStmt"]
    assert problems(text) == [('syntax error at or near "polcy"', (2, 8))]


def test_templates_and_psql_variables_parse_in_their_place() -> None:
    text = (
        "alter table :schema.t add a text default :'word', add b int;\ncreate table ${flyway:defaultSchema}.x (a int);"
    )
    assert problems(text) == []


def test_a_cast_is_no_variable() -> None:
    text = "select 'a'::text, a[1:2]"
    statements, _ = parse_script(SourceFile("a.sql", text), 0, len(text))
    assert statements[0].text == text


def test_deep_nesting_is_a_problem_and_kills_nothing() -> None:
    deep = "select " + "(" * 100_000 + "1" + ")" * 100_000
    assert problems(deep + ";select 1") == [("nested too deeply to be analysed", (1, 1))]


def test_a_nul_character_is_a_problem() -> None:
    assert problems("select 1; select 'a\0b'") == [("a NUL character, which PostgreSQL does not accept", (1, 20))]


def test_positions_count_characters() -> None:
    text = "select 'ééé';  create table t (a int b)"
    assert problems(text) == [('syntax error at or near "b"', (1, 38))]


def test_statements_in_one_step_are_cut_as_token_by_token(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (
        "select 1", "a", "e", "E'", "'", '"', "(", ")", ";", ";;", "--", "-", "/", "/*", "*/", "$$", "$", "$a$", "as $ ", "\n",
        "\\", "\\g", "begin atomic ", " end", "case ", "copy t from stdin;\n", "\n\\.\n", "é", "\r", " ",
    )  # fmt: skip
    random = Random(1)
    texts = ["".join(random.choices(parts, k=random.randrange(30))) for _ in range(4_000)]
    texts += ["(" * depth + "a" + ")" * depth + ";b;" for depth in range(9)]
    texts += [f"insert into t values ('{'a' * length}');b;" for length in range(3_960, 4_010)]
    quick = [list(splitting.pieces(text, 0, len(text))) for text in texts]
    monkeypatch.setattr(splitting, "_SIMPLE_LENGTH", 0)
    assert [list(splitting.pieces(text, 0, len(text))) for text in texts] == quick
