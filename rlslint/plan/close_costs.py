"""A plan in, what statistics would have to say for another one to be taken out: every choice that data decide is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import SubLink, walk
from rlslint.plan import clauses, cost
from rlslint.plan.flat import Flat
from rlslint.plan.joins import JoinPath, best_join, wanted
from rlslint.plan.minmax import end_scans
from rlslint.plan.paths import OTHER_DATA, OtherData, Path, RelPaths
from rlslint.plan.planned import PlannedSubLink
from rlslint.plan.trees import read_with


def scan_remarks(catalog: Catalog, path: Path, prepared: RelPaths) -> Iterator[str]:
    """What the scan of a table under policies was chosen for."""
    yield from path.remarks()
    if path.method == "seq_scan" and path.indexes:
        yield f"partial index {path.indexes[0].index.relname} is read as a whole"
    relation = prepared.rel.relation
    if relation is not None:
        indexes = [one.index for one in path.indexes] if path.method != "seq_scan" else []
        yield from read_with(catalog, relation, indexes, (*path.conditions, *path.filters))
    for data, differing in _with_other_data(prepared):
        other = _cheapest(differing)
        if other.way != path.way:
            yield data.words(prepared.rel.name, path, other)
    others = [one for one in prepared.paths() if one.way != path.way]
    others += [one for fewer in prepared.without_one_of(path) for one in fewer.paths()]
    if others and path.cost.total > 0:
        second = min(others, key=lambda one: one.cost.total)
        near = [second] if second.cost.total < cost.CLOSE * path.cost.total else []
        near += (one for one in others if one not in near and _decided_by_subplans(path, one))
        for one in near[:1]:
            yield f"{prepared.rel.name}: {path.words} and {one.words} cost about the same"


def _with_other_data(prepared: RelPaths) -> Iterator[tuple[OtherData, RelPaths]]:
    """The relation over each of the other data that matter to it."""
    for data in OTHER_DATA:
        differing = prepared.with_other_data(data)
        if differing is not None:
            yield data, differing


def _cheapest(prepared: RelPaths) -> Path:
    return min(prepared.paths(), key=lambda one: one.cost.total)


def subplan_remarks(
    prepared: RelPaths, taken: Sequence[PlannedSubLink], plan: Callable[[float], Sequence[PlannedSubLink]]
) -> Iterator[str]:
    """Which subqueries of a filter would be run otherwise, were there more or fewer rows to filter; ``plan`` takes the
    number of rows."""
    for data, differing in _with_other_data(prepared):
        for one, other in zip(taken, plan(_cheapest(differing).cost.rows), strict=False):
            if one.evaluation != other.evaluation:
                names = ", ".join(scan.name for scan in one.plan.scans)
                yield f"the subquery over {names}: {one.evaluation} while {data.here}, {other.evaluation} when {data.there}"


def _decided_by_subplans(path: Path, other: Path) -> bool:
    """Whether both search an index and leave the same subqueries to a filter, which may cost so much more than either that
    the one that starts sooner is taken (compare_path_costs_fuzzily)."""
    subplans = [
        [node for expr in one.filters for node in walk(expr) if isinstance(node, SubLink) and clauses.is_subplan(node)]
        for one in (path, other)
    ]
    searches = path.method == other.method == "index_scan"
    return searches and bool(subplans[0]) and subplans[0] == subplans[1] and other.cost.startup < path.cost.startup


def close_alternatives(
    catalog: Catalog, flat: Flat, paths: dict[int, RelPaths], chosen: JoinPath, fraction: float
) -> tuple[str, ...]:
    """What the cheapest plan without the way chosen for a relation would do, where it costs about the same."""
    found: list[str] = []
    best = wanted(chosen.cost, fraction)
    for rtindex, path in chosen.scans:
        prepared = paths[rtindex]
        if prepared.rel.relation is None or len(flat.rels) > 3:
            continue
        prepared.without = path.way
        other = best_join(catalog, flat, paths, fraction)
        prepared.without = None
        taken = next(one for index, one in other.scans if index == rtindex)
        if taken.way != path.way and wanted(other.cost, fraction) < cost.CLOSE * best:
            found.append(f"{prepared.rel.name}: {path.words} and {taken.words} cost about the same")
    for data in OTHER_DATA:
        differing = {rtindex: prepared.with_other_data(data) or prepared for rtindex, prepared in paths.items()}
        if all(differing[rtindex] is paths[rtindex] for rtindex, _ in chosen.scans):
            continue
        others = dict(best_join(catalog, flat, differing, fraction).scans)
        for rtindex, path in chosen.scans:
            if others[rtindex].way != path.way:
                found.append(data.words(paths[rtindex].rel.name, path, others[rtindex]))
    return (*found, *_other_sizes(catalog, flat, paths, chosen, fraction))


def _other_sizes(
    catalog: Catalog, flat: Flat, paths: dict[int, RelPaths], chosen: JoinPath, fraction: float
) -> Iterator[str]:
    """Where one table is read as a whole and its rows are looked up in another: whether it is the other way round when that
    one is the smaller by far."""
    whole = [rtindex for rtindex, path in chosen.scans if path.method == "seq_scan"]
    if not whole or len(flat.rels) > 3:
        return
    for rtindex, path in chosen.scans:
        smaller = None if rtindex in whole else paths[rtindex].with_fewer_rows()
        if smaller is None:
            continue
        others = dict(best_join(catalog, flat, paths | {rtindex: smaller}, fraction).scans)
        if others[rtindex].method == "seq_scan":
            words = "while the tables are of one size"
            yield f"{smaller.rel.name}: {path.words} {words}, {others[rtindex].words} when it is much smaller"


def near_ends(
    catalog: Catalog, query: Query, flat: Flat, prepared: RelPaths, ends: float, whole: float
) -> Iterator[str]:
    """What is to be said of a choice between an index from one end and the rows themselves."""
    name = prepared.rel.name
    if max(ends, whole) < cost.CLOSE * min(ends, whole):
        yield f"{name}: an index from one end and the rows themselves cost about the same"
    for data, differing in _with_other_data(prepared):
        scans = end_scans(catalog, query, flat, differing)
        if scans is None:
            continue
        other_whole = min(one.cost.total + one.cost.rows * cost.CPU_OPERATOR for one in differing.paths())
        if (sum(first for _, _, first in scans) < other_whole) != (ends < whole):
            ways = ["an index from one end", "the rows themselves"]
            here, there = ways if ends < whole else reversed(ways)
            yield f"{name}: {here} while {data.here}, {there} when {data.there}"
