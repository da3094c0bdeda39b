"""RLS107: an index leads with the column, but the condition is not of a form that it serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlslint.checks.model import Facts, Match, Need, NeedExpressionIndex, NeedIndex, NeedRewrite
from rlslint.checks.policy_scans import index_would_help, turnable, whole_scans
from rlslint.plan.model import ArmMatch, Obstacle, extent

_WHY: Final[dict[Obstacle, str]] = {
    "function_on_column": "the column stands inside a function",
    "cast_on_column": "the column is cast",
    "opclass": "the index's operator class does not hold the operator",
    "collation": "the comparison goes by another collation than the index",
    "partial": "the index's WHERE does not follow from the policy",
    "any_of_column": "= ANY (column) has no index, @> has",
}


def check(facts: Facts) -> Iterator[Match]:
    """One match a condition of the policy that an index on its column cannot serve as it is written."""
    for plan in whole_scans(facts):
        if not index_would_help(facts, plan):
            continue
        for arm in plan.arms:
            near = facts.catalog.indexes.get(arm.near_index)
            if near is None or arm.literal or arm.obstacle not in _WHY:
                continue
            if arm.obstacle == "any_of_column" and not turnable(facts, arm):
                continue
            if near.amname in ("btree", "hash") and near.keys[0].attnum not in arm.columns:
                continue
            yield Match(
                span=arm.span,
                relation=facts.catalog.relations[plan.relid],
                policy=arm.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                facts={
                    "table": facts.name(plan.relid),
                    "columns": facts.column_names(plan.relid, arm.columns),
                    "index": near.relname,
                    "obstacle": arm.obstacle,
                    "because": _WHY[arm.obstacle],
                },
                needs=_needs(plan.relid, arm),
            )


def _needs(relid: int, arm: ArmMatch) -> tuple[Need, ...]:
    place = (arm.clause, *extent(arm.clause, arm.conjunct))
    if arm.obstacle in ("opclass", "partial", "collation"):
        return (NeedIndex(relid, arm.columns[:1], arm.collation),)
    if arm.obstacle == "any_of_column":
        return (NeedRewrite(*place),)
    return (NeedRewrite(*place), NeedExpressionIndex(arm.clause, *extent(arm.clause, arm.operand)))
