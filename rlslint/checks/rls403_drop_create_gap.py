"""RLS403: a policy is dropped in one transaction and made again in a later one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.rows import Policy
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.replay.session import Event

Outcome = Literal["closed", "open"]


def check(facts: Facts) -> Iterator[Match]:
    """One match a DROP POLICY whose CREATE POLICY, or a DISABLE whose ENABLE, runs in another transaction."""
    events = [event for event in facts.events if event.action in ("create_policy", "drop_policy", "enable", "disable")]
    for number, event in enumerate(events):
        outcome = _outcome(event)
        if outcome is None:
            continue
        again = next((one for one in events[number + 1 :] if _mends(one, event)), None)
        if again is None or again.transaction == event.transaction or again.migration not in facts.newest:
            continue
        if again.migration - event.migration > 1:
            continue
        yield Match(
            span=event.statement.span,
            relation=facts.catalog.relations.get(event.relation.oid) or event.relation,
            message="everybody" if outcome == "open" else None,
            facts={
                "table": facts.name_of(event.relation),
                "name": event.polname,
                "what": f'policy "{event.polname}"' if event.polname else "row security",
                "policies": [policy.polname for policy in event.policies],
            },
            related=((again.statement.span, "made again here"),),
            needs=(NeedNote("put both into one transaction (BEGIN ... COMMIT), or use ALTER POLICY"),),
        )


def _outcome(event: Event) -> Outcome | None:
    """What clients meet between the two: nobody passes, or everybody; None where other policies stand in or nobody uses
    the table."""
    if event.action == "disable":
        return "open" if event.policies else None
    if event.action != "drop_policy" or not event.relation.relrowsecurity:
        return None
    dropped = next(policy for policy in event.policies if policy.polname == event.polname)
    others = [policy for policy in event.policies if policy is not dropped and policy.polpermissive]
    if not dropped.polpermissive:
        return "open" if others else None
    return None if any(_stands_in(one, dropped) for one in others) else "closed"


def _stands_in(other: Policy, dropped: Policy) -> bool:
    """Whether another permissive policy lets some rows through for the same commands and roles."""
    if other.polcmd not in ("*", dropped.polcmd):
        return False
    return PUBLIC in other.polroles or set(dropped.polroles) <= set(other.polroles)


def _mends(later: Event, event: Event) -> bool:
    if later.relation.oid != event.relation.oid:
        return False
    if event.action == "disable":
        return later.action == "enable"
    return later.action == "create_policy" and later.polname == event.polname
