"""A base relation in, its indexes with the conditions that each serves and what reading it costs out: the amcostestimate
functions of selfuncs.c."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Expr, NullTest, Oid, RowCompareExpr, ScalarArrayOpExpr, Var, walk
from rlslint.plan import clauses, cost
from rlslint.plan.cost import Size
from rlslint.plan.equivalences import says_equal
from rlslint.plan.flat import Qual, Rel
from rlslint.plan.indexes import IndexClause, IndexInfo, IndexKeyInfo, match_clause
from rlslint.plan.predicates import implied_by
from rlslint.plan.selectivity import FLAG, Selectivity
from rlslint.records import dataclass, field


@dataclass(slots=True)
class RelIndexes:
    """A relation with its indexes."""

    catalog: Catalog
    rel: Rel
    size: Size
    used: frozenset[int]
    """Columns that the query needs of it."""
    infos: tuple[IndexInfo, ...] = ()
    selectivity: Selectivity = field(init=False)
    _costs: dict[int, tuple[Expr, float]] = field(default_factory=dict)
    _columns: dict[int, tuple[Expr, frozenset[int]]] = field(default_factory=dict)
    _matched: dict[tuple[Oid, int], tuple[Expr, IndexClause | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        held = frozenset(key.expr for info in self.infos for key in info.keys if key.expr is not None)
        self.selectivity = Selectivity(self.catalog, self.rel, self.size.rows, held)

    def usable(self, info: IndexInfo, given: tuple[Expr, ...]) -> bool:
        """Whether the index holds every row wanted (check_index_predicates)."""
        return not info.predicate or implied_by(self.catalog, info.predicate, given)

    def candidates(self, quals: Sequence[Qual]) -> list[IndexInfo]:
        """The indexes that may serve one of the conditions, or hold the rows for which they are true."""
        if not self.infos:
            return []
        columns: set[int] = set()
        for qual in quals:
            columns |= self._columns_of(qual.expr)
        return [
            info
            for info in self.infos
            if info.columns is None or info.predicate or not info.columns.isdisjoint(columns)
        ]

    def matches(self, info: IndexInfo, quals: Sequence[Qual]) -> tuple[IndexClause, ...]:
        """The conditions that the index serves, those that must wait for others left out."""
        found: list[IndexClause] = []
        for qual in quals:
            if qual.leaky and not self.rel.promotable(qual):
                continue
            match = self.match(info, qual.expr)
            if match is not None:
                found.append(match)
        if info.index.amname == "hash" and not any(match.column == 0 for match in found):
            return ()
        return tuple(found) if len(found) < 2 else tuple(sorted(found, key=lambda match: match.column))

    def match(self, info: IndexInfo, expr: Expr) -> IndexClause | None:
        """How the index serves the condition, None where it does not."""
        known = self._matched.get((info.oid, id(expr)))
        if known is None:
            may = info.columns is None or not info.columns.isdisjoint(self._columns_of(expr))
            found = match_clause(self.catalog, info, self.rel.rtindex, expr) if may else None
            known = self._matched[info.oid, id(expr)] = (expr, found)
        return known[1]

    def _columns_of(self, expr: Expr) -> frozenset[int]:
        """Columns of the relation that stand in the condition, those in its subqueries left out."""
        known = self._columns.get(id(expr))
        if known is None:
            rtindex = self.rel.rtindex
            found = frozenset(node.attnum for node in walk(expr) if isinstance(node, Var) and node.varno == rtindex)
            known = self._columns[id(expr)] = (expr, found)
        return known[1]

    def covers(self, info: IndexInfo) -> bool:
        """Whether the index holds every column that the query needs (check_index_only)."""
        held = {key.attnum for key in info.keys if key.attnum} | set(info.index.include)
        return self.used <= held

    def correlation(self, info: IndexInfo) -> float:
        """Of the index's order with the table's (btcostestimate): of a flag that few rows have. Equal values are sorted
        as they lie in the table (compute_scalar_stats), so nearly all of them stand in its order. None is known of others."""
        key = info.keys[0]
        if info.index.amname != "btree" or not key.attnum or self.rel.relation is None:
            return 0.0
        if self.rel.relation.column(key.attnum).atttypid != clauses.BOOL:
            return 0.0
        return ((1.0 - FLAG) ** 2 + FLAG**2) * (0.75 if len(info.keys) > 1 else 1.0)

    def qual_cost(self, exprs: Sequence[Expr]) -> float:
        """Cost of evaluating conditions once."""
        return sum(map(self._expression_cost, exprs))

    def in_order(self, exprs: Sequence[Expr]) -> tuple[Expr, ...]:
        """Conditions in the order in which they are asked (order_qual_clauses): by security level, then the cheapest first;
        what cannot leak and costs next to nothing waits for no level. Equalities are made anew from their classes, and so
        come behind what costs the same."""
        if len(exprs) < 2:
            return tuple(exprs)
        known = {id(qual.expr): qual for qual in self.rel.quals}

        def place(expr: Expr) -> tuple[int, float, bool]:
            each, qual = cost.expression_cost(self.catalog, expr, hashed=True), known.get(id(expr))
            if qual is None:
                return (0, each, False)
            waits = qual.leaky or each >= 10 * cost.CPU_OPERATOR
            return (qual.level if waits else 0, each, says_equal(self.catalog, qual))

        return tuple(sorted(exprs, key=place))

    def _expression_cost(self, expr: Expr) -> float:
        known = self._costs.get(id(expr))
        if known is None:
            known = self._costs[id(expr)] = (expr, cost.expression_cost(self.catalog, expr))
        return known[1]

    def index_cost(
        self, info: IndexInfo, matches: Sequence[IndexClause], loops: float = 1.0
    ) -> tuple[cost.IndexCost, bool]:
        """Cost of reading the index for these conditions; false when they do not bound what is read of it."""
        am = info.index.amname
        clauses_ = [match.clause for match in matches]
        extra = [part for part in info.predicate if not implied_by(self.catalog, (part,), tuple(clauses_))]
        selectivity = self.selectivity.of_all([*extra, *clauses_])
        entries = cost.clamp(self.size.rows * self.selectivity.of_all(info.predicate))
        size = cost.index_size(entries, sum(_key_width(self.rel, key) for key in info.keys))
        argument_cost = self.qual_cost([match.other for match in matches if match.other is not None])
        scans = self.selectivity.array_scans(clauses_)
        if am == "btree":
            return self._btree(info, matches, extra, size, selectivity, argument_cost, loops)
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

    def _btree(
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


def _key_width(rel: Rel, key: IndexKeyInfo) -> float:
    """Bytes of an index key."""
    if not key.attnum or rel.relation is None:
        return 24.0
    return cost.type_width(rel.relation.column(key.attnum).atttypid)
