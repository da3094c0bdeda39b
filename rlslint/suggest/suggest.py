"""Findings in, the same findings with suggestions out: each tried on the catalog and kept only if it cures.

What is needed comes from the checks (`Need`), what could serve from `Proposer`, and `Judge` decides: the finding must
go, and no other may come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rlslint.checks.model import NeedIndex, NeedNote
from rlslint.findings import Finding, Suggestion
from rlslint.records import replace
from rlslint.source.model import Tell, silent
from rlslint.suggest.acceptance import was_true, weighs_less
from rlslint.suggest.advice import Advice
from rlslint.suggest.clashes import with_clashes
from rlslint.suggest.judge import Judge, Verdict, finding_key, in_words, proved
from rlslint.suggest.proposals import Proposal, Proposer, with_suggestions
from rlslint.suggest.together import at_once, together
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

    Each is tried alone first, but where a table has a great many: what is said of one finding so hangs on no other one.
    Only where nothing cures it is it tried beside what is suggested for others.
    """
    proposer = Proposer.of(judge.catalog, findings)
    made = at_once(proposer, judge, findings, advice)
    notes: list[Proposal] = []
    for i, finding in enumerate(findings):
        tell("trying suggestions for findings", i, len(findings))
        if i in made:
            notes.append(proposer.notes(finding, cured=True))
            continue
        recalled = None if advice is None else advice.recall(finding, proposer.shared)
        if recalled is None:
            proposer.shared.asked()
            judge.watch()
            recalled = _alone(proposer, judge, finding, explain=explain)
            reach = judge.watched()
            if advice is not None and reach is not None:
                advice.add(finding, recalled, proposer.shared, reach)
        notes.append(tuple(one for one in recalled if one.kind == "note"))
        if len(notes[-1]) < len(recalled):
            made[i] = tuple(one for one in recalled if one.kind != "note")
    for i, proposal in together(proposer, judge, findings, made, advice).items():
        made[i] = proposal
        notes[i] = proposer.notes(findings[i], cured=True)
    result = [with_suggestions(one, (*made.get(i, ()), *notes[i])) for i, one in enumerate(findings)]
    if advice is not None and (proposer.shared.indexes.crowded or _alike(result)):
        # names of indexes then hang on the order in which they are given
        advice.clear()
        return suggest(findings, judge, tell, explain=explain)
    return with_clashes(result)


def _alone(proposer: Proposer, judge: Judge, finding: Finding, *, explain: bool) -> Proposal:
    """The first proposal that cures, and notes."""
    for proposal in proposer.proposals(finding):
        made = proven(proposer, judge, finding, proposal)
        if made:
            return (*made, *proposer.notes(finding, cured=True))
    notes = proposer.notes(finding, cured=False)
    if not explain or finding.rule.about != "plans" or all(isinstance(one, NeedNote) for one in finding.needs):
        return notes
    return (*why_not(proposer, judge, finding, advised=bool(notes)), *notes)


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
        unwelcome = [new for new in verdict.new if not weighs_less(new, finding, verdict)]
        more: list[Suggestion] = []
        for new in unwelcome:
            needs = [need for need in new.needs if isinstance(need, NeedIndex)]
            wraps = () if needs else proposer.wraps_beside(new.needs)
            if not needs and not wraps and not was_true(new, finding, verdict):
                return ()
            more += (*proposer.index_for(needs), *wraps)
        if not more:
            if not all(was_true(new, finding, verdict) for new in unwelcome):
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
