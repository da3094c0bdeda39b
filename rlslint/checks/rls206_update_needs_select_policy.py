"""RLS206: a role may update or delete rows that no SELECT policy lets it see."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedSelectPolicy


def check(facts: Facts) -> Iterator[Match]:
    """One match an UPDATE or DELETE policy and role without a SELECT policy that could be true."""
    for plan in facts.plans:
        if plan.statement not in ("update", "delete") or plan.row_security.bypass is not None:
            continue
        own = facts.passing(plan.role, plan.row_security.security_quals[0].permissive)
        if not own or not facts.blind(plan.relid, plan.role):
            continue
        relation = facts.catalog.relations[plan.relid]
        if not facts.granted(plan.role, relation, plan.statement):
            continue
        clause = own[-1]
        readable = facts.granted(plan.role, relation, "select")
        yield Match(
            span=clause.policy.origin or clause.stored.span,
            relation=relation,
            policy=clause.policy,
            statements=(plan.statement,),
            roles=(plan.role,),
            message=None if readable else "no_privilege",
            facts={"table": facts.name(plan.relid), "relname": relation.relname, "rows": 0 if readable else None},
            needs=(NeedSelectPolicy(plan.relid, (plan.role,), clause),),
        )
