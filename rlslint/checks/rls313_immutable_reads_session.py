"""RLS313: a function that is declared to answer always the same, and asks who is there."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.exposure import policy_functions, signature
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.rewrite.functions import session_reads


def check(facts: Facts) -> Iterator[Match]:
    """One match an IMMUTABLE function that a policy calls and whose body reads the session."""
    for proc, clause, roles in policy_functions(facts):
        reads = session_reads(facts.catalog, proc) if proc.provolatile == "i" else None
        if reads is None or proc.origin is None:
            continue
        relation = facts.catalog.relations[clause.policy.polrelid]
        yield Match(
            span=proc.origin,
            relation=relation,
            policy=clause.policy,
            roles=roles,
            facts={"function": signature(facts, proc), "reads": reads, "table": facts.name(relation.oid)},
            related=((clause.stored.span, "the policy that calls it"),),
            needs=(NeedNote("declare it STABLE"),),
        )
