"""RLS118: a plain INSERT is checked cheaply, but INSERT ... RETURNING and upsert also run a SELECT policy that is not."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match
from rlslint.checks.subquery_scans import full_scans
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan
from rlslint.plan.signed_out import holds_only_for_others


def check(facts: Facts) -> Iterator[Match]:
    """One match a table that only the SELECT policies read from end to end for each new row."""
    plain: dict[tuple[Oid, Oid], AccessPlan] = {
        (plan.relid, plan.role): plan for plan in facts.plans if plan.statement == "insert"
    }
    for plan in facts.plans:
        if plan.statement not in ("insert_returning", "upsert") or plan.error is not None:
            continue
        insert = plain.get((plan.relid, plan.role))
        if insert is None or insert.error is not None or list(full_scans(facts, insert)):
            continue
        if _for_others(facts, insert):
            continue
        for found in full_scans(facts, plan):
            if not found.subquery.in_check or found.subquery.clause.policy.polcmd not in ("r", "*"):
                continue
            evidence = facts.hot.get(plan.relid, ())
            yield Match(
                span=found.subquery.span,
                relation=facts.catalog.relations[plan.relid],
                policy=found.subquery.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                severity="warning" if evidence else None,
                message=None if found.why == "no_index" else found.why,
                facts={
                    "table": facts.name(plan.relid),
                    "relation": facts.name(found.scan.relid),
                    "columns": facts.column_names(found.scan.relid, found.scan.key_columns),
                    "index": found.index,
                    "evaluation": found.subquery.evaluation,
                    "hot": list(evidence),
                    "hot_note": f", which takes many inserts ({', '.join(evidence)})," if evidence else "",
                },
                needs=found.needs,
            )


def _for_others(facts: Facts, insert: AccessPlan) -> bool:
    """Whether no row of this role passes the INSERT check, which comes first (ExecWithCheckOptions): every policy is one
    for another role (``auth.role() = 'service_role'``) or for signed-in users."""
    role = facts.catalog.rolname(insert.role)
    checks = [option.quals for option in insert.row_security.with_check_options if option.kind == "insert"]
    clauses = tuple(clause for quals in checks for clause in quals.permissive)
    return all(holds_only_for_others(facts.catalog, one.expr, role) for one in facts.passing(insert.role, clauses))
