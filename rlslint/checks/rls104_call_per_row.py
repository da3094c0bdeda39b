"""RLS104: a call that is the same for every row, run for every row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedWrap
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, CallPlan


def check(facts: Facts) -> Iterator[Match]:
    """One match a policy and function: calls that a scalar subquery would run once, at the first of them."""
    found: dict[tuple[Oid, str], list[tuple[AccessPlan, CallPlan]]] = {}
    for plan in facts.plans:
        if plan.statement in ("select", "update", "delete"):
            for call in plan.calls:
                if _repeated(plan, call):
                    found.setdefault((call.clause.policy.oid, call.function), []).append((plan, call))
    for pairs in found.values():
        plan, first = min(pairs, key=lambda pair: (pair[1].clause.clause == "check", pair[1].start))
        needs = (NeedWrap(call.clause, call.start, call.end, call.call.funcid) for _, call in pairs)
        yield Match(
            span=first.span,
            relation=facts.catalog.relations[plan.relid],
            policy=first.clause.policy,
            statements=tuple(dict.fromkeys(one.statement for one, _ in pairs)),
            roles=tuple(dict.fromkeys(one.role for one, _ in pairs)),
            facts={"table": facts.name(plan.relid), "function": first.function, "evaluation": first.evaluation},
            needs=tuple(dict.fromkeys(needs)),
        )


def _repeated(plan: AccessPlan, call: CallPlan) -> bool:
    if call.in_check or call.depends_on_row or call.wrapped or not call.costly:
        return False
    if call.evaluation not in ("per_row", "inlined"):
        return False
    if call.depth == 0:
        return plan.scan.method == "seq_scan"
    return call.inner_scan == "seq_scan"
