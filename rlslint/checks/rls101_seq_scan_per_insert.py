"""RLS101: a check on new rows reads another table from end to end."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, Need, NeedNote
from rlslint.checks.subquery_scans import FullScan, KeyList, full_scans, key_lists
from rlslint.plan.model import AccessPlan


def check(facts: Facts) -> Iterator[Match]:
    """One match a table that a subquery in a WITH CHECK reads from end to end; error where the table is hot."""
    for plan in facts.plans:
        if plan.statement not in ("insert", "insert_many", "update"):
            continue
        for found in full_scans(facts, plan):
            if found.subquery.in_check:
                columns = facts.column_names(found.scan.relid, found.scan.key_columns)
                each = "statement" if found.once else "row written"
                message = None if found.why == "no_index" else found.why
                yield _match(facts, plan, found, columns, each, message, found.needs)
        for listed in key_lists(facts, plan):
            note = NeedNote(
                f"look for the one row: EXISTS (SELECT FROM {facts.name(listed.scan.relid)} WHERE {listed.key} = ...) with "
                f"the new row's column on the right uses {listed.index}"
            )
            yield _match(facts, plan, listed, [listed.key], "statement", "list", (note,))


def _match(
    facts: Facts,
    plan: AccessPlan,
    found: FullScan | KeyList,
    columns: list[str],
    each: str,
    message: str | None,
    needs: tuple[Need, ...],
) -> Match:
    evidence = facts.hot.get(plan.relid, ())
    return Match(
        span=found.subquery.span,
        relation=facts.catalog.relations[plan.relid],
        policy=found.subquery.clause.policy,
        statements=(plan.statement,),
        roles=(plan.role,),
        severity="error" if evidence else None,
        message=message,
        facts={
            "table": facts.name(plan.relid),
            "relation": facts.name(found.scan.relid),
            "columns": columns,
            "index": found.index,
            "evaluation": found.subquery.evaluation,
            "each": each,
            "hot": list(evidence),
            "hot_note": f", which takes many inserts ({', '.join(evidence)})," if evidence else "",
        },
        needs=needs,
    )
