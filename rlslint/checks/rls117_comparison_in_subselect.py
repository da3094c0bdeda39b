"""RLS117: a comparison with the row inside a scalar subquery: it looks like one that runs once, and runs per row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedRewrite
from rlslint.checks.policy_scans import whole_scans
from rlslint.plan.model import extent


def check(facts: Facts) -> Iterator[Match]:
    """One match a subquery without FROM that refers to the row."""
    for plan in whole_scans(facts):
        for subquery in plan.subqueries:
            if subquery.in_check or subquery.depth or not subquery.bare or not subquery.correlated:
                continue
            if subquery.kind != "expr" or subquery.evaluation != "subplan":
                continue
            calls = [call.function for call in plan.calls if call.clause == subquery.clause and call.depth == 1]
            yield Match(
                span=subquery.span,
                relation=facts.catalog.relations[plan.relid],
                policy=subquery.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                facts={
                    "table": facts.name(plan.relid),
                    "functions": list(dict.fromkeys(calls)),
                    "evaluation": subquery.evaluation,
                },
                needs=(NeedRewrite(subquery.clause, *extent(subquery.clause, subquery.sublink)),),
            )
