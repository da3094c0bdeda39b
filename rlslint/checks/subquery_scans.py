"""What RLS101 and RLS102 share: a table that a subquery reads from end to end in, why, and what would help, out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.checks.model import Facts, Need, NeedIndex, NeedWrap
from rlslint.plan.model import AccessPlan, RelationScan, SubqueryPlan


@dataclass(frozen=True, slots=True)
class FullScan:
    """One relation that is read as a whole. ``why``: no index leads with the compared columns; one holds them further on
    and is read from end to end (``not_leading``); or one leads with them, but the relation's own policies stand before the
    condition, which calls a function that is not leakproof (``barrier``)."""

    subquery: SubqueryPlan
    scan: RelationScan
    why: Literal["no_index", "not_leading", "barrier"]
    index: str
    """Name of the index that cannot be used, or not to find the rows."""
    needs: tuple[Need, ...]

    @property
    def once(self) -> bool:
        """Read once per statement (an InitPlan or a hash table), not once per row."""
        return self.subquery.evaluation != "subplan"


def full_scans(facts: Facts, plan: AccessPlan) -> Iterator[FullScan]:
    """Relations that the plan's subqueries read from end to end though they compare columns with something known.

    Where an index leads with the columns and no policy stands in the way, the reason lies in the condition itself (a
    cast, an operator), and another index would not help: nothing is yielded.
    """
    for subquery in plan.subqueries:
        for scan in subquery.relations:
            if not scan.reads_all or not scan.key_columns or facts.small(scan.relid):
                continue
            if scan.relid < FIRST_NORMAL_OID:  # system catalogs: nobody indexes them
                continue
            index = _leading(facts, scan)
            if index is None:
                needs = (NeedIndex(scan.relid, scan.key_columns),)
                read = facts.catalog.indexes.get(scan.indexes[0]) if scan.end_to_end else None
                if read is None:
                    yield FullScan(subquery, scan, "no_index", "", needs)
                else:
                    yield FullScan(subquery, scan, "not_leading", read.relname, needs)
                continue
            wraps = tuple(
                NeedWrap(call.clause, call.start, call.end, call.call.funcid)
                for call in plan.calls
                if call.clause == subquery.clause
                and call.depth > 0
                and call.evaluation in ("inlined", "per_row")
                and not call.depends_on_row
                and not call.wrapped
            )
            if subquery.nested_clauses and wraps:
                yield FullScan(subquery, scan, "barrier", index, wraps)


def _leading(facts: Facts, scan: RelationScan) -> str | None:
    """An index that could serve the comparison of the first column, were nothing else in the way."""
    for index in facts.catalog.indexes_of(scan.relid):
        if index.indisvalid and index.indpred is None and index.keys and index.keys[0].attnum in scan.key_columns:
            return index.relname
    return None
