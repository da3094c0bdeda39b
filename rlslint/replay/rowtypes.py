"""A relation in, its row type and that type's array out: added, renamed and moved with it (heap.c, typecmds.c)."""

from __future__ import annotations

from rlslint.catalog.rows import Relation, Type
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.naming import NAMEDATALEN, clip
from rlslint.replay.session import DDLError, Session


def add_row_type(session: Session, relation: Relation) -> Relation:
    """Store a new relation with its row type. Raises DDLError 42710 when a type has the name."""
    catalog = session.catalog
    _make_room(session, relation.relnamespace, relation.relname)
    oid, array = catalog.new_oid(), catalog.new_oid()
    row = Type(
        oid=oid,
        typname=relation.relname,
        typnamespace=relation.relnamespace,
        typtype="c",
        typcategory="C",
        typarray=array,
        typrelid=relation.oid,
        typowner=relation.relowner,
        origin=relation.origin,
    )
    catalog.types.put(row)
    catalog.types.put(
        Type(
            oid=array,
            typname=array_name(session, relation.relnamespace, relation.relname),
            typnamespace=relation.relnamespace,
            typtype="b",
            typcategory="A",
            typelem=oid,
            typowner=relation.relowner,
            origin=relation.origin,
        )
    )
    return catalog.relations.put(replace(relation, reltype=oid))


def move_row_type(session: Session, relation: Relation) -> None:
    """Give the row type its relation's name and schema again. Raises DDLError 42710 when a type has the name."""
    catalog = session.catalog
    row = catalog.types.get(relation.reltype)
    if row is None:
        return
    if (row.typname, row.typnamespace) != (relation.relname, relation.relnamespace):
        _make_room(session, relation.relnamespace, relation.relname)
    catalog.types.put(replace(row, typname=relation.relname, typnamespace=relation.relnamespace))
    array = catalog.types.get(row.typarray)
    if array is not None:
        name = array_name(session, relation.relnamespace, relation.relname)
        catalog.types.put(replace(array, typname=name, typnamespace=relation.relnamespace))


def array_name(session: Session, namespace: Oid, name: str) -> str:
    """A free name for a type's array type (makeArrayTypeName)."""
    number = 0
    while True:
        if number == 0:
            chosen = "_" + clip(name.encode(), NAMEDATALEN - 2)
        else:
            digits = str(number)
            chosen = "_" + clip(name.encode(), NAMEDATALEN - 3 - len(digits)) + "_" + digits
        if not session.catalog.types.find("name", (namespace, chosen)):
            return chosen
        number += 1


def _make_room(session: Session, namespace: Oid, name: str) -> None:
    """A type of the name is an error, but for an array type, which is renamed (moveArrayTypeName)."""
    held = session.catalog.types.first("name", (namespace, name))
    if held is None:
        return
    if not (held.typelem and held.typcategory == "A"):
        raise DDLError("42710", f'type "{name}" already exists')
    element = session.catalog.types[held.typelem]
    session.catalog.types.put(replace(held, typname=array_name(session, namespace, element.typname)))
