"""RLS214: a role has policies for INSERT and UPDATE, and INSERT ... ON CONFLICT DO UPDATE fails all the same."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedSelectPolicy
from rlslint.rewrite.rowsecurity import applicable_quals


def check(facts: Facts) -> Iterator[Match]:
    """One match an UPDATE policy of a role that may insert as well and that no SELECT policy lets see a row."""
    for plan in facts.plans:
        if plan.statement != "upsert" or plan.row_security.bypass is not None:
            continue
        inserting = applicable_quals(facts.catalog, plan.relid, plan.role, "a", check=True)
        updating = applicable_quals(facts.catalog, plan.relid, plan.role, "w", check=False)
        insert = facts.passing(plan.role, inserting.permissive)
        update = facts.passing(plan.role, updating.permissive)
        relation = facts.catalog.relations[plan.relid]
        if not insert or not update or not facts.blind(plan.relid, plan.role):
            continue
        if not all(facts.granted(plan.role, relation, privilege) for privilege in ("insert", "update", "select")):
            continue
        clause = update[-1]
        yield Match(
            span=clause.policy.origin or clause.stored.span,
            relation=relation,
            policy=clause.policy,
            statements=("upsert",),
            roles=(plan.role,),
            facts={"table": facts.name(plan.relid), "insert_policy": insert[-1].policy.polname, "sqlstate": "42501"},
            needs=(NeedSelectPolicy(plan.relid, (plan.role,), clause),),
        )
