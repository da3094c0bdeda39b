"""RLS110: the table is read as a whole because IN (SELECT ...) and EXISTS never drive an index."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedRewrite
from rlslint.checks.policy_scans import index_would_help, serving_index, subqueries_of, whole_scans
from rlslint.plan.model import AccessPlan, SubqueryPlan, extent


def check(facts: Facts) -> Iterator[Match]:
    """One match a subquery asked once, whose array form would use an index that there is."""
    for plan in whole_scans(facts):
        if not index_would_help(facts, plan):
            continue
        for arm in plan.arms:
            if arm.index:
                continue
            for subquery in subqueries_of(plan, arm):
                index = facts.catalog.indexes.get(serving_index(facts, subquery))
                if index is None or subquery.evaluation != "hashed_subplan" or not _asks_who(plan, subquery):
                    continue
                yield Match(
                    span=subquery.span,
                    relation=facts.catalog.relations[plan.relid],
                    policy=subquery.clause.policy,
                    statements=(plan.statement,),
                    roles=(plan.role,),
                    message="exists" if subquery.kind == "exists" else None,
                    facts={
                        "table": facts.name(plan.relid),
                        "columns": facts.column_names(plan.relid, (subquery.outer_column,)),
                        "index": index.relname,
                        "evaluation": subquery.evaluation,
                    },
                    needs=(NeedRewrite(subquery.clause, *extent(subquery.clause, subquery.sublink)),),
                )


def _asks_who(plan: AccessPlan, subquery: SubqueryPlan) -> bool:
    """Whether the subquery depends on the session. One over a mere status gives a list too long to look up."""
    where = subquery.span
    return any(
        call.span.source is where.source and where.start <= call.span.start and call.span.end <= where.end
        for call in plan.calls
        if call.clause == subquery.clause and not call.depends_on_row
    )
