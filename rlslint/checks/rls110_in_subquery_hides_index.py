"""RLS110: the table is read as a whole because IN (SELECT ...) and EXISTS never drive an index."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedIndex, NeedIndexedForm, NeedRewrite
from rlslint.checks.policy_scans import (
    curable,
    index_would_help,
    needed_beside,
    serving_index,
    subqueries_of,
    whole_scans,
)
from rlslint.checks.subquery_scans import leading_in_part
from rlslint.plan.model import AccessPlan, ArmMatch, SubqueryPlan, extent


def check(facts: Facts) -> Iterator[Match]:
    """One match a subquery asked once, whose array form would use an index: one that there is, or could be."""
    for plan in whole_scans(facts):
        yield from _unindexed(facts, plan)
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
                    needs=(
                        NeedRewrite(subquery.clause, *extent(subquery.clause, subquery.sublink)),
                        *needed_beside(arm, [one for one in plan.arms if not one.index]),
                    ),
                )


def _unindexed(facts: Facts, plan: AccessPlan) -> Iterator[Match]:
    """Subqueries whose array form would drive an index on a column that has none yet, where every other arm could have one,
    too. Beside an arm that has its index it is the other that is lost (RLS108)."""
    found = {id(arm): _to_be_indexed(facts, plan, arm) for arm in plan.arms}
    if any(arm.index or not (found[id(arm)] or curable(facts, plan, arm)) for arm in plan.arms):
        return
    for arm, subquery in ((each, one) for each in plan.arms for one in found[id(each)]):
        start, end = extent(subquery.clause, subquery.sublink)
        index = NeedIndex(plan.relid, (subquery.outer_column,))
        of_part = leading_in_part(facts, plan.relid, (subquery.outer_column,))
        kind = "unindexed_exists" if subquery.kind == "exists" else "unindexed"
        yield Match(
            span=subquery.span,
            relation=facts.catalog.relations[plan.relid],
            policy=subquery.clause.policy,
            statements=(plan.statement,),
            roles=(plan.role,),
            confidence="medium",
            message=f"{kind}_partial" if of_part else kind,
            facts={
                "table": facts.name(plan.relid),
                "columns": facts.column_names(plan.relid, (subquery.outer_column,)),
                "evaluation": subquery.evaluation,
            }
            | ({"index": of_part} if of_part else {}),
            needs=(
                NeedIndexedForm(subquery.clause, start, end, index),
                index,
                *needed_beside(arm, plan.arms),
            ),
        )


def _to_be_indexed(facts: Facts, plan: AccessPlan, arm: ArmMatch) -> list[SubqueryPlan]:
    """The arm's subqueries that are asked once, for the user, about a column that no index leads with."""
    return [
        one
        for one in subqueries_of(plan, arm)
        if one.outer_column > 0
        and one.evaluation == "hashed_subplan"
        and not serving_index(facts, one)
        and _asks_who(plan, one)
    ]


def _asks_who(plan: AccessPlan, subquery: SubqueryPlan) -> bool:
    """Whether the subquery depends on the session. One over a mere status gives a list too long to look up."""
    where = subquery.span
    return any(
        call.span.source is where.source and where.start <= call.span.start and call.span.end <= where.end
        for call in plan.calls
        if call.clause == subquery.clause and not call.depends_on_row
    )
