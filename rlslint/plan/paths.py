"""A base relation with its conditions in, the ways to read it with their costs out: create_index_paths() of indxpath.c
and cost_seqscan()."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Expr, Oid, ScalarArrayOpExpr, Var
from rlslint.plan import cost
from rlslint.plan.bitmaps import Bitmap, bitmaps
from rlslint.plan.cost import Cost, Size
from rlslint.plan.flat import Qual, Rel
from rlslint.plan.from_items import function_rows
from rlslint.plan.indexes import IndexClause, IndexInfo, index_infos
from rlslint.plan.predicates import implied_by
from rlslint.plan.rel_indexes import RelIndexes
from rlslint.plan.selectivity import LITERAL, RANGE
from rlslint.plan.simplify import Simplifier
from rlslint.records import dataclass, field

PLAIN_SCANS: Final = frozenset({"btree", "hash", "gist", "spgist"})
"""Access methods that return rows one by one (amgettuple); the others only fill bitmaps."""


@dataclass(frozen=True, slots=True)
class Path:
    """One way to read a relation."""

    cost: Cost
    method: Literal["seq_scan", "index_scan", "bitmap_or", "function_scan", "none"]
    indexes: tuple[IndexInfo, ...] = ()
    conditions: tuple[Expr, ...] = ()
    filters: tuple[Expr, ...] = ()
    leading: bool = True
    """The conditions bound the index: the leading column is among them, or its values are skipped over."""
    skips: bool = False
    """The leading column is not among them."""
    near: frozenset[tuple[str, str]] = frozenset()
    """Indexes of a bitmap, each with another that could as well be taken for the same condition."""

    @property
    def way(self) -> tuple[str, tuple[Oid, ...]]:
        """What tells one way to read a relation from another."""
        return self.method, () if self.method == "seq_scan" else tuple(info.oid for info in self.indexes)

    @property
    def end_to_end(self) -> bool:
        """The index is read as a whole: nothing bounds it."""
        return self.method in ("index_scan", "bitmap_or") and not self.leading

    def remarks(self) -> Iterator[str]:
        """What is to be said of an index whose first column is not compared."""
        name = self.indexes[0].index.relname if self.indexes else ""
        if self.end_to_end:
            yield f"index {name} is read from end to end: its first column is not compared"
        for taken, other in sorted(self.near):
            yield f"for an arm of the OR {taken} and {other} cost about the same"
        if self.skips:
            yield f"index {name} is searched once for each value of its first column: if these are many, it is not used"

    @property
    def words(self) -> str:
        """The same in words."""
        names = ", ".join(info.index.relname for info in self.indexes)
        return f"{self.method} ({names})" if names and self.method != "seq_scan" else self.method


@dataclass(frozen=True, slots=True)
class OtherData:
    """What statistics may tell of the rows that is not what the prediction is for."""

    here: str
    """What the prediction takes the rows to be."""
    there: str
    range: float = RANGE
    literal: float = LITERAL

    def words(self, name: str, path: Path, other: Path) -> str:
        """What is to be said where this turns the choice."""
        return f"{name}: {path.words} while {self.here}, {other.words} when {self.there}"


OTHER_DATA: Final = (
    OtherData("few rows lie in the range that is asked for", "most do", range=1.0),
    OtherData("one row in twenty holds the literal that is asked for", "few rows do", literal=cost.PER_VALUE),
)


@dataclass(slots=True)
class RelPaths(RelIndexes):
    """A relation prepared for planning."""

    without: tuple[str, tuple[Oid, ...]] | None = None
    """A way to read it that is left out, to see what would be taken instead."""
    of_subquery: Cost | None = None
    """What the subquery that it stands for costs."""
    _found: dict[tuple[object, ...], list[Path]] = field(default_factory=dict)
    _over: dict[tuple[object, ...], RelPaths | None] = field(default_factory=dict)
    """The same over other data."""

    @property
    def rows(self) -> float:
        """Rows that pass the relation's own conditions."""
        return cost.clamp(self.size.rows * self.selectivity.of_all([qual.expr for qual in self.rel.quals]))

    @property
    def width(self) -> float:
        """Bytes of the columns that the query needs."""
        relation = self.rel.relation
        if relation is None:
            return 32.0
        return sum(cost.type_width(relation.column(number).atttypid) for number in self.used if number > 0)

    def paths(self, joins: Sequence[Qual] = (), loops: float = 1.0) -> list[Path]:
        """Ways to read it; ``joins`` are conditions whose other relations are known before each of ``loops`` scans."""
        key = (loops, *map(id, self.rel.quals), None, *map(id, joins))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._every_path(joins, loops)
        if self.without is not None:
            return [path for path in found if path.way != self.without] or found
        return found

    def without_one_of(self, path: Path) -> Iterator[RelPaths]:
        """The same without each index of a bitmap over several: its condition may have another."""
        # many arms of an OR may have the same one
        for one in {info.oid: info for info in path.indexes}.values() if len(path.indexes) > 1 else ():
            others = tuple(info for info in self.infos if info is not one)
            yield RelPaths(self.catalog, self.rel, self.size, self.used, others)

    def with_other_data(self, data: OtherData) -> RelPaths | None:
        """The same over other data; None where that is no matter or no index loses by it."""
        if not self.infos or self.rel.relation is None:
            return None
        share = self.selectivity.of_all([qual.expr for qual in self.rel.quals])
        own = self.selectivity
        if not any(getattr(own, name) != getattr(data, name) for name in own.asked):
            return None
        key = (data, *map(id, self.rel.quals))
        if key not in self._over:
            other = RelPaths(self.catalog, self.rel, self.size, self.used, self.infos)
            other.selectivity.range, other.selectivity.literal = data.range, data.literal
            exprs = [qual.expr for qual in self.rel.quals]
            self._over[key] = None if other.selectivity.of_all(exprs) == share else other
        return self._over[key]

    def with_fewer_rows(self) -> RelPaths | None:
        """The same of a much smaller table; None where it is none."""
        if self.rel.relation is None:
            return None
        size = Size(self.size.rows / cost.MUCH, max(1.0, self.size.pages / cost.MUCH))
        return RelPaths(self.catalog, self.rel, size, self.used, self.infos)

    def _every_path(self, joins: Sequence[Qual], loops: float) -> list[Path]:
        rel = self.rel
        if rel.relation is None:
            method: Literal["function_scan", "none"] = "function_scan" if rel.kind == "function" else "none"
            own = Cost(0.0, self.size.rows * cost.CPU_TUPLE, self.size.rows)
            if self.of_subquery is not None:
                own = self._computed(self.of_subquery)
            return [Path(own, method, filters=tuple(q.expr for q in rel.quals))]
        quals = [*rel.quals, *joins]
        exprs = tuple(qual.expr for qual in quals)
        rows = cost.clamp(self.size.rows * self.selectivity.of_all(exprs))
        quals_cost = self.qual_cost(exprs)
        found = [Path(cost.seq_scan(self.size, quals_cost, rows), "seq_scan", filters=exprs)]
        for info in self.candidates(quals):
            found += self._index_paths(info, quals, rows, loops)
        found += [self._bitmap(one, exprs, rows) for one in bitmaps(self, quals, rows, loops)]
        return found

    def stand_for(self, subquery: Cost) -> None:
        """Take its rows for those of a subquery that costs so much."""
        self.of_subquery = subquery
        self.size = Size(subquery.rows, 1.0)
        self.selectivity.rows = subquery.rows

    def _computed(self, whole: Cost) -> Cost:
        """A subquery that is planned by itself, its rows filtered; a WITH query is computed before the first comes out
        (cost_subqueryscan, cost_ctescan)."""
        exprs = tuple(qual.expr for qual in self.rel.quals)
        total = whole.total + whole.rows * (cost.CPU_TUPLE + self.qual_cost(exprs))
        rows = cost.clamp(whole.rows * self.selectivity.of_all(exprs))
        return Cost(whole.total if self.rel.kind == "cte" else whole.startup, total, rows)

    def _bitmap(self, bitmap: Bitmap, exprs: tuple[Expr, ...], rows: float) -> Path:
        """cost_bitmap_heap_scan(), with what the bitmap does not take care of left to a filter."""
        total = cost.bitmap_scan(self.size, bitmap.cost, bitmap.selectivity, self.qual_cost(exprs), rows)
        filters = tuple(expr for expr in exprs if expr not in bitmap.quals)
        method: Literal["bitmap_or", "index_scan"] = "bitmap_or" if bitmap.either else "index_scan"
        return Path(total, method, bitmap.indexes, bitmap.conditions, filters, bitmap.leading, near=bitmap.near)

    def plain_scan(self, info: IndexInfo, quals: Sequence[Qual]) -> Path | None:
        """The index read in its order, whether conditions bound what is read or not."""
        exprs = tuple(qual.expr for qual in quals)
        if not self.usable(info, exprs):
            return None
        rows = cost.clamp(self.size.rows * self.selectivity.of_all(exprs))
        return self._index_paths_with(info, self.matches(info, quals), exprs, rows, 1.0)[-1]

    def _index_paths(self, info: IndexInfo, quals: Sequence[Qual], rows: float, loops: float) -> list[Path]:
        exprs = tuple(qual.expr for qual in quals)
        if not self.usable(info, exprs):
            return []
        matches = self.matches(info, quals)
        if not matches and not info.predicate:
            return []
        found = self._index_paths_with(info, matches, exprs, rows, loops)
        if info.index.amname == "btree" and self.catalog.pg_version < 17:
            # a list on a later column makes many descents: PostgreSQL also tries to leave it to a filter
            fewer = tuple(m for m in matches if not m.column or not isinstance(m.clause, ScalarArrayOpExpr))
            if fewer and len(fewer) < len(matches):
                found += self._index_paths_with(info, fewer, exprs, rows, loops)
        return found

    def _index_paths_with(
        self, info: IndexInfo, matches: tuple[IndexClause, ...], exprs: tuple[Expr, ...], rows: float, loops: float
    ) -> list[Path]:
        """A bitmap, which costs most before its first row, and where the access method can a plain scan."""
        filters = self._filters(info, matches, exprs)
        conditions = tuple(match.clause for match in matches)
        index, leading = self.index_cost(info, matches, loops)
        bitmap_cost = cost.bitmap_index(index, rows)
        every_cost = self.qual_cost(exprs)
        costs = [cost.bitmap_scan(self.size, bitmap_cost, index.selectivity, every_cost, rows)]
        lists = any(match.array for match in matches)
        # other access methods than btree search for a list's values one by one, and only to fill a bitmap (amsearcharray)
        if info.index.amname in PLAIN_SCANS and (info.index.amname == "btree" or not lists):
            only = info.index.amname == "btree" and self.covers(info)
            each, order = self.qual_cost(filters), self.correlation(info)
            costs.append(cost.index_scan(self.size, index, each, rows, only=only, loops=loops, correlation=order))
        # an index read as a whole counts as a scan of the table
        method: Literal["index_scan", "seq_scan"] = "index_scan" if conditions else "seq_scan"
        skips = leading and bool(matches) and matches[0].column > 0
        return [Path(one, method, (info,), conditions, filters, leading, skips) for one in costs]

    def _filters(self, info: IndexInfo, matches: Sequence[IndexClause], exprs: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Conditions that neither the index nor its predicate takes care of (extract_nonindex_conditions)."""
        return tuple(
            expr
            for expr in exprs
            if not any(expr is match.clause and not match.lossy for match in matches)
            and not (info.predicate and implied_by(self.catalog, (expr,), info.predicate))
        )


def rel_paths(catalog: Catalog, simplifier: Simplifier, rel: Rel, rows: float, used: frozenset[int]) -> RelPaths:
    """The relation prepared: its size and its indexes."""
    if rel.relation is None:
        rows = function_rows(catalog, rel.function) if rel.kind == "function" else float(rel.listed or 100)
        return RelPaths(catalog, rel, Size(rows, 1.0), used)
    size = cost.relation_size(rel.relation, rows)
    return RelPaths(catalog, rel, size, used, index_infos(catalog, simplifier, rel.relation.oid, rel.rtindex))


def columns_used(rtindex: int, exprs: Sequence[Expr]) -> frozenset[int]:
    """Columns of one relation that the expressions need."""
    return frozenset(
        node.attnum
        for expr in exprs
        for node, level in walk_deep(expr)
        if isinstance(node, Var) and node.levelsup == level and node.varno == rtindex
    )
