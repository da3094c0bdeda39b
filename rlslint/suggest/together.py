"""Findings that nothing cures alone in, what cures them beside the suggestions for others out.

A condition may be read by an index only where the policies of the tables that it looks into are mended, too; of two
policies that say the same the one hides what the other costs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    number = Counter(finding.relid for finding in findings)
    crowded = [i for i, finding in enumerate(findings) if number[finding.relid] >= _MANY]
    found: dict[int, Proposal] = {}
    for own in _first_proposals(proposer, findings, crowded).values():
        chosen = _compatible(own)
        found |= {i: own[i] for i in _accepted(judge, findings, own, {i: own[i] for i in chosen}, advice)}
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
    left = _first_proposals(proposer, findings, [i for i in range(len(findings)) if i not in cured])
    found: dict[int, Proposal] = {}
    for _ in range(_PASSES):
        known = {**cured, **found}
        for relid, proposals in left.items():
            own = {i: proposal for i, proposal in proposals.items() if i not in known}
            read = judge.reads(relid)
            others = {i: made for i, made in known.items() if not read.isdisjoint(judge.changed(_sql(made)))}
            every = {**own, **others}
            run = {i: every[i] for i in _compatible(every)}
            if len(run) < 2:
                continue
            for i in _accepted(judge, findings, own, run, advice):
                beside = [findings[j] for j in run if j != i]
                found[i] = tuple(_beside(one, beside) for one in own[i])
        if len(known) == len(cured) + len(found):
            break
    return found


def _first_proposals(
    proposer: Proposer, findings: Sequence[Finding], places: Iterable[int]
) -> dict[Oid, dict[int, Proposal]]:
    """By table and place, the first proposal for each of the findings at these places that there is one for."""
    found: dict[Oid, dict[int, Proposal]] = {}
    for i in places:
        relid = findings[i].relid
        proposal = next(proposer.proposals(findings[i]), ()) if relid else ()
        if proposal:
            found.setdefault(relid, {})[i] = proposal
    return found


def _sql(proposal: Proposal) -> list[str]:
    return [one.up for one in proposal]


def _accepted(
    judge: Judge,
    findings: Sequence[Finding],
    own: Mapping[int, Proposal],
    run: Mapping[int, Proposal],
    advice: Advice | None,
) -> tuple[int, ...]:
    """Places of those of their ``own`` that go when all that is ``run`` is, and nothing comes where their own proposals
    reach."""
    places = [i for i in own if i in run]
    if not places:
        return ()
    tried = [findings[i] for i in places]
    statements = tuple(dict.fromkeys(sql for proposal in run.values() for sql in _sql(proposal)))
    cured = None if advice is None else advice.joint(tried, statements)
    if cured is None:
        judge.watch()
        # what the others do elsewhere is known already
        within = frozenset().union(*(judge.affected(_sql(own[i])) for i in places))
        verdict = judge.judge(statements, within=within)
        cured = tuple(_cures(judge, findings[i], own[i], verdict) for i in places)
        reach = judge.watched()
        if advice is not None and reach is not None:
            advice.add_joint(tried, statements, cured, reach)
    return tuple(i for i, yes in zip(places, cured, strict=True) if yes)


def _cures(judge: Judge, finding: Finding, proposal: Proposal, verdict: Verdict) -> bool:
    if verdict.rejected is not None or finding_key(finding) not in verdict.gone:
        return False
    reach = judge.affected(_sql(proposal))
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
