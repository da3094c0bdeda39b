"""A subquery of a policy in, how PostgreSQL runs it out: make_subplan() and build_subplan() of subselect.c,
cost_subplan() of costsize.c and fix_alternative_subplan() of setrefs.c."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rlslint.analyze.opclass import is_hashable
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import (
    Aggref,
    Expr,
    FuncExpr,
    Oid,
    SubLink,
    SubLinkType,
    walk,
)
from rlslint.plan import clauses, cost
from rlslint.plan.close_costs import close_alternatives, near_ends
from rlslint.plan.cost import Cost
from rlslint.plan.equivalences import equivalences
from rlslint.plan.exists import exists_to_any, simplify_exists
from rlslint.plan.flat import Flat, Rel
from rlslint.plan.flatten import Flattener
from rlslint.plan.from_items import function_rows
from rlslint.plan.joins import JoinPath, best_join, needed_outside, remove_useless
from rlslint.plan.key_columns import key_columns
from rlslint.plan.minmax import end_scans, scan_in_order
from rlslint.plan.model import Evaluation, RelationScan
from rlslint.plan.paths import Path, RelPaths, columns_used, rel_paths
from rlslint.plan.planned import Parts, Planned, PlannedSubLink, Ways
from rlslint.plan.push_down import push_down
from rlslint.plan.simplify import Simplifier
from rlslint.records import dataclass, field, replace
from rlslint.rewrite.model import PolicyClause

_TOO_LARGE: Final = "its rows would not fit in memory"


@dataclass(slots=True)
class Planner:
    """Plans queries for one role; subqueries that come again, as those of a policy do with every statement, once."""

    catalog: Catalog
    simplifier: Simplifier
    role: Oid
    _known: dict[int, Ways] = field(default_factory=dict)
    """By the identity of the subquery, which is kept alive here."""
    _met: set[Oid] = field(default_factory=set)
    """Tables that the subquery being planned has come by."""
    _before: Planner | None = None
    """One for a catalog that differs in the tables ``_changed`` only: what does not read them is as it was there."""
    _changed: frozenset[Oid] = frozenset()

    def beside(self, simplifier: Simplifier, changed: frozenset[Oid]) -> Planner:
        """One for the catalog as it is when something changed about these tables; it keeps what does not read them."""
        return Planner(self.catalog, simplifier, self.role, _before=self, _changed=changed)

    def learn(self, other: Planner, changed: frozenset[Oid]) -> None:
        """Take over what another one planned that does not read the tables in which the two catalogs differ."""
        self._known.update((key, ways) for key, ways in other._known.items() if changed.isdisjoint(ways.reads))

    def _remembered(self, sublink: SubLink) -> Ways | None:
        ways = self._known.get(id(sublink))
        if ways is None and self._before is not None:
            ways = self._before._remembered(sublink)
            if ways is not None and not self._changed.isdisjoint(ways.reads):
                return None
        return ways

    def query(self, query: Query, fraction: float) -> Planned:
        """The plan of a subquery; ``fraction`` as in `best_join`."""
        flattener = Flattener(self.catalog, self.simplifier, self.role, self._met)
        flat = flattener.run(query)
        if flat.separate:
            return self._set_operation(flat, fraction)
        if flat.dummy:
            return self._empty(flat)
        equivalences(self.catalog, flat)
        for rel in flat.rels:
            push_down(self.catalog, rel)
        inner = {rel.rtindex: self.query(rel.subquery, 0.0) for rel in flat.rels if rel.subquery is not None}
        paths = self._paths(flat, inner)
        late = [qual.expr for rel in flat.rels for qual in rel.late]
        remove_useless(flat, paths, needed_outside([*flat.outputs, *late]))
        bare = not query.group_by and not query.has_aggs and not query.distinct
        share = self._fraction(query, fraction) if bare else 0.0
        joined = best_join(self.catalog, flat, paths, share)
        close = close_alternatives(self.catalog, flat, paths, joined, share)
        if bare and query.limit is not None and query.order_by and flat.rels:
            joined, near = self._in_order(query, flat, paths, joined)
            close += near
        parts = self._parts(flat, paths, inner, joined)
        parts.close[:0] = close
        total = joined.cost
        if not flat.rels:
            each = 0.01 + sum(cost.expression_cost(self.catalog, expr) for expr in flat.outputs)
            sets = [expr for expr in flat.outputs if isinstance(expr, FuncExpr) and expr.retset]
            total = Cost(0.0, each, max((function_rows(self.catalog, expr) for expr in sets), default=1.0))
        charged = sum(one.plan.cost.total for one in parts.sublinks if one.evaluation == "init_plan")
        total = Cost(total.startup + charged, total.total + charged, total.rows)
        if query.has_aggs and not query.group_by:
            total = Cost(total.total + total.rows * cost.CPU_OPERATOR, total.total + 0.01, 1.0)
            ends = end_scans(self.catalog, query, flat, paths[flat.rels[0].rtindex] if flat.rels else None)
            if ends is not None:
                others = charged + sum(first for _, _, first in ends)
                only = paths[flat.rels[0].rtindex]
                parts.close += near_ends(self.catalog, query, flat, only, others, total.startup)
                if others < total.startup:
                    return self._from_ends(query, flat, paths, ends, parts)
        elif query.limit is not None:
            rows = self._limit(query)
            total = Cost(total.startup, total.startup + total.run * min(1.0, rows / max(1.0, total.rows)), rows)
        return parts.planned(total, flat, tuple(inner.values()))

    def _empty(self, flat: Flat) -> Planned:
        """Nothing is read; an InitPlan is made of every subquery that stands alone all the same, and charged for
        (SS_charge_for_initplans)."""
        found = [one for expr in [*self._expressions(flat), *flat.dropped] for one in self.sublinks(expr, 1.0, None)]
        made = shared([one for one in found if one.evaluation == "init_plan"])
        charged = sum(one.plan.cost.total for one in made)
        return Planned(Cost(charged, charged, 0.0), (), (), tuple(made), flat)

    def _paths(self, flat: Flat, inner: Mapping[int, Planned]) -> dict[int, RelPaths]:
        """The ways to read each relation; ``inner`` are the subqueries among them that are planned by themselves."""
        everything = self._expressions(flat)
        found: dict[int, RelPaths] = {}
        for rel in flat.rels:
            used = columns_used(rel.rtindex, everything)
            found[rel.rtindex] = rel_paths(self.catalog, self.simplifier, rel, cost.INNER_ROWS, used)
            if rel.rtindex in inner:
                found[rel.rtindex].stand_for(inner[rel.rtindex].cost)
        return found

    def _parts(
        self, flat: Flat, paths: Mapping[int, RelPaths], inner: Mapping[int, Planned], joined: JoinPath
    ) -> Parts:
        """What the relations and the expressions on them come to, read and joined in this way."""
        parts = Parts()
        for rtindex, path in joined.scans:
            rel = flat.rel(rtindex)
            if rel.kind in ("relation", "function"):
                parts.scans.append(self.scan(rel, path, paths[rtindex], flat))
                parts.paths.append(path)
            for qual in rel.quals:
                parts.sublinks += self.sublinks(qual.expr, path.cost.rows * 2.0, qual.clause)
            if rel.function is not None:
                parts.sublinks += self.sublinks(rel.function, 1.0, None)
        for computed in _once([rel for rel in flat.rels if rel.subquery is not None]):
            parts.take(inner[computed])
        for qual in [*flat.joins, *flat.constant, *[q for rel in flat.rels for q in rel.late]]:
            parts.sublinks += self.sublinks(qual.expr, joined.cost.rows * 2.0, None)
        for expr in flat.outputs:
            parts.sublinks += self.sublinks(expr, joined.cost.rows, None)
        left = [one for expr in flat.dropped for one in self.sublinks(expr, 1.0, None)]
        parts.sublinks = shared([*parts.sublinks, *[one for one in left if one.evaluation == "init_plan"]])
        parts.clauses[:0] = [q.clause for rel in flat.rels for q in rel.security if q.clause is not None]
        return parts

    def _in_order(
        self, query: Query, flat: Flat, paths: dict[int, RelPaths], joined: JoinPath
    ) -> tuple[JoinPath, tuple[str, ...]]:
        """ORDER BY and LIMIT: every row and a sort (cost_sort, cost_tuplesort), or an index in that order."""
        rows, limit = max(2.0, joined.cost.rows), self._limit(query)
        compared = rows * math.log2(min(rows, max(2.0, 2.0 * limit))) * 2.0 * cost.CPU_OPERATOR
        sorted_cost = joined.cost.total + compared
        through_sort = JoinPath(Cost(sorted_cost, sorted_cost, joined.cost.rows), joined.scans)
        if len(flat.rels) > 1 or len(query.order_by) > 1:
            return through_sort, ()
        rel = flat.rels[0]
        wanted = flat.outputs[len(query.targets) + len(query.group_by)]
        path = scan_in_order(self.catalog, paths[rel.rtindex], wanted, limit)
        if path is None:
            return through_sort, ()
        first = path.cost.first(min(1.0, limit / max(1.0, path.cost.rows)))
        near: tuple[str, ...] = ()
        if max(first, sorted_cost) < cost.CLOSE * min(first, sorted_cost):
            near = (f"{rel.name}: an index in the order and a sort cost about the same",)
        return (JoinPath(path.cost, ((rel.rtindex, path),)) if first < sorted_cost else through_sort), near

    def _from_ends(
        self,
        query: Query,
        flat: Flat,
        paths: dict[int, RelPaths],
        ends: Sequence[tuple[Aggref, Path, float]],
        parts: Parts,
    ) -> Planned:
        """min() and max() as InitPlans of one row each (SS_make_initplan_from_plan)."""
        (rel,) = flat.rels
        made = [one for one in parts.sublinks if one.evaluation == "init_plan"]
        inside = [one for one in parts.sublinks if one.evaluation != "init_plan"]
        total = sum(one.plan.cost.total for one in made) + sum(first for _, _, first in ends)
        for aggregate, path, first in ends:
            scan = self.scan(rel, path, paths[rel.rtindex], flat)
            plan = Parts([scan], [path], inside, parts.clauses).planned(Cost(0.0, first, 1.0), flat, ())
            sublink = SubLink(type=aggregate.type, kind=SubLinkType.EXPR, subselect=query, raw=aggregate.raw)
            made.append(PlannedSubLink(sublink, "init_plan", plan, False))
        whole = Parts([], [], made, parts.clauses, parts.close)
        return whole.planned(Cost(total, total + 0.01, 1.0), flat, ())

    def _limit(self, query: Query) -> float:
        limit = query.limit
        while isinstance(limit, FuncExpr) and len(limit.args) == 1:
            limit = limit.args[0]
        text = getattr(limit, "value", None)
        return float(text) if isinstance(text, str) and text.isdigit() else 10.0

    def _fraction(self, query: Query, fraction: float) -> float:
        if query.limit is not None and not query.order_by:
            return max(1.0, self._limit(query))
        return 0.0 if query.order_by else fraction

    def _set_operation(self, flat: Flat, fraction: float) -> Planned:
        arms = [self.query(arm, fraction) for arm in flat.separate]
        total = Cost(
            sum(arm.cost.startup for arm in arms),
            sum(arm.cost.total for arm in arms),
            sum(arm.cost.rows for arm in arms),
        )
        return Planned(
            total,
            tuple(scan for arm in arms for scan in arm.scans),
            tuple(path for arm in arms for path in arm.paths),
            tuple(one for arm in arms for one in arm.sublinks),
            flat,
            tuple(dict.fromkeys(clause for arm in arms for clause in arm.clauses)),
            tuple(text for arm in arms for text in arm.close),
            tuple(arms),
        )

    def _expressions(self, flat: Flat) -> list[Expr]:
        quals = [*flat.joins, *flat.constant]
        for rel in flat.rels:
            quals += [*rel.quals, *rel.late]
        return [*[qual.expr for qual in quals], *flat.outputs]

    def scan(self, rel: Rel, path: Path, prepared: RelPaths, flat: Flat | None) -> RelationScan:
        """A path as a fact."""
        joins = [] if flat is None else [qual for qual in flat.joins if rel.rtindex in qual.relids]
        method = path.method
        keys = key_columns(self.catalog, rel, [*rel.quals, *joins])
        return RelationScan(
            relid=0 if rel.relation is None else rel.relation.oid,
            name=rel.name,
            method=method,
            indexes=() if method == "seq_scan" else tuple(info.oid for info in path.indexes),
            conditions=path.conditions,
            filters=prepared.in_order(path.filters),
            key_columns=tuple(keys),
            key_collation=next(iter(keys.values()), 0),
            rtindex=rel.rtindex,
            end_to_end=path.end_to_end,
        )

    # Subqueries -------------------------------------------------------------------------------------------------------

    def sublinks(self, expr: Expr, executions: float, nested: PolicyClause | None) -> list[PlannedSubLink]:
        """Every subquery directly in an expression, as it runs when the expression is evaluated so many times."""
        found: list[PlannedSubLink] = []
        for node in walk(expr):
            if isinstance(node, SubLink):
                found.append(self.sublink(node, executions, nested))
        return found

    def sublink(self, sublink: SubLink, executions: float, nested: PolicyClause | None) -> PlannedSubLink:
        """One subquery as it runs."""
        ways = self._ways(sublink)
        plan, correlated = ways.plan, ways.correlated
        if sublink.kind is SubLinkType.ANY:
            return self._any(sublink, plan, correlated, nested)
        if not correlated and sublink.kind is not SubLinkType.ALL:
            return PlannedSubLink(sublink, "init_plan", plan, False, nested)
        if ways.table is None:
            return PlannedSubLink(sublink, "subplan", plan, correlated, nested, ways.not_hashed_because)
        probing, hashing = self._alternatives(plan, ways.table, ways.outer, executions)
        # where neither uses an index, the first match of a scan is weighed against the whole of it: a guess of how many
        # match; and of a part of the table's rows it is a guess for how many it is evaluated
        scans = (*plan.scans, *ways.table.scans)
        guess = all(scan.method == "seq_scan" for scan in scans) or 2.0 < executions < cost.OUTER_ROWS
        # so it is how many rows a join has
        guess = guess or len(plan.scans) > 1
        margin = cost.UNSURE if guess else cost.CLOSE
        close = max(probing, hashing) < margin * min(probing, hashing)
        if hashing <= probing:
            return PlannedSubLink(sublink, "hashed_subplan", ways.table, True, nested, close=close)
        reason = "for so few rows probing an index is cheaper than a hash table"
        return PlannedSubLink(sublink, "subplan", plan, True, nested, reason, close=close)

    def _ways(self, sublink: SubLink) -> Ways:
        ways = self._remembered(sublink)
        if ways is None:
            above, self._met = self._met, set()
            ways = self._known[id(sublink)] = replace(self._plan_ways(sublink), reads=frozenset(self._met))
            self._met = above
        self._met |= ways.reads
        return ways

    def _plan_ways(self, sublink: SubLink) -> Ways:
        query = sublink.subselect
        correlated = clauses.correlated(sublink)
        if sublink.kind is not SubLinkType.EXISTS:
            fraction = 0.5 if sublink.kind in (SubLinkType.ANY, SubLinkType.ALL) else 0.0
            plan = self.query(query, fraction)
            reason = "ALL is never hashed" if sublink.kind is SubLinkType.ALL else "a scalar subquery is never hashed"
            return Ways(sublink, correlated, plan, not_hashed_because=reason)
        simple = simplify_exists(query)
        plan = self.query(simple or query, 1.0)
        if not correlated:
            return Ways(sublink, correlated, plan)
        if simple is None:
            reason = "it groups, aggregates, combines or skips rows"
            return Ways(sublink, correlated, plan, not_hashed_because=reason)
        hashed = exists_to_any(self.catalog, self.simplifier, simple, self.role)
        if isinstance(hashed, str):
            return Ways(sublink, correlated, plan, not_hashed_because=hashed)
        table = self.query(hashed.query, 0.0)
        if not self._fits(hashed.query, table):
            return Ways(sublink, correlated, _unsure_of_size(plan, table), not_hashed_because=_TOO_LARGE)
        return Ways(sublink, correlated, plan, table, tuple(hashed.outer))

    def _fits(self, query: Query, plan: Planned) -> bool:
        """Whether a hash table of the rows is expected to stay in memory (subplan_is_hashable)."""
        width = sum(cost.type_width(target.expr.type) for target in query.targets)
        return plan.cost.rows * (math.ceil(width / 8) * 8 + 24) <= cost.hash_memory(self.catalog.pg_version)

    def _alternatives(
        self, plan: Planned, table: Planned, outer: Sequence[Expr], executions: float
    ) -> tuple[float, float]:
        """Costs of so many evaluations, probing and hashed (cost_subplan, fix_alternative_subplan)."""
        each = plan.cost.run / max(1.0, plan.cost.rows) + plan.cost.startup
        build = table.cost.total + cost.CPU_OPERATOR * table.cost.rows
        return executions * each, build + executions * cost.CPU_OPERATOR * len(outer)

    def _any(self, sublink: SubLink, plan: Planned, correlated: bool, nested: PolicyClause | None) -> PlannedSubLink:
        reason = None
        if correlated:
            reason = "it refers to the row"
        elif not sublink.opnos or not all(
            is_hashable(self.catalog, opno, left.type)
            for opno, left in zip(sublink.opnos, sublink.lefthand, strict=False)
        ):
            reason = "its operator cannot be hashed"
        elif not self._fits(sublink.subselect, plan):
            reason = _TOO_LARGE
            plan = _unsure_of_size(plan, plan)
        evaluation: Evaluation = "hashed_subplan" if reason is None else "subplan"
        return PlannedSubLink(sublink, evaluation, plan, correlated, nested, reason)


def _unsure_of_size(plan: Planned, table: Planned) -> Planned:
    """The plan with the word that ``table``, what a hash table would be made of, is too large for it."""
    names = ", ".join(scan.name for scan in table.scans)
    said = f"{names}: a hash table of {round(table.cost.rows):,} rows is taken not to fit in memory"
    return replace(plan, close=(*plan.close, said))


def _once(rels: Sequence[Rel]) -> Iterator[int]:
    """Those that are computed, a WITH query once however often it is read."""
    seen: list[Rel] = []
    for rel in rels:
        if rel.kind != "cte" or not any(rel.subquery == other.subquery for other in seen):
            seen.append(rel)
            yield rel.rtindex


def shared(sublinks: Sequence[PlannedSubLink]) -> list[PlannedSubLink]:
    """An InitPlan once, however many conditions its value stands in: those that equivalence classes derived as well."""
    seen: set[int] = set()
    kept: list[PlannedSubLink] = []
    for one in sublinks:
        if one.evaluation != "init_plan" or id(one.sublink) not in seen:
            kept.append(one)
        seen.add(id(one.sublink))
    return kept
