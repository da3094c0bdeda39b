"""RLS101: a check on new rows reads another table from end to end."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedIndex


def check(facts: Facts) -> Iterator[Match]:
    """One match a sequentially scanned table of a subquery in a WITH CHECK; error where the table is hot."""
    for plan in facts.plans:
        if plan.statement not in ("insert", "insert_many", "update"):
            continue
        for subquery in plan.subqueries:
            if not subquery.in_check:
                continue
            for scan in subquery.relations:
                if scan.method != "seq_scan" or not scan.key_columns:
                    continue
                evidence = facts.hot.get(plan.relid, ())
                yield Match(
                    span=subquery.span,
                    relation=facts.catalog.relations[plan.relid],
                    policy=subquery.clause.policy,
                    statements=(plan.statement,),
                    roles=(plan.role,),
                    severity="error" if evidence else None,
                    message="hot" if evidence else None,
                    facts={
                        "table": facts.name(plan.relid),
                        "relation": facts.name(scan.relid),
                        "columns": facts.column_names(scan.relid, scan.key_columns),
                        "evaluation": subquery.evaluation,
                        "per": "statement" if subquery.evaluation == "init_plan" else "row",
                        "hot": list(evidence),
                    },
                    needs=(NeedIndex(scan.relid, scan.key_columns),),
                )
