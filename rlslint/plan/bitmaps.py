"""A relation and the conditions on it in, bitmaps of its rows that several indexes fill together out:
generate_bitmap_or_paths() and choose_bitmap_and() of indxpath.c."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from rlslint.analyze.collate import input_collation
from rlslint.analyze.opclass import both_ways
from rlslint.nodes.primnodes import BoolExpr, Expr, Oid, OpExpr
from rlslint.plan import clauses, cost
from rlslint.plan.flat import Qual
from rlslint.plan.indexes import IndexInfo, is_key
from rlslint.plan.mutate import relids
from rlslint.plan.predicates import implied_by
from rlslint.plan.rel_indexes import RelIndexes
from rlslint.records import dataclass, replace


@dataclass(frozen=True, slots=True)
class Bitmap:
    """One index, or several combined by BitmapAnd and BitmapOr."""

    cost: float
    selectivity: float
    indexes: tuple[IndexInfo, ...]
    conditions: tuple[Expr, ...]
    quals: frozenset[Expr]
    """Conditions and index predicates that it takes care of."""
    predicates: tuple[Expr, ...] = ()
    leading: bool = True
    either: bool = False
    """There is a BitmapOr in it."""
    near: frozenset[tuple[str, str]] = frozenset()
    """Indexes that arms of it use, each with another that costs about the same."""


def bitmaps(prepared: RelIndexes, quals: Sequence[Qual], rows: float, loops: float) -> list[Bitmap]:
    """Those of more than one index: each OR, and the best combination of everything that there is.

    ``rows`` come out of the whole relation; the scan is repeated ``loops`` times.
    """
    ors = list(_ors(prepared, quals, (), rows))
    if not ors and not _combine(prepared, quals):
        return []
    single = _singles(prepared, quals, (), rows, loops)
    best = _choose_and(prepared, [*single, *ors])
    return ors if best is None or len(best.indexes) < 2 or best in ors else [*ors, best]


def _combine(prepared: RelIndexes, quals: Sequence[Qual]) -> bool:
    """Whether two indexes may serve different conditions: of those that serve the same only one is taken."""
    infos = prepared.candidates(quals)
    if len(infos) < 2:
        return False
    given = tuple(qual.expr for qual in quals)
    served = [
        served
        for info in infos
        if prepared.usable(info, given)
        and ((served := {id(match.clause) for match in prepared.matches(info, quals)}) or info.predicate)
    ]
    return any(one.isdisjoint(other) for number, one in enumerate(served) for other in served[number + 1 :])


def _ors(prepared: RelIndexes, quals: Sequence[Qual], others: Sequence[Qual], rows: float) -> Iterable[Bitmap]:
    """Every OR of whose arms each has an index (generate_bitmap_or_paths)."""
    for qual in quals:
        if not isinstance(qual.expr, BoolExpr) or qual.expr.op != "or" or not prepared.rel.promotable(qual):
            continue
        rest = [*others, *(other for other in quals if other is not qual)]
        arms: list[Bitmap] = []
        for group in _similar_arms(prepared, qual.expr):
            found = _group(prepared, group, qual, rest, rows)
            if not found:
                break
            arms += found
        else:
            yield _either(arms)


def _group(
    prepared: RelIndexes, group: Sequence[Expr], qual: Qual, others: Sequence[Qual], rows: float
) -> list[Bitmap]:
    """Arms that one index may search for as a list of values: together or one by one (make_bitmap_paths_for_or_group)."""
    apart: list[Bitmap] = []
    for arm in group:
        one = _arm(prepared, arm, qual, others, rows)
        if one is None:
            apart = []
            break
        apart.append(one)
    if len(group) == 1:
        return apart
    one_or = BoolExpr(type=qual.expr.type, op="or", args=tuple(group))
    together = _arm(prepared, one_or, qual, others, rows, whole=True)
    if together is not None and (not apart or together.cost < sum(one.cost for one in apart)):
        return [together]
    return apart


def _arm(
    prepared: RelIndexes, arm: Expr, qual: Qual, others: Sequence[Qual], rows: float, *, whole: bool = False
) -> Bitmap | None:
    """The cheapest indexes for one arm."""
    catalog = prepared.catalog
    parts = [
        Qual(part, qual.level, qual.level > 0 and clauses.contain_leaked_vars(catalog, part), qual.clause)
        for part in ((arm,) if whole else clauses.make_and((arm,)))
    ]
    found = _singles(prepared, parts, others, rows, 1.0)
    if not whole:
        found += _ors(prepared, parts, others, rows)
    best = _choose_and(prepared, found)
    return None if best is None else replace(best, near=best.near | _near(prepared, best, found))


def _near(prepared: RelIndexes, best: Bitmap, found: Sequence[Bitmap]) -> frozenset[tuple[str, str]]:
    """What could as well be taken for an arm as the one index that is."""
    if len(best.indexes) > 1:
        return frozenset()
    (own,), most = best.indexes, cost.CLOSE * _heap_cost(prepared, best)
    return frozenset(
        (own.index.relname, other.index.relname)
        for one in found
        for other in one.indexes
        if len(one.indexes) == 1 and other is not own and _heap_cost(prepared, one) < most
    )


def _singles(
    prepared: RelIndexes, quals: Sequence[Qual], others: Sequence[Qual], rows: float, loops: float
) -> list[Bitmap]:
    """One bitmap for each index that serves ``quals``, with what it serves of ``others`` (build_paths_for_OR)."""
    infos = prepared.candidates(quals)
    if not infos:
        return []
    found: list[Bitmap] = []
    given = tuple(qual.expr for qual in (*quals, *others))
    for info in infos:
        if not prepared.usable(info, given):
            continue
        own = prepared.matches(info, quals)
        helped = bool(info.predicate) and not prepared.usable(info, tuple(qual.expr for qual in others))
        if not own and not helped:
            continue
        matches = own
        if others:
            matches = (*own, *prepared.matches(info, others))
        if len(matches) > 1:
            matches = tuple(sorted(matches, key=lambda match: match.column))
        index, leading = prepared.index_cost(info, matches, loops)
        conditions = tuple(match.clause for match in matches)
        found.append(
            Bitmap(
                cost.bitmap_index(index, rows),
                index.selectivity,
                (info,),
                conditions,
                frozenset((*conditions, *info.predicate)),
                info.predicate,
                leading,
            )
        )
    return found


def _either(arms: Sequence[Bitmap]) -> Bitmap:
    """cost_bitmap_or_node() of costsize.c. A group of arms that one index serves alone stays a plain scan of it."""
    if len(arms) == 1:
        return arms[0]
    joined = _all(arms, min(1.0, sum(arm.selectivity for arm in arms)))
    dear = sum(1 for arm in arms[1:] if len(arm.indexes) > 1)
    return replace(joined, cost=joined.cost + dear * 100 * cost.CPU_OPERATOR, either=True)


def _both(parts: Sequence[Bitmap]) -> Bitmap:
    """cost_bitmap_and_node() of costsize.c."""
    joined = _all(parts, reduce(lambda share, part: share * part.selectivity, parts, 1.0))
    return replace(joined, cost=joined.cost + (len(parts) - 1) * 100 * cost.CPU_OPERATOR)


def _all(parts: Sequence[Bitmap], selectivity: float) -> Bitmap:
    return Bitmap(
        sum(part.cost for part in parts),
        selectivity,
        tuple(info for part in parts for info in part.indexes),
        tuple(expr for part in parts for expr in part.conditions),
        frozenset(expr for part in parts for expr in part.quals),
        tuple(expr for part in parts for expr in part.predicates),
        all(part.leading for part in parts),
        any(part.either for part in parts),
        frozenset(pair for part in parts for pair in part.near),
    )


def _choose_and(prepared: RelIndexes, found: Sequence[Bitmap]) -> Bitmap | None:
    """One bitmap or several whose rows have to be in all of them (choose_bitmap_and)."""
    if len(found) < 2:
        return found[0] if found else None
    distinct: dict[frozenset[Expr], Bitmap] = {}
    for one in found:
        known = distinct.get(one.quals)
        if known is None or one.cost < known.cost:
            distinct[one.quals] = one
    ordered = sorted(distinct.values(), key=lambda one: (one.cost, one.selectivity))
    best: Bitmap | None = None
    least = 0.0
    for number, first in enumerate(ordered):
        parts = [first]
        so_far = _heap_cost(prepared, first)
        for other in ordered[number + 1 :]:
            used = frozenset(expr for part in parts for expr in part.quals)
            if other.quals & used:
                continue
            if any(implied_by(prepared.catalog, (one,), tuple(used)) for one in other.predicates):
                continue
            both = _heap_cost(prepared, _both([*parts, other]))
            if both < so_far:
                parts.append(other)
                so_far = both
        if best is None or so_far < least:
            best, least = (parts[0] if len(parts) == 1 else _both(parts)), so_far
    return best


def _heap_cost(prepared: RelIndexes, one: Bitmap) -> float:
    """What reading its rows costs (bitmap_scan_cost_est)."""
    return cost.bitmap_scan(prepared.size, one.cost, one.selectivity, 0.0, 1.0).total


def _similar_arms(prepared: RelIndexes, condition: BoolExpr) -> list[list[Expr]]:
    """The arms; from version 18 those that compare the same index key by the same operator stand together
    (group_similar_or_args)."""
    groups: dict[object, list[Expr]] = {}
    for number, arm in enumerate(condition.args):
        key = _searched(prepared, arm) if prepared.catalog.pg_version >= 18 else None
        groups.setdefault(number if key is None else key, []).append(arm)
    return list(groups.values())


def _searched(prepared: RelIndexes, arm: Expr) -> tuple[Oid, int, Oid, Oid | None] | None:
    """The first index with the column that the arm compares, the column, the operator and its collation."""
    if not isinstance(arm, OpExpr) or arm.kind != "op" or len(arm.args) != 2:
        return None
    left, right = arm.args
    rtindex = prepared.rel.rtindex
    for key, other, opno in both_ways(prepared.catalog, arm.opno, left, right):
        if rtindex not in relids(key) or rtindex in relids(other) or not opno:
            continue
        if clauses.volatile_when_run(prepared.catalog, other):
            return None
        for info in prepared.infos:
            if info.index.amname != "btree":
                continue
            for column, one in enumerate(info.keys):
                if is_key(one, rtindex, key):
                    return info.oid, column, opno, input_collation(prepared.catalog, arm.args)
    return None
