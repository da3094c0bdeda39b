"""A function, type or schema about to go in, what depends on it out: refused, or taken away too (catalog/dependency.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc, Relation, StoredExpr, Type
from rlslint.nodes.parsenodes import Query, nested_queries, walk_deep, walk_query
from rlslint.nodes.primnodes import Aggref, Expr, FuncExpr, Oid, OpExpr, ScalarArrayOpExpr, SubLink
from rlslint.replay.session import DDLError, Session

Uses = Callable[[Expr], bool]
"""Whether one node of an expression depends on what is going."""


def drop_dependents_of_function(session: Session, proc: Proc, *, cascade: bool) -> None:
    """Policies, defaults, constraints, indexes, views and triggers that call the function. Raises DDLError 2BP01."""
    catalog = session.catalog
    triggers = [row for row in catalog.triggers if row.tgfoid == proc.oid]
    operators = {row.oid for row in catalog.operators if row.oprcode == proc.oid}

    def uses(node: Expr) -> bool:
        match node:
            case FuncExpr(funcid=oid) | Aggref(funcid=oid):
                return oid == proc.oid
            case OpExpr(opno=opno) | ScalarArrayOpExpr(opno=opno):
                return opno in operators
        return False

    users = list(_users(catalog, uses))
    if (users or triggers) and not cascade:
        raise DDLError("2BP01", f"cannot drop function {proc.proname} because other objects depend on it")
    for trigger in triggers:
        catalog.triggers.remove(trigger.oid)
    for remove in users:
        remove(session)


def drop_dependents_of_type(
    session: Session, oids: frozenset[Oid], name: str, *, cascade: bool, members: frozenset[Oid] = frozenset()
) -> None:
    """Columns, functions, domains and expressions of the types. Raises DDLError 2BP01.

    ``members`` are functions that go together with the type (its extension's).
    """
    catalog = session.catalog
    columns = [
        (relation.oid, column.attnum)
        for relation in catalog.relations
        for column in relation.attributes
        if column.atttypid in oids and not column.attisdropped and relation.reltype not in oids
    ]
    procs = [
        row
        for row in catalog.procs
        if row.oid not in members and oids & {row.prorettype, *row.proargtypes, *row.proallargtypes}
    ]
    domains = [row for row in catalog.types if row.typtype == "d" and row.typbasetype in oids and row.oid not in oids]
    users = list(_users(catalog, lambda node: node.type in oids))
    if (columns or procs or domains or users) and not cascade:
        raise DDLError("2BP01", f"cannot drop type {name} because other objects depend on it")
    for remove in users:
        remove(session)
    for relid, attnum in columns:
        if catalog.relations.get(relid) is not None:
            remove_column(session, relid, attnum)
    for proc in procs:
        if catalog.procs.get(proc.oid) is not None:
            drop_dependents_of_function(session, proc, cascade=True)
            catalog.procs.remove(proc.oid)
    for domain in domains:
        remove_type(session, domain, cascade=True)


def remove_type(session: Session, row: Type, *, cascade: bool) -> None:
    """Take a type and its array type away. Raises DDLError 2BP01."""
    catalog = session.catalog
    array = catalog.types.get(row.typarray) if row.typarray else None
    oids = frozenset({row.oid} if array is None else {row.oid, array.oid})
    drop_dependents_of_type(session, oids, row.typname, cascade=cascade)
    if row.typrelid and catalog.relations.get(row.typrelid) is not None:
        catalog.relations.remove(row.typrelid)
    for constraint in [one for one in catalog.constraints if one.contypid == row.oid]:
        catalog.constraints.remove(constraint.oid)
    for cast in [one for one in catalog.casts if {one.castsource, one.casttarget} & oids]:
        catalog.casts.remove((cast.castsource << 32) | cast.casttarget)
    if array is not None:
        catalog.types.remove(array.oid)
    catalog.types.remove(row.oid)


def remove_column(session: Session, relid: Oid, attnum: int) -> None:
    """A column goes with its indexes, constraints and the policies that are about it."""
    catalog = session.catalog
    relation = catalog.relations[relid]
    for index in catalog.indexes_of(relid):
        if attnum in index.include or any(key.attnum == attnum for key in index.keys):
            catalog.indexes.remove(index.oid)
    for constraint in catalog.constraints_of(relid):
        if attnum in constraint.conkey:
            catalog.constraints.remove(constraint.oid)
    for constraint in catalog.constraints.find("referenced", relid):
        if attnum in constraint.confkey:
            catalog.constraints.remove(constraint.oid)
    attributes = tuple(
        replace(column, attisdropped=True) if column.attnum == attnum else column for column in relation.attributes
    )
    catalog.relations.put(replace(relation, attributes=attributes))


def remove_relation(session: Session, relid: Oid) -> None:
    """A relation goes with everything that is its own, foreign keys to it, its partitions and views over it."""
    catalog = session.catalog
    for child in list(catalog.children_of(relid)):
        if catalog.relations.get(child.oid) is not None:
            remove_relation(session, child.oid)
    for policy in catalog.policies_of(relid):
        catalog.policies.remove(policy.oid)
    for index in catalog.indexes_of(relid):
        catalog.indexes.remove(index.oid)
    for constraint in (*catalog.constraints_of(relid), *catalog.constraints.find("referenced", relid)):
        if catalog.constraints.get(constraint.oid) is not None:
            catalog.constraints.remove(constraint.oid)
    for trigger in catalog.triggers.find("table", relid):
        catalog.triggers.remove(trigger.oid)
    relation = catalog.relations[relid]
    catalog.relations.remove(relid)
    for view in [row for row in catalog.relations if row.query is not None and _reads(row, relid)]:
        if catalog.relations.get(view.oid) is not None:
            remove_relation(session, view.oid)
    for policy in [row for row in catalog.policies if _policy_reads(row.polqual, relid, row.polwithcheck)]:
        catalog.policies.remove(policy.oid)
    row = catalog.types.get(relation.reltype) if relation.reltype else None
    if row is not None:
        remove_type(session, replace(row, typrelid=0), cascade=True)


def _reads(view: Relation, relid: Oid) -> bool:
    def reads(query: Query) -> bool:
        return any(rte.relid == relid for rte in query.rtable) or any(reads(one) for one in nested_queries(query))

    return view.query is not None and reads(view.query)


def _policy_reads(qual: StoredExpr | None, relid: Oid, check: StoredExpr | None) -> bool:
    for stored in (qual, check):
        if stored is None:
            continue
        for node, _ in walk_deep(stored.expr):
            if isinstance(node, SubLink) and any(rte.relid == relid for rte in node.subselect.rtable):
                return True
    return False


def _users(catalog: Catalog, uses: Uses) -> Iterator[Callable[[Session], None]]:
    """For each row whose expression depends on what is going: how to take it away."""

    def within(*stored: StoredExpr | None) -> bool:
        return any(uses(node) for one in stored if one is not None for node, _ in walk_deep(one.expr))

    for policy in catalog.policies:
        if within(policy.polqual, policy.polwithcheck):
            yield _remover(lambda c: c.policies, policy.oid)
    for constraint in catalog.constraints:
        if within(constraint.conexpr):
            yield _remover(lambda c: c.constraints, constraint.oid)
    for index in catalog.indexes:
        if within(index.indpred, *(key.expr for key in index.keys)):
            yield _remover(lambda c: c.indexes, index.oid)
    for relation in catalog.relations:
        if relation.query is not None and any(uses(node) for node, _ in walk_query(relation.query)):
            yield _relation_remover(relation.oid)
        for column in relation.attributes:
            if not column.attisdropped and within(column.attdefault):
                yield _default_remover(relation.oid, column.attnum)


def _remover(store: Callable[[Catalog], object], oid: Oid) -> Callable[[Session], None]:
    def remove(session: Session) -> None:
        rows = store(session.catalog)
        if rows.get(oid) is not None:  # type: ignore[attr-defined]
            rows.remove(oid)  # type: ignore[attr-defined]

    return remove


def _relation_remover(oid: Oid) -> Callable[[Session], None]:
    def remove(session: Session) -> None:
        if session.catalog.relations.get(oid) is not None:
            remove_relation(session, oid)

    return remove


def _default_remover(relid: Oid, attnum: int) -> Callable[[Session], None]:
    def remove(session: Session) -> None:
        relation = session.catalog.relations.get(relid)
        if relation is None:
            return
        if relation.column(attnum).attgenerated:
            remove_column(session, relid, attnum)
            return
        attributes = tuple(
            replace(column, attdefault=None) if column.attnum == attnum else column for column in relation.attributes
        )
        session.catalog.relations.put(replace(relation, attributes=attributes))

    return remove
