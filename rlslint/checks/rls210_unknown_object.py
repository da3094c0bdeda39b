"""RLS210: a policy that PostgreSQL refuses to make, or whose helper it refuses to run, because of a name or a type."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.plan.model import CallPlan
from rlslint.rewrite.bodies import refused


def check(facts: Facts) -> Iterator[Match]:
    """One match a rejected CREATE or ALTER POLICY, unless a later statement made the policy or dropped the table, and one
    a policy and function that cannot run."""
    yield from _helpers(facts)
    for rejected in facts.rejected:
        relation = facts.catalog.relations.get(rejected.relid)
        if relation is None:
            continue
        later = [policy for policy in facts.catalog.policies_of(relation.oid) if policy.polname == rejected.polname]
        if any(one.origin and facts.order(one.origin) > facts.order(rejected.statement.span) for one in later):
            continue
        yield Match(
            span=rejected.span,
            relation=relation,
            facts={
                "table": facts.name(relation.oid),
                "name": rejected.polname,
                "sqlstate": rejected.sqlstate,
                "reason": rejected.reason,
            },
            needs=(NeedNote("name what exists at this point of the migrations, or make it first"),),
        )


def _helpers(facts: Facts) -> Iterator[Match]:
    for plan in facts.plans:
        first: dict[tuple[int, int], CallPlan] = {}
        for call in sorted(plan.calls, key=lambda call: call.start):
            if not call.depth:
                first.setdefault((call.clause.policy.oid, call.call.funcid), call)
        for call in first.values():
            proc = facts.catalog.procs.get(call.call.funcid)
            problem = refused(facts.catalog, proc) if proc is not None and proc.prolang == "plpgsql" else None
            if problem is None:
                continue
            yield Match(
                span=call.span,
                relation=facts.catalog.relations[plan.relid],
                policy=call.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                message="helper",
                facts={
                    "table": facts.name(plan.relid),
                    "function": call.function,
                    "sqlstate": problem.sqlstate or "",
                    "reason": problem.reason,
                },
                needs=(NeedNote("name in the function what exists, or cast what is compared to one type"),),
            )
