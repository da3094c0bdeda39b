"""RLS112: a subquery reads a table whose own policies look into further tables, each time that it runs."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Oid, SubLink
from rlslint.plan.model import AccessPlan, SubqueryPlan
from rlslint.rewrite.model import PolicyClause

_ADVICE = (
    "a SECURITY DEFINER function that returns the ids (with SET search_path, owned by the tables' owner) asks once"
)


def check(facts: Facts, *, max_tables: int) -> Iterator[Match]:
    """One match a subquery in which policies of other tables add scans of their own."""
    for plan in facts.plans:
        if plan.statement in ("select", "insert", "update", "delete") and plan.error is None:
            for subquery in plan.subqueries:
                if not subquery.depth and (subquery.in_check == (plan.statement == "insert")):
                    yield from _nested(facts, plan, subquery, max_tables)


def _nested(facts: Facts, plan: AccessPlan, subquery: SubqueryPlan, max_tables: int) -> Iterator[Match]:
    further = [scan for scan in subquery.relations if scan.relid in subquery.nested_relations and scan.relid]
    if len({scan.relid for scan in further}) <= max_tables:
        return
    tables = {scan.relid for scan in further}
    inside = [one for one in plan.nested_subqueries if one.clause in subquery.nested_clauses and _reads(one, tables)]
    policies = list(dict.fromkeys(clause.policy for clause in subquery.nested_clauses if _looks_into(clause, tables)))
    read = list(dict.fromkeys(facts.name(scan.relid) for scan in further))
    again = subquery.evaluation == "subplan" and (not inside or any(one.evaluation == "subplan" for one in inside))
    yield Match(
        span=subquery.span,
        relation=facts.catalog.relations[plan.relid],
        policy=subquery.clause.policy,
        statements=(plan.statement,),
        roles=(plan.role,),
        facts={
            "table": facts.name(plan.relid),
            "relation": list(dict.fromkeys(facts.name(policy.polrelid) for policy in policies)),
            "policies": list(dict.fromkeys(policy.polname for policy in policies)),
            "reads": read,
            "often": "for every row" if again else "once a statement",
            "methods": list(dict.fromkeys(scan.method for scan in further)),
        },
        needs=(NeedNote(_ADVICE),),
    )


def _reads(subquery: SubqueryPlan, tables: set[Oid]) -> bool:
    return any(scan.relid in tables for scan in subquery.relations)


def _looks_into(clause: PolicyClause, tables: set[Oid]) -> bool:
    """Whether one of the tables stands in a subquery of the condition."""
    return any(
        rte.relid in tables
        for node, _ in walk_deep(clause.expr)
        if isinstance(node, SubLink)
        for rte in node.subselect.rtable
    )
