"""Findings in, the same findings with suggestions out: each tried on the catalog and kept only if it cures.

What is needed comes from the checks (`Need`), what could serve from `Proposer`, and `Judge` decides: the finding must
go, and no other may come.
"""

from __future__ import annotations

from collections.abc import Sequence

from rlslint.checks.model import NeedIndex
from rlslint.findings import Finding, Suggestion
from rlslint.suggest.judge import Judge, finding_key
from rlslint.suggest.proposals import Proposal, Proposer, with_suggestions

_ROUNDS = 3
"""How often indexes may be added for what a rewrite leaves to be found by one."""


def suggest(findings: Sequence[Finding], judge: Judge) -> list[Finding]:
    """Give every finding the first proposal that cures it, and its notes."""
    proposer = Proposer.of(judge.catalog, findings)
    result: list[Finding] = []
    for finding in findings:
        made: Proposal = ()
        for proposal in proposer.proposals(finding):
            made = proven(proposer, judge, finding, proposal)
            if made:
                break
        result.append(with_suggestions(finding, (*made, *proposer.notes(finding))))
    return result


def proven(proposer: Proposer, judge: Judge, finding: Finding, proposal: Proposal) -> Proposal:
    """The proposal, with indexes that it makes necessary, if it cures the finding; else ()."""
    key = finding_key(finding)
    for _ in range(_ROUNDS):
        verdict = judge.judge([one.up for one in proposal])
        if verdict.rejected is not None or key not in verdict.gone:
            return ()
        if not verdict.new:
            return proposal
        more: list[Suggestion] = []
        for new in verdict.new:
            needs = [need for need in new.needs if isinstance(need, NeedIndex)]
            if not needs:
                return ()
            more += proposer.index_for(needs)
        longer = tuple(dict.fromkeys((*proposal, *more)))
        if longer == proposal:
            return ()
        proposal = longer
    return ()
