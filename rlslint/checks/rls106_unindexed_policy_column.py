"""RLS106: the policy compares a column with something known beforehand, and no index can find those rows."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedIndex
from rlslint.checks.policy_scans import index_would_help, missing_index, whole_scans
from rlslint.checks.subquery_scans import full_scans
from rlslint.plan.model import AccessPlan


def check(facts: Facts) -> Iterator[Match]:
    """One match a comparison without an index, where indexes would spare the scan of the whole table."""
    for plan in whole_scans(facts):
        yield from _own_columns(facts, plan)
    for plan in facts.plans:
        if plan.statement in ("select", "update", "delete") and plan.error is None:
            yield from _looked_up(facts, plan)


def _own_columns(facts: Facts, plan: AccessPlan) -> Iterator[Match]:
    if not index_would_help(facts, plan):
        return
    for arm in plan.arms:
        if not missing_index(facts, arm):
            continue
        near = facts.catalog.indexes.get(arm.near_index)
        message = None if near is None else "whole_index" if near.oid in plan.scan.indexes else "not_leading"
        yield Match(
            span=arm.span,
            relation=facts.catalog.relations[plan.relid],
            policy=arm.clause.policy,
            statements=(plan.statement,),
            roles=(plan.role,),
            message=message,
            facts={
                "table": facts.name(plan.relid),
                "columns": facts.column_names(plan.relid, arm.columns[:1]),
                "index": near.relname if near is not None else "",
            },
            needs=(NeedIndex(plan.relid, arm.columns[:1], arm.collation),),
        )


def _looked_up(facts: Facts, plan: AccessPlan) -> Iterator[Match]:
    """Tables that a subquery reads as a whole, once a statement: per row it is RLS102."""
    for found in full_scans(facts, plan):
        if found.subquery.in_check or not found.once:
            continue
        yield Match(
            span=found.subquery.span,
            relation=facts.catalog.relations[plan.relid],
            policy=found.subquery.clause.policy,
            statements=(plan.statement,),
            roles=(plan.role,),
            message=f"subquery_{found.why}",
            facts={
                "table": facts.name(plan.relid),
                "relation": facts.name(found.scan.relid),
                "columns": facts.column_names(found.scan.relid, found.scan.key_columns),
                "index": found.index,
                "evaluation": found.subquery.evaluation,
                # one that depends on the row may as well be asked for each of a few rows (AlternativeSubPlan)
                "when": " for each statement that reads many rows"
                if found.subquery.correlated
                else ", however few rows are asked for",
            },
            needs=found.needs,
        )
