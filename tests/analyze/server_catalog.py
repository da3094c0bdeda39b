"""A connection in, a Catalog of the objects made on that server out, under the server's own OIDs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rlslint.catalog.catalog import FIRST_NORMAL_OID, Catalog
from rlslint.catalog.rows import Attribute, Cast, Namespace, Proc, Relation, Type

_TYPE = (
    "oid typname typnamespace typtype typcategory typispreferred typelem typarray typbasetype typrelid typcollation"
    " typtypmod rngsubtype rngmultitypid"
)
_ATTRIBUTE = "attnum attname atttypid atttypmod attnotnull attcollation attisdropped"
_PROC = (
    "oid proname pronamespace prolang prokind prorettype proargtypes proargnames proargmodes proallargtypes"
    " pronargdefaults provariadic proretset provolatile proisstrict prosrc"
)
_CAST = "castsource casttarget castfunc castcontext castmethod"


def _named(names: str, row: Sequence[Any]) -> dict[str, Any]:
    values = (tuple(value) if isinstance(value, list) else value for value in row)
    return dict(zip(names.split(), values, strict=True))


def read_catalog(connection: Any) -> Catalog:
    """Every schema, type, table, view, function and cast made by a user, as replay would have them."""
    catalog = Catalog(18)
    for oid, name in _rows(connection, "SELECT oid, nspname FROM pg_namespace WHERE oid >= %s"):
        catalog.namespaces.put(Namespace(oid=oid, nspname=name, nspowner=10))
    labels: defaultdict[int, list[str]] = defaultdict(list)
    for oid, label in _rows(
        connection, "SELECT enumtypid, enumlabel FROM pg_enum WHERE enumtypid >= %s ORDER BY 1, enumsortorder"
    ):
        labels[oid].append(label)
    for row in _rows(
        connection,
        "SELECT oid, typname, typnamespace, typtype, typcategory, typispreferred,"
        " CASE WHEN typcategory = 'A' THEN typelem ELSE 0 END, typarray, typbasetype, typrelid, typcollation,"
        " typtypmod, coalesce(r.rngsubtype, m.rngtypid, 0), coalesce(r.rngmultitypid, 0) FROM pg_type"
        " LEFT JOIN pg_range r ON r.rngtypid = oid LEFT JOIN pg_range m ON m.rngmultitypid = oid WHERE oid >= %s",
    ):
        catalog.types.put(Type(**_named(_TYPE, row), labels=tuple(labels[row[0]])))
    columns: defaultdict[int, list[Attribute]] = defaultdict(list)
    for relid, *column in _rows(
        connection,
        "SELECT attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attcollation, attisdropped"
        " FROM pg_attribute WHERE attrelid >= %s AND attnum > 0 ORDER BY attrelid, attnum",
    ):
        columns[relid].append(Attribute(**_named(_ATTRIBUTE, column)))
    for oid, name, namespace, kind, rowtype in _rows(
        connection,
        "SELECT oid, relname, relnamespace, relkind, reltype FROM pg_class"
        " WHERE oid >= %s AND relkind IN ('r', 'p', 'v', 'm', 'S', 'c')",
    ):
        catalog.relations.put(
            Relation(
                oid=oid,
                relname=name,
                relnamespace=namespace,
                relkind=kind,
                relowner=10,
                reltype=rowtype,
                attributes=tuple(columns[oid]),
            )
        )
    for row in _rows(
        connection,
        "SELECT p.oid, proname, pronamespace, lanname, prokind, prorettype, proargtypes::oid[]::text[]::int[],"
        " coalesce(proargnames, '{}'), coalesce(proargmodes::text[], '{}'),"
        " coalesce(proallargtypes::text[]::int[], '{}'), pronargdefaults, provariadic, proretset, provolatile,"
        " proisstrict, prosrc FROM pg_proc p JOIN pg_language l ON l.oid = prolang WHERE p.oid >= %s",
    ):
        catalog.procs.put(Proc(**_named(_PROC, row), proowner=10))
    for row in _rows(
        connection, "SELECT castsource, casttarget, castfunc, castcontext, castmethod FROM pg_cast WHERE oid >= %s"
    ):
        catalog.casts.put(Cast(**_named(_CAST, row)))
    return catalog


def _rows(connection: Any, query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(query, (FIRST_NORMAL_OID,)).fetchall()
    return found
