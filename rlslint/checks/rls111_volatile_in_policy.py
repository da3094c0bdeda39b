"""RLS111: a function that is VOLATILE, mostly because nobody said otherwise, keeps an index or a hash table from use."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.checks.model import Facts, Match, Need, NeedStable, NeedWrap
from rlslint.checks.policy_scans import index_would_help, whole_scans
from rlslint.plan.exists import VOLATILE_WHERE
from rlslint.plan.model import AccessPlan, CallPlan
from rlslint.source.model import Span


def check(facts: Facts) -> Iterator[Match]:
    """One match a VOLATILE call that stands in the way of an index, or keeps an EXISTS from being hashed."""
    for plan in whole_scans(facts):
        for arm in plan.arms:
            if arm.obstacle == "volatile" and index_would_help(facts, plan):
                near = facts.catalog.indexes.get(arm.near_index)
                for call in _volatile(plan, arm.span):
                    what = f"index {near.relname}" if near is not None else "an index on the column"
                    yield _match(facts, plan, call, "index", what)
        for subquery in plan.subqueries:
            if not subquery.in_check and subquery.not_hashed_because == VOLATILE_WHERE:
                # asked of the condition as it is written, before a body takes its call's place
                for call in _volatile(plan, subquery.span, inlined=True):
                    yield _match(facts, plan, call, "hash", "a hash table")


def _volatile(plan: AccessPlan, where: Span, *, inlined: bool = False) -> Iterator[CallPlan]:
    for call in plan.calls:
        span = call.span
        inside = span.source is where.source and where.start <= span.start and span.end <= where.end
        runs = inlined or call.evaluation not in ("inlined", "folded")
        if inside and call.volatility == "v" and not call.in_check and runs:
            yield call


def _match(facts: Facts, plan: AccessPlan, call: CallPlan, blocked: str, what: str) -> Match:
    own = call.call.funcid >= FIRST_NORMAL_OID
    needs: list[Need] = []
    if own:
        needs.append(NeedStable(call.call.funcid))
    elif not call.depends_on_row:
        needs.append(NeedWrap(call.clause, call.start, call.end, call.call.funcid))
    return Match(
        span=call.span,
        relation=facts.catalog.relations[plan.relid],
        policy=call.clause.policy,
        statements=(plan.statement,),
        roles=(plan.role,),
        message=blocked if blocked == "hash" else None,
        facts={"table": facts.name(plan.relid), "function": call.function, "blocks": what, "declared": own},
        needs=tuple(needs),
    )
