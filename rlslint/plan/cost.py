"""Sizes in, costs out: the arithmetic of costsize.c and selfuncs.c with PostgreSQL's default settings.

There are no statistics in migrations. What stands in for them: large tables, a condition on a value matches few rows.
"""

from __future__ import annotations

import math
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import CoerceViaIO, Expr, SubLink, SubLinkType, walk
from rlslint.plan import clauses
from rlslint.records import dataclass

SEQ_PAGE: Final = 1.0
RANDOM_PAGE: Final = 4.0
CPU_TUPLE: Final = 0.01
CPU_INDEX_TUPLE: Final = 0.005
CPU_OPERATOR: Final = 0.0025
PAGE: Final = 8192

OUTER_ROWS: Final = 200_000
"""Rows assumed in a table that policies protect."""
INNER_ROWS: Final = 100_000
"""Rows assumed in a table that a subquery reads."""
PER_VALUE: Final = 1.0 / 2000
"""Share of the rows that one value of a column finds."""


MUCH: Final = 5.0
"""How many times larger one of two tables may be, of which nothing is known."""
CLOSE: Final = 1.3
"""Two plans of which the dearer costs less than so many times the other: statistics may turn the choice."""
UNSURE: Final = 3.0
"""The same for plans whose costs differ by how many rows are guessed to match."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Startup and total cost with the rows that come out."""

    startup: float
    total: float
    rows: float

    @property
    def run(self) -> float:
        """Cost after startup."""
        return self.total - self.startup

    def first(self, share: float) -> float:
        """Cost of the first ``share`` of the rows (compare_fractional_path_costs)."""
        return self.startup + share * self.run


@dataclass(frozen=True, slots=True)
class Size:
    """A table's rows and pages."""

    rows: float
    pages: float


_WIDTH: Final = {16: 1, 21: 2, 23: 4, 20: 8, 26: 4, 700: 4, 701: 8, 1082: 4, 1114: 8, 1184: 8, 2950: 16, 1700: 8}


def type_width(atttypid: int) -> float:
    """Average bytes of a value of a type, 32 for what varies (get_typavgwidth)."""
    return float(_WIDTH.get(atttypid, 32))


def hash_memory(pg_version: int) -> float:
    """Bytes that a hash table may take with the default settings: work_mem times hash_mem_multiplier, which was 1 before
    version 15 (get_hash_memory_limit)."""
    return (4 << 20) * (2.0 if pg_version >= 15 else 1.0)


def row_width(relation: Relation) -> int:
    """Bytes of a row, from its columns' widths (get_rel_data_width)."""
    return sum(_WIDTH.get(attribute.atttypid, 32) for attribute in relation.attributes if not attribute.attisdropped)


