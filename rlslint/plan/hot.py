"""The catalog in, the tables that take many inserts out, each with its evidence (shown to the user, never silent)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation, StoredExpr
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import FuncExpr, Oid, SQLValueFunction
from rlslint.records import dataclass

# names the field uses for tables that programs append to
_NAMES = re.compile(
    r"(?:^|_)(metrics?|events?|logs?|messages?|audits?|audit_logs?|readings?|measurements?|samples?|telemetry|"
    r"page_?views?|clicks?|impressions?|pings?|heartbeats?|traces?|spans|ticks|positions|locations_history|"
    r"notifications?|activity|activities|history|journal|datapoints?|sensor_data|time_?series)$"
)
_TIMESTAMPS = frozenset({1114, 1184, 1082})  # timestamp, timestamptz, date


HOT_INSERTS: Final = 100_000
"""Rows inserted since the statistics were reset that make a table hot."""


@dataclass(frozen=True, slots=True)
class Hot:
    """A table that takes many inserts."""

    evidence: tuple[str, ...]
    told: bool = False
    """Somebody says so (--hot, --stats), rather than the table's name and shape."""


def hot_tables(
    catalog: Catalog,
    globs: Sequence[str] = (),
    inserted: Mapping[Oid, int] | None = None,
    many: int = HOT_INSERTS,
) -> dict[Oid, Hot]:
    """Tables that look hot, or are said to be by ``globs`` (of ``table`` or ``schema.table``).

    Of a table that the statistics tell of (``inserted``: n_tup_ins), they decide (from ``many`` on) and nothing is
    guessed. Otherwise one
    piece of circumstantial evidence is not enough: a name the field uses for such tables, or two others together.
    """
    found: dict[Oid, Hot] = {}
    for relation in catalog.relations:
        if relation.relkind not in ("r", "p"):
            continue
        told = [glob for glob in globs if _matches(catalog, relation, glob)]
        if told:
            found[relation.oid] = Hot((f"named by --hot {told[0]}",), told=True)
            continue
        if inserted is not None and relation.oid in inserted:
            if inserted[relation.oid] >= many:
                said = f"{inserted[relation.oid]:,} rows were inserted, says --stats"
                found[relation.oid] = Hot((said,), told=True)
            continue
        strong, weak = _evidence(catalog, relation)
        if strong or len(weak) > 1:
            found[relation.oid] = Hot((*strong, *weak))
    return found


def _matches(catalog: Catalog, relation: Relation, glob: str) -> bool:
    return fnmatchcase(relation.relname, glob) or fnmatchcase(catalog.qualified_name(relation), glob)


def _evidence(catalog: Catalog, relation: Relation) -> tuple[list[str], list[str]]:
    strong: list[str] = []
    weak: list[str] = []
    if match := _NAMES.search(relation.relname):
        strong.append(f"its name ends in {match[1]}")
    if relation.relkind == "p" and relation.partkey and relation.partkey[0] == "range":
        strong.append("it is partitioned by range")
    if any(index.amname == "brin" for index in catalog.indexes_of(relation.oid)):
        strong.append("it has a BRIN index")
    commands = {policy.polcmd for policy in catalog.policies_of(relation.oid)}
    if "a" in commands and not commands & {"*", "w", "d"}:
        weak.append("it has policies for INSERT and none for UPDATE or DELETE")
    if _has_counter(catalog, relation) and _has_clock(catalog, relation):
        weak.append("it has a numbered key and a timestamp that defaults to now()")
    return strong, weak


def _has_counter(catalog: Catalog, relation: Relation) -> bool:
    keys = {key for con in catalog.constraints_of(relation.oid) if con.contype == "p" for key in con.conkey}
    return any(
        attribute.attnum in keys and (attribute.attidentity or _calls(catalog, attribute.attdefault, "nextval"))
        for attribute in relation.attributes
    )


def _has_clock(catalog: Catalog, relation: Relation) -> bool:
    return any(
        attribute.atttypid in _TIMESTAMPS and _calls(catalog, attribute.attdefault, "now", "current_timestamp")
        for attribute in relation.attributes
    )


def _calls(catalog: Catalog, stored: StoredExpr | None, *names: str) -> bool:
    if stored is None:
        return False
    for node, _ in walk_deep(stored.expr):
        if isinstance(node, SQLValueFunction) and node.name in names:
            return True
        if isinstance(node, FuncExpr):
            proc = catalog.procs.get(node.funcid)
            if proc is not None and proc.proname in names:
                return True
    return False
