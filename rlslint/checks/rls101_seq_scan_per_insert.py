"""RLS101: a check on new rows reads another table from end to end."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.checks.subquery_scans import full_scans, key_lists


def check(facts: Facts) -> Iterator[Match]:
    """One match a table that a subquery in a WITH CHECK reads from end to end; error where the table is hot."""
    for plan in facts.plans:
        if plan.statement not in ("insert", "insert_many", "update"):
            continue
        evidence = facts.hot.get(plan.relid, ())
        hot = f", which takes many inserts ({', '.join(evidence)})," if evidence else ""
        for found in full_scans(facts, plan):
            if not found.subquery.in_check:
                continue
            yield Match(
                span=found.subquery.span,
                relation=facts.catalog.relations[plan.relid],
                policy=found.subquery.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                severity="error" if evidence else None,
                message=None if found.why == "no_index" else found.why,
                facts={
                    "table": facts.name(plan.relid),
                    "relation": facts.name(found.scan.relid),
                    "columns": facts.column_names(found.scan.relid, found.scan.key_columns),
                    "index": found.index,
                    "evaluation": found.subquery.evaluation,
                    "each": "statement that writes" if found.once else "row written",
                    "hot": list(evidence),
                    "hot_note": hot,
                },
                needs=found.needs,
            )
        for listed in key_lists(facts, plan):
            relation = facts.name(listed.scan.relid)
            yield Match(
                span=listed.subquery.span,
                relation=facts.catalog.relations[plan.relid],
                policy=listed.subquery.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                severity="error" if evidence else None,
                message="list",
                facts={
                    "table": facts.name(plan.relid),
                    "relation": relation,
                    "columns": [listed.key],
                    "index": listed.index,
                    "evaluation": listed.subquery.evaluation,
                    "each": "statement that writes",
                    "hot": list(evidence),
                    "hot_note": hot,
                },
                needs=(
                    NeedNote(
                        f"look for the one row: EXISTS (SELECT FROM {relation} WHERE {listed.key} = ...) with the new row's "
                        f"column on the right uses {listed.index}"
                    ),
                ),
            )
