"""Predictions as the JSON of the public contract, and as a table for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, CallPlan, RelationScan, SubqueryPlan
from rlslint.report.escape import printable


def render_json(catalog: Catalog, plans: Sequence[AccessPlan]) -> str:
    """The JSON text, with a line end."""
    data = {"version": 1, "plans": [plan_json(catalog, plan) for plan in plans]}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def plan_json(catalog: Catalog, plan: AccessPlan) -> dict[str, Any]:
    """One prediction."""
    schema, table = _names(catalog, plan.relid)
    return {
        "schema": schema,
        "table": table,
        "role": catalog.rolname(plan.role),
        "statement": plan.statement,
        "error": plan.error,
        "scan": {"method": plan.scan.method, "indexes": _indexes(catalog, plan.scan)},
        "subqueries": [_subquery(catalog, one) for one in (*plan.subqueries, *plan.nested_subqueries)],
        "calls": [_call(call) for call in plan.calls],
        "growth": plan.growth,
        "assumptions": list(plan.assumptions),
    }


def _subquery(catalog: Catalog, subquery: SubqueryPlan) -> dict[str, Any]:
    return {
        "policy": subquery.clause.policy.polname,
        "clause": subquery.clause.clause,
        "evaluation": subquery.evaluation,
        "relations": [_relation(catalog, scan) for scan in subquery.relations],
    }


def _relation(catalog: Catalog, scan: RelationScan) -> dict[str, Any]:
    indexes = _indexes(catalog, scan)
    if scan.relid:
        schema, table = _names(catalog, scan.relid)
    else:
        schema, _, table = scan.name.rpartition(".")
    return {"schema": schema, "table": table, "method": scan.method, "index": indexes[0] if indexes else None}


def _call(call: CallPlan) -> dict[str, Any]:
    return {
        "policy": call.clause.policy.polname,
        "clause": call.clause.clause,
        "function": call.function,
        "evaluation": call.evaluation,
    }


def _names(catalog: Catalog, relid: Oid) -> tuple[str, str]:
    row = catalog.relations[relid]
    return catalog.nspname(row.relnamespace), row.relname


def _indexes(catalog: Catalog, scan: RelationScan) -> list[str]:
    return [row.relname for oid in scan.indexes if (row := catalog.indexes.get(oid)) is not None]


def render_text(catalog: Catalog, plans: Sequence[AccessPlan]) -> str:
    """A block a table and role: each statement with its growth in front, how it scans, what the policies ask."""
    blocks: list[str] = []
    for (relid, role), group in groupby(plans, key=lambda plan: (plan.relid, plan.role)):
        schema, table = _names(catalog, relid)
        name = (
            quote_identifier(table) if schema == "public" else f"{quote_identifier(schema)}.{quote_identifier(table)}"
        )
        lines = [f"{name} as {catalog.rolname(role)}"]
        for plan in group:
            lines += _statement(catalog, plan)
        blocks.append("\n".join(printable(line) for line in lines) + "\n")
    return "\n".join(blocks)


def _statement(catalog: Catalog, plan: AccessPlan) -> list[str]:
    if plan.error is not None:
        return [f"  {'error':<12} {plan.statement:<17} {plan.error} {plan.error_reason or ''}".rstrip()]
    lines = [f"  {plan.growth:<12} {plan.statement:<17} {_scan(catalog, plan.scan)}".rstrip()]
    for subquery in plan.subqueries:
        scans = ", ".join(f"{_scan(catalog, scan)} on {scan.name}" for scan in subquery.relations)
        lines.append(f'{"":33}{subquery.evaluation} in "{subquery.clause.policy.polname}": {scans or "no table"}')
    for call in plan.calls:
        lines.append(f'{"":33}{call.function}() {call.evaluation} in "{call.clause.policy.polname}"')
    return lines


def _scan(catalog: Catalog, scan: RelationScan) -> str:
    indexes = _indexes(catalog, scan)
    words = "" if scan.method == "none" else scan.method.replace("_", " ")
    return f"{words} ({', '.join(indexes)})" if indexes else words
