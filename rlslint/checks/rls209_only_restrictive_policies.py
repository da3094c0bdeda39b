"""RLS209: a restrictive policy without a permissive one that it could restrict."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.membership import roles_with_privileges_of
from rlslint.catalog.rows import Policy, Relation
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.rewrite.model import STATEMENTS_OF
from rlslint.rewrite.rowsecurity import applies_to
from rlslint.source.model import Span


def check(facts: Facts) -> Iterator[Match]:
    """One match a restrictive policy to whose commands and roles no permissive policy of the table applies.

    One that is constantly false is there to deny, and does so: it is not looked at.
    """
    for relation in facts.tables:
        if not relation.relrowsecurity:
            continue
        policies = facts.catalog.policies_of(relation.oid)
        permissive = [policy for policy in policies if policy.polpermissive]
        for policy in policies:
            if policy.polpermissive or policy.origin is None or facts.denies(policy):
                continue
            if not any(_meets(facts, policy, one) for one in permissive):
                yield _match(facts, relation, policy, policy.origin)


def _match(facts: Facts, relation: Relation, policy: Policy, span: Span) -> Match:
    return Match(
        span=span,
        relation=relation,
        policy=policy,
        statements=STATEMENTS_OF[policy.polcmd],
        roles=policy.polroles,
        facts={"table": facts.name(relation.oid)},
        needs=(
            NeedNote(
                "give the roles a permissive policy that lets rows through, for this one to restrict; or leave AS "
                "RESTRICTIVE out"
            ),
        ),
    )


def _meets(facts: Facts, restrictive: Policy, permissive: Policy) -> bool:
    """Whether some statement of some role is under both policies."""
    if "*" not in (restrictive.polcmd, permissive.polcmd) and restrictive.polcmd != permissive.polcmd:
        return False
    if PUBLIC in restrictive.polroles or PUBLIC in permissive.polroles:
        return True
    for role in facts.catalog.roles:
        inherited = roles_with_privileges_of(facts.catalog, role.oid)
        if applies_to(restrictive, inherited) and applies_to(permissive, inherited):
            return True
    return False
