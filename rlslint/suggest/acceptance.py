"""A finding that a suggestion brings in, whether it is welcome out: what was there before and only was not said."""

from __future__ import annotations

from rlslint.checks.model import NeedIndex
from rlslint.findings import SEVERITIES, Finding
from rlslint.suggest.judge import Verdict


def weighs_less(new: Finding, finding: Finding, verdict: Verdict) -> bool:
    """Whether a finding about plans is only what the cured one had hidden: it speaks of another policy or of other
    statements, and none of them visits more rows than before."""
    if new.rule.about != "plans":
        return False
    if new.policy_oid == finding.policy_oid and not set(new.statements).isdisjoint(finding.statements):
        return False
    return verdict.worse.isdisjoint((new.relid, statement) for statement in new.statements)


def was_true(new: Finding, finding: Finding, verdict: Verdict) -> bool:
    """Whether what a finding says of a plan was so before, and only the cured one stood in its way: no index could be
    offered for it, none of its statements visits more rows than before, and it weighs no more."""
    if new.rule.about != "plans" or finding.rule.about != "plans":
        return False
    if SEVERITIES.index(new.severity) > SEVERITIES.index(finding.severity):
        return False
    if any(isinstance(need, NeedIndex) for need in new.needs):
        return False
    return verdict.worse.isdisjoint((new.relid, statement) for statement in new.statements)
