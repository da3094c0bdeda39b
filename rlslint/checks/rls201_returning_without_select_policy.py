"""RLS201: a role may insert rows that no SELECT policy lets it see."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedSelectPolicy
from rlslint.plan.model import AccessPlan
from rlslint.rewrite.model import PolicyClause


def check(facts: Facts) -> Iterator[Match]:
    """One match an INSERT policy and role whose new rows must pass a SELECT policy that there is none of."""
    for plan in facts.plans:
        if plan.statement != "insert_returning" or plan.row_security.bypass is not None:
            continue
        insert = _inserting(plan)
        if not insert or not _no_select(plan) or facts.never_true(insert):
            continue
        clause = insert[-1]
        yield Match(
            span=clause.policy.origin or clause.stored.span,
            relation=facts.catalog.relations[plan.relid],
            policy=clause.policy,
            statements=("insert_returning", "upsert"),
            roles=(plan.role,),
            facts={"table": facts.name(plan.relid), "sqlstate": "42501"},
            needs=(NeedSelectPolicy(plan.relid, (plan.role,), clause),),
        )


def _inserting(plan: AccessPlan) -> tuple[PolicyClause, ...]:
    for option in plan.row_security.with_check_options:
        if option.kind == "insert":
            return option.quals.permissive
    return ()


def _no_select(plan: AccessPlan) -> bool:
    return any(option.kind == "select" and option.quals.denies_all for option in plan.row_security.with_check_options)
