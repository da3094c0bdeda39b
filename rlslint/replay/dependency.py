"""Objects to drop in, what goes with them out: what depends on what, CASCADE and RESTRICT (catalog/dependency.c).

Dependencies are not kept but read off the rows: an owner's OID, a column's number, and every object that a stored
expression or query names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from rlslint.analyze.entry import analyze_function_body
from rlslint.catalog.catalog import FIRST_NORMAL_OID, Catalog
from rlslint.catalog.rows import Constraint, Index, Policy, Proc, Relation, StoredExpr, Trigger, Type
from rlslint.nodes.parsenodes import Query, RangeTblEntry, query_expressions
from rlslint.nodes.primnodes import Aggref, Const, Expr, FuncExpr, Oid, SubLink, Var
from rlslint.replay.session import DDLError, Session

Kind = Literal["relation", "index", "constraint", "policy", "default", "proc", "type", "namespace", "trigger"]
Behaviour = Literal["normal", "auto", "internal", "partition"]


class Address(NamedTuple):
    """An object: its kind, its OID, and for a column (or its default) the column's number."""

    kind: Kind
    oid: Oid
    sub: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """``dependent`` cannot be without ``referenced``."""

    dependent: Address
    referenced: Address
    behaviour: Behaviour


Row = Relation | Index | Constraint | Policy | Proc | Type | Trigger

DROPPED_COLUMN: Final = "........pg.dropped.{}........"


def perform_deletion(session: Session, objects: Sequence[Address], *, cascade: bool) -> None:
    """Drop objects and what depends on them (performMultipleDeletions).

    Raises DDLError 2BP01 when something would have to go that only CASCADE takes, or when one is part of another.
    """
    targets = find_dependents(session.catalog, objects)
    if not cascade:
        for address, flags in targets.items():
            if flags == {"normal"}:
                what = describe(session.catalog, objects[0]) if len(objects) == 1 else "desired object(s)"
                raise DDLError(
                    "2BP01",
                    f"cannot drop {what} because other objects depend on it: {describe(session.catalog, address)}",
                )
    for address in reversed(targets):
        _delete(session.catalog, address)


def find_dependents(catalog: Catalog, objects: Sequence[Address]) -> dict[Address, set[str]]:
    """Everything that has to go, each with the ways it was reached (findDependentObjects).

    Raises DDLError 2BP01 when one of ``objects`` is part of another object that stays.
    """
    targets: dict[Address, set[str]] = {}
    work: list[tuple[Address, str]] = [(one, "original") for one in reversed(objects)]
    rows = list(_rows(catalog))
    while work:
        address, flag = work.pop()
        covering = targets.get(address) or targets.get(Address(address.kind, address.oid))
        if covering is not None:
            if address in targets:
                covering.add(flag)
            continue
        owner = _owner(catalog, address)
        if owner is not None and not _goes(owner[0], targets) and not _goes(owner[0], objects):
            if flag == "original":
                raise DDLError(
                    "2BP01",
                    f"cannot drop {describe(catalog, address)} because {describe(catalog, owner[0])} requires it",
                )
            if owner[1] == "internal":
                # the object goes because its owner does
                work.append((owner[0], flag))
                continue
        targets[address] = {flag}
        for row in rows:
            if address.oid not in _referenced_oids(row, catalog):
                continue
            for edge in edges_of(catalog, row):
                if _covers(address, edge.referenced) and edge.dependent != address:
                    work.append((edge.dependent, edge.behaviour))
    return targets


def _goes(address: Address, going: Collection[Address]) -> bool:
    return address in going or Address(address.kind, address.oid) in going


def _covers(dropped: Address, referenced: Address) -> bool:
    if dropped.kind != referenced.kind or dropped.oid != referenced.oid:
        return False
    return dropped.sub in (0, referenced.sub)


