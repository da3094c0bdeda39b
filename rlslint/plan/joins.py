"""Flat relations and join conditions in, the cheapest order and how each relation is read out: a short form of
joinrels.c and joinpath.c (nested loops with parameterised inner scans, hash joins)."""

from __future__ import annotations

from collections.abc import Sequence

from rlslint.analyze.opclass import is_hashable
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Expr, OpExpr, Var
from rlslint.plan import clauses, cost
from rlslint.plan.cost import Cost
from rlslint.plan.flat import Flat, Qual, Rel
from rlslint.plan.mutate import relids
from rlslint.plan.paths import Path, RelPaths
from rlslint.records import dataclass, replace

MAX_EXHAUSTIVE = 7
"""Joins of more relations are searched greedily."""
UNKNOWN_VALUES = 200.0
"""Distinct values of a column without statistics (DEFAULT_NUM_DISTINCT)."""


@dataclass(frozen=True, slots=True)
class JoinPath:
    """A way to read a set of relations."""

    cost: Cost
    scans: tuple[tuple[int, Path], ...]
    """(range-table index, how it is read), in join order."""


def best_join(catalog: Catalog, flat: Flat, paths: dict[int, RelPaths], fraction: float) -> JoinPath:
    """The cheapest way to read all relations; ``fraction`` 0 wants all rows, 1 the first one, 0.5 half of them."""
    rels = flat.rels
    if not rels:
        return JoinPath(Cost(0.0, 0.01, 1.0), ())
    best: dict[frozenset[int], list[JoinPath]] = {}
    for rel in rels:
        if not rel.after:
            for path in paths[rel.rtindex].paths():
                first = path.cost
                if rel.join == "semi" and rel.relation is None:
                    # each value once (create_unique_path)
                    first = replace(first, rows=min(first.rows, UNKNOWN_VALUES))
                _add(best, frozenset({rel.rtindex}), JoinPath(first, ((rel.rtindex, path),)))
    todo = sorted(best, key=sorted)
    for _ in range(len(rels) - 1):
        grown: dict[frozenset[int], list[JoinPath]] = {}
        for joined in todo:
            for rel in rels:
                if rel.rtindex in joined or not rel.after <= joined:
                    continue
                if not _connected(flat, joined, rel) and any(
                    _connected(flat, joined, other)
                    for other in rels
                    if other.rtindex not in joined and other.after <= joined
                ):
                    continue
                for outer in best[joined]:
                    for made in _joined(catalog, flat, paths, joined, outer, rel):
                        _add(grown, joined | {rel.rtindex}, made)
        best = grown
        if len(rels) > MAX_EXHAUSTIVE and grown:
            cheapest = min(grown, key=lambda key: min(path.cost.total for path in grown[key]))
            best = {cheapest: grown[cheapest]}
        todo = sorted(best, key=sorted)
    whole = best.get(frozenset(rel.rtindex for rel in rels))
    if not whole:
        # an order that outer joins forbid: read every relation by itself
        scans = tuple((rel.rtindex, min(paths[rel.rtindex].paths(), key=lambda p: p.cost.total)) for rel in rels)
        total = sum(path.cost.total for _, path in scans)
        return JoinPath(Cost(0.0, total, 100.0), scans)
    return min(whole, key=lambda path: wanted(path.cost, fraction))


def wanted(one: Cost, fraction: float) -> float:
    """Cost of what is wanted of the rows; ``fraction`` as in `best_join`."""
    if fraction >= 1.0:
        return one.first(min(1.0, fraction / max(one.rows, 1.0)))
    return one.first(fraction) if fraction > 0.0 else one.total


def _add(best: dict[frozenset[int], list[JoinPath]], key: frozenset[int], new: JoinPath) -> None:
    kept = best.setdefault(key, [])
    if any(old.cost.startup <= new.cost.startup and old.cost.total <= new.cost.total for old in kept):
        return
    kept[:] = [old for old in kept if old.cost.startup < new.cost.startup or old.cost.total < new.cost.total] + [new]


def _connected(flat: Flat, joined: frozenset[int], rel: Rel) -> bool:
    return any(
        rel.rtindex in qual.relids and qual.relids & joined and qual.relids <= joined | {rel.rtindex}
        for qual in flat.joins
    )


