"""RLS113: a policy without TO is evaluated for roles for which it can hold for no row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import Policy
from rlslint.checks.model import Facts, Match, NeedNote, NeedRoles
from rlslint.checks.policy_scans import whole_scans
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan

_SESSION = frozenset({"auth.uid", "auth.jwt", "auth.email", "auth.user_id", "auth.session", "current_setting"})


def check(facts: Facts) -> Iterator[Match]:
    """One match a table that some role reads from end to end for policies that ask who the session's user is."""
    found: dict[Oid, dict[Policy, AccessPlan]] = {}
    for plan in whole_scans(facts):
        if not _signed_out(facts, plan):
            continue
        for call in plan.calls:
            policy = call.clause.policy
            if policy.to_public_implicitly and policy.polpermissive and not call.in_check and call.function in _SESSION:
                found.setdefault(plan.relid, {}).setdefault(policy, plan)
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


def _signed_out(facts: Facts, plan: AccessPlan) -> bool:
    """The role of requests without a user, as PostgREST and Supabase name it, beside one for requests with a user."""
    return facts.catalog.rolname(plan.role) == "anon" and plan.row_security.bypass is None
