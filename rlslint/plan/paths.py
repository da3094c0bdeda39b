"""A base relation with its conditions in, the ways to read it with their costs out: create_index_paths() of indxpath.c
and cost_seqscan()."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import BoolExpr, Expr, NullTest, Oid, RowCompareExpr, ScalarArrayOpExpr, Var
from rlslint.plan import clauses, cost
from rlslint.plan.cost import Cost, Size
from rlslint.plan.flat import Qual, Rel
from rlslint.plan.indexes import IndexClause, IndexInfo, IndexKeyInfo, index_infos, match_clause
from rlslint.plan.predicates import implied_by
from rlslint.plan.selectivity import Selectivity
from rlslint.plan.simplify import Simplifier

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
    """The conditions bound the index: the leading column is among them."""

    @property
    def way(self) -> tuple[str, tuple[Oid, ...]]:
        """What tells one way to read a relation from another."""
        return self.method, () if self.method == "seq_scan" else tuple(info.oid for info in self.indexes)

    @property
    def words(self) -> str:
        """The same in words."""
        names = ", ".join(info.index.relname for info in self.indexes)
        return f"{self.method} ({names})" if names and self.method != "seq_scan" else self.method


@dataclass(slots=True)
class RelPaths:
    """A relation prepared for planning."""

    catalog: Catalog
    rel: Rel
    size: Size
    used: frozenset[int]
    """Columns that the query needs of it."""
    infos: tuple[IndexInfo, ...] = ()
    without: tuple[str, tuple[Oid, ...]] | None = None
    """A way to read it that is left out, to see what would be taken instead."""
    selectivity: Selectivity = field(init=False)
    _found: dict[tuple[object, ...], list[Path]] = field(default_factory=dict)
    _costs: dict[int, tuple[Expr, float]] = field(default_factory=dict)
    _matched: dict[tuple[Oid, int], tuple[Expr, IndexClause | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        held = frozenset(key.expr for info in self.infos for key in info.keys if key.expr is not None)
        self.selectivity = Selectivity(self.catalog, self.rel, self.size.rows, held)

    @property
    def rows(self) -> float:
        """Rows that pass the relation's own conditions."""
        return cost.clamp(self.size.rows * self.selectivity.of_all([qual.expr for qual in self.rel.quals]))

    def paths(self, joins: Sequence[Qual] = (), loops: float = 1.0) -> list[Path]:
        """Ways to read it; ``joins`` are conditions whose other relations are known before each of ``loops`` scans."""
        key = (loops, *map(id, self.rel.quals), None, *map(id, joins))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._every_path(joins, loops)
        if self.without is not None:
            return [path for path in found if path.way != self.without] or found
        return found

    def _every_path(self, joins: Sequence[Qual], loops: float) -> list[Path]:
        rel = self.rel
        if rel.relation is None:
            method: Literal["function_scan", "none"] = "function_scan" if rel.kind == "function" else "none"
            return [Path(Cost(0.0, 10.0, 100.0), method, filters=tuple(q.expr for q in rel.quals))]
        quals = [*rel.quals, *joins]
        exprs = tuple(qual.expr for qual in quals)
        rows = cost.clamp(self.size.rows * self.selectivity.of_all(exprs))
        quals_cost = self._qual_cost(exprs)
        found = [Path(cost.seq_scan(self.size, quals_cost, rows), "seq_scan", filters=exprs)]
        for info in self.infos:
            found += self._index_paths(info, quals, rows, loops)
        for qual in quals:
            if isinstance(qual.expr, BoolExpr) and qual.expr.op == "or" and rel.promotable(qual):
                path = self._bitmap_or(qual, quals, rows)
                if path is not None:
                    found.append(path)
        return found

    def usable(self, info: IndexInfo, given: tuple[Expr, ...]) -> bool:
        """Whether the index holds every row wanted (check_index_predicates)."""
        return implied_by(self.catalog, info.predicate, given)

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
        every_cost = self._qual_cost(exprs)
        costs = [cost.bitmap_scan(self.size, bitmap_cost, index.selectivity, every_cost, rows)]
        lists = any(match.array for match in matches)
        # other access methods than btree search for a list's values one by one, and only to fill a bitmap (amsearcharray)
        if info.index.amname in PLAIN_SCANS and (info.index.amname == "btree" or not lists):
            only = info.index.amname == "btree" and self._covers(info)
            costs.append(cost.index_scan(self.size, index, self._qual_cost(filters), rows, only=only, loops=loops))
        # an index read as a whole counts as a scan of the table
        method: Literal["index_scan", "seq_scan"] = "index_scan" if conditions else "seq_scan"
        return [Path(one, method, (info,), conditions, filters, leading) for one in costs]

    def _filters(self, info: IndexInfo, matches: Sequence[IndexClause], exprs: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Conditions that neither the index nor its predicate takes care of (extract_nonindex_conditions)."""
        return tuple(
            expr
            for expr in exprs
            if not any(expr is match.clause for match in matches)
            and not (info.predicate and implied_by(self.catalog, (expr,), info.predicate))
        )

    def _qual_cost(self, exprs: Sequence[Expr]) -> float:
        return sum(map(self._expression_cost, exprs))

    def _expression_cost(self, expr: Expr) -> float:
        known = self._costs.get(id(expr))
        if known is None:
            known = self._costs[id(expr)] = (expr, cost.expression_cost(self.catalog, expr))
        return known[1]

    def _match(self, info: IndexInfo, expr: Expr) -> IndexClause | None:
        known = self._matched.get((info.oid, id(expr)))
        if known is None:
            match = match_clause(self.catalog, info, self.rel.rtindex, expr)
            known = self._matched[info.oid, id(expr)] = (expr, match)
        return known[1]

    def matches(self, info: IndexInfo, quals: Sequence[Qual]) -> tuple[IndexClause, ...]:
        """The conditions that the index serves, those that must wait for others left out."""
        found: list[IndexClause] = []
        for qual in quals:
            if not self.rel.promotable(qual):
                continue
            match = self._match(info, qual.expr)
            if match is not None:
                found.append(match)
        if info.index.amname == "hash" and not any(match.column == 0 for match in found):
            return ()
        return tuple(sorted(found, key=lambda match: match.column))

    def index_cost(
        self, info: IndexInfo, matches: Sequence[IndexClause], loops: float = 1.0
    ) -> tuple[cost.IndexCost, bool]:
        """Cost of reading the index for these conditions; false when they do not bound what is read of it."""
        am = info.index.amname
        clauses_ = [match.clause for match in matches]
        extra = [part for part in info.predicate if not implied_by(self.catalog, (part,), tuple(clauses_))]
        selectivity = self.selectivity.of_all([*extra, *clauses_])
        entries = cost.clamp(self.size.rows * self.selectivity.of_all(info.predicate))
        size = cost.index_size(entries, sum(key_width(self.rel, key) for key in info.keys))
        argument_cost = self._qual_cost([match.other for match in matches if match.other is not None])
        scans = self.selectivity.array_scans(clauses_)
        if am == "btree":
            return self._btree_cost(info, matches, extra, size, selectivity, argument_cost, loops)
        if am == "gin":
            return cost.gin_index(
                size, selectivity, self.size.rows, float(len(matches) or 1), scans, argument_cost
            ), True
        if am == "brin":
            # block ranges of a table in no order hold every value
            found = cost.generic_index(
                cost.IndexSize(self.size.pages / 128, 2.0, 0),
                self.size.pages / 128,
                1.0,
                conditions=len(matches),
                argument_cost=argument_cost,
                scans=1.0,
                loops=loops,
            )
            return found, True
        tuples = round(selectivity * self.size.rows / scans)
        found = cost.generic_index(
            size, tuples, selectivity, conditions=len(matches), argument_cost=argument_cost, scans=scans, loops=loops
        )
        return (found if am == "hash" else cost.tree_descent(size, found, scans, math.e)), True

    def _btree_cost(
        self,
        info: IndexInfo,
        matches: Sequence[IndexClause],
        extra: Sequence[Expr],
        size: cost.IndexSize,
        selectivity: float,
        argument_cost: float,
        loops: float,
    ) -> tuple[cost.IndexCost, bool]:
        """btcostestimate(): only ``=`` on the leading columns and what follows them bound the part that is read.

        From version 18 columns without ``=`` are skipped over where they hold few values. Before 17 every list counts as
        so many descents, even one that does not bound anything.
        """
        version = self.catalog.pg_version
        bounds, scans, exact = self._btree_bounds(info, matches, size.pages)
        if exact:
            tuples, scans = 1.0, 1.0
        else:
            if version >= 17:
                scans = max(1.0, min(scans, math.ceil(size.pages / 3)))
            tuples = round(self.selectivity.of_all([*extra, *bounds]) * self.size.rows / scans)
        if version < 17:
            scans = self.selectivity.array_scans([match.clause for match in matches])
        found = cost.generic_index(
            size, tuples, selectivity, conditions=len(matches), argument_cost=argument_cost, scans=scans, loops=loops
        )
        return cost.tree_descent(size, found, scans, 2.0), bool(bounds) or not matches

    def _btree_bounds(
        self, info: IndexInfo, matches: Sequence[IndexClause], pages: float
    ) -> tuple[list[Expr], float, bool]:
        """Conditions that bound the scan, the descents it makes, and whether it can find one entry only."""
        bounds: list[Expr] = []
        scans, column = 1.0, 0
        equal = array = null = False
        skipped: list[Expr] = []
        for match in matches:
            if column < match.column:
                before = scans
                if equal:
                    column, skipped = column + 1, []
                elif self.catalog.pg_version < 18:
                    break
                equal = False
                while column < match.column and self.catalog.pg_version >= 18:
                    values = self.selectivity.distinct(info.keys[column].attnum)
                    if skipped:
                        share = self.selectivity.of_all(skipped)
                        if share < 0.005:
                            scans = before
                            break
                        values = max(1.0, round(values * share))
                    else:
                        values += 1
                    scans *= values
                    if pages < scans:
                        scans = before
                        break
                    array, skipped, column = True, [], column + 1
                if column != match.column:
                    break
            if isinstance(match.clause, RowCompareExpr):
                bounds.append(match.clause)
                break
            if isinstance(match.clause, ScalarArrayOpExpr):
                array = True
                scans *= self.selectivity.array_scans([match.clause])
            if isinstance(match.clause, NullTest):
                null = null or match.clause.is_null
            equal = equal or match.equality
            bounds.append(match.clause)
            if not equal:
                skipped.append(match.clause)
        exact = info.index.indisunique and column == len(info.keys) - 1 and equal and not array and not null
        return bounds, scans, exact

    def _covers(self, info: IndexInfo) -> bool:
        held = {key.attnum for key in info.keys if key.attnum} | set(info.index.include)
        return self.used <= held

    def _bitmap_or(self, qual: Qual, quals: Sequence[Qual], rows: float) -> Path | None:
        """Every arm through an index of its own (generate_bitmap_or_paths)."""
        assert isinstance(qual.expr, BoolExpr)
        indexes: list[IndexInfo] = []
        conditions: list[Expr] = []
        index_cost = 0.0
        share = 0.0
        others = [other for other in quals if other is not qual]
        for arm in qual.expr.args:
            best = self.arm_path(arm, qual, others)
            if best is None:
                return None
            index_cost += best.cost
            share += best.selectivity
            indexes += best.indexes
            conditions += best.conditions
        exprs = tuple(other.expr for other in quals)
        total = cost.bitmap_scan(self.size, index_cost, min(1.0, share), self._qual_cost(exprs), rows)
        filters = tuple(other.expr for other in others)
        return Path(total, "bitmap_or", tuple(indexes), tuple(conditions), filters)

    def arm_path(self, arm: Expr, qual: Qual, others: Sequence[Qual]) -> ArmPath | None:
        """The cheapest index for one arm of an OR (generate_bitmap_or_paths)."""
        parts = [
            Qual(part, qual.level, qual.level > 0 and clauses.contain_leaked_vars(self.catalog, part), qual.clause)
            for part in clauses.make_and((arm,))
        ]
        best: ArmPath | None = None
        for part in parts:
            if isinstance(part.expr, BoolExpr) and part.expr.op == "or" and self.rel.promotable(part):
                best = self._arms(part, [*others, *[p for p in parts if p is not part], part])
        for info in self.infos:
            given = tuple(q.expr for q in [*parts, *others])
            if not self.usable(info, given):
                continue
            own = self.matches(info, parts)
            helped = bool(info.predicate) and not self.usable(info, tuple(q.expr for q in others))
            if not own and not helped:
                continue
            matches = tuple(sorted([*own, *self.matches(info, others)], key=lambda match: match.column))
            index, leading = self.index_cost(info, matches)
            found = ArmPath(
                cost.bitmap_index(index, index.selectivity * self.size.rows),
                index.selectivity,
                (info,),
                tuple(match.clause for match in matches),
                leading,
            )
            if best is None or self._heap_cost(found) < self._heap_cost(best):
                best = found
        return best

    def _heap_cost(self, arm: ArmPath) -> float:
        """What the arm alone would cost with the rows it finds (choose_bitmap_and)."""
        return cost.bitmap_scan(self.size, arm.cost, arm.selectivity, 0.0, 1.0).total

    def _arms(self, qual: Qual, quals: Sequence[Qual]) -> ArmPath | None:
        """An OR inside an arm."""
        assert isinstance(qual.expr, BoolExpr)
        found: list[ArmPath] = []
        others = [other for other in quals if other is not qual]
        for arm in qual.expr.args:
            best = self.arm_path(arm, qual, others)
            if best is None:
                return None
            found.append(best)
        return ArmPath(
            sum(arm.cost for arm in found),
            min(1.0, sum(arm.selectivity for arm in found)),
            tuple(info for arm in found for info in arm.indexes),
            tuple(expr for arm in found for expr in arm.conditions),
        )


@dataclass(frozen=True, slots=True)
class ArmPath:
    """A bitmap for one arm of an OR."""

    cost: float
    selectivity: float
    indexes: tuple[IndexInfo, ...]
    conditions: tuple[Expr, ...]
    leading: bool = True


def key_width(rel: Rel, key: IndexKeyInfo) -> float:
    """Bytes of an index key."""
    if not key.attnum or rel.relation is None:
        return 24.0
    return cost.type_width(rel.relation.column(key.attnum).atttypid)


def rel_paths(catalog: Catalog, simplifier: Simplifier, rel: Rel, rows: float, used: frozenset[int]) -> RelPaths:
    """The relation prepared: its size and its indexes."""
    if rel.relation is None:
        return RelPaths(catalog, rel, Size(100.0, 1.0), used)
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
