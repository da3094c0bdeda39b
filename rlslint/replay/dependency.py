"""Objects to drop in, what goes with them out: CASCADE and RESTRICT (catalog/dependency.c)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Attribute, Relation
from rlslint.records import replace
from rlslint.replay.references import Address, Behaviour, Kind, Row, edges_of, referenced_oids
from rlslint.replay.session import DDLError, Session

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
        for row in _possible_dependents(catalog, address.kind):
            if address.oid not in referenced_oids(catalog, row):
                continue
            for edge in edges_of(catalog, row):
                if _covers(address, edge.referenced) and edge.dependent != address:
                    work.append((edge.dependent, edge.behaviour))
    return targets


def _possible_dependents(catalog: Catalog, kind: Kind) -> Iterator[Row]:
    if kind in ("policy", "trigger", "default"):
        return
    yield from catalog.indexes
    yield from catalog.constraints
    if kind in ("index", "constraint"):
        return
    yield from catalog.relations
    yield from catalog.types
    yield from catalog.policies
    yield from catalog.triggers
    yield from catalog.procs
    yield from catalog.operators


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
            if row.typtype == "m":
                return Address("type", row.rngsubtype), "internal"
            relation = catalog.relations.get(row.typrelid)
            if relation is not None and relation.relkind != "c":
                return Address("relation", relation.oid), "internal"
            return None
        case "proc":
            made = catalog.procs[address.oid]
            return (Address("type", made.constructs), "internal") if made.constructs else None
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
        case "operator":
            catalog.operators.remove(address.oid)
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


def put_column(catalog: Catalog, table: Relation, column: Attribute) -> None:
    """Replace one column of a table."""
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
        case "operator":
            return f"operator {catalog.operators[address.oid].oprname}"
        case "type":
            return f"type {catalog.types[address.oid].typname}"
        case "namespace":
            return f"schema {catalog.nspname(address.oid)}"
        case "trigger":
            return f"trigger {catalog.triggers[address.oid].tgname}"