def _owner(catalog: Catalog, address: Address) -> tuple[Address, Behaviour] | None:
    """What the object is a part of."""
    match address.kind:
        case "index":
            index = catalog.indexes[address.oid]
            for one in catalog.constraints_of(index.indrelid):
                if one.conindid == index.oid and one.contype != "f":
                    return Address("constraint", one.oid), "internal"
            return None if not index.inhparent else (Address("index", index.inhparent), "partition")
        case "constraint":
            constraint = catalog.constraints[address.oid]
            parent = constraint.coninhparent
            return None if not parent else (Address("constraint", parent), "partition")
        case "type":
            row = catalog.types[address.oid]
            if row.typelem and row.typcategory == "A":
                return Address("type", row.typelem), "internal"
            relation = catalog.relations.get(row.typrelid)
            if relation is not None and relation.relkind != "c":
                return Address("relation", relation.oid), "internal"
            return None
        case "relation" if not address.sub:
            sequence = catalog.relations[address.oid]
            table = catalog.relations.get(sequence.ownedby[0])
            if table is not None and table.column(sequence.ownedby[1]).attidentity:
                return Address("relation", *sequence.ownedby), "internal"
            return None
        case "default":
            if catalog.relations[address.oid].column(address.sub).attgenerated:
                return Address("relation", address.oid, address.sub), "internal"
            return None
    return None


def _rows(catalog: Catalog) -> Iterator[Row]:
    yield from catalog.relations
    yield from catalog.types
    yield from catalog.indexes
    yield from catalog.constraints
    yield from catalog.policies
    yield from catalog.triggers
    yield from catalog.procs


# edges of a row never change, as rows do not; the row is kept so that its id() stays its own
_CACHE: dict[int, tuple[Row, tuple[Edge, ...], frozenset[Oid]]] = {}
_CACHE_LIMIT: Final = 200_000


def forget() -> None:
    """Empty the cache of edges; replay calls it before it starts."""
    _CACHE.clear()


def _cached(row: Row, catalog: Catalog) -> tuple[Row, tuple[Edge, ...], frozenset[Oid]]:
    found = _CACHE.get(id(row))
    if found is None:
        if len(_CACHE) > _CACHE_LIMIT:
            _CACHE.clear()
        edges = tuple(_edges(catalog, row))
        found = _CACHE[id(row)] = (row, edges, frozenset(edge.referenced.oid for edge in edges))
    return found


def edges_of(catalog: Catalog, row: Row) -> tuple[Edge, ...]:
    """What the row's objects depend on."""
    return _cached(row, catalog)[1]


def _referenced_oids(row: Row, catalog: Catalog) -> frozenset[Oid]:
    return _cached(row, catalog)[2]


def _edges(catalog: Catalog, row: Row) -> Iterator[Edge]:
    match row:
        case Relation():
            yield from _of_relation(catalog, row)
        case Type():
            yield from _of_type(catalog, row)
        case Index():
            yield from _of_index(catalog, row)
        case Constraint():
            yield from _of_constraint(catalog, row)
        case Policy():
            me = Address("policy", row.oid)
            yield Edge(me, Address("relation", row.polrelid), "auto")
            for stored in (row.polqual, row.polwithcheck):
                yield from _normal(me, stored_references(catalog, stored, row.polrelid))
        case Trigger():
            yield Edge(Address("trigger", row.oid), Address("relation", row.tgrelid), "auto")
            yield Edge(Address("trigger", row.oid), Address("proc", row.tgfoid), "normal")
        case Proc():
            me = Address("proc", row.oid)
            yield Edge(me, Address("namespace", row.pronamespace), "normal")
            for oid in (row.prorettype, *row.proargtypes, *row.proallargtypes):
                yield from _normal(me, _type_reference(catalog, oid))
            if row.prosqlbody:
                for query in analyze_function_body(catalog, row, row.search_path) or ():
                    yield from _normal(me, query_references(catalog, query, ()))


def _normal(dependent: Address, referenced: Iterable[Address]) -> Iterator[Edge]:
    for one in dict.fromkeys(referenced):
        yield Edge(dependent, one, "normal")


def _of_relation(catalog: Catalog, row: Relation) -> Iterator[Edge]:
    me = Address("relation", row.oid)
    yield Edge(me, Address("namespace", row.relnamespace), "normal")
    for parent in row.inhparents:
        yield Edge(me, Address("relation", parent), "auto" if row.relispartition else "normal")
    if row.ownedby[0]:
        yield Edge(me, Address("relation", *row.ownedby), "auto")
    if row.query is not None:
        yield from _normal(me, query_references(catalog, row.query, ()))
    for column in row.attributes:
        if column.attisdropped:
            continue
        yield from _normal(Address("relation", row.oid, column.attnum), _type_reference(catalog, column.atttypid))
        if column.attdefault is not None:
            default = Address("default", row.oid, column.attnum)
            owner = Address("relation", row.oid, column.attnum)
            yield Edge(default, owner, "internal" if column.attgenerated else "auto")
            yield from _normal(default, stored_references(catalog, column.attdefault, row.oid))


