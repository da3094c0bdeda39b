"""CREATE, ALTER and DROP SCHEMA in, pg_namespace rows out (commands/schemacmds.c)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.rows import Namespace
from rlslint.nodes.primnodes import Oid
from rlslint.replay.depend import drop_dependents_of_function, remove_relation, remove_type
from rlslint.replay.grants import default_acl
from rlslint.replay.names import role_of
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.source.model import Raw, Statement


def create_schema(session: Session, statement: Statement) -> None:
    """CREATE SCHEMA with the elements in it. Raises DDLError 42P06."""
    node = statement.node
    catalog = session.catalog
    owner = role_of(session, node["authrole"]) if "authrole" in node else session.role
    name = node.get("schemaname") or catalog.rolname(owner)
    old = catalog.namespaces.first("name", name)
    if old is not None and name not in catalog.unknown_schemas:
        if node.get("if_not_exists"):
            return
        raise DDLError("42P06", f'schema "{name}" already exists')
    oid = catalog.new_oid() if old is None else old.oid
    acl = default_acl(session, "n", 0, owner)
    catalog.namespaces.put(Namespace(oid=oid, nspname=name, nspowner=owner, nspacl=acl, origin=statement.span))
    catalog.unknown_schemas.discard(name)
    session.refresh_search_path()
    _run_elements(session, statement, name)


def _run_elements(session: Session, statement: Statement, name: str) -> None:
    before = session.search_path
    session.search_path = (name, *before)
    # as transformCreateSchemaStmtElements orders them
    order = ("CreateSeqStmt", "CreateStmt", "ViewStmt", "IndexStmt", "CreateTrigStmt", "GrantStmt")
    elements = [next(iter(element.items())) for element in statement.node.get("schemaElts", ())]
    for kind, node in sorted(elements, key=lambda element: order.index(element[0])):
        session.run(Statement(kind, node, statement.text, statement.span, statement.synthetic))
    session.search_path = before


def drop_schema(session: Session, statement: Statement, obj: Raw, missing_ok: bool, cascade: bool = False) -> None:
    """One object of DROP SCHEMA. Raises DDLError 2BP01, 3F000 for a schema that files dropped before."""
    catalog = session.catalog
    row = catalog.namespaces.first("name", obj["String"]["sval"])
    if row is None:
        return
    if not cascade and not _is_empty(session, row.oid):
        raise DDLError("2BP01", f"cannot drop schema {row.nspname} because other objects depend on it")
    _empty(session, row.oid)
    if row.oid >= FIRST_NORMAL_OID:
        catalog.namespaces.remove(row.oid)
        catalog.unknown_schemas.discard(row.nspname)
        for acl in [one for one in catalog.default_acls if one.defaclnamespace == row.oid]:
            catalog.default_acls.remove(acl)
    session.refresh_search_path()


def _is_empty(session: Session, oid: Oid) -> bool:
    catalog = session.catalog
    return not (
        any(row.relnamespace == oid for row in catalog.relations)
        or any(row.pronamespace == oid for row in catalog.procs)
        or any(row.typnamespace == oid for row in catalog.types)
    )


def _empty(session: Session, oid: Oid) -> None:
    catalog = session.catalog
    for name, extension in list(catalog.extensions.items()):
        if extension.extnamespace == oid:
            del catalog.extensions[name]
    for relation in [row for row in catalog.relations if row.relnamespace == oid]:
        if catalog.relations.get(relation.oid) is not None:
            remove_relation(session, relation.oid)
    for proc in [row for row in catalog.procs if row.pronamespace == oid]:
        if catalog.procs.get(proc.oid) is not None:
            drop_dependents_of_function(session, proc, cascade=True)
            catalog.procs.remove(proc.oid)
    for type_ in [row for row in catalog.types if row.typnamespace == oid and row.typcategory != "A"]:
        if catalog.types.get(type_.oid) is not None:
            remove_type(session, type_, cascade=True)
    for array in [row for row in catalog.types if row.typnamespace == oid]:
        catalog.types.remove(array.oid)
    for operator in [row for row in catalog.operators if row.oprnamespace == oid]:
        catalog.operators.remove(operator.oid)
    for opclass in [row for row in catalog.opclasses if row.opcnamespace == oid]:
        catalog.opclasses.remove(opclass.oid)


def rename_schema(session: Session, statement: Statement) -> None:
    """ALTER SCHEMA ... RENAME TO. Raises DDLError 42P06."""
    catalog = session.catalog
    old, new = statement.node["subname"], statement.node["newname"]
    if catalog.namespace_oid(new) is not None:
        raise DDLError("42P06", f'schema "{new}" already exists')
    row = catalog.namespaces.first("name", old)
    if row is None:
        return
    catalog.namespaces.put(replace(row, nspname=new, origin=statement.span))
    if old in catalog.unknown_schemas:
        catalog.unknown_schemas.discard(old)
        catalog.unknown_schemas.add(new)
    session.refresh_search_path()


def own_schema(session: Session, statement: Statement) -> None:
    """ALTER SCHEMA ... OWNER TO."""
    row = session.catalog.namespaces.first("name", statement.node["object"]["String"]["sval"])
    owner = role_of(session, statement.node["newowner"])
    if row is not None:
        session.catalog.namespaces.put(replace(row, nspowner=owner))


HANDLERS: Final[dict[str, Handler]] = {"CreateSchemaStmt": create_schema}
