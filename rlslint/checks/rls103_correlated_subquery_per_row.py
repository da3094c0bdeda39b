"""RLS103: a subquery that runs for every row though a form that does not depend on the row means the same."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedRewrite
from rlslint.checks.policy_scans import whole_scans
from rlslint.plan.model import extent


def check(facts: Facts) -> Iterator[Match]:
    """One match a per-row subquery over a table that has an uncorrelated form."""
    for plan in whole_scans(facts):
        for subquery in plan.subqueries:
            if subquery.in_check or subquery.depth or subquery.evaluation != "subplan" or not subquery.outer_column:
                continue
            if (
                not subquery.correlated
                or not subquery.relations
                or all(facts.small(scan.relid) for scan in subquery.relations)
            ):
                continue
            yield Match(
                span=subquery.span,
                relation=facts.catalog.relations[plan.relid],
                policy=subquery.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                facts={
                    "table": facts.name(plan.relid),
                    "relation": facts.name(subquery.relations[0].relid)
                    if subquery.relations[0].relid
                    else "a function",
                    "columns": facts.column_names(plan.relid, (subquery.outer_column,)),
                    "evaluation": subquery.evaluation,
                    "because": subquery.not_hashed_because or "it cannot be hashed",
                },
                needs=(NeedRewrite(subquery.clause, *extent(subquery.clause, subquery.sublink)),),
            )
