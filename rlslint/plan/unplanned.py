"""The catalog in, which policies each statement meets out, without a prediction: for who asks nothing else of a plan."""

from __future__ import annotations

from collections.abc import Collection

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, RelationScan
from rlslint.plan.predict import roles_of
from rlslint.rewrite.model import STATEMENTS
from rlslint.rewrite.rowsecurity import row_security


def unplanned(catalog: Catalog, tables: Collection[Oid]) -> tuple[AccessPlan, ...]:
    """What `predict_all` gives for these tables, less scans, subqueries and calls."""
    found: list[AccessPlan] = []
    for relation in catalog.relations:
        if relation.oid not in tables or relation.relkind not in ("r", "p") or not relation.relrowsecurity:
            continue
        scan = RelationScan(relid=relation.oid, name=catalog.qualified_name(relation), method="none", rtindex=1)
        for role in roles_of(catalog, relation):
            for statement in STATEMENTS:
                security = row_security(catalog, relation.oid, role, statement)
                found.append(
                    AccessPlan(relid=relation.oid, role=role, statement=statement, row_security=security, scan=scan)
                )
    return tuple(found)
