"""CREATE, ALTER and DROP EXTENSION in, the extension's rows out; one that is not known is recorded as such."""

from __future__ import annotations

from typing import Final

from rlslint.catalog.builtin import extension_requires, load_extension
from rlslint.catalog.catalog import PG_CATALOG, Catalog, Extension
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.lookup import ensure_namespace
from rlslint.replay.names import flag, options, word
from rlslint.replay.references import Address
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.source.model import Raw, Statement

_OWN_SCHEMA: Final = {
    "pg_cron": "pg_catalog",
    "plpgsql": "pg_catalog",
    "pg_net": "net",
    "pgsodium": "pgsodium",
    "supabase_vault": "vault",
    "pg_graphql": "graphql",
    "pgmq": "pgmq",
    "pg_partman": "partman",
    "postgis_topology": "topology",
    "postgis_tiger_geocoder": "tiger",
    "timescaledb": "",
}
"""Extensions whose control file fixes a schema; an empty name: none, the usual rule."""
_MAKES_SCHEMAS: Final = {
    "pg_cron": ("cron",),
    "pg_net": ("net",),
    "pgsodium": ("pgsodium",),
    "supabase_vault": ("vault",),
    "pg_graphql": ("graphql",),
    "pgmq": ("pgmq",),
    "postgis_topology": ("topology",),
    "postgis_tiger_geocoder": ("tiger", "tiger_data"),
    "timescaledb": ("timescaledb_information", "_timescaledb_catalog", "_timescaledb_internal"),
}
"""Schemas whose contents are unknown once the extension is there."""
_KEEPS_TO_ITSELF: Final = frozenset({"pg_cron", "pg_net", "pgsodium", "supabase_vault", "pg_graphql", "pgmq"})
"""Extensions with nothing outside the schemas that they make."""


def create_extension(session: Session, statement: Statement) -> None:
    """CREATE EXTENSION. Raises DDLError 42710."""
    node = statement.node
    name = node["extname"]
    if name in session.catalog.extensions or name == "plpgsql":
        if node.get("if_not_exists") or name in session.preset_extensions:
            return
        raise DDLError("42710", f'extension "{name}" already exists')
    schema = ""
    cascade = False
    for option, element in options(node.get("options", [])):
        if option == "schema":
            schema = word(element)
        elif option == "cascade":
            cascade = flag(element)
    _install(session, name, schema, cascade=cascade)


def _install(session: Session, name: str, schema: str, *, cascade: bool) -> None:
    catalog = session.catalog
    for required in extension_requires(name) or ():
        if required in catalog.extensions:
            continue
        if not cascade:
            raise DDLError("42704", f'required extension "{required}" is not installed')
        _install(session, required, schema, cascade=True)
    for made in _MAKES_SCHEMAS.get(name, ()):
        ensure_namespace(session, made)
        catalog.unknown_schemas.add(made)
    namespace = _namespace(session, name, schema)
    known = load_extension(catalog, name, namespace) or name in _KEEPS_TO_ITSELF
    catalog.extensions[name] = Extension(name, namespace, known)


def _namespace(session: Session, name: str, schema: str) -> Oid:
    schema = schema or _OWN_SCHEMA.get(name, "")
    if schema == "pg_catalog":
        return PG_CATALOG
    if schema:
        return ensure_namespace(session, schema).oid
    try:
        return session.creation_namespace()
    except DDLError:
        if extension_requires(name) is not None:
            raise
        # its control file may name a schema
        return PG_CATALOG


def set_schema_extension(session: Session, statement: Statement) -> None:
    """ALTER EXTENSION ... SET SCHEMA: its objects move."""
    catalog = session.catalog
    extension = catalog.extensions.get(statement.node["object"]["String"]["sval"])
    if extension is None:
        return
    namespace = ensure_namespace(session, statement.node["newschema"]).oid
    if extension.known:
        # the rows have OIDs of their own, so that loading them anew replaces them
        load_extension(catalog, extension.extname, namespace)
    catalog.extensions[extension.extname] = replace(extension, extnamespace=namespace)


def drop_extension(session: Session, statement: Statement, obj: Raw, missing_ok: bool, cascade: bool = False) -> None:
    """One object of DROP EXTENSION. Raises DDLError 2BP01 where a column, an index or an expression needs it."""
    name = obj["String"]["sval"]
    if name in session.catalog.extensions:
        remove_extension(session, name, cascade=cascade)


def remove_extension(session: Session, name: str, *, cascade: bool) -> None:
    """Take an extension's rows away. Raises DDLError 2BP01."""
    catalog = session.catalog
    extension = catalog.extensions.pop(name)
    session.preset_extensions -= {name}
    if not extension.known:
        return
    own = Catalog(catalog.pg_version)
    load_extension(own, name, extension.extnamespace)
    opclasses = {row.oid for row in own.opclasses}
    indexes = [row.oid for row in catalog.indexes if any(key.opclass in opclasses for key in row.keys)]
    if indexes and not cascade:
        raise DDLError("2BP01", f"cannot drop extension {name} because other objects depend on it")
    parts = [Address("index", oid) for oid in indexes]
    parts += [Address("proc", row.oid) for row in own.procs if catalog.procs.get(row.oid) is not None]
    parts += [
        Address("type", row.oid)
        for row in own.types
        if row.typcategory != "A" and catalog.types.get(row.oid) is not None
    ]
    parts += [Address("operator", row.oid) for row in own.operators]
    if parts:
        perform_deletion(session, parts, cascade=cascade)
    for amop in own.amops:
        catalog.amops.remove(amop.oid)
    for opclass in own.opclasses:
        catalog.opclasses.remove(opclass.oid)
    for cast in own.casts:
        catalog.casts.remove((cast.castsource << 32) | cast.casttarget)


HANDLERS: Final[dict[str, Handler]] = {"CreateExtensionStmt": create_extension}
