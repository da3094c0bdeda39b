"""CREATE, ALTER and DROP SCHEMA in, pg_namespace rows out (commands/schemacmds.c)."""

from __future__ import annotations

from typing import Final

from rlslint.catalog.acl import with_owner
from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.rows import Namespace
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.extensions import remove_extension
from rlslint.replay.grants import default_acl
from rlslint.replay.lookup import is_preset
from rlslint.replay.names import role_of
from rlslint.replay.references import Address
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
        if node.get("if_not_exists") or is_preset(old):
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
        if not missing_ok:
            session.absent("3F000", f'schema "{obj["String"]["sval"]}" is created by no file')
        return
    members = [name for name, extension in catalog.extensions.items() if extension.extnamespace == row.oid]
    if members and not cascade:
        raise DDLError("2BP01", f"cannot drop schema {row.nspname} because other objects depend on it")
    for name in members:
        remove_extension(session, name, cascade=True)
    if row.oid < FIRST_NORMAL_OID:
        # public comes with every database; without a row of ours it is emptied only
        _empty(session, row.oid, row.nspname, cascade=cascade)
        return
    perform_deletion(session, [Address("namespace", row.oid)], cascade=cascade)
    for opclass in [one for one in catalog.opclasses if one.opcnamespace == row.oid]:
        catalog.opclasses.remove(opclass.oid)
    catalog.default_acls[:] = [one for one in catalog.default_acls if one.defaclnamespace != row.oid]
    catalog.unknown_schemas.discard(row.nspname)
    session.refresh_search_path()


def _empty(session: Session, oid: Oid, name: str, *, cascade: bool) -> None:
    catalog = session.catalog
    inside = [Address("relation", one.oid) for one in catalog.relations if one.relnamespace == oid]
    inside += [Address("proc", one.oid) for one in catalog.procs if one.pronamespace == oid]
    inside += [
        Address("type", one.oid)
        for one in catalog.types
        if one.typnamespace == oid and one.typcategory != "A" and not one.typrelid
    ]
    inside += [Address("operator", one.oid) for one in catalog.operators if one.oprnamespace == oid]
    if not inside:
        return
    if not cascade:
        raise DDLError("2BP01", f"cannot drop schema {name} because other objects depend on it")
    perform_deletion(session, inside, cascade=True)


def rename_schema(session: Session, statement: Statement) -> None:
    """ALTER SCHEMA ... RENAME TO. Raises DDLError 42P06."""
    catalog = session.catalog
    old, new = statement.node["subname"], statement.node["newname"]
    row = catalog.namespaces.first("name", old)
    if row is None:
        session.absent("3F000", f'schema "{old}" is created by no file')
        return
    if catalog.namespace_oid(new) is not None:
        raise DDLError("42P06", f'schema "{new}" already exists')
    catalog.namespaces.put(replace(row, nspname=new, origin=statement.span))
    if old in catalog.unknown_schemas:
        catalog.unknown_schemas.discard(old)
        catalog.unknown_schemas.add(new)
    session.refresh_search_path()


def own_schema(session: Session, statement: Statement) -> None:
    """ALTER SCHEMA ... OWNER TO."""
    row = session.catalog.namespaces.first("name", statement.node["object"]["String"]["sval"])
    owner = role_of(session, statement.node["newowner"])
    if row is None:
        name = statement.node["object"]["String"]["sval"]
        session.absent("3F000", f'schema "{name}" is created by no file')
        return
    session.catalog.namespaces.put(with_owner(row, owner))


HANDLERS: Final[dict[str, Handler]] = {"CreateSchemaStmt": create_schema}
