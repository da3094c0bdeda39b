"""RLS113: a policy without TO is evaluated for roles for which it can hold for no row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import Policy
from rlslint.checks.model import Facts, Match, Need, NeedNote, NeedRoles
from rlslint.checks.policy_scans import whole_scans
from rlslint.nodes.primnodes import Expr
from rlslint.plan.model import AccessPlan
from rlslint.plan.signed_out import holds_only_for, names_who_asks, never_for_nobody, roles_asked_for
from rlslint.rewrite.model import PolicyClause


def check(facts: Facts) -> Iterator[Match]:
    """One match a policy that asks who the session's user is, on a table that requests without a user read from end to
    end for it."""
    anonymous, signed_in = facts.anonymous_roles, facts.signed_in_roles
    found: dict[Policy, list[AccessPlan]] = {}
    for plan in whole_scans(facts):
        if facts.catalog.rolname(plan.role) not in anonymous or plan.row_security.bypass is not None:
            continue
        clauses = [clause for quals in plan.row_security.security_quals for clause in quals.permissive]
        idle = [
            clause
            for clause in clauses
            if clause.policy.to_public_implicitly and never_for_nobody(facts.catalog, clause.expr, anonymous)
        ]
        # beside one that stays and costs more for each row, little is won
        stays = max((_work_per_row(plan, clause) for clause in clauses if clause not in idle), default=0)
        for clause in idle:
            if _work_per_row(plan, clause) >= stays:
                found.setdefault(clause.policy, []).append(plan)
    for policy, plans in found.items():
        if policy.origin is None:
            continue
        relation = facts.catalog.relations[policy.polrelid]
        others = [
            role for role in facts.holders(relation) if facts.catalog.rolname(role) not in (*anonymous, *signed_in)
        ]
        need: Need = NeedNote("name the roles that the policy is meant for: TO ...")
        if not others and policy.polqual is not None:
            need = _meant(facts, policy, policy.polqual.expr) or need
        yield Match(
            span=policy.origin,
            relation=relation,
            policy=policy,
            statements=tuple(dict.fromkeys(plan.statement for plan in plans)),
            roles=tuple(dict.fromkeys(plan.role for plan in plans)),
            facts={"table": facts.name(policy.polrelid)},
            needs=(need,),
        )


def _work_per_row(plan: AccessPlan, clause: PolicyClause) -> int:
    """What the condition costs for each row, roughly: 3 where a subquery or a function runs that depends on the row, 2 a
    call that does not, 1 one whose body takes its place or a look into a hash table, 0 a comparison."""
    subqueries = [one for one in plan.subqueries if one.clause == clause and not one.in_check and not one.depth]
    calls = [
        one
        for one in plan.calls
        if one.clause == clause and not one.in_check and not one.depth and one.costly and one.evaluation == "per_row"
    ]
    if any(one.evaluation == "subplan" for one in subqueries) or any(one.depends_on_row for one in calls):
        return 3
    inlined = any(one.clause == clause and one.costly and one.evaluation == "inlined" for one in plan.calls)
    hashed = any(one.evaluation == "hashed_subplan" for one in subqueries)
    return 2 if calls else int(inlined or hashed)


def _meant(facts: Facts, policy: Policy, condition: Expr) -> NeedRoles | None:
    """The roles that can pass; None where a role of the project's own may be meant, too, or nobody can tell."""
    asked = roles_asked_for(facts.catalog, condition)
    found = (facts.catalog.find_role(name) for name in facts.signed_in_roles)
    signed_in = tuple(role.oid for role in found if role is not None)
    if asked <= set(facts.signed_in_roles) and signed_in:
        return NeedRoles(policy, signed_in, "nobody but a signed-in user passes this policy")
    for name in asked:
        role = facts.catalog.find_role(name)
        if role is not None and holds_only_for(facts.catalog, condition, name):
            return NeedRoles(policy, (role.oid,), names_who_asks(name))
    return None
