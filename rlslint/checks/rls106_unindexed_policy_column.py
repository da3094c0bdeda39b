"""RLS106: the policy compares a column with something known beforehand, and no index can find those rows."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedIndex
from rlslint.plan.model import AccessPlan


def check(facts: Facts) -> Iterator[Match]:
    """One match a comparison without an index, where indexes would spare the scan of the whole table."""
    for plan in facts.plans:
        if plan.statement not in ("select", "update", "delete") or not _index_would_help(plan):
            continue
        for arm in plan.arms:
            if arm.obstacle not in ("no_index", "not_leading"):
                continue
            near = facts.catalog.indexes.get(arm.near_index)
            yield Match(
                span=arm.span,
                relation=facts.catalog.relations[plan.relid],
                policy=arm.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                message="not_leading" if near is not None else None,
                facts={
                    "table": facts.name(plan.relid),
                    "columns": facts.column_names(plan.relid, arm.columns[:1]),
                    "index": near.relname if near is not None else "",
                },
                needs=(NeedIndex(plan.relid, arm.columns[:1]),),
            )


def _index_would_help(plan: AccessPlan) -> bool:
    """With an OR, an index helps only when every arm has one or could have one."""
    return plan.scan.method == "seq_scan" and all(
        arm.index or (arm.obstacle in ("no_index", "not_leading") and not arm.literal) for arm in plan.arms
    )
