"""RLS105: a helper function that is given a column of the row and runs its body for every row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.globs import means_function
from rlslint.checks.model import Facts, Match, NeedHelper
from rlslint.checks.policy_scans import index_would_help, whole_scans
from rlslint.plan.model import AccessPlan, CallPlan
from rlslint.rewrite.bodies import refused


def check(facts: Facts, *, allowed_functions: tuple[str, ...]) -> Iterator[Match]:
    """One match a policy and function whose calls depend on the row and stay calls."""
    for plan in whole_scans(facts):
        if plan.arms and index_would_help(facts, plan):
            # an index on the policy's other condition leaves the call to few rows: RLS106 and RLS107 say so
            continue
        first: dict[tuple[int, str], CallPlan] = {}
        for call in sorted(plan.calls, key=lambda call: call.start):
            if _per_row(facts, call, allowed_functions):
                first.setdefault((call.clause.policy.oid, call.function), call)
        for call in first.values():
            yield _match(facts, plan, call)


def _per_row(facts: Facts, call: CallPlan, allowed: tuple[str, ...]) -> bool:
    if call.in_check or call.depth or not call.depends_on_row or not call.costly or call.evaluation != "per_row":
        return False
    proc = facts.catalog.procs.get(call.call.funcid)
    # a body that PostgreSQL refuses fails at the first row (RLS210)
    return proc is not None and not means_function(facts, allowed, proc) and refused(facts.catalog, proc) is None


def _match(facts: Facts, plan: AccessPlan, call: CallPlan) -> Match:
    proc = facts.catalog.procs.get(call.call.funcid)
    return Match(
        span=call.span,
        relation=facts.catalog.relations[plan.relid],
        policy=call.clause.policy,
        statements=(plan.statement,),
        roles=(plan.role,),
        facts={
            "table": facts.name(plan.relid),
            "function": call.function,
            "because": call.not_inlined_because or "it is not inlined",
            "language": proc.prolang if proc is not None else "",
            "rows": "every row that the conditions before it leave undecided" if call.behind else "every row",
        },
        needs=(NeedHelper(call.clause, call.start, call.end, call.call.funcid),),
    )
