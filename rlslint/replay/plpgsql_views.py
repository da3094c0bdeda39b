"""The catalog in; rows of pg_policies, pg_class, information_schema.columns and their like out, for DO blocks to ask.

Only columns that replay knows are there: asking for another makes the condition one that cannot be followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import PG_CATALOG, Catalog
from rlslint.catalog.rows import Relation
from rlslint.replay.plpgsql_depend_views import DEPEND_VIEWS
from rlslint.replay.plpgsql_stored import Row, index_text, stored_text

_COMMANDS: Final = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
_KINDS: Final = {"r": "BASE TABLE", "p": "BASE TABLE", "v": "VIEW", "f": "FOREIGN"}


def _policies(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.policies:
        table = catalog.relations[row.polrelid]
        yield {
            "schemaname": catalog.nspname(table.relnamespace),
            "tablename": table.relname,
            "policyname": row.polname,
            "permissive": "PERMISSIVE" if row.polpermissive else "RESTRICTIVE",
            "roles": [catalog.rolname(role) for role in row.polroles],
            "cmd": _COMMANDS[row.polcmd],
            "qual": stored_text(catalog, row.polqual, row.polrelid),
            "with_check": stored_text(catalog, row.polwithcheck, row.polrelid),
        }


def _policy(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.policies:
        yield {
            "oid": row.oid,
            "polname": row.polname,
            "polrelid": row.polrelid,
            "polcmd": row.polcmd,
            "polpermissive": row.polpermissive,
            "polroles": list(row.polroles),
            "polqual": stored_text(catalog, row.polqual, row.polrelid),
            "polwithcheck": stored_text(catalog, row.polwithcheck, row.polrelid),
        }


def _class(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.relations:
        yield {
            "oid": row.oid,
            "relname": row.relname,
            "relnamespace": row.relnamespace,
            "relkind": row.relkind,
            "relowner": row.relowner,
            "relrowsecurity": row.relrowsecurity,
            "relforcerowsecurity": row.relforcerowsecurity,
            "relispartition": row.relispartition,
            "relpersistence": row.relpersistence,
            "relhasindex": bool(catalog.indexes_of(row.oid)),
        }
    for index in catalog.indexes:
        yield {
            "oid": index.oid,
            "relname": index.relname,
            "relnamespace": index.relnamespace,
            "relkind": "i",
            "relrowsecurity": False,
            "relforcerowsecurity": False,
            "relispartition": bool(index.inhparent),
        }


def _namespace(catalog: Catalog) -> Iterator[Row]:
    seen = {"pg_catalog": PG_CATALOG, "public": 2200}
    for row in catalog.namespaces:
        if row.nspname not in catalog.unknown_schemas:
            seen[row.nspname] = row.oid
    for name in ("information_schema",):
        oid = catalog.namespace_oid(name)
        if oid is not None:
            seen[name] = oid
    for name, oid in seen.items():
        yield {"oid": oid, "nspname": name}


def _roles(catalog: Catalog) -> Iterator[Row]:
    names = {row.rolname: row for row in catalog.roles}
    for name in ("postgres", "pg_monitor", "pg_read_all_data", "pg_write_all_data", "pg_signal_backend"):
        found = catalog.find_role(name)
        if found is not None:
            names.setdefault(name, found)
    for row in names.values():
        yield {
            "oid": row.oid,
            "rolname": row.rolname,
            "usename": row.rolname,
            "groname": row.rolname,
            "role_name": row.rolname,
            "rolsuper": row.rolsuper,
            "rolinherit": row.rolinherit,
            "rolbypassrls": row.rolbypassrls,
            "rolcanlogin": row.rolcanlogin,
        }


def _auth_members(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.roles:
        for role, inherit in row.memberof:
            yield {"roleid": role, "member": row.oid, "inherit_option": inherit}


def _constraint(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.constraints:
        table = catalog.relations.get(row.conrelid)
        yield {
            "oid": row.oid,
            "conname": row.conname,
            "conrelid": row.conrelid,
            "contype": row.contype,
            "confrelid": row.confrelid,
            "contypid": row.contypid,
            "conindid": row.conindid,
            "convalidated": row.convalidated,
            "confdeltype": row.confdeltype if row.contype == "f" else " ",
            "confupdtype": row.confupdtype if row.contype == "f" else " ",
            "condeferrable": row.condeferrable,
            "condeferred": row.condeferred,
            "conkey": list(row.conkey),
            "confkey": list(row.confkey),
            **({} if table is None else {"connamespace": table.relnamespace}),
            **({"conbin": stored_text(catalog, row.conexpr, row.conrelid)} if row.conrelid else {}),
        }


def _indexes(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.indexes:
        table = catalog.relations[row.indrelid]
        yield {
            "schemaname": catalog.nspname(table.relnamespace),
            "tablename": table.relname,
            "indexname": row.relname,
            "indexdef": index_text(catalog, row),
        }


def _index(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.indexes:
        yield {
            "indexrelid": row.oid,
            "indrelid": row.indrelid,
            "indisunique": row.indisunique,
            "indisprimary": row.indisprimary,
            "indisvalid": row.indisvalid,
            "indkey": [key.attnum for key in row.keys] + list(row.include),
        }


def _type(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.types:
        yield {
            "oid": row.oid,
            "typname": row.typname,
            "typnamespace": row.typnamespace,
            "typtype": row.typtype,
            "typcategory": row.typcategory,
            "typelem": row.typelem,
            "typrelid": row.typrelid,
        }


def _enum(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.types:
        for number, label in enumerate(row.labels, start=1):
            yield {"enumtypid": row.oid, "enumlabel": label, "enumsortorder": number}


def _proc(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.procs:
        yield {
            "oid": row.oid,
            "proname": row.proname,
            "pronamespace": row.pronamespace,
            "proowner": row.proowner,
            "prokind": row.prokind,
            "prosecdef": row.prosecdef,
            "provolatile": row.provolatile,
            "pronargs": len(row.proargtypes),
            "prorettype": row.prorettype,
            "prosrc": row.prosrc,
            "proisstrict": row.proisstrict,
            "proleakproof": row.proleakproof,
            "proretset": row.proretset,
            "proconfig": [f"{name}={value}" for name, value in row.proconfig] or None,
        }


def _tables(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.relations:
        if row.relkind in "rp":
            yield {
                "schemaname": catalog.nspname(row.relnamespace),
                "tablename": row.relname,
                "tableowner": catalog.rolname(row.relowner),
                "rowsecurity": row.relrowsecurity,
                "hasindexes": bool(catalog.indexes_of(row.oid)),
            }


def _views(kind: str, name: str) -> Callable[[Catalog], Iterator[Row]]:
    def rows(catalog: Catalog) -> Iterator[Row]:
        for row in catalog.relations:
            if row.relkind == kind:
                yield {"schemaname": catalog.nspname(row.relnamespace), name: row.relname}

    return rows


def _trigger(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.triggers:
        yield {
            "oid": row.oid,
            "tgname": row.tgname,
            "tgrelid": row.tgrelid,
            "tgfoid": row.tgfoid,
            "tgisinternal": False,
            "tgenabled": "O" if row.tgenabled else "D",
        }


def _extension(catalog: Catalog) -> Iterator[Row]:
    yield {"extname": "plpgsql", "extnamespace": PG_CATALOG}
    for row in catalog.extensions.values():
        yield {"extname": row.extname, "extnamespace": row.extnamespace}


def _attribute(catalog: Catalog) -> Iterator[Row]:
    for relation in catalog.relations:
        for column in relation.attributes:
            yield {
                "attrelid": relation.oid,
                "attname": column.attname,
                "attnum": column.attnum,
                "atttypid": column.atttypid,
                "attnotnull": column.attnotnull,
                "attisdropped": column.attisdropped,
                "atthasdef": column.attdefault is not None,
                "attgenerated": column.attgenerated,
                "attidentity": column.attidentity,
            }


def _visible(catalog: Catalog) -> Iterator[tuple[str, Relation]]:
    for row in catalog.relations:
        if row.relkind in "rpvf":
            yield catalog.nspname(row.relnamespace), row


def columns_view(catalog: Catalog, table: str | None = None) -> Iterator[Row]:
    """information_schema.columns, of the tables of one name where one is given: of all of them is much to write down for
    each turn of a loop that changes a table."""
    for schema, relation in _visible(catalog):
        if table is not None and relation.relname != table:
            continue
        number = 0
        for column in relation.attributes:
            if column.attisdropped:
                continue
            number += 1
            type_ = catalog.types.get(column.atttypid)
            row: Row = {
                "table_schema": schema,
                "table_name": relation.relname,
                "column_name": column.attname,
                "ordinal_position": number,
                "is_nullable": "NO" if column.attnotnull else "YES",
                "is_identity": "YES" if column.attidentity else "NO",
                "is_generated": "ALWAYS" if column.attgenerated else "NEVER",
            }
            if column.attdefault is None or column.attgenerated:
                row["column_default"] = None
            elif column.attdefault.raw:
                row["column_default"] = stored_text(catalog, column.attdefault, relation.oid)
            if column.atttypmod < 0:
                row["character_maximum_length"] = None
            elif column.atttypid in (1042, 1043):
                row["character_maximum_length"] = column.atttypmod - 4
            if type_ is not None:
                row["udt_name"] = type_.typname
                row["udt_schema"] = catalog.nspname(type_.typnamespace)
                row["data_type"] = _data_type(catalog, type_.typcategory, type_.typnamespace, column.atttypid)
            yield row


def _data_type(catalog: Catalog, category: str, namespace: int, oid: int) -> str:
    if category == "A":
        return "ARRAY"
    return format_type(catalog, oid) if namespace == PG_CATALOG else "USER-DEFINED"


def _is_tables(catalog: Catalog) -> Iterator[Row]:
    for schema, relation in _visible(catalog):
        yield {"table_schema": schema, "table_name": relation.relname, "table_type": _KINDS[relation.relkind]}


def _is_views(catalog: Catalog) -> Iterator[Row]:
    return (row for row in _is_tables(catalog) if row["table_type"] == "VIEW")


def _is_schemata(catalog: Catalog) -> Iterator[Row]:
    return ({"schema_name": row["nspname"]} for row in _namespace(catalog))


def _is_routines(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.procs:
        if row.prokind in "fp":
            yield {
                "routine_schema": catalog.nspname(row.pronamespace),
                "routine_name": row.proname,
                "routine_type": "PROCEDURE" if row.prokind == "p" else "FUNCTION",
            }


def _is_triggers(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.triggers:
        table = catalog.relations[row.tgrelid]
        schema = catalog.nspname(table.relnamespace)
        yield {
            "trigger_schema": schema,
            "trigger_name": row.tgname,
            "event_object_schema": schema,
            "event_object_table": table.relname,
        }


def _sequences(catalog: Catalog) -> Iterator[Row]:
    for row in catalog.relations:
        if row.relkind == "S":
            schema = catalog.nspname(row.relnamespace)
            yield {
                "schemaname": schema,
                "sequencename": row.relname,
                "sequence_schema": schema,
                "sequence_name": row.relname,
            }


PG_VIEWS: Final[dict[str, Callable[[Catalog], Iterator[Row]]]] = {
    "pg_policies": _policies,
    "pg_policy": _policy,
    "pg_class": _class,
    "pg_namespace": _namespace,
    "pg_roles": _roles,
    "pg_authid": _roles,
    "pg_user": _roles,
    "pg_group": _roles,
    "pg_auth_members": _auth_members,
    "pg_constraint": _constraint,
    "pg_indexes": _indexes,
    "pg_index": _index,
    "pg_type": _type,
    "pg_enum": _enum,
    "pg_proc": _proc,
    "pg_tables": _tables,
    "pg_views": _views("v", "viewname"),
    "pg_matviews": _views("m", "matviewname"),
    "pg_trigger": _trigger,
    "pg_extension": _extension,
    "pg_attribute": _attribute,
    "pg_sequences": _sequences,
    **DEPEND_VIEWS,
}
INFORMATION_SCHEMA: Final[dict[str, Callable[[Catalog], Iterator[Row]]]] = {
    "columns": columns_view,
    "tables": _is_tables,
    "views": _is_views,
    "schemata": _is_schemata,
    "routines": _is_routines,
    "triggers": _is_triggers,
    "sequences": _sequences,
    "applicable_roles": _roles,
    "enabled_roles": _roles,
}
