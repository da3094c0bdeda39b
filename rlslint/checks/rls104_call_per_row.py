"""RLS104: a call that is the same for every row, run for every row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedWrap
from rlslint.plan.model import AccessPlan, CallPlan


def check(facts: Facts) -> Iterator[Match]:
    """One match a call that a scalar subquery would run once, in a filter over a whole table."""
    for plan in facts.plans:
        if plan.statement not in ("select", "update", "delete"):
            continue
        for call in plan.calls:
            if not _repeated(plan, call):
                continue
            yield Match(
                span=call.span,
                relation=facts.catalog.relations[plan.relid],
                policy=call.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                facts={"table": facts.name(plan.relid), "function": call.function, "evaluation": call.evaluation},
                needs=(NeedWrap(call.clause, call.start, call.end, call.call.funcid),),
            )


def _repeated(plan: AccessPlan, call: CallPlan) -> bool:
    if call.in_check or call.depends_on_row or call.wrapped or not call.costly:
        return False
    if call.evaluation not in ("per_row", "inlined"):
        return False
    if call.depth == 0:
        return plan.scan.method == "seq_scan"
    return call.inner_scan == "seq_scan"
