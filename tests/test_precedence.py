"""One cause, one finding: which of two findings stays, and what it takes over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rlslint.checks.model import NeedIndex, NeedNote
from rlslint.findings import Finding, grouped, settle
from rlslint.registry import Rule, RuleError, Scope, by_precedence, load_rule, load_rules
from rlslint.source.model import SourceFile, Span

TEXT = SourceFile("a.sql", "x" * 100)


def rule(code: str, **yields_to: tuple[str, ...]) -> Rule:
    scopes: Mapping[Scope, tuple[str, ...]] = yields_to  # type: ignore[assignment]
    return replace(load_rules()["RLS101"], code=code, yields_to=scopes)


def finding(rule: Rule, start: int = 0, end: int = 10, relid: int = 1, policy: int = 1, need: str = "") -> Finding:
    return Finding(
        rule=rule,
        severity="warning",
        confidence="high",
        message="",
        span=Span(TEXT, start, end),
        schema="public",
        table="t",
        policy="p",
        relid=relid,
        policy_oid=policy,
        statements=(),
        roles=(),
        facts={},
        related=(),
        needs=(NeedNote(need),) if need else (),
        fingerprint="",
    )


def codes(findings: list[Finding]) -> list[str]:
    return sorted(one.rule.code for one in findings)


STRONG = rule("RLS901")


@pytest.mark.parametrize(
    ("start", "end", "relid", "stays"),
    [
        (2, 5, 1, False),
        (0, 50, 1, False),
        (11, 20, 1, True),
        (5, 20, 1, True),
        (2, 5, 2, True),
    ],
)
def test_at_the_same_place(start: int, end: int, relid: int, stays: bool) -> None:
    weak = rule("RLS902", place=("RLS901",))
    left = settle([finding(weak, start, end, relid), finding(STRONG)])
    assert codes(left) == (["RLS901", "RLS902"] if stays else ["RLS901"])


def test_another_place_that_the_winner_names_counts() -> None:
    winner = replace(finding(STRONG), related=((Span(TEXT, 40, 60), "and here"),))
    assert codes(settle([finding(rule("RLS902", place=("RLS901",)), 45, 50), winner])) == ["RLS901"]


def test_the_same_cure_policy_and_table() -> None:
    index = NeedIndex(7, (1,))
    cured = replace(finding(STRONG), cure=(index,))
    weak = replace(finding(rule("RLS902", cure=("RLS901",)), 20, 30, relid=3), cure=(index,))
    assert codes(settle([cured, weak])) == ["RLS901"]
    assert codes(settle([cured, replace(weak, cure=(NeedIndex(7, (2,)),))])) == ["RLS901", "RLS902"]
    by_policy = rule("RLS902", policy=("RLS901",))
    assert codes(settle([finding(STRONG), finding(by_policy, 20, 30)])) == ["RLS901"]
    assert codes(settle([finding(STRONG), finding(by_policy, 20, 30, policy=2)])) == ["RLS901", "RLS902"]
    by_table = rule("RLS902", table=("RLS901",))
    assert codes(settle([finding(STRONG), finding(by_table, 20, 30, policy=2)])) == ["RLS901"]
    assert codes(settle([finding(STRONG), finding(by_table, 20, 30, relid=2)])) == ["RLS901", "RLS902"]


def test_the_winner_takes_over_the_needs() -> None:
    weak = rule("RLS902", place=("RLS901",))
    (left,) = settle([finding(weak, need="second"), finding(STRONG, need="first")])
    assert left.needs == (NeedNote("first"), NeedNote("second"))
    assert left.includes == ("RLS902",)


def test_once_per_cure_and_table() -> None:
    index, other = NeedIndex(7, (1,)), NeedIndex(7, (2,))
    by_cure, by_table = (replace(STRONG, once_per=group) for group in ("cure", "table"))
    three = [
        replace(finding(by_cure, start, start + 5), cure=(need,), needs=(need,))
        for start, need in ((0, index), (10, other), (20, index))
    ]
    left = grouped(three)
    assert [(one.span.start, [span.start for span, _ in one.related]) for one in left] == [(0, [20]), (10, [])]
    (left_one,) = grouped([replace(one, rule=by_table) for one in three])
    assert [span.start for span, _ in left_one.related] == [10, 20]
    assert left_one.needs == (index, other)
    elsewhere = replace(three[2], relid=2)
    assert len(grouped([three[0], elsewhere])) == 2


def test_what_has_given_way_displaces_nothing() -> None:
    middle = rule("RLS902", place=("RLS901",))
    last = rule("RLS903", place=("RLS902",))
    left = settle([finding(last, 12, 14), finding(middle, 0, 20), finding(STRONG, 0, 10)])
    assert codes(left) == ["RLS901", "RLS903"]


def test_rules_that_do_not_run_displace_nothing() -> None:
    assert codes(settle([finding(rule("RLS902", place=("RLS901",)))])) == ["RLS902"]


def test_rules_that_give_way_to_each_other_are_a_broken_rule() -> None:
    ring = {"RLS902": rule("RLS902", place=("RLS903",)), "RLS903": rule("RLS903", table=("RLS902",))}
    with pytest.raises(RuleError, match="ring: RLS902 -> RLS903 -> RLS902"):
        by_precedence(ring)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("yields_to: [RLS1]", r"yields_to must list rule codes, not \['RLS1'\]"),
        ("yields_to: {row: [RLS101]}", "yields_to has 'row', not one of place, cure, policy, table"),
    ],
)
def test_a_broken_list_is_one_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "rls001_unparsable_sql.yaml"
    words = "name: unparsable-sql\nseverity: error\nconfidence: high\nmessage: m\nrationale: r\nhelp: h\n"
    path.write_text(f"code: RLS001\n{words}{line}\n")
    with pytest.raises(RuleError, match=said):
        load_rule(path)
