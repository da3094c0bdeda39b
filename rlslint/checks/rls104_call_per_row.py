"""RLS104: a call that is the same for every row, run for every row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedWrap
from rlslint.checks.policy_scans import repeated
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, CallPlan


def check(facts: Facts) -> Iterator[Match]:
    """One match a policy and depth: calls that a scalar subquery would run once, at the first of them."""
    found: dict[tuple[Oid, bool], list[tuple[AccessPlan, CallPlan]]] = {}
    for plan in facts.plans:
        if plan.statement in ("select", "update", "delete") and plan.error is None:
            for call in plan.calls:
                if repeated(plan, call) and not facts.small(_read(plan, call)):
                    found.setdefault((call.clause.policy.oid, call.depth > 0), []).append((plan, call))
    for pairs in found.values():
        plan, first = min(pairs, key=lambda pair: (pair[1].clause.clause == "check", pair[1].start))
        functions = list(
            dict.fromkeys(f"{call.function}()" for _, call in sorted(pairs, key=lambda pair: pair[1].start))
        )
        needs = (NeedWrap(call.clause, call.start, call.end, call.call.funcid) for _, call in pairs)
        tables = list(dict.fromkeys(facts.name(_read(plan, call)) for plan, call in pairs))
        inner = "inner" if first.depth else ""
        yield Match(
            span=first.span,
            relation=facts.catalog.relations[plan.relid],
            policy=first.clause.policy,
            statements=tuple(dict.fromkeys(one.statement for one, _ in pairs)),
            roles=tuple(dict.fromkeys(one.role for one, _ in pairs)),
            message="_".join(part for part in (inner, "several" if len(functions) > 1 else "") if part) or None,
            facts={
                "table": facts.name(plan.relid),
                "function": first.function,
                "functions": functions,
                "evaluation": first.evaluation,
            }
            | ({"relations": tables} if inner else {}),
            needs=tuple(dict.fromkeys(needs)),
        )


def _read(plan: AccessPlan, call: CallPlan) -> Oid:
    """The table whose every row the call runs for: in a subquery it is one of that subquery's."""
    return call.inner.relid if call.inner is not None else plan.relid
