"""A connection in, a Catalog of the objects made on that server out, under the server's own OIDs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from rlslint.catalog.catalog import FIRST_NORMAL_OID, Catalog
from rlslint.catalog.rows import Attribute, Cast, Namespace, Proc, Relation, Type


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
        " typtypmod FROM pg_type WHERE oid >= %s",
    ):
        names = ("oid", "typname", "typnamespace", "typtype", "typcategory", "typispreferred", "typelem", "typarray")
        names += ("typbasetype", "typrelid", "typcollation", "typtypmod")
        catalog.types.put(Type(**dict(zip(names, row, strict=True)), labels=tuple(labels[row[0]])))
    columns: defaultdict[int, list[Attribute]] = defaultdict(list)
    for relid, *row in _rows(
        connection,
        "SELECT attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attcollation, attisdropped"
        " FROM pg_attribute WHERE attrelid >= %s AND attnum > 0 ORDER BY attrelid, attnum",
    ):
        names = ("attnum", "attname", "atttypid", "atttypmod", "attnotnull", "attcollation", "attisdropped")
        columns[relid].append(Attribute(**dict(zip(names, row, strict=True))))
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
        names = ("oid", "proname", "pronamespace", "prolang", "prokind", "prorettype", "proargtypes", "proargnames")
        names += ("proargmodes", "proallargtypes", "pronargdefaults", "provariadic", "proretset", "provolatile")
        names += ("proisstrict", "prosrc")
        values = [tuple(value) if isinstance(value, list) else value for value in row]
        catalog.procs.put(Proc(**dict(zip(names, values, strict=True)), proowner=10))
    for row in _rows(
        connection, "SELECT castsource, casttarget, castfunc, castcontext, castmethod FROM pg_cast WHERE oid >= %s"
    ):
        names = ("castsource", "casttarget", "castfunc", "castcontext", "castmethod")
        catalog.casts.put(Cast(**dict(zip(names, row, strict=True))))
    return catalog


def _rows(connection: Any, query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(query, (FIRST_NORMAL_OID,)).fetchall()
    return found