def _joined(
    catalog: Catalog, flat: Flat, paths: dict[int, RelPaths], joined: frozenset[int], outer: JoinPath, rel: Rel
) -> list[JoinPath]:
    inner = paths[rel.rtindex]
    quals = [qual for qual in flat.joins if rel.rtindex in qual.relids and qual.relids <= joined | {rel.rtindex}]
    share = inner.selectivity.of_all([qual.expr for qual in quals])
    rows = cost.clamp(outer.cost.rows * inner.rows * share)
    if rel.join == "left":
        rows = max(rows, outer.cost.rows)
    elif rel.join == "semi":
        rows = min(rows, outer.cost.rows)
    made: list[JoinPath] = []
    once = rel.join in ("semi", "anti")
    plain = not once or (rel.join == "semi" and _one_row(inner, quals))
    distinct = _distinct_keys(flat, paths, quals, rel, outer) if plain else None
    for path in inner.paths(quals, max(1.0, outer.cost.rows)):
        again = path.cost.run / max(1.0, path.cost.rows) if once else path.cost.total
        total = outer.cost.total + outer.cost.rows * (max(again, 0.0) if once else path.cost.total)
        if once:
            total += outer.cost.rows * path.cost.startup
        joined_cost = Cost(outer.cost.startup + path.cost.startup, total + rows * cost.CPU_TUPLE, rows)
        made.append(JoinPath(joined_cost, (*outer.scans, (rel.rtindex, path))))
        if distinct is not None and any(qual.expr in path.conditions for qual in quals):
            kept = cost.memoized(path.cost, inner.width, outer.cost.rows, distinct, catalog.pg_version)
            total = outer.cost.total + path.cost.total + (outer.cost.rows - 1.0) * kept + rows * cost.CPU_TUPLE
            joined_cost = Cost(outer.cost.startup + path.cost.startup, total, rows)
            made.append(JoinPath(joined_cost, (*outer.scans, (rel.rtindex, path))))
    if any(_hash_clause(catalog, qual, rel) for qual in quals):
        for path in inner.paths():
            build = path.cost.total + path.cost.rows * (cost.CPU_OPERATOR + cost.CPU_TUPLE)
            total = outer.cost.total + build + outer.cost.rows * cost.CPU_OPERATOR + rows * cost.CPU_TUPLE
            made.append(JoinPath(Cost(outer.cost.startup + build, total, rows), (*outer.scans, (rel.rtindex, path))))
    else:
        cheapest = min(inner.paths(), key=lambda path: path.cost.total)
        total = outer.cost.total + cheapest.cost.total + outer.cost.rows * cheapest.cost.rows * cost.CPU_OPERATOR
        made.append(JoinPath(Cost(outer.cost.startup, total, rows), (*outer.scans, (rel.rtindex, cheapest))))
    return made


def _distinct_keys(
    flat: Flat, paths: dict[int, RelPaths], quals: Sequence[Qual], rel: Rel, outer: JoinPath
) -> float | None:
    """How many different keys the rows joined so far search the relation by (estimate_num_groups), if by columns of one
    table: what is found for one need not be searched again (get_memoize_path). None where all may differ."""
    keys = [
        arg
        for qual in quals
        if isinstance(qual.expr, OpExpr)
        for arg in qual.expr.args
        if rel.rtindex not in relids(arg)
    ]
    columns = [column for key in keys if isinstance(column := clauses.strip_relabel(key), Var)]
    sources = {column.varno for column in columns}
    if len(columns) != len(keys) or len(sources) != 1 or outer.cost.rows < 2.0:
        return None
    source = flat.rel(sources.pop())
    if source.relation is None:
        return None
    prepared = paths[source.rtindex]
    every = max(prepared.selectivity.distinct(column.attnum) for column in columns)
    rows = prepared.size.rows
    share: float = 1.0 - (1.0 - min(1.0, outer.cost.rows / rows)) ** (rows / every)
    return min(max(1.0, every * share), outer.cost.rows)


def _hash_clause(catalog: Catalog, qual: Qual, rel: Rel) -> bool:
    expr = qual.expr
    if not isinstance(expr, OpExpr) or len(expr.args) != 2 or not is_hashable(catalog, expr.opno, expr.args[0].type):
        return False
    sides = [relids(arg) for arg in expr.args]
    return frozenset({rel.rtindex}) in sides and not (sides[0] & sides[1])


def remove_useless(flat: Flat, paths: dict[int, RelPaths], needed: frozenset[int]) -> None:
    """Drops a LEFT JOIN to one row whose columns nobody uses (join_is_removable in analyzejoins.c)."""
    for rel in [one for one in flat.rels if one.join == "left"]:
        if rel.rtindex in needed or rel.relation is None:
            continue
        quals = [qual for qual in flat.joins if rel.rtindex in qual.relids]
        if len({other for qual in quals for other in qual.relids} - {rel.rtindex}) > 1:
            continue
        if _one_row(paths[rel.rtindex], quals):
            flat.rels = [one for one in flat.rels if one is not rel]
            flat.dropped += [qual.expr for qual in [*rel.quals, *rel.late]]
            flat.joins = [qual for qual in flat.joins if rel.rtindex not in qual.relids]


def _one_row(prepared: RelPaths, quals: Sequence[Qual]) -> bool:
    """Whether a key of the relation is compared, so that it has one row at most for each row of the others: a semijoin is
    a plain join then (reduce_unique_semijoins)."""
    return any(
        isinstance(qual.expr, OpExpr)
        and any(
            prepared.selectivity.unique(getattr(clauses.strip_relabel(arg), "attnum", 0))
            for arg in qual.expr.args
            if relids(arg) == {prepared.rel.rtindex}
        )
        for qual in quals
    )


def needed_outside(exprs: Sequence[Expr]) -> frozenset[int]:
    """Relations that the expressions refer to."""
    return frozenset(index for expr in exprs for index in relids(expr))
