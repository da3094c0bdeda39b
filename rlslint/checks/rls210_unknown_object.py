"""RLS210: a policy that PostgreSQL refuses to make, because of a name or a type in it."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote


def check(facts: Facts) -> Iterator[Match]:
    """One match a rejected CREATE or ALTER POLICY, unless a later statement made the policy or dropped the table."""
    for rejected in facts.rejected:
        relation = facts.catalog.relations.get(rejected.relid)
        if relation is None:
            continue
        later = [policy for policy in facts.catalog.policies_of(relation.oid) if policy.polname == rejected.polname]
        if any(one.origin and facts.order(one.origin) > facts.order(rejected.statement.span) for one in later):
            continue
        yield Match(
            span=rejected.span,
            relation=relation,
            facts={
                "table": facts.name(relation.oid),
                "name": rejected.polname,
                "sqlstate": rejected.sqlstate,
                "reason": rejected.reason,
            },
            needs=(NeedNote("name what exists at this point of the migrations, or make it first"),),
        )
