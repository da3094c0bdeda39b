"""Sizes in, costs out: the arithmetic of costsize.c and selfuncs.c with PostgreSQL's default settings.

There are no statistics in migrations. What stands in for them: large tables, a condition on a value matches few rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import Expr, SubLink, walk
from rlslint.plan import clauses

SEQ_PAGE: Final = 1.0
RANDOM_PAGE: Final = 4.0
CPU_TUPLE: Final = 0.01
CPU_INDEX_TUPLE: Final = 0.005
CPU_OPERATOR: Final = 0.0025
CACHE_PAGES: Final = 524288.0
PAGE: Final = 8192

OUTER_ROWS: Final = 200_000
"""Rows assumed in a table that policies protect."""
INNER_ROWS: Final = 100_000
"""Rows assumed in a table that a subquery reads."""
PER_VALUE: Final = 1.0 / 2000
"""Share of the rows that one value of a column finds."""


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


def relation_size(relation: Relation, rows: float) -> Size:
    """Pages of a table of so many rows, from its columns' widths (get_rel_data_width)."""
    width = sum(_WIDTH.get(attribute.atttypid, 32) for attribute in relation.attributes if not attribute.attisdropped)
    per_page = max(1, (PAGE - 24) // (28 + width))
    return Size(rows, max(1.0, math.ceil(rows / per_page)))


def clamp(rows: float) -> float:
    """At least one row, a whole number (clamp_row_est)."""
    return 1.0 if rows <= 1.0 else float(round(rows))


def expression_cost(catalog: Catalog, expr: Expr) -> float:
    """Cost of evaluating an expression once (cost_qual_eval): operators and functions by procost."""
    cost = 0.0
    for node in walk(expr):
        for proc in clauses.node_procs(catalog, node):
            cheap = proc is None or proc.prolang in ("internal", "c")
            cost += CPU_OPERATOR * (1 if cheap else 100)
        if type(node).__name__ in ("CoerceViaIO",):
            cost += 2 * CPU_OPERATOR
        if isinstance(node, SubLink) and clauses.is_subplan(node):
            cost += 1.0
    return cost


def seq_scan(size: Size, qual_cost: float, rows: float) -> Cost:
    """cost_seqscan."""
    return Cost(0.0, size.pages * SEQ_PAGE + size.rows * (CPU_TUPLE + qual_cost), rows)


def pages_fetched(tuples: float, pages: float) -> float:
    """Heap pages read for so many tuples in no order (index_pages_fetched, Mackert and Lohman)."""
    pages = max(pages, 1.0)
    return min(pages, math.ceil(2.0 * pages * tuples / (2.0 * pages + tuples)))


def index_scan(
    size: Size,
    index_rows: float,
    key_width: int,
    *,
    bound: float,
    selectivity: float,
    conditions: int,
    scans: float,
    filter_cost: float,
    rows: float,
    only: bool,
    loops: float = 1.0,
) -> Cost:
    """cost_index with btcostestimate: ``bound`` is the share of the index that is read, ``selectivity`` what comes out."""
    entries = max(1.0, (PAGE - 40) * 0.9 // (12 + key_width))
    index_pages = max(1.0, math.ceil(index_rows / entries))
    tuples = max(1.0, round(bound * index_rows / scans))
    read = max(1.0, math.ceil(tuples / entries))
    read_total = read * scans
    if loops > 1 or scans > 1:
        # index_pages_fetched over all the loops
        total = loops * scans * read
        read_total = min(total, pages_fetched(total, index_pages)) / loops
    descent = math.ceil(math.log2(max(2.0, index_rows))) * CPU_OPERATOR
    height = 1 if index_pages > 1 else 0
    if index_pages > entries:
        height = 2
    descent += (height + 1) * 50 * CPU_OPERATOR
    startup = scans * descent
    total = startup + read_total * RANDOM_PAGE + tuples * scans * (CPU_INDEX_TUPLE + conditions * CPU_OPERATOR)
    fetched = clamp(selectivity * index_rows)
    if not only:
        if loops > 1:
            total += RANDOM_PAGE * pages_fetched(fetched * loops, size.pages) / loops
        else:
            total += RANDOM_PAGE * pages_fetched(fetched, size.pages)
    total += fetched * (CPU_TUPLE + filter_cost)
    return Cost(startup, total, rows)


def bitmap_scan(size: Size, index_cost: float, fetched: float, filter_cost: float, rows: float) -> Cost:
    """cost_bitmap_heap_scan over an index cost."""
    pages = pages_fetched(fetched, size.pages)
    per_page = RANDOM_PAGE - (RANDOM_PAGE - SEQ_PAGE) * math.sqrt(pages / size.pages) if pages >= 2 else RANDOM_PAGE
    run = pages * per_page + fetched * (CPU_TUPLE + filter_cost)
    return Cost(index_cost, index_cost + run, rows)
