"""What RLS101 and RLS102 share: a table that a subquery reads from end to end in, why, and what would help, out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, Literal

from rlslint.analyze import types as t
from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.rows import Index
from rlslint.checks.model import Facts, Need, NeedIndex, NeedWrap
from rlslint.checks.policy_scans import holds_all_but_nulls
from rlslint.nodes.primnodes import Oid, Var
from rlslint.plan.model import AccessPlan, RelationScan, SubqueryPlan
from rlslint.records import dataclass


@dataclass(frozen=True, slots=True)
class FullScan:
    """One relation that is read as a whole. ``why``: no index leads with the compared columns; one does, but leaves rows out
    that are asked for (``partial``); one holds them further on and is read from end to end (``not_leading``); or one leads
    with them, but the relation's own policies stand before the condition, which calls a function that is not leakproof
    (``barrier``)."""

    subquery: SubqueryPlan
    scan: RelationScan
    why: Literal["no_index", "partial", "not_leading", "barrier"]
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
            index = _leading(facts, scan.relid, scan.key_columns)
            if index is None:
                needs = (NeedIndex(scan.relid, scan.key_columns, scan.key_collation),)
                read = facts.catalog.indexes.get(scan.indexes[0]) if scan.end_to_end else None
                if read is not None:
                    yield FullScan(subquery, scan, "not_leading", read.relname, needs)
                    continue
                of_part = leading_in_part(facts, scan.relid, scan.key_columns)
                yield FullScan(subquery, scan, "partial" if of_part else "no_index", of_part or "", needs)
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
            # what is compared with the user is what waits behind the policies
            held = _leading(facts, scan.relid, scan.key_columns[:1])
            if subquery.nested_clauses and wraps and held is not None:
                yield FullScan(subquery, scan, "barrier", held, wraps)


_KEYS: Final = frozenset({t.UUID, t.INT2, t.INT4, t.INT8})
"""Types of what names one row of many: a list of words that a column may hold is short."""


@dataclass(frozen=True, slots=True)
class KeyList:
    """A table of which every key is read to see whether one is among them: ``key IN (SELECT id FROM parents)``."""

    subquery: SubqueryPlan
    scan: RelationScan
    key: str
    index: str
    """The index that would find the one key."""


def key_lists(facts: Facts, plan: AccessPlan) -> Iterator[KeyList]:
    """Those in a check on new rows. IN over an uncorrelated subquery makes the list first, EXISTS looks for the row."""
    for subquery in plan.subqueries:
        query = subquery.sublink.subselect
        if not subquery.in_check or subquery.depth or subquery.kind != "any" or subquery.correlated:
            continue
        if len(subquery.relations) != 1 or len(query.targets) != 1 or len(query.rtable) != 1 or query.limit is not None:
            continue
        (scan,) = subquery.relations
        column = query.targets[0].expr
        if scan.method != "seq_scan" or scan.key_columns or facts.small(scan.relid) or scan.relid < FIRST_NORMAL_OID:
            continue
        if not isinstance(column, Var) or column.type not in _KEYS or query.rtable[0].relid != scan.relid:
            continue
        index = _leading(facts, scan.relid, (column.attnum,))
        if index is not None:
            name = facts.catalog.relations[scan.relid].column(column.attnum).attname
            yield KeyList(subquery, scan, name, index)


def _leading(facts: Facts, relid: Oid, columns: Collection[int]) -> str | None:
    """An index that could serve a comparison of one of the columns, were nothing else in the way."""
    return next(
        (index.relname for index in _led_by(facts, relid, columns) if holds_all_but_nulls(index, columns)), None
    )


def leading_in_part(facts: Facts, relid: Oid, columns: Collection[int]) -> str | None:
    """An index over some of the rows that could serve it, were these all that are asked for."""
    return next(
        (index.relname for index in _led_by(facts, relid, columns) if not holds_all_but_nulls(index, columns)), None
    )


def _led_by(facts: Facts, relid: Oid, columns: Collection[int]) -> Iterator[Index]:
    for index in facts.catalog.indexes_of(relid):
        if index.indisvalid and index.keys and index.keys[0].attnum in columns:
            yield index
