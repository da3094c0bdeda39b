"""RLS207: policies on a table whose row security is off."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.source.model import Span


def check(facts: Facts) -> Iterator[Match]:
    """One match a table, where the first of its policies was made, or where row security was switched off after that."""
    for relation in facts.tables:
        policies = facts.catalog.policies_of(relation.oid)
        if relation.relrowsecurity or not policies:
            continue
        first = min((policy for policy in policies if policy.origin), key=lambda policy: policy.oid, default=None)
        if first is None or first.origin is None:
            continue
        holders = facts.role_names(facts.holders(relation))
        yield Match(
            span=_later(facts, first.origin, relation.rls_origin),
            relation=relation,
            policy=first,
            facts={
                "table": facts.name(relation.oid),
                "policies": [policy.polname for policy in policies],
                "holders": holders,
                "who": ", ".join(holders) or "by a grant that is not in the files",
            },
            needs=(NeedNote(f"ALTER TABLE {facts.name(relation.oid)} ENABLE ROW LEVEL SECURITY"),),
        )


def _later(facts: Facts, one: Span, other: Span | None) -> Span:
    """The one that ran later."""
    if other is None or facts.order(other) < facts.order(one):
        return one
    return other