def _of_type(catalog: Catalog, row: Type) -> Iterator[Edge]:
    me = Address("type", row.oid)
    yield Edge(me, Address("namespace", row.typnamespace), "normal")
    if row.typelem and row.typcategory == "A":
        yield Edge(me, Address("type", row.typelem), "internal")
    if row.typrelid:
        # a table has its row type, a composite type has its relation: each goes with the other
        relation = Address("relation", row.typrelid)
        yield Edge(me, relation, "internal")
        if catalog.relations[row.typrelid].relkind == "c":
            yield Edge(relation, me, "internal")
    if row.typbasetype:
        yield from _normal(me, _type_reference(catalog, row.typbasetype))


def _of_index(catalog: Catalog, row: Index) -> Iterator[Edge]:
    me = Address("index", row.oid)
    yield Edge(me, Address("relation", row.indrelid), "auto")
    for number in (*(key.attnum for key in row.keys), *row.include):
        if number > 0:
            yield Edge(me, Address("relation", row.indrelid, number), "auto")
    if row.inhparent:
        yield Edge(me, Address("index", row.inhparent), "partition")
    for stored in (*(key.expr for key in row.keys), row.indpred):
        for one in dict.fromkeys(stored_references(catalog, stored, row.indrelid)):
            own = one.kind == "relation" and one.oid == row.indrelid
            yield Edge(me, one, "auto" if own else "normal")


def _of_constraint(catalog: Catalog, row: Constraint) -> Iterator[Edge]:
    me = Address("constraint", row.oid)
    if row.contypid:
        yield Edge(me, Address("type", row.contypid), "auto")
    else:
        yield Edge(me, Address("relation", row.conrelid), "auto")
    for number in row.conkey:
        if number > 0:
            yield Edge(me, Address("relation", row.conrelid, number), "auto")
    if row.coninhparent:
        yield Edge(me, Address("constraint", row.coninhparent), "partition")
    if row.contype == "f":
        yield Edge(me, Address("relation", row.confrelid), "normal")
        for number in row.confkey:
            yield Edge(me, Address("relation", row.confrelid, number), "normal")
        if row.conindid:
            yield Edge(me, Address("index", row.conindid), "normal")
    elif row.conindid:
        yield Edge(Address("index", row.conindid), me, "internal")
    yield from _normal(me, stored_references(catalog, row.conexpr, row.conrelid))


def stored_references(catalog: Catalog, stored: StoredExpr | None, relid: Oid) -> Iterator[Address]:
    """What a stored expression over one relation names: columns, relations, functions, types."""
    if stored is None:
        return
    own = Query(rtable=(RangeTblEntry(kind="relation", eref="", relid=relid),))
    yield from _references(catalog, stored.expr, (own,))


def query_references(catalog: Catalog, query: Query, outer: tuple[Query, ...]) -> Iterator[Address]:
    """What a query names (recordDependencyOnExpr)."""
    levels = (*outer, query)
    for rte in query.rtable:
        if rte.relid:
            yield Address("relation", rte.relid)
        if rte.kind == "subquery" and rte.subquery is not None:
            yield from query_references(catalog, rte.subquery, levels)
    for expr in query_expressions(query):
        yield from _references(catalog, expr, levels)
    for _, cte in query.ctes:
        yield from query_references(catalog, cte, levels)
    for arm in query.arms:
        yield from query_references(catalog, arm, levels)


def _references(catalog: Catalog, expr: Expr, levels: tuple[Query, ...]) -> Iterator[Address]:
    stack = [expr]
    while stack:
        node = stack.pop()
        stack.extend(node.children())
        yield from _type_reference(catalog, node.type)
        match node:
            case Var():
                yield from _column_reference(catalog, node, levels)
            case FuncExpr() | Aggref():
                if node.funcid >= FIRST_NORMAL_OID:
                    yield Address("proc", node.funcid)
            case SubLink():
                yield from query_references(catalog, node.subselect, levels)
            case Const(type=2205) if node.value is not None:
                # regclass, as in nextval(): columns.cook_default puts the OID there
                if node.value.isdigit() and catalog.relations.get(int(node.value)) is not None:
                    yield Address("relation", int(node.value))


