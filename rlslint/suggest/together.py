"""Findings that nothing cures alone in, what cures them beside the suggestions for others out.

A condition may be read by an index only where the policies of the tables that it looks into are mended, too; of two
policies that say the same the one hides what the other costs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from rlslint.findings import Finding, Suggestion
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.suggest.acceptance import was_true, weighs_less
from rlslint.suggest.advice import Advice
from rlslint.suggest.judge import Judge, Verdict, finding_key
from rlslint.suggest.proposals import Proposal, Proposer

_POLICY: Final = re.compile(
    r'\b(ALTER|DROP) POLICY ((?:"(?:[^"]|"")+"|\w+) ON \S+?)(;| TO .*?;| (?:USING|WITH CHECK) .*?;)$', re.M | re.S
)
_MANY: Final = 50
"""Findings on one table."""
_PASSES: Final = 3
"""How often what was cured so far is looked at for those that are left: views over views."""
_NAMED: Final = 3
"""Others that are named; there may be more."""


def at_once(
    proposer: Proposer, judge: Judge, findings: Sequence[Finding], advice: Advice | None
) -> dict[int, Proposal]:
    """By place in ``findings``, the first proposals for those on tables that have a great many, as far as they cure when
    all on the table are run: one by one, each would have all others' policies predicted again."""
    tables: dict[Oid, list[int]] = {}
    for i, finding in enumerate(findings):
        tables.setdefault(finding.relid, []).append(i)
    found: dict[int, Proposal] = {}
    for relid, places in tables.items():
        if not relid or len(places) < _MANY:
            continue
        own = {i: proposal for i in places if (proposal := next(proposer.proposals(findings[i]), ()))}
        tried = [(i, findings[i], own[i]) for i in _compatible(own)]
        statements = tuple(dict.fromkeys(one.up for _, _, proposal in tried for one in proposal))
        if statements:
            found |= {i: own[i] for i in _accepted(judge, tried, statements, advice)}
    return found


def together(
    proposer: Proposer,
    judge: Judge,
    findings: Sequence[Finding],
    cured: Mapping[int, Proposal],
    advice: Advice | None,
) -> dict[int, Proposal]:
    """By place in ``findings``, the first proposals for those not ``cured`` that cure beside what is suggested for others
    on the table, and on tables that its statements read."""
    found: dict[int, Proposal] = {}
    for _ in range(_PASSES):
        more = _pass(proposer, judge, findings, {**cured, **found}, advice)
        if not more:
            break
        found |= more
    return found


def _pass(
    proposer: Proposer,
    judge: Judge,
    findings: Sequence[Finding],
    cured: Mapping[int, Proposal],
    advice: Advice | None,
) -> dict[int, Proposal]:
    left: dict[Oid, dict[int, Proposal]] = {}
    for i, finding in enumerate(findings):
        proposal = () if i in cured else next(proposer.proposals(finding), ())
        if proposal and finding.relid:
            left.setdefault(finding.relid, {})[i] = proposal
    found: dict[int, Proposal] = {}
    for relid, own in left.items():
        read = judge.reads(relid)
        others = {i: made for i, made in cured.items() if not read.isdisjoint(judge.changed([one.up for one in made]))}
        chosen = _compatible({**own, **others})
        tried = {i: own[i] for i in own if i in chosen}
        if len(chosen) < 2 or not tried:
            continue
        statements = tuple(dict.fromkeys(one.up for i in chosen for one in ({**own, **others})[i]))
        for i in _accepted(judge, [(i, findings[i], tried[i]) for i in tried], statements, advice):
            beside = [findings[j] for j in chosen if j != i]
            found[i] = tuple(_beside(one, beside) for one in tried[i])
    return found


def _accepted(
    judge: Judge, tried: Sequence[tuple[int, Finding, Proposal]], statements: tuple[str, ...], advice: Advice | None
) -> tuple[int, ...]:
    """Places of those that go when all the statements are run, and nothing comes where their own proposals reach."""
    known = None if advice is None else advice.joint([finding for _, finding, _ in tried], statements)
    if known is None:
        judge.watch()
        # what the others do elsewhere is known already
        within = frozenset().union(*(judge.affected([one.up for one in proposal]) for _, _, proposal in tried))
        verdict = judge.judge(statements, within=within)
        known = tuple(_cures(judge, finding, proposal, verdict) for _, finding, proposal in tried)
        reach = judge.watched()
        if advice is not None and reach is not None:
            advice.add_joint([finding for _, finding, _ in tried], statements, known, reach)
    return tuple(i for (i, _, _), yes in zip(tried, known, strict=True) if yes)


def _cures(judge: Judge, finding: Finding, proposal: Proposal, verdict: Verdict) -> bool:
    if verdict.rejected is not None or finding_key(finding) not in verdict.gone:
        return False
    reach = judge.affected([one.up for one in proposal])
    if any(relid in reach for relid, _ in verdict.refused):
        return False
    return all(
        weighs_less(new, finding, verdict) or was_true(new, finding, verdict)
        for new in verdict.new
        if new.relid in reach
    )


def _compatible(proposals: Mapping[int, Proposal]) -> tuple[int, ...]:
    """As many as say the same of a policy where they say anything of it, the first ones first."""
    claims: dict[str, str] = {}
    chosen: list[int] = []
    for i, proposal in proposals.items():
        own = dict(_claims(proposal))
        if all(claims.get(what, text) == text for what, text in own.items()):
            claims |= own
            chosen.append(i)
    return tuple(chosen)


def _claims(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """(part of a policy, what becomes of it): its condition, its roles, or both where it goes."""
    for one in proposal:
        for verb, policy, rest in _POLICY.findall(one.up):
            parts = (
                ("roles", "condition") if verb == "DROP" else ("roles",) if rest.startswith(" TO ") else ("condition",)
            )
            for part in parts:
                yield f"{policy} {part}", f"{verb}{rest}"


def _beside(suggestion: Suggestion, others: Sequence[Finding]) -> Suggestion:
    names = dict.fromkeys(
        f'policy "{one.policy}" on {one.table}' if one.policy else f"{one.table}" for one in others if one.table
    )
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    said = f"what is suggested for {', '.join(islice(names, _NAMED))}{more} is applied, too"
    return replace(suggestion, assumes=(*suggestion.assumes, said))
