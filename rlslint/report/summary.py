"""Many findings in, what they are by rule and how bad out: what a reader looks at first."""

from __future__ import annotations

from collections.abc import Sequence

from rlslint.checks.model import Severity
from rlslint.findings import SEVERITIES, Finding
from rlslint.records import dataclass
from rlslint.registry import Rule


@dataclass(frozen=True, slots=True)
class OfRule:
    """The findings of one rule, all or those of one severity."""

    rule: Rule
    severity: Severity
    """The worst of them."""
    number: int


def badness(findings: Sequence[Finding]) -> tuple[int, ...]:
    """A sort key: the most errors first, then the most warnings."""
    return tuple(-sum(one.severity == severity for one in findings) for severity in reversed(SEVERITIES))


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """The most severe first, those of one severity in their order."""
    return sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))


def by_rule(findings: Sequence[Finding], *, apart: bool = False) -> list[OfRule]:
    """The rules, the worst first, then the most frequent. ``apart``: a rule's severities counted each for itself."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.rule.code, finding.severity if apart else ""), []).append(finding)
    found = [
        OfRule(group[0].rule, max((one.severity for one in group), key=SEVERITIES.index), len(group))
        for group in groups.values()
    ]
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), -one.number, one.rule.code))
