"""A prediction and the tables' row counts in, the rows that one statement is expected to visit out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, RelationScan

ASSUMED_ROWS: Final = 100_000
"""Rows of a table that the statistics do not tell of: the size that predictions are made for."""


def row_visits(plan: AccessPlan, rows: Mapping[Oid, int]) -> float:
    """Rows visited by one statement: by its own scan, and by each subquery as often as it runs.

    A subquery of a check runs for one new row; a descent in an index counts as log2 of the table's rows.
    """
    own = _scan(plan.scan, rows.get(plan.relid, ASSUMED_ROWS))
    filtered = rows.get(plan.relid, ASSUMED_ROWS) if plan.scan.method == "seq_scan" else 1
    total = own
    for subquery in plan.subqueries:
        runs = filtered if subquery.evaluation == "subplan" and not subquery.in_check else 1
        total += runs * _scans(subquery.relations, rows)
    return total


def _scans(scans: Iterable[RelationScan], rows: Mapping[Oid, int]) -> float:
    return sum(_scan(scan, rows.get(scan.relid, ASSUMED_ROWS)) for scan in scans if scan.relid)


def _scan(scan: RelationScan, rows: int) -> float:
    if scan.reads_all:
        return float(rows)
    return math.log2(max(2, rows)) if scan.method in ("index_scan", "bitmap_or") else 0.0
