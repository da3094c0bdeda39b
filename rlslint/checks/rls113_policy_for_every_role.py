"""RLS113: a policy without TO is evaluated for roles for which it can hold for no row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import Policy
from rlslint.checks.model import Facts, Match, NeedNote, NeedRoles
from rlslint.checks.policy_scans import whole_scans
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan
from rlslint.plan.signed_out import ANON, never_for_nobody


def check(facts: Facts) -> Iterator[Match]:
    """One match a table that some role reads from end to end for policies that ask who the session's user is."""
    found: dict[Oid, dict[Policy, AccessPlan]] = {}
    for plan in whole_scans(facts):
        if facts.catalog.rolname(plan.role) != ANON or plan.row_security.bypass is not None:
            continue
        for clause in (clause for quals in plan.row_security.security_quals for clause in quals.permissive):
            if clause.policy.to_public_implicitly and never_for_nobody(facts.catalog, clause.expr):
                found.setdefault(plan.relid, {}).setdefault(clause.policy, plan)
    for relid, policies in found.items():
        first, plan = next(iter(policies.items()))
        if first.origin is None:
            continue
        meant = facts.catalog.find_role("authenticated")
        assumes = f"nobody but a signed-in user passes {'this policy' if len(policies) == 1 else 'these policies'}"
        yield Match(
            span=first.origin,
            relation=facts.catalog.relations[relid],
            policy=first,
            statements=(plan.statement,),
            roles=(plan.role,),
            facts={"table": facts.name(relid), "policies": [policy.polname for policy in policies]},
            related=tuple(
                (policy.origin, f"{policy.polname} has none either")
                for policy in policies
                if policy is not first and policy.origin is not None
            ),
            needs=tuple(NeedRoles(policy, (meant.oid,), assumes) for policy in policies)
            if meant is not None
            else (NeedNote("name the roles that the policy is meant for: TO ..."),),
        )
