"""Tables made of a composite type: CREATE TABLE ... OF, ALTER TABLE ... OF and NOT OF, and what forbids it (tablecmds.c)."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.analyze.typename import names_of, resolve_type_name
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Attribute, Relation, Type
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Raw, Statement


def composite_type(session: Session, raw: Raw) -> tuple[Type, Relation]:
    """The stand-alone composite type that a table is made of (check_of_type). Raises DDLError 42809, Missing."""
    catalog = session.catalog
    row = catalog.types.get(resolve_type_name(catalog, raw, session.search_path)[0])
    if row is None or not row.known:
        raise Missing("42704", f'type "{names_of(raw["names"])[1]}" is created by no file')
    if row.typtype != "c" or catalog.relations[row.typrelid].relkind != "c":
        raise DDLError("42809", f"type {row.typname} is not a composite type")
    return row, catalog.relations[row.typrelid]


def _live(table: Relation) -> Iterator[Attribute]:
    return (column for column in table.attributes if not column.attisdropped)


def add_of(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    """ALTER TABLE ... OF type: the columns must be the type's, in its order (ATExecAddOf). Raises DDLError 42804."""
    catalog = session.catalog
    table = catalog.relations[relid]
    row, source = composite_type(session, node["def"]["TypeName"])
    if table.inhparents:
        raise DDLError("42809", "typed tables cannot inherit")
    mine = list(_live(table)) if table.complete else []
    for at, wanted in enumerate(_live(source) if table.complete else ()):
        if at >= len(mine):
            raise DDLError("42804", f'table is missing column "{wanted.attname}"')
        held = mine[at]
        if held.attname != wanted.attname:
            raise DDLError("42804", f'table has column "{held.attname}" where type requires "{wanted.attname}"')
        if _shape(held) != _shape(wanted):
            raise DDLError("42804", f'table "{table.relname}" has different type for column "{held.attname}"')
    if len(mine) > len(list(_live(source))):
        raise DDLError("42804", f'table has extra column "{mine[-1].attname}"')
    catalog.relations.put(replace(table, reloftype=row.oid))


def _shape(column: Attribute) -> tuple[int, int, int]:
    return column.atttypid, column.atttypmod, column.attcollation


def drop_of(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    """ALTER TABLE ... NOT OF. Raises DDLError 42809."""
    table = session.catalog.relations[relid]
    if not table.reloftype:
        raise DDLError("42809", f'"{table.relname}" is not a typed table')
    session.catalog.relations.put(replace(table, reloftype=0))


def require_untyped(table: Relation, what: str) -> None:
    """Raise DDLError 42809: a typed table's columns are its type's."""
    if table.reloftype:
        raise DDLError("42809", f"cannot {what} typed table")


def tables_of(catalog: Catalog, composite: Relation, *, cascade: bool) -> list[Relation]:
    """The tables that follow a change of their type (find_typed_table_dependencies).

    Raises DDLError 2BP01 where there are some and CASCADE was not written.
    """
    if composite.relkind != "c":
        return []
    found = [row for row in catalog.relations if row.reloftype == composite.reltype]
    if found and not cascade:
        raise DDLError("2BP01", f'cannot alter type "{composite.relname}" because it is the type of a typed table')
    return found


def require_no_columns_of(session: Session, table: Relation) -> None:
    """Raise DDLError 0A000 where a column of some table holds rows of this one (find_composite_type_dependencies)."""
    catalog = session.catalog
    seen: set[Oid] = set()
    waiting = [table.reltype]
    while waiting:
        oid = waiting.pop()
        if oid in seen or not oid:
            continue
        seen.add(oid)
        for row in catalog.types:
            if oid in (row.typelem, row.typbasetype, row.rngsubtype):
                waiting.append(row.oid)
        for relation in catalog.relations:
            for column in relation.attributes:
                if column.attisdropped or column.atttypid != oid:
                    continue
                if relation.relkind in "rpm":
                    where = f"{relation.relname}.{column.attname}"
                    raise DDLError(
                        "0A000", f'cannot alter "{table.relname}" because column "{where}" uses its row type'
                    )
                if relation.relkind == "c":
                    waiting.append(relation.reltype)
