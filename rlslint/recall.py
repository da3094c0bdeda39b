"""What was found in a catalog before in, what of it holds for one that grew out of the same first migrations out.

Findings on a table hang on the table, on what its policies come to (`Dependents`), and on what every table hangs on
(`world`). Where none of that was touched behind the migrations that both catalogs share, neither when it was looked at nor
now, they are the same. Rules that look further say so (``across_tables``) or are about steps: they are always asked anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import Facts
from rlslint.findings import Finding
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, reads
from rlslint.records import dataclass, field, replace
from rlslint.registry import Rule
from rlslint.suggest.advice import Advice, Advised, Joint
from rlslint.touched import Dependents, Touched


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look at a catalog found, as far as another one may take it over."""

    first: int = 0
    """How many migrations are shared."""
    findings: tuple[Finding, ...] = ()
    """What the rules said of ``tables``, those included that give way to others."""
    tables: frozenset[Oid] = frozenset()
    """Tables that hang on nothing that was touched behind the shared migrations."""
    touched: frozenset[Oid] = frozenset()
    """Tables that were."""
    functions: frozenset[Oid] = frozenset()
    names: frozenset[str] = frozenset()
    """Words of the names of what was."""
    advised: tuple[Advised, ...] = ()
    """What was suggested, and hangs on ``tables`` alone."""
    joints: tuple[Joint, ...] = ()
    hot: Mapping[Oid, tuple[str, ...]] = field(default_factory=dict)
    reads: Mapping[Oid, tuple[Oid, ...]] = field(default_factory=dict)
    """Tables that the plans of each of ``tables`` read."""
    plans: tuple[AccessPlan, ...] = ()
    """Those of ``tables``, where they are at hand."""
    twins: Mapping[Oid, tuple[Oid, ...]] = field(default_factory=dict)
    world: str = ""
    """Stands for what every table hangs on."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What the migrations behind the shared ones did."""

    first: int
    """How many are shared."""
    touched: Touched
    files: frozenset[int]
    """Their source files, by identity."""
    newest: Oid
    """The newest OID before them."""


def holding(earlier: Looked, growth: Growth, facts: Facts) -> frozenset[Oid]:
    """Tables whose findings in an earlier look hold. ``growth``: since the migrations that it shares; ``facts``: those of
    now, no plan needed."""
    catalog, hot = facts.catalog, facts.hot
    if growth.touched.everything or not earlier.tables or earlier.world != world(catalog):
        return frozenset()
    if earlier.twins != facts.one_of_each().twins:
        return frozenset()
    touched = Touched(set(earlier.touched), set(earlier.functions), set(earlier.names))
    touched.add(growth.touched)
    affected = Dependents(catalog, facts.policy_changes).affected(touched)
    return frozenset(
        oid
        for oid in earlier.tables - affected
        if catalog.relations.get(oid) is not None and earlier.hot.get(oid) == hot.get(oid)
    )


def in_order(rules: Sequence[Rule], findings: Iterable[Finding]) -> list[Finding]:
    """By rule and table: one order, however they were come by."""
    place = {rule.code: number for number, rule in enumerate(rules)}
    return sorted(findings, key=lambda one: (place[one.rule.code], one.relid))


def looked(findings: Sequence[Finding], facts: Facts, growth: Growth) -> Looked:
    """What there is to take over for another catalog that shares the migrations that ``growth`` came after."""
    if growth.touched.everything:
        return Looked()
    catalog = facts.catalog
    affected = Dependents(catalog, facts.policy_changes).affected(growth.touched)
    kept = [one for one in findings if not one.rule.across_tables]
    newer = [one for one in kept if any(id(span.source) in growth.files for span in one.spans)]
    # what speaks of a place in a file that may be another one is found again; what rules say of steps always is
    later = {one.relid for one in newer if one.rule.about != "steps"}
    again = {id(one) for one in newer}
    tables = frozenset(
        row.oid for row in catalog.relations if row.oid <= growth.newest and row.oid not in affected | later
    )
    read: dict[Oid, set[Oid]] = {oid: set(relids) for oid, relids in facts.unplanned.items() if oid in tables}
    for plan in facts.plans:
        if plan.relid in tables:
            read.setdefault(plan.relid, set()).update(reads(plan))
    return Looked(
        first=growth.first,
        findings=tuple(one for one in kept if one.relid in tables and id(one) not in again),
        tables=tables,
        functions=frozenset(growth.touched.functions),
        names=frozenset(growth.touched.names),
        touched=frozenset(growth.touched.tables),
        reads={oid: tuple(sorted(relids)) for oid, relids in read.items()},
        plans=tuple(plan for plan in facts.plans if plan.relid in tables),
        hot={oid: evidence for oid, evidence in facts.hot.items() if oid in tables},
        twins=facts.one_of_each().twins,
        world=world(catalog),
    )


def advice(earlier: Looked, taken: frozenset[Oid], growth: Growth, facts: Facts) -> Advice:
    """What was suggested in an earlier look, as far as it holds; ``taken``: tables that are taken over from it."""
    read = frozenset(relid for plan in facts.plans if plan.relid not in taken for relid in reads(plan))
    defines = not (earlier.functions or growth.touched.functions)
    return Advice.of(earlier.advised, earlier.joints, taken, read, defines=defines)


def with_advice(seen: Looked, made: Advice, files: frozenset[int]) -> Looked:
    """The same with what was suggested. Nothing may speak of ``files``, by identity, that will be others."""

    def lasts(finding: Finding) -> bool:
        return not any(id(span.source) in files for span in finding.spans)

    advised = tuple(one for one in made.all() if one.tables <= seen.tables and lasts(one.finding))
    joints = tuple(one for one in made.joints.values() if one.tables <= seen.tables and all(map(lasts, one.findings)))
    return replace(seen, advised=advised, joints=joints)


def world(catalog: Catalog) -> str:
    """A digest of what every policy may hang on: roles, schemas, operators, casts, the session's search_path."""
    stores = (catalog.namespaces, catalog.roles, catalog.operators, catalog.casts, catalog.opclasses, catalog.amops)
    said: list[object] = [_plain(row) for store in stores for row in store]
    said += [_plain(one) for one in (*catalog.default_acls, *catalog.extensions.values())]
    said += [sorted(catalog.unknown_schemas), catalog.start_search_path, catalog.pg_version]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _plain(row: Any) -> tuple[object, ...]:
    """A row without its place, sets in order."""
    values = (getattr(row, one.name) for one in fields(row) if one.name != "origin")
    return tuple(sorted(value) if isinstance(value, frozenset) else value for value in values)
