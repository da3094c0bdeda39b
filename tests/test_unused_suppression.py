"""Ignore comments that suppress nothing: which are told of, and which cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint.config import Options
from rlslint.pipeline import check

BASE = """CREATE ROLE writer NOLOGIN;
CREATE TABLE notes (id bigint PRIMARY KEY, body text NOT NULL);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON notes TO writer;
"""
PUT = "CREATE POLICY put ON notes FOR INSERT TO writer WITH CHECK (id > 0);\n"


def found(sql: str, **options: object) -> list[tuple[str, int, object]]:
    result = check(Options(paths=("-",), preset="none", **options), cwd=Path.cwd(), stdin=sql)  # type: ignore[arg-type]
    return [(one.rule.code, one.place[1], one.facts.get("codes")) for one in result.findings]


def test_a_comment_that_suppresses_something_is_not_told_of() -> None:
    assert found(f"{BASE}-- rlslint: ignore[RLS201] write-only\n{PUT}") == []
    assert found(f"{BASE}-- rlslint: ignore\n{PUT}") == []
    assert found(f"{BASE}-- rlslint: ignore RLS201 write-only\n{PUT}") == []
    assert found(f"-- rlslint: ignore-file[RLS2] write-only\n{BASE}{PUT}") == []


@pytest.mark.parametrize(
    ("comment", "codes"),
    [
        ("ignore[RLS202]", ["RLS202"]),
        ("ignore[RLS201, RLS202] one of two", ["RLS202"]),
        ("ignore-file[RLS3]", ["RLS3"]),
        ("ignore[RLS299]", ["RLS299"]),
        ("ignore RLS201, RLS202 without brackets", ["RLS202"]),
    ],
)
def test_codes_without_a_finding(comment: str, codes: list[str]) -> None:
    told = [one for one in found(f"{BASE}-- rlslint: {comment}\n{PUT}") if one[0] == "RLS003"]
    assert told == [("RLS003", 5, codes)]


@pytest.mark.parametrize(
    ("comment", "what"),
    [
        ("ignore[RLS999] why", "no rule has the code RLS999"),
        ("ignore[returning-without-select-policy]", "no rule has the code RETURNING-WITHOUT-SELECT-POLICY "
         "(returning-without-select-policy has the code RLS201)"),
        ("ignore[RLS202, RLS999]", "there is no finding of RLS202 where it holds; no rule has the code RLS999"),
        ("ignored[RLS201] why", "ignored is not understood"),
        ("ignore-line[RLS201]", "ignore-line is not understood"),
        ("disable RLS201", "disable is not understood"),
        ("ignore[] why", "ignore[] is not understood"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_told_and_silences_nothing(comment: str, what: str) -> None:
    sql = f"{BASE}-- rlslint: {comment}\n{PUT}"
    result = check(Options(paths=("-",), preset="none"), cwd=Path.cwd(), stdin=sql)
    told = {one.rule.code: one.message for one in result.findings}
    assert told["RLS003"] == f"this comment suppresses nothing: {what}"
    assert "RLS201" in told


def test_a_space_before_the_codes() -> None:
    assert found(f"{BASE}-- rlslint: ignore [RLS201] write-only\n{PUT}") == []
    assert ("RLS201", 6, None) in found(f"{BASE}-- rlslint: ignore [RLS202] write-only\n{PUT}")


def test_a_comment_without_codes_or_statement() -> None:
    assert found("-- rlslint: ignore\nCREATE TABLE notes (id int);\n") == [("RLS003", 1, [])]
    assert found("CREATE TABLE notes (id int);\n\n-- rlslint: ignore[RLS201]\n") == [("RLS003", 3, ["RLS201"])]


def test_what_did_not_run_is_not_judged() -> None:
    assert found(f"{BASE}-- rlslint: ignore[RLS201]\n{PUT}", select=("RLS003",)) == []
    assert found(f"{BASE}-- rlslint: ignore\n{PUT}", select=("RLS003", "RLS202")) == []


def test_it_can_be_suppressed_by_name() -> None:
    assert found("-- rlslint: ignore-file[RLS003]\n-- rlslint: ignore[RLS201]\nCREATE TABLE notes (id int);\n") == []


def test_rules_about_steps_are_judged_in_the_newest_migration_only(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("-- rlslint: ignore[RLS401]\nCREATE TABLE a (id int);\n")
    (tmp_path / "0002_b.sql").write_text("-- rlslint: ignore[RLS401]\nCREATE TABLE b (id int);\n")
    result = check(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path)
    assert [(one.rule.code, one.span.source.path) for one in result.findings] == [("RLS003", "0002_b.sql")]
