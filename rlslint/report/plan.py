"""Predictions as the JSON of the public contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, CallPlan, RelationScan, SubqueryPlan


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
