"""A base relation with its conditions in, the ways to read it with their costs out: create_index_paths() of indxpath.c
and cost_seqscan()."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import BoolExpr, Expr, Var
from rlslint.plan import clauses, cost
from rlslint.plan.cost import Cost, Size
from rlslint.plan.flatten import Qual, Rel
from rlslint.plan.indexes import IndexClause, IndexInfo, index_infos, match_clause
from rlslint.plan.predicates import implied_by
from rlslint.plan.selectivity import Selectivity
from rlslint.plan.simplify import Simplifier


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


@dataclass(slots=True)
class RelPaths:
    """A relation prepared for planning."""

    catalog: Catalog
    rel: Rel
    size: Size
    used: frozenset[int]
    """Columns that the query needs of it."""
    infos: tuple[IndexInfo, ...] = ()
    selectivity: Selectivity = field(init=False)

    def __post_init__(self) -> None:
        self.selectivity = Selectivity(self.catalog, self.rel, self.size.rows)

    @property
    def rows(self) -> float:
        """Rows that pass the relation's own conditions."""
        return cost.clamp(self.size.rows * self.selectivity.of_all([qual.expr for qual in self.rel.quals]))

    def paths(self, joins: Sequence[Qual] = ()) -> list[Path]:
        """Ways to read it; ``joins`` are conditions whose other relations are known before each scan."""
        rel = self.rel
        if rel.relation is None:
            method: Literal["function_scan", "none"] = "function_scan" if rel.kind == "function" else "none"
            return [Path(Cost(0.0, 10.0, 100.0), method, filters=tuple(q.expr for q in rel.quals))]
        quals = [*rel.quals, *joins]
        exprs = tuple(qual.expr for qual in quals)
        rows = cost.clamp(self.size.rows * self.selectivity.of_all(exprs))
        quals_cost = sum(cost.expression_cost(self.catalog, expr) for expr in exprs)
        found = [Path(cost.seq_scan(self.size, quals_cost, rows), "seq_scan", filters=exprs)]
        for info in self.infos:
            path = self._index_path(info, quals, quals, rows)
            if path is not None:
                found.append(path)
        for qual in quals:
            if isinstance(qual.expr, BoolExpr) and qual.expr.op == "or" and rel.promotable(qual):
                path = self._bitmap_or(qual, quals, rows)
                if path is not None:
                    found.append(path)
        return found

    def usable(self, info: IndexInfo, given: tuple[Expr, ...]) -> bool:
        """Whether the index holds every row wanted (check_index_predicates)."""
        return implied_by(self.catalog, info.predicate, given)

    def _index_path(self, info: IndexInfo, quals: Sequence[Qual], given: Sequence[Qual], rows: float) -> Path | None:
        exprs = tuple(qual.expr for qual in given)
        if not self.usable(info, exprs):
            return None
        matches = self.matches(info, quals)
        if not matches and not info.predicate:
            return None
        filters = tuple(
            expr
            for expr in exprs
            if not any(expr is match.clause for match in matches)
            and not (info.predicate and implied_by(self.catalog, (expr,), info.predicate))
        )
        conditions = tuple(match.clause for match in matches)
        plain, bitmap, leading = self._costs(info, matches, filters, rows)
        best = plain if plain is not None and plain.total <= bitmap.total else bitmap
        # an index read as a whole counts as a scan of the table
        return Path(best, "index_scan" if conditions else "seq_scan", (info,), conditions, filters, leading)

    def matches(self, info: IndexInfo, quals: Sequence[Qual]) -> tuple[IndexClause, ...]:
        """The conditions that the index serves, those that must wait for others left out."""
        found: list[IndexClause] = []
        for qual in quals:
            if not self.rel.promotable(qual):
                continue
            match = match_clause(self.catalog, info, self.rel.rtindex, qual.expr)
            if match is not None:
                found.append(match)
        if info.index.amname == "hash" and not any(match.column == 0 for match in found):
            return ()
        return tuple(sorted(found, key=lambda match: match.column))

    def _costs(
        self, info: IndexInfo, matches: Sequence[IndexClause], filters: tuple[Expr, ...], rows: float
    ) -> tuple[Cost | None, Cost, bool]:
        am = info.index.amname
        table = self.size.rows
        index_rows = cost.clamp(table * self.selectivity.of_all(info.predicate))
        served = self.selectivity.of_all([match.clause for match in matches])
        bound, leading = 1.0, True
        if am == "btree":
            bound, leading = self._btree_bound(info, matches)
        elif am == "brin":
            # block ranges of a table in no order hold every value
            bound = served = 1.0
        else:
            bound = served
        filter_cost = sum(cost.expression_cost(self.catalog, expr) for expr in filters)
        only = am == "btree" and self._covers(info)
        width = sum(8 if key.attnum else 24 for key in info.keys)
        plain = cost.index_scan(
            self.size,
            index_rows,
            width,
            bound=bound,
            selectivity=served,
            conditions=len(matches),
            scans=self.selectivity.array_scans([match.clause for match in matches]) if leading else 1.0,
            filter_cost=filter_cost,
            rows=rows,
            only=only,
        )
        fetched = cost.clamp(index_rows * served)
        bare = cost.index_scan(
            Size(table, 1.0),
            index_rows,
            width,
            bound=bound,
            selectivity=0.0,
            conditions=len(matches),
            scans=self.selectivity.array_scans([match.clause for match in matches]) if leading else 1.0,
            filter_cost=0.0,
            rows=rows,
            only=True,
        )
        bitmap = cost.bitmap_scan(self.size, bare.total, fetched, filter_cost, rows)
        return (plain if am in ("btree", "hash", "gist", "spgist") else None), bitmap, leading

    def _btree_bound(self, info: IndexInfo, matches: Sequence[IndexClause]) -> tuple[float, bool]:
        """Share of the index between the bounds that the conditions set (btcostestimate)."""
        bounding: list[Expr] = []
        for column in range(len(info.keys)):
            here = [match for match in matches if match.column == column]
            if not here:
                break
            bounding += [match.clause for match in here]
            if not any(match.equality for match in here):
                break
        if not bounding:
            return 1.0, not matches
        return self.selectivity.of_all(bounding), True

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
            best = self.arm_path(arm, qual, others, rows)
            if best is None:
                return None
            path, arm_share = best
            index_cost += path.cost.startup
            share += arm_share
            indexes += path.indexes
            conditions += path.conditions
        fetched = cost.clamp(self.size.rows * min(1.0, share))
        exprs = tuple(other.expr for other in quals)
        filter_cost = sum(cost.expression_cost(self.catalog, expr) for expr in exprs)
        total = cost.bitmap_scan(self.size, index_cost, fetched, filter_cost, rows)
        filters = tuple(other.expr for other in others)
        return Path(total, "bitmap_or", tuple(indexes), tuple(conditions), filters)

    def arm_path(self, arm: Expr, qual: Qual, others: Sequence[Qual], rows: float) -> tuple[Path, float] | None:
        """The cheapest index for one arm of an OR, and the share of the table it finds."""
        parts = [
            Qual(part, qual.level, qual.level > 0 and clauses.contain_leaked_vars(self.catalog, part), qual.clause)
            for part in clauses.make_and((arm,))
        ]
        best: tuple[Path, float] | None = None
        for part in parts:
            if isinstance(part.expr, BoolExpr) and part.expr.op == "or" and self.rel.promotable(part):
                nested = self._bitmap_or(part, [*others, *[p for p in parts if p is not part], part], rows)
                if nested is not None:
                    best = (nested, self.selectivity.of(part.expr))
        for info in self.infos:
            given = tuple(q.expr for q in [*parts, *others])
            if not self.usable(info, given):
                continue
            own = self.matches(info, parts)
            helped = bool(info.predicate) and not self.usable(info, tuple(q.expr for q in others))
            if not own and not helped:
                continue
            matches = tuple(sorted([*own, *self.matches(info, others)], key=lambda match: match.column))
            served = self.selectivity.of_all([match.clause for match in matches] + list(info.predicate))
            _, bitmap, leading = self._costs(info, matches, (), rows)
            path = Path(bitmap, "index_scan", (info,), tuple(match.clause for match in matches), (), leading)
            if best is None or path.cost.total < best[0].cost.total:
                best = (path, served)
        return best


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
