"""Rules as pages, JSON and Markdown: all from rules/, nothing written twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from rlslint.registry import load_rules
from tests.command import rlslint

ROOT = Path(__file__).parent.parent.parent
RULES = load_rules()


def test_the_pages_of_the_repository_are_today_s(tmp_path: Path) -> None:
    assert rlslint("rules", "--pages", "pages", cwd=tmp_path).status == 0
    made = {path.name: path.read_text() for path in (tmp_path / "pages").iterdir()}
    kept = {path.name: path.read_text() for path in (ROOT / "docs" / "rules").iterdir()}
    assert kept == made, "write them anew: rlslint rules --pages docs/rules"


@pytest.mark.parametrize("code", RULES)
def test_a_page_holds_every_example_and_heading(code: str, tmp_path: Path) -> None:
    text = rlslint("explain", code, "--format", "markdown", cwd=tmp_path).out
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    fences = {token.content.strip() for token in tokens if token.type == "fence"}
    rule = RULES[code]
    for example in rule.examples:
        assert {example.given.strip(), example.bad.strip(), (example.good or example.bad).strip()} <= fences
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    for heading in (f"{code} {rule.name}", "What it finds", "Why it matters", "What to do", "When to ignore it"):
        assert heading in headings
    assert not any(token.type == "html_block" for token in tokens)
    settings: dict[str, Any] = next(
        (tomllib.loads(one) for one in fences if one.startswith("[rules.")), {"rules": {code: {}}}
    )
    assert settings == {"rules": {code: {name: one.default for name, one in rule.options.items()}}}


def test_rules_as_json(tmp_path: Path) -> None:
    data = json.loads(rlslint("rules", "--format", "json", cwd=tmp_path).out)
    assert [rule["code"] for rule in data["rules"]] == list(RULES)
    assert all((ROOT / rule["page"]).is_file() for rule in data["rules"])


def test_rules_as_a_table(tmp_path: Path) -> None:
    lines = rlslint("rules", "--format", "markdown", cwd=tmp_path).out.splitlines()
    assert len(lines) == len(RULES) + 2


def test_explain_by_name_and_near_misses(tmp_path: Path) -> None:
    assert rlslint("explain", "call-per-row", cwd=tmp_path).out == rlslint("explain", "rls104", cwd=tmp_path).out
    for given, near in (("RLS104x", "RLS104"), ("call-per-rows", "RLS104 (call-per-row)")):
        done = rlslint("explain", given, cwd=tmp_path)
        assert done.status == 2
        assert f"did you mean {near}?" in done.err
