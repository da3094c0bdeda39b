"""Findings in, the same findings with suggestions out: each tried on the catalog and kept only if it cures.

What is needed comes from the checks (`Need`), what could serve from `Proposer`, and `Judge` decides: the finding must
go, and no other may come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rlslint.checks.model import NeedIndex, NeedNote
from rlslint.findings import SEVERITIES, Finding, Suggestion
from rlslint.source.model import Tell, silent
from rlslint.suggest.clashes import with_clashes
from rlslint.suggest.judge import Judge, Verdict, finding_key, in_words, proved
from rlslint.suggest.proposals import Proposal, Proposer, with_suggestions
from rlslint.suggest.why_not import why_not

_PASSES: Final = 8
"""How often proposals are chosen that can be tried together."""
_TOGETHER: Final = 4
"""How often those of a pass are tried, each time without those that stood in the way."""
_ROUNDS: Final = 3
"""How often indexes may be added for what a rewrite leaves to be found by one."""


_MAKES: Final = re.compile(r'\bCREATE POLICY (?:"(?:[^"]|"")+"|\w+) ON (\S+)')
_POLICY: Final = re.compile(
    r'\b(ALTER|DROP) POLICY ((?:"(?:[^"]|"")+"|\w+) ON \S+?)(;| TO .*?;| (?:USING|WITH CHECK) .*?;)$', re.M | re.S
)


def suggest(findings: Sequence[Finding], judge: Judge, tell: Tell = silent, *, explain: bool = True) -> list[Finding]:
    """Give every finding the first proposal that cures it, and its notes; ``explain``: also why there is none.

    The first proposals of all findings are tried together, which is one prediction instead of one each; what does not
    cure then, or stands where something new comes, is tried alone.
    """
    proposer = Proposer.of(judge.catalog, findings)
    cured = _together(proposer, judge, findings)
    result: list[Finding] = []
    for i, finding in enumerate(findings):
        tell("trying suggestions for findings", i, len(findings))
        made: Proposal = cured.get(i, ())
        if not made:
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
    return with_clashes(result)


def _together(proposer: Proposer, judge: Judge, findings: Sequence[Finding]) -> dict[int, Proposal]:
    """By place in ``findings``, the first proposals that cure when all of them are run. Two that change one policy
    differently undo each other: the second waits for the next pass."""
    waiting = {i: proposal for i, one in enumerate(findings) if (proposal := next(proposer.proposals(one), ()))}
    cured: dict[int, Proposal] = {}
    for _ in range(_PASSES):
        chosen = _compatible(waiting)
        if len(chosen) < 2:
            break
        cured |= _cured_together(judge, findings, chosen)
        waiting = {i: proposal for i, proposal in waiting.items() if i not in chosen}
    return cured


def _compatible(proposals: dict[int, Proposal]) -> dict[int, Proposal]:
    """As many as say the same of a policy where they say anything of it."""
    claims: dict[str, str] = {}
    chosen: dict[int, Proposal] = {}
    made: set[str] = set()
    touched: dict[str, set[Proposal]] = {}
    for i, proposal in proposals.items():
        own = dict(_claims(proposal))
        makes = {table for one in proposal for table in _MAKES.findall(one.up)}
        tables = {what.rpartition(" ON ")[2].rpartition(" ")[0] for what in own} | makes
        # a policy that is made stands alone: what another does to the table's policies is not its doing
        alone = all(touched.get(table, {proposal}) == {proposal} for table in tables & (made | makes))
        if alone and all(claims.get(what, text) == text for what, text in own.items()):
            claims |= own
            made |= makes
            for table in tables:
                touched.setdefault(table, set()).add(proposal)
            chosen[i] = proposal
    return chosen


def _claims(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """(part of a policy, what becomes of it): its condition, its roles, or both where it goes."""
    for one in proposal:
        for verb, policy, rest in _POLICY.findall(one.up):
            parts = (
                ("roles", "condition") if verb == "DROP" else ("roles",) if rest.startswith(" TO ") else ("condition",)
            )
            for part in parts:
                yield f"{policy} {part}", f"{verb}{rest}"


def _cured_together(judge: Judge, findings: Sequence[Finding], first: dict[int, Proposal]) -> dict[int, Proposal]:
    """Those of the proposals whose findings go when all are run, without those that stand where something new comes. What
    has no table in common with these is as it was when they were there, too."""
    cured: dict[int, Proposal] = {}
    reached = {i: judge.affected([one.up for one in proposal]) for i, proposal in first.items()}
    for _ in range(_TOGETHER):
        if len(first) < 2:
            break
        verdict = judge.judge(tuple(dict.fromkeys(one.up for proposal in first.values() for one in proposal)))
        if verdict.rejected is not None:
            first = {i: proposal for i, proposal in first.items() if all(one.up != verdict.culprit for one in proposal)}
            continue
        disturbed = {
            new.relid
            for new in verdict.new
            if not all(_unmasked(new, findings[i], verdict) or _was_true(new, findings[i], verdict) for i in first)
        }
        # what is refused otherwise than before is tried alone, and so is what does not cure: without it others may not, either
        disturbed |= {relid for relid, _ in verdict.refused}
        out = {i for i in first if not disturbed.isdisjoint(reached[i]) or finding_key(findings[i]) not in verdict.gone}
        if disturbed and not out:
            break
        changed = frozenset().union(*(reached[i] for i in out))
        settled = {i: proposal for i, proposal in first.items() if i not in out and changed.isdisjoint(reached[i])}
        cured |= settled
        first = {i: proposal for i, proposal in first.items() if i not in out and i not in settled}
    return cured


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
