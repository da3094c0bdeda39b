"""Findings in, the same findings with suggestions out: each tried on the catalog and kept only if it cures.

What is needed comes from the checks (`Need`), what could serve from `Proposer`, and `Judge` decides: the finding must
go, and no other may come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rlslint.checks.model import NeedIndex, NeedNote
from rlslint.findings import SEVERITIES, Finding, Suggestion
from rlslint.records import replace
from rlslint.source.model import Tell, silent
from rlslint.suggest.advice import Advice
from rlslint.suggest.clashes import with_clashes
from rlslint.suggest.judge import Judge, Verdict, finding_key, in_words, proved
from rlslint.suggest.proposals import Proposal, Proposer, with_suggestions
from rlslint.suggest.why_not import why_not

_ROUNDS: Final = 3
"""How often indexes may be added for what a rewrite leaves to be found by one."""


def suggest(
    findings: Sequence[Finding],
    judge: Judge,
    tell: Tell = silent,
    *,
    explain: bool = True,
    advice: Advice | None = None,
) -> list[Finding]:
    """Give every finding the first proposal that cures it, and its notes; ``explain``: also why there is none. ``advice``:
    what an earlier run came to is taken over, and what this one comes to is added.

    Each is tried alone: what is said of one finding hangs on no other one.
    """
    proposer = Proposer.of(judge.catalog, findings)
    result: list[Finding] = []
    for i, finding in enumerate(findings):
        tell("trying suggestions for findings", i, len(findings))
        recalled = None if advice is None else advice.recall(finding, proposer.shared)
        if recalled is not None:
            result.append(with_suggestions(finding, recalled))
            continue
        proposer.shared.asked()
        judge.watch()
        made: Proposal = ()
        for proposal in proposer.proposals(finding):
            made = proven(proposer, judge, finding, proposal)
            if made:
                break
        notes = proposer.notes(finding, cured=bool(made))
        if (
            explain
            and not made
            and finding.rule.about == "plans"
            and any(not isinstance(one, NeedNote) for one in finding.needs)
        ):
            notes = (*why_not(proposer, judge, finding, advised=bool(notes)), *notes)
        result.append(with_suggestions(finding, (*made, *notes)))
        reach = judge.watched()
        if advice is not None and reach is not None:
            advice.add(finding, (*made, *notes), proposer.shared, reach)
    if advice is not None and (proposer.shared.indexes.crowded or _alike(result)):
        # names of indexes then hang on the order in which they are given
        return suggest(findings, judge, tell, explain=explain)
    return with_clashes(result)


def _alike(findings: Sequence[Finding]) -> bool:
    """Whether two different indexes bear one name."""
    made = {
        one.up: one.up.partition(" ON ")[0]
        for found in findings
        for one in found.suggestions
        if one.kind == "create_index"
    }
    return len(set(made.values())) < len(made)


def proven(proposer: Proposer, judge: Judge, finding: Finding, proposal: Proposal) -> Proposal:
    """The proposal, with indexes that it makes necessary, if it cures the finding; else ()."""
    key = finding_key(finding)
    for _ in range(_ROUNDS):
        verdict = judge.judge([one.up for one in proposal], proved=proved(finding, proposal))
        if verdict.rejected is not None or key not in verdict.gone:
            return ()
        unwelcome = [new for new in verdict.new if not _unmasked(new, finding, verdict)]
        more: list[Suggestion] = []
        for new in unwelcome:
            needs = [need for need in new.needs if isinstance(need, NeedIndex)]
            wraps = () if needs else proposer.wraps_beside(new.needs)
            if not needs and not wraps and not _was_true(new, finding, verdict):
                return ()
            more += (*proposer.index_for(needs), *wraps)
        if not more:
            if not all(_was_true(new, finding, verdict) for new in unwelcome):
                return ()
            if finding.rule.about == "plans" and verdict.broken:
                # a statement that runs today is not to fail for the sake of speed
                return ()
            if finding.rule.about == "plans" and verdict.refused:
                return tuple(_lets_fail(judge, one, verdict) for one in proposal)
            return proposal
        longer = tuple(dict.fromkeys((*proposal, *more)))
        if longer == proposal:
            return ()
        proposal = longer
    return ()


def _lets_fail(judge: Judge, suggestion: Suggestion, verdict: Verdict) -> Suggestion:
    """The suggestion with the word that statements are no longer refused: a condition that is left out beside a constant
    true may be one that PostgreSQL refuses to expand (42P17)."""
    return replace(
        suggestion,
        applicability="unsafe",
        assumes=(*suggestion.assumes, f"{in_words(judge, verdict.refused)} ceases to fail where it does today"),
    )


def _unmasked(new: Finding, finding: Finding, verdict: Verdict) -> bool:
    """Whether a finding about plans is only what the cured one had hidden: it speaks of another policy or of other
    statements, and none of them visits more rows than before."""
    if new.rule.about != "plans":
        return False
    if new.policy_oid == finding.policy_oid and not set(new.statements).isdisjoint(finding.statements):
        return False
    return verdict.worse.isdisjoint((new.relid, statement) for statement in new.statements)


def _was_true(new: Finding, finding: Finding, verdict: Verdict) -> bool:
    """Whether what a finding says of a plan was so before, and only the cured one stood in its way: no index could be
    offered for it, none of its statements visits more rows than before, and it weighs no more."""
    if new.rule.about != "plans" or finding.rule.about != "plans":
        return False
    if SEVERITIES.index(new.severity) > SEVERITIES.index(finding.severity):
        return False
    if any(isinstance(need, NeedIndex) for need in new.needs):
        return False
    return verdict.worse.isdisjoint((new.relid, statement) for statement in new.statements)
