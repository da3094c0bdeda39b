"""RLS115: a SQL helper around a comparison that an index could serve, if the helper were inlined."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedRewrite
from rlslint.checks.policy_scans import index_would_help, whole_scans
from rlslint.plan.model import CallPlan, extent


def check(facts: Facts) -> Iterator[Match]:
    """One match a condition whose helper function hides a column from its index."""
    for plan in whole_scans(facts):
        if not index_would_help(facts, plan):
            continue
        for arm in plan.arms:
            index = facts.catalog.indexes.get(arm.if_inlined)
            calls = [call for call in plan.calls if call.clause == arm.clause and _helper(call)]
            inside = [c for c in calls if arm.span.start <= c.span.start and c.span.end <= arm.span.end]
            if index is None or not inside:
                continue
            call = inside[0]
            yield Match(
                span=call.span,
                relation=facts.catalog.relations[plan.relid],
                policy=arm.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                facts={
                    "table": facts.name(plan.relid),
                    "function": call.function,
                    "index": index.relname,
                    "because": arm.held_by,
                },
                needs=(NeedRewrite(arm.clause, *extent(arm.clause, call.call)),),
            )


def _helper(call: CallPlan) -> bool:
    return call.depends_on_row and not call.in_check and not call.depth and call.not_inlined_because is not None
