"""SQL in, what it changes in the catalog out; the catalog is as before when a trial ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.catalog.store import Store
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, reads, reads_inside
from rlslint.records import dataclass, replace
from rlslint.replay.replay import handlers
from rlslint.replay.session import DDLError, NotFollowed, Session
from rlslint.source.model import SourceFile
from rlslint.source.parse import parse_script
from rlslint.touched import Dependents, Touched

SUGGESTED: Final = "<suggestion>"
"""Path of SQL that is tried and lies in no file."""


@dataclass(frozen=True, slots=True)
class Change:
    """What statements changed: tables that got or lost an index, policies (by OID) and the tables they stand on."""

    indexed: frozenset[Oid] = frozenset()
    policies: frozenset[Oid] = frozenset()
    added: frozenset[Oid] = frozenset()
    """Tables that got or lost a policy."""
    made: frozenset[Oid] = frozenset()
    """Policies that are new."""
    dropped: frozenset[Oid] = frozenset()
    functions: frozenset[Oid] = frozenset()
    """Functions that do something else than before under the same OID."""
    defined: frozenset[str] = frozenset()
    """Names of the functions that are written, even if they were there as they are now."""
    called: frozenset[Oid] = frozenset()
    """Tables whose policies come to one of them, or to one of ``views``."""
    views: frozenset[Oid] = frozenset()
    """Views that read their tables otherwise."""
    tables: frozenset[Oid] = frozenset()
    rejected: str | None = None
    culprit: str = ""
    """The SQL, as it was given, that was rejected."""

    @property
    def more_than_indexes(self) -> bool:
        """Whether policies or functions differ."""
        return bool(self.functions or self.policies or self.added or self.views)

    def touches(self, plan: AccessPlan) -> bool:
        """Whether the plan may be another one now."""
        if plan.relid in self.called or plan.relid in self.added:
            return True
        touched = reads(plan)
        # an INSERT finds no rows of its own table by an index
        scanned = touched if plan.scan.method != "none" else touched - {plan.relid} | reads_inside(plan)
        return (
            not self.indexed.isdisjoint(scanned)
            or not self.added.isdisjoint(touched)
            or not self.policies.isdisjoint(_meets(plan))
        )


@contextmanager
def applied(catalog: Catalog, statements: Sequence[str]) -> Iterator[Change]:
    """Run the statements on the catalog; it is put back afterwards. A statement that fails ends it (``rejected``)."""
    session = Session(catalog, handlers=handlers())
    start = session.savepoint()
    try:
        yield run(session, statements)
    finally:
        session.restore(start)


def run(session: Session, statements: Sequence[str]) -> Change:
    """Run the statements for good and say what they changed."""
    catalog = session.catalog
    stores: tuple[Store[Any], ...] = (catalog.indexes, catalog.policies, catalog.procs, catalog.relations)
    versions = [store.version for store in stores]
    indexes, policies, procs = catalog.indexes.rows(), catalog.policies.rows(), catalog.procs.rows()
    relations = catalog.relations.rows()
    for sql in statements:
        source = SourceFile(SUGGESTED, sql)
        parsed, problems = parse_script(source, 0, len(sql))
        for problem in problems:
            return Change(rejected=problem.reason, culprit=sql)
        for statement in parsed:
            session.statement = statement
            try:
                session.run(statement)
            except DDLError as error:
                return Change(rejected=error.message, culprit=sql)
            except NotFollowed as reason:
                return Change(rejected=str(reason), culprit=sql)
    # most change one of the stores: the others' rows are not looked at again
    same = [store.version == version for store, version in zip(stores, versions, strict=True)]
    made_indexes = indexes if same[0] else catalog.indexes.rows()
    made_policies = policies if same[1] else catalog.policies.rows()
    made_procs = procs if same[2] else catalog.procs.rows()
    made_relations = relations if same[3] else catalog.relations.rows()
    indexed = {row.indrelid for row in _changed(indexes, made_indexes)}
    altered = [row for row in _changed(policies, made_policies) if row.oid in policies and row.oid in made_policies]
    added = {
        row.polrelid
        for oid, row in ({} if same[1] else {**policies, **made_policies}).items()
        if (oid in policies) != (oid in made_policies)
    }
    retargeted = {row.polrelid for row in altered if policies[row.oid].polroles != made_policies[row.oid].polroles}
    defined = [] if same[2] else [row for oid, row in made_procs.items() if procs.get(oid) is not row]
    functions = frozenset(row.oid for row in defined if row.oid in procs and _differs(procs[row.oid], row))
    views = {row.oid for row in _changed(relations, made_relations) if row.relkind in ("v", "m")}
    touched = Touched(tables=set(views), functions=set(functions))
    called = Dependents(catalog).affected(touched) - views if views or functions else frozenset()
    tables = indexed | added | called | {row.polrelid for row in altered}
    return Change(
        indexed=frozenset(indexed),
        policies=frozenset(row.oid for row in altered),
        added=frozenset(added | retargeted),
        made=frozenset(made_policies.keys() - policies.keys()),
        dropped=frozenset(policies.keys() - made_policies.keys()),
        functions=functions,
        defined=frozenset(row.proname for row in defined),
        called=called,
        views=frozenset(views),
        tables=frozenset(tables),
    )


def _changed(before: Mapping[Oid, object], after: Mapping[Oid, object]) -> list:  # type: ignore[type-arg]
    if before is after:
        return []
    gone = [row for oid, row in before.items() if oid not in after]
    return gone + [row for oid, row in after.items() if before.get(oid) is not row]


def _differs(before: Proc, after: Proc) -> bool:
    """Whether a function is another one, wherever it is written."""
    return before is not after and replace(before, origin=None) != replace(after, origin=None)


def _meets(plan: AccessPlan) -> Iterator[Oid]:
    """Policies that apply to the statement, those of tables that subqueries read included."""
    security = plan.row_security
    for quals in [*security.security_quals, *[option.quals for option in security.with_check_options]]:
        for clause in quals.clauses:
            yield clause.policy.oid
    for subquery in plan.subqueries:
        for clause in subquery.nested_clauses:
            yield clause.policy.oid