def _column_reference(catalog: Catalog, var: Var, levels: tuple[Query, ...]) -> Iterator[Address]:
    depth = len(levels) - 1 - var.levelsup
    if depth < 0 or not 0 < var.varno <= len(levels[depth].rtable):
        return
    rte = levels[depth].rtable[var.varno - 1]
    if rte.kind == "relation" and rte.relid:
        yield Address("relation", rte.relid, max(var.attnum, 0))
    elif rte.kind == "join" and 0 < var.attnum <= len(rte.joinvars):
        yield from _references(catalog, rte.joinvars[var.attnum - 1], levels[: depth + 1])


def _type_reference(catalog: Catalog, oid: Oid) -> Iterator[Address]:
    if oid < FIRST_NORMAL_OID:
        return
    row = catalog.types.get(oid)
    while row is not None and row.typelem and row.typcategory == "A":
        row = catalog.types.get(row.typelem)
    if row is not None and row.oid >= FIRST_NORMAL_OID:
        yield Address("type", row.oid)


def _delete(catalog: Catalog, address: Address) -> None:
    match address.kind:
        case "relation" if address.sub:
            table = catalog.relations.get(address.oid)
            if table is not None:
                _delete_column(catalog, table, address.sub)
        case "relation":
            catalog.relations.remove(address.oid)
        case "index":
            catalog.indexes.remove(address.oid)
        case "constraint":
            catalog.constraints.remove(address.oid)
        case "policy":
            catalog.policies.remove(address.oid)
        case "proc":
            catalog.procs.remove(address.oid)
        case "type":
            catalog.types.remove(address.oid)
        case "namespace":
            catalog.namespaces.remove(address.oid)
        case "trigger":
            catalog.triggers.remove(address.oid)
        case "default":
            table = catalog.relations.get(address.oid)
            if table is not None:
                column = replace(table.column(address.sub), attdefault=None)
                put_column(catalog, table, column)


def put_column(catalog: Catalog, table: Relation, column: object) -> None:
    """Replace one column of a table."""
    from rlslint.catalog.rows import Attribute

    assert isinstance(column, Attribute)
    attributes = list(table.attributes)
    attributes[column.attnum - 1] = column
    catalog.relations.put(replace(table, attributes=tuple(attributes)))


def _delete_column(catalog: Catalog, table: Relation, number: int) -> None:
    column = replace(
        table.column(number),
        attname=DROPPED_COLUMN.format(number),
        attisdropped=True,
        atttypid=0,
        attnotnull=False,
        attdefault=None,
        attgenerated="",
        attidentity="",
        attacl=frozenset(),
    )
    put_column(catalog, table, column)


def describe(catalog: Catalog, address: Address) -> str:
    """The object in words, for messages (getObjectDescription)."""
    match address.kind:
        case "relation" | "default":
            row = catalog.relations[address.oid]
            words = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "S": "sequence"}
            name = f"{words.get(row.relkind, 'relation')} {row.relname}"
            if address.kind == "default":
                return f"default value for column {row.column(address.sub).attname} of {name}"
            return f"column {row.column(address.sub).attname} of {name}" if address.sub else name
        case "index":
            return f"index {catalog.indexes[address.oid].relname}"
        case "constraint":
            constraint = catalog.constraints[address.oid]
            table = catalog.relations.get(constraint.conrelid)
            return f"constraint {constraint.conname}" + (f" on table {table.relname}" if table is not None else "")
        case "policy":
            policy = catalog.policies[address.oid]
            return f"policy {policy.polname} on table {catalog.relations[policy.polrelid].relname}"
        case "proc":
            return f"function {catalog.procs[address.oid].proname}"
        case "type":
            return f"type {catalog.types[address.oid].typname}"
        case "namespace":
            return f"schema {catalog.nspname(address.oid)}"
        case "trigger":
            return f"trigger {catalog.triggers[address.oid].tgname}"