def relation_size(relation: Relation, rows: float) -> Size:
    """Pages of a table of so many rows."""
    per_page = max(1, (PAGE - 24) // (28 + row_width(relation)))
    return Size(rows, max(1.0, math.ceil(rows / per_page)))


def memoized(inner: Cost, width: float, calls: float, distinct: float, pg_version: int) -> float:
    """Cost of one of ``calls`` scans by ``distinct`` keys whose rows are kept in memory (cost_memoize_rescan)."""
    entry = inner.rows * (width + 24 + 16) + 48
    fit = max(1.0, hash_memory(pg_version) // entry)
    evicted = 1.0 - min(fit, distinct) / distinct
    hit = max(0.0, (calls - distinct) / calls) * (fit / max(distinct, fit))
    kept = CPU_TUPLE * evicted + CPU_OPERATOR * evicted * inner.rows + CPU_OPERATOR * inner.rows
    return inner.total * (1.0 - hit) + CPU_OPERATOR + kept


def clamp(rows: float) -> float:
    """At least one row, a whole number (clamp_row_est)."""
    return 1.0 if rows <= 1.0 else float(round(rows))


def expression_cost(catalog: Catalog, expr: Expr, *, hashed: bool = False) -> float:
    """Cost of evaluating an expression once (cost_qual_eval): operators and functions by procost. ``hashed``: IN over a
    subquery that depends on nothing outside is looked up in a hash table, which costs what its comparison does."""
    cost = 0.0
    for node in walk(expr):
        for proc in clauses.node_procs(catalog, node):
            cheap = proc is None or proc.prolang in ("internal", "c")
            told = None if proc is None else proc.procost
            cost += CPU_OPERATOR * (told if told is not None else 1 if cheap else 100)
        if isinstance(node, CoerceViaIO):
            cost += 2 * CPU_OPERATOR
        if isinstance(node, SubLink) and clauses.is_subplan(node) and not (hashed and _in_hash_table(catalog, node)):
            cost += 1.0
    return cost


def _in_hash_table(catalog: Catalog, sublink: SubLink) -> bool:
    return (
        sublink.kind is SubLinkType.ANY
        and not clauses.correlated(sublink)
        and all((row := catalog.operators.get(opno)) is not None and row.oprcanhash for opno in sublink.opnos)
    )


def seq_scan(size: Size, qual_cost: float, rows: float) -> Cost:
    """cost_seqscan."""
    return Cost(0.0, size.pages * SEQ_PAGE + size.rows * (CPU_TUPLE + qual_cost), rows)


def pages_fetched(tuples: float, pages: float) -> float:
    """Heap pages read for so many tuples in no order (index_pages_fetched, Mackert and Lohman)."""
    pages = max(pages, 1.0)
    return min(pages, math.ceil(2.0 * pages * tuples / (2.0 * pages + tuples)))


@dataclass(frozen=True, slots=True)
class IndexSize:
    """An index's entries, pages and the height of its tree."""

    rows: float
    pages: float
    height: int


_FANOUT: Final = 250.0
"""Entries of an inner page, with half of it filled by keys of some sixteen bytes."""


def index_size(rows: float, key_width: float) -> IndexSize:
    """A btree of so many entries, leaf pages filled to 90 per cent."""
    entries = max(1.0, (PAGE - 40) * 0.9 // (12 + key_width))
    pages = max(1.0, math.ceil(rows / entries))
    height = 0 if pages <= 1 else math.ceil(math.log(pages) / math.log(_FANOUT))
    return IndexSize(rows, pages + 1, height)


@dataclass(frozen=True, slots=True)
class IndexCost:
    """Cost of reading an index alone, and the share of the table's rows that it finds."""

    startup: float
    total: float
    selectivity: float
    pages: float


def generic_index(
    index: IndexSize,
    tuples: float,
    selectivity: float,
    *,
    conditions: int,
    argument_cost: float,
    scans: float,
    loops: float,
) -> IndexCost:
    """genericcostestimate() of selfuncs.c: ``tuples`` entries are read in each of ``scans`` descents."""
    tuples = min(max(tuples, 1.0), max(index.rows, 1.0))
    pages = math.ceil(tuples * index.pages / max(index.rows, 1.0)) if index.pages > 1 else 1.0
    every = scans * loops
    read = pages_fetched(pages * every, index.pages) / loops if every > 1 else pages
    total = read * RANDOM_PAGE + argument_cost
    total += tuples * scans * (CPU_INDEX_TUPLE + CPU_OPERATOR * conditions)
    return IndexCost(argument_cost, total, selectivity, index.pages)


def tree_descent(index: IndexSize, cost: IndexCost, scans: float, base: float) -> IndexCost:
    """The way down to the leaves added, once for each descent (btcostestimate, gistcostestimate)."""
    down = (index.height + 1) * 50 * CPU_OPERATOR
    if index.rows > 1:
        down += math.ceil(math.log(index.rows) / math.log(base)) * CPU_OPERATOR
    return IndexCost(cost.startup + down, cost.total + scans * down, cost.selectivity, cost.pages)


def gin_index(
    index: IndexSize, selectivity: float, table_rows: float, searches: float, scans: float, argument_cost: float
) -> IndexCost:
    """gincostestimate() of selfuncs.c for ``searches`` exact entries, its own guess of the index's inside."""
    entry_pages = max(1.0, math.floor(max(index.pages, 10.0) * 0.9))
    entries = max(1.0, entry_pages * 100)
    data_pages = max(0.0, max(index.pages, 10.0) - entry_pages)
    first = math.ceil(searches * round(entry_pages**0.15))
    found = math.ceil(data_pages * searches / entries)
    by_share = math.ceil(math.ceil(selectivity * table_rows / (PAGE / 3)))
    startup = argument_cost + scans * (first + found) * RANDOM_PAGE
    startup += math.ceil(math.log2(max(entries, 2.0))) * CPU_OPERATOR * searches * scans
    startup += 50 * CPU_OPERATOR * (first + found) * scans
    total = startup + scans * by_share * RANDOM_PAGE
    total += selectivity * table_rows * (CPU_INDEX_TUPLE + CPU_OPERATOR) * scans
    return IndexCost(startup, total, selectivity, index.pages)


def index_scan(
    size: Size, index: IndexCost, filter_cost: float, rows: float, *, only: bool, loops: float, correlation: float = 0.0
) -> Cost:
    """cost_index() of costsize.c; ``correlation`` of the index's order with the table's. ``only``: no heap pages, for a
    table that has been vacuumed."""
    fetched = clamp(index.selectivity * size.rows)
    run = index.total - index.startup
    if not only:
        dearest = pages_fetched(fetched * loops, size.pages) * RANDOM_PAGE / loops
        least = math.ceil(index.selectivity * size.pages)
        cheapest = RANDOM_PAGE + max(0, least - 1) * SEQ_PAGE
        if loops > 1:
            cheapest = pages_fetched(least * loops, size.pages) * RANDOM_PAGE / loops
        run += dearest + correlation**2 * (min(cheapest, dearest) - dearest)
    run += fetched * (CPU_TUPLE + filter_cost)
    return Cost(index.startup, index.startup + run, rows)


def bitmap_index(index: IndexCost, rows: float) -> float:
    """A bitmap index scan alone (cost_bitmap_tree_node)."""
    return index.total + 0.1 * CPU_OPERATOR * rows


def bitmap_scan(size: Size, index_cost: float, selectivity: float, filter_cost: float, rows: float) -> Cost:
    """cost_bitmap_heap_scan() over the cost of its indexes; every condition is charged as rechecked."""
    fetched = clamp(selectivity * size.rows)
    pages = pages_fetched(fetched, size.pages)
    per_page = RANDOM_PAGE - (RANDOM_PAGE - SEQ_PAGE) * math.sqrt(pages / size.pages) if pages >= 2 else RANDOM_PAGE
    run = pages * per_page + fetched * (CPU_TUPLE + filter_cost)
    return Cost(index_cost, index_cost + run, rows)
