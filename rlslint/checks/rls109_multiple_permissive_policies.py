"""RLS109: several permissive policies that apply to the same statement of the same role."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import Policy
from rlslint.checks.model import Facts, Match, Need, NeedMerge, NeedNote, NeedRegroup
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan
from rlslint.rewrite.model import StatementName
from rlslint.rewrite.rowsecurity import bypasses

_COMMANDS: tuple[StatementName, ...] = ("select", "insert", "update", "delete")


def check(facts: Facts, *, max_policies: int) -> Iterator[Match]:
    """One match a table: the last of the policies that are ORed, with all of them."""
    found: dict[Oid, dict[tuple[Policy, ...], list[AccessPlan]]] = {}
    for plan in facts.plans:
        if plan.statement in _COMMANDS:
            policies = _permissive(plan)
            if len(policies) > max_policies:
                found.setdefault(plan.relid, {}).setdefault(policies, []).append(plan)
    for relid, groups in found.items():
        every = tuple(dict.fromkeys(policy for group in groups for policy in group))
        last = max((policy for policy in every if policy.origin), key=lambda one: one.oid, default=None)
        if last is None or last.origin is None:
            continue
        plans = [plan for group in groups.values() for plan in group]
        yield Match(
            span=last.origin,
            relation=facts.catalog.relations[relid],
            policy=last,
            statements=tuple(dict.fromkeys(plan.statement for plan in plans)),
            roles=tuple(dict.fromkeys(plan.role for plan in plans)),
            facts={
                "table": facts.name(relid),
                "policies": [policy.polname for policy in every],
                "count": max(len(group) for group in groups),
            },
            needs=_needs(facts, groups),
        )


def _permissive(plan: AccessPlan) -> tuple[Policy, ...]:
    """The policies for the statement's own command, in order of creation."""
    security = plan.row_security
    quals = security.security_quals[:1] or tuple(
        option.quals for option in security.with_check_options if option.kind == "insert"
    )
    return tuple(dict.fromkeys(clause.policy for one in quals for clause in one.permissive))


def _needs(facts: Facts, groups: dict[tuple[Policy, ...], list[AccessPlan]]) -> tuple[Need, ...]:
    """Policies of one set of roles may become one a command, those of others one a command and role."""
    alike: dict[frozenset[Oid], dict[Policy, None]] = {}
    for policies in groups:
        for policy in policies:
            beside = [one for one in policies if frozenset(one.polroles) == frozenset(policy.polroles)]
            if len(beside) > 1:
                alike.setdefault(frozenset(policy.polroles), {}).update(dict.fromkeys(beside))
    needs = [NeedMerge(tuple(same)) for same in alike.values()]
    every = tuple(dict.fromkeys(policy for policies in groups for policy in policies))
    relation = facts.catalog.relations[every[0].polrelid]
    holders = facts.holders(relation)
    if holders and bypasses(facts.catalog, relation, relation.relowner) is None:
        holders = tuple(sorted({*holders, relation.relowner}))
    return (*needs, NeedRegroup(every, holders), NeedNote(_ADVICE, unless_cured=True))


_ADVICE = (
    "policies that differ in their roles can only be merged for known roles, and nothing here grants the table to any: name "
    "in TO whom each is meant for, and split FOR ALL into its commands, so that fewer apply at once"
)
