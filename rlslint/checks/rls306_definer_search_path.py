"""RLS306: a SECURITY DEFINER function that a policy calls looks names up where its caller says."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.exposure import policy_functions, signature
from rlslint.checks.model import Facts, Match, NeedNote


def check(facts: Facts) -> Iterator[Match]:
    """One match a function. A BEGIN ATOMIC or RETURN body is resolved when the function is created: not found here."""
    for proc, clause, roles in policy_functions(facts):
        if not proc.prosecdef or proc.prosqlbody or any(name == "search_path" for name, _ in proc.proconfig):
            continue
        if proc.origin is None or proc.prolang not in ("sql", "plpgsql"):
            continue
        relation = facts.catalog.relations[clause.policy.polrelid]
        yield Match(
            span=proc.origin,
            relation=relation,
            policy=clause.policy,
            roles=roles,
            facts={
                "table": facts.name(relation.oid),
                "function": signature(facts, proc),
                "owner": facts.catalog.rolname(proc.proowner),
            },
            related=((clause.stored.span, "the policy that calls it"),),
            needs=(NeedNote("add SET search_path = '' and write every name in it with its schema"),),
        )
