"""The rules themselves, and broken rule files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rlslint.registry import RuleError, load_rule, load_rules, selected
from rlslint.source.model import UsageError

ROOT = Path(__file__).parent.parent


def test_every_rule_has_a_check_and_every_check_a_rule() -> None:
    rules = {path.stem for path in (ROOT / "rules").glob("*.yaml")}
    checks = {path.stem for path in (ROOT / "rlslint" / "checks").glob("rls*.py")}
    assert rules == checks
    assert {rule.stem for rule in load_rules().values()} == rules


def test_every_rule_has_an_example_with_a_good_form() -> None:
    for rule in load_rules().values():
        assert rule.examples, rule.code
        assert all(example.good for example in rule.examples), rule.code


def test_names_are_told_apart() -> None:
    names = [rule.name for rule in load_rules().values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", name) for name in names)


def test_the_readme_lists_every_rule() -> None:
    text = (ROOT / "README.md").read_text()
    table = text.split("<!-- rules -->\n")[1].split("<!-- /rules -->")[0]
    rows = [f"| {rule.code} | {rule.name} | {rule.severity} |" for rule in load_rules().values()]
    assert table.splitlines() == rows


def test_the_contract_says_what_each_rule_finds() -> None:
    text = (ROOT / "docs" / "contract.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| RLS")]
    assert rows == [f"| {rule.code} | {rule.name} | {rule.summary} |" for rule in load_rules().values()]


def test_every_rule_says_when_to_ignore_it() -> None:
    for rule in load_rules().values():
        assert re.fullmatch(r"[A-Z].*\.", rule.ignore_when, re.DOTALL), rule.code


def test_selection_by_code_and_prefix() -> None:
    rules = load_rules()
    assert selected(rules, (), ()) == frozenset(rules)
    assert selected(rules, ("RLS20",), ("RLS201",)) == {f"RLS20{number}" for number in range(2, 10)}
    assert selected(rules, ("rls101",), ()) == {"RLS101"}
    for unknown in ("RLS999", "X", "1"):
        with pytest.raises(UsageError, match="unknown rule code"):
            selected(rules, (unknown,), ())


GOOD = """
code: RLS001
name: unparsable-sql
severity: error
confidence: high
message: m
rationale: r
help: h
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code: [", "rls001_unparsable_sql.yaml: "),
        ("- a list", "not a mapping"),
        (GOOD + "colour: red\n", "unknown key 'colour'"),
        (GOOD.replace("help: h\n", ""), "'help' is missing"),
        (GOOD.replace("severity: error", "severity: fatal"), "severity is 'fatal', not one of error, warning, info"),
        (GOOD.replace("RLS001", "RLS002"), "does not start with its code RLS002"),
    ],
)
def test_a_broken_rule_is_one_line_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rls001_unparsable_sql.yaml"
    path.write_text(text)
    with pytest.raises(RuleError) as caught:
        load_rule(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rule_without_a_check(tmp_path: Path) -> None:
    path = tmp_path / "rls999_nothing.yaml"
    path.write_text(GOOD.replace("RLS001", "RLS999"))
    with pytest.raises(RuleError, match=r"there is no rls999_nothing\.py beside it"):
        load_rule(path)
