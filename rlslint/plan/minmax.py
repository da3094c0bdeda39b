"""A query over one relation that wants its first row or rows in, the scans of an index from one end that find them out:
ORDER BY with LIMIT, and preprocess_minmax_aggregates() of planagg.c: min(), max(), bool_and(), bool_or() and every()."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rlslint.catalog.catalog import PG_CATALOG, Catalog
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Aggref, Expr, NullTest, OpExpr, Var, walk
from rlslint.plan import clauses
from rlslint.plan.flat import Flat, Qual
from rlslint.plan.indexes import IndexInfo, IndexKeyInfo, is_key
from rlslint.plan.mutate import relids
from rlslint.plan.nullable import restriction
from rlslint.plan.paths import Path, RelPaths
from rlslint.records import replace

_SORTED: Final = frozenset({"min", "max", "bool_and", "bool_or", "every"})
"""Those of the built-in aggregates that have a sort operator (pg_aggregate.aggsortop)."""
_BOOLEAN: Final = 16


def end_scans(
    catalog: Catalog, query: Query, flat: Flat, prepared: RelPaths | None
) -> list[tuple[Aggref, Path, float]] | None:
    """For each aggregate the scan that finds its one row, and what that costs; None where one of them has none.

    ``prepared`` is the only relation of ``flat``, the query as it is planned.
    """
    if prepared is None or len(flat.rels) != 1 or flat.rels[0].relation is None:
        return None
    if query.group_by or query.has_windows or query.ctes:
        return None
    found: list[tuple[Aggref, Path, float]] = []
    known: set[Expr] = set()
    for aggregate in _aggregates(flat):
        if aggregate in known:
            continue
        known.add(aggregate)
        proc = catalog.procs.get(aggregate.funcid)
        if proc is None or proc.pronamespace != PG_CATALOG or proc.proname not in _SORTED:
            return None
        if aggregate.window or aggregate.extra or len(aggregate.args) != 1:
            return None
        if clauses.contain_mutable(catalog, aggregate.args[0]):
            return None
        best = _best(catalog, prepared, aggregate.args[0])
        if best is None:
            return None
        found.append((aggregate, *best))
    return found or None


def scan_in_order(catalog: Catalog, prepared: RelPaths, wanted: Expr, limit: float) -> Path | None:
    """The index that finds the first ``limit`` rows in the order of an expression for least (get_cheapest_fractional_path
    of planner.c, with grouping_planner's paths that need no sort)."""
    best: Path | None = None
    for info in prepared.infos:
        if info.index.amname != "btree" or not _ordered_by(catalog, prepared, info, wanted, prepared.rel.quals):
            continue
        path = prepared.plain_scan(info, prepared.rel.quals)
        if path is not None and (best is None or _first(path, limit) < _first(best, limit)):
            best = path
    return best


def _first(path: Path, limit: float) -> float:
    return path.cost.first(min(1.0, limit / max(1.0, path.cost.rows)))


def _aggregates(flat: Flat) -> Iterator[Aggref]:
    for expr in flat.outputs:
        yield from (node for node in walk(expr) if isinstance(node, Aggref))


def _best(catalog: Catalog, prepared: RelPaths, wanted: Expr) -> tuple[Path, float] | None:
    """build_minmax_path(): the relation's conditions and ``wanted IS NOT NULL``, in the order of ``wanted``, one row."""
    rel = prepared.rel
    present = restriction(catalog, rel.relation, NullTest(type=_BOOLEAN, arg=wanted, is_null=False))
    quals = list(rel.quals) if present is None else [*rel.quals, Qual(present)]
    best: tuple[Path, float] | None = None
    for info in prepared.infos:
        if info.index.amname != "btree" or not _ordered_by(catalog, prepared, info, wanted, quals):
            continue
        path = prepared.plain_scan(info, quals)
        if path is None:
            continue
        first = path.cost.first(1.0 / max(1.0, path.cost.rows))
        if not any(qual.expr in path.conditions for qual in rel.quals):
            # entry after entry, until a row passes
            path = replace(path, leading=False)
        if best is None or first < best[1]:
            best = path, first
    return best


def _ordered_by(catalog: Catalog, prepared: RelPaths, info: IndexInfo, wanted: Expr, quals: Sequence[Qual]) -> bool:
    """Whether the index returns its entries in the order of an expression: columns before it hold one value each."""
    rtindex = prepared.rel.rtindex
    for key in info.keys:
        if is_key(key, rtindex, wanted):
            return _default_order(key, wanted)
        if not any(_fixes(catalog, qual.expr, key, rtindex) for qual in quals):
            return False
    return False


def _default_order(key: IndexKeyInfo, wanted: Expr) -> bool:
    """Aggregates compare by the type's own order and the expression's own collation."""
    if key.opclass is None or not key.opclass.opcdefault:
        return False
    column = clauses.strip_relabel(wanted)
    return not key.collation or not isinstance(column, Var) or key.collation == column.collation


def _fixes(catalog: Catalog, expr: Expr, key: IndexKeyInfo, rtindex: int) -> bool:
    if not isinstance(expr, OpExpr) or expr.kind != "op" or len(expr.args) != 2:
        return False
    operator = catalog.operators.get(expr.opno)
    if operator is None or not operator.oprcanmerge or clauses.contain_volatile(catalog, expr):
        return False
    left, right = expr.args
    return any(
        is_key(key, rtindex, side) and rtindex not in relids(other) for side, other in ((left, right), (right, left))
    )
