"""RLS102: a subquery that runs for every scanned row and reads its table from end to end each time."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedIndex


def check(facts: Facts) -> Iterator[Match]:
    """One match a sequentially scanned table of a per-row subquery in a filter over the whole table."""
    for plan in facts.plans:
        if plan.statement not in ("select", "update", "delete"):
            continue
        for subquery in plan.subqueries:
            if subquery.in_check or subquery.evaluation != "subplan":
                continue
            for scan in subquery.relations:
                if scan.method != "seq_scan" or not scan.key_columns:
                    continue
                yield Match(
                    span=subquery.span,
                    relation=facts.catalog.relations[plan.relid],
                    policy=subquery.clause.policy,
                    statements=(plan.statement,),
                    roles=(plan.role,),
                    facts={
                        "table": facts.name(plan.relid),
                        "relation": facts.name(scan.relid),
                        "columns": facts.column_names(scan.relid, scan.key_columns),
                        "because": subquery.not_hashed_because or "it cannot be hashed",
                    },
                    needs=(NeedIndex(scan.relid, scan.key_columns),),
                )
