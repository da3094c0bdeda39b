"""Names in statements to catalog rows; what no file creates is `NotFollowed`, never reported as missing."""

from __future__ import annotations

from typing import Literal

from rlslint.analyze.typename import names_of
from rlslint.catalog.catalog import FIRST_NORMAL_OID, PG_CATALOG, PUBLIC
from rlslint.catalog.rows import Index, Namespace, Proc, Relation, Role
from rlslint.nodes.primnodes import Oid
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.references import Address
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Raw

Persistence = Literal["p", "u", "t"]
"""pg_class.relpersistence: permanent, unlogged, temporary."""


def find_relation(session: Session, rangevar: Raw) -> Relation | None:
    """The relation a RangeVar means, or None."""
    return session.catalog.find_relation(rangevar.get("schemaname"), rangevar["relname"], session.search_path)


def relation(session: Session, rangevar: Raw) -> Relation:
    """The relation a RangeVar means. Raises NotFollowed."""
    found = find_relation(session, rangevar)
    if found is None:
        reject_index(session, rangevar)
        raise Missing("42P01", f"table {shown(rangevar)} is created by no file")
    return found


def relation_named(session: Session, parts: list[Raw]) -> Relation | None:
    """The relation a list of names means, or None."""
    return session.catalog.find_relation(*names_of(parts), session.search_path)


def reject_index(session: Session, rangevar: Raw) -> None:
    """Raise DDLError 42809 when what should be a table is an index."""
    index = find_index(session, rangevar.get("schemaname"), rangevar["relname"])
    if index is not None:
        raise DDLError("42809", f'cannot open relation "{index.relname}"')


def owner_named(session: Session, parts: list[Raw]) -> Relation | None:
    """The relation whose trigger, policy or rule is meant, or None. Raises DDLError 42809 for what can have none."""
    found = relation_named(session, parts)
    if found is None:
        index = find_index(session, *names_of(parts))
        if index is not None:
            raise DDLError("42809", f'"{index.relname}" is not a table')
    elif found.relkind == "c":
        raise DDLError("42809", f'"{found.relname}" is a composite type')
    return found


def find_index(session: Session, schema: str | None, name: str) -> Index | None:
    """The index of that name, or None."""
    return session.catalog.find_index(schema, name, session.search_path)


def find_index_named(session: Session, parts: list[Raw]) -> Index | None:
    """The index a list of names means, or None."""
    return find_index(session, *names_of(parts))


def shown(rangevar: Raw) -> str:
    """The name as it was written."""
    schema = rangevar.get("schemaname")
    return f"{schema}.{rangevar['relname']}" if schema else str(rangevar["relname"])


def target_relation(session: Session, rangevar: Raw, *, temporary: bool = False) -> tuple[Oid, Persistence]:
    """The schema that a new relation goes to and its relpersistence (RangeVarGetAndCheckCreationNamespace).

    ``temporary``: it is temporary whatever is written. Raises DDLError (3F000, 42501, 42P16).
    """
    schema = rangevar.get("schemaname")
    persistence: Persistence = rangevar.get("relpersistence", "p")
    if schema == "pg_temp" or persistence == "t" or temporary:
        if schema not in ("pg_temp", None):
            raise DDLError("42P16", "cannot create temporary relation in non-temporary schema")
        return ensure_namespace(session, "pg_temp").oid, "t"
    namespace = target_namespace(session, schema)
    if namespace == PG_CATALOG:
        raise DDLError("42501", f"permission denied to create {shown(rangevar)}")
    return namespace, persistence


def target_namespace(session: Session, schema: str | None) -> Oid:
    """The schema that a new object goes to; a schema that no file creates is made, silently and as unknown."""
    if schema is None:
        return session.creation_namespace()
    return ensure_namespace(session, schema).oid


def ensure_namespace(session: Session, name: str) -> Namespace:
    """The schema of that name, made if no file did."""
    row = session.catalog.namespaces.first("name", name)
    if row is not None:
        return row
    if name != "pg_temp":
        session.catalog.unknown_schemas.add(name)
    return session.catalog.namespaces.put(Namespace(oid=session.catalog.new_oid(), nspname=name, nspowner=session.role))


def role(session: Session, spec: Raw) -> Oid:
    """The role a RoleSpec means; one that no file creates is made, since roles are often made outside migrations."""
    kind = spec.get("roletype", "ROLESPEC_CSTRING")
    match kind:
        case "ROLESPEC_PUBLIC":
            return PUBLIC
        case "ROLESPEC_CURRENT_USER" | "ROLESPEC_CURRENT_ROLE":
            return session.role
        case "ROLESPEC_SESSION_USER":
            return session.login_role
    return ensure_role(session, spec["rolename"]).oid


def ensure_role(session: Session, name: str) -> Role:
    """The role of that name, made if no file did."""
    row = session.catalog.find_role(name)
    if row is not None:
        return row
    return session.catalog.roles.put(Role(oid=session.catalog.new_oid(), rolname=name, known=False))


def require_free(session: Session, namespace: Oid, name: str) -> None:
    """Raise DDLError 42P07 when a relation or index of that name is in the schema."""
    preset = session.catalog.relations.first("name", (namespace, name))
    if preset is not None and is_preset(preset):
        # files that bring their own stand-in for what a preset knows are right about it
        perform_deletion(session, [Address("relation", preset.oid)], cascade=True)
    if is_taken(session, namespace, name):
        raise DDLError("42P07", f'relation "{name}" already exists')


def is_taken(session: Session, namespace: Oid, name: str) -> bool:
    """Whether a table, view, sequence or index has that name; they share one name space."""
    key = (namespace, name)
    return bool(session.catalog.relations.find("name", key) or session.catalog.indexes.find("name", key))


def is_preset(row: Relation | Namespace | Role | Proc) -> bool:
    """Whether a preset made the row: creating it again is not worth a word."""
    return row.origin is None and row.oid >= FIRST_NORMAL_OID
