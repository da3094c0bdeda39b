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
                few = facts.small(_read(plan, call)) and not (call.again and not facts.small(plan.relid))
                if repeated(plan, call) and not few:
                    found.setdefault((call.clause.policy.oid, call.depth > 0), []).append((plan, call))
    for pairs in found.values():
        # what runs for every row speaks for the others
        first = [pair for pair in pairs if not pair[1].behind] or pairs
        yield _match(facts, first, pairs)


def _match(facts: Facts, said: list[tuple[AccessPlan, CallPlan]], cured: list[tuple[AccessPlan, CallPlan]]) -> Match:
    said = sorted(said, key=lambda pair: (pair[1].clause.clause == "check", pair[1].start))
    plan, first = said[0]
    functions = list(dict.fromkeys(f"{call.function}()" for _, call in said))
    tables = list(dict.fromkeys(facts.name(_read(one, call)) for one, call in said))
    return Match(
        span=first.span,
        relation=facts.catalog.relations[plan.relid],
        policy=first.clause.policy,
        statements=tuple(dict.fromkeys(one.statement for one, _ in said)),
        roles=tuple(dict.fromkeys(one.role for one, _ in said)),
        confidence="medium" if first.behind else None,
        message="several" if len(functions) > 1 else None,
        facts={
            "table": facts.name(plan.relid),
            "function": first.function,
            "functions": functions,
            "evaluation": first.evaluation,
            "rows": _rows(first, facts.name(plan.relid), tables),
        },
        needs=tuple(dict.fromkeys(NeedWrap(call.clause, call.start, call.end, call.call.funcid) for _, call in cured)),
    )


def _rows(call: CallPlan, outer: str, tables: list[str]) -> str:
    """The rows that it runs for, in words."""
    what = f"every row of {', '.join(tables)} " if call.depth else "every row "
    if call.again:
        return f"each row of {outer}, as often as its subquery looks at {', '.join(tables)}"
    if call.behind:
        return f"{what}that the conditions before it leave undecided"
    return f"{what}that the subquery reads" if call.depth else f"{what}that is read"


def _read(plan: AccessPlan, call: CallPlan) -> Oid:
    """The table whose every row the call runs for: in a subquery it is one of that subquery's."""
    return call.inner.relid if call.inner is not None else plan.relid
