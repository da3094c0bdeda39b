"""RLS102: a subquery that runs for every scanned row and reads its table from end to end each time."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match
from rlslint.checks.subquery_scans import full_scans


def check(facts: Facts) -> Iterator[Match]:
    """One match a sequentially scanned table of a per-row subquery in a filter over the whole table."""
    for plan in facts.plans:
        if plan.statement not in ("select", "update", "delete"):
            continue
        for found in full_scans(facts, plan):
            if found.subquery.in_check or found.once:
                continue
            yield Match(
                span=found.subquery.span,
                relation=facts.catalog.relations[plan.relid],
                policy=found.subquery.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                message=None if found.why == "no_index" else found.why,
                facts={
                    "table": facts.name(plan.relid),
                    "relation": facts.name(found.scan.relid),
                    "columns": facts.column_names(found.scan.relid, found.scan.key_columns),
                    "index": found.index,
                    "because": found.subquery.not_hashed_because or "it cannot be hashed",
                },
                needs=found.needs,
            )
