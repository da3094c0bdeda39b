"""GRANT, REVOKE and ALTER DEFAULT PRIVILEGES in, ACLs of catalog rows out (catalog/aclchk.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from rlslint.analyze.func import has_unseen
from rlslint.analyze.typename import names_of
from rlslint.catalog.acl import COLUMN_PRIVILEGES, NO_PRIVILEGES, SEQUENCE_PRIVILEGES, TABLE_PRIVILEGES
from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.rows import Acl, DefaultAcl, Namespace, Proc, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.lookup import find_relation, shown, target_namespace
from rlslint.replay.names import options, role_of, roles_of
from rlslint.replay.routines import find_function
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.source.model import Raw, Statement

AclObjType = Literal["r", "S", "f", "T", "n"]

_ALL: Final[dict[str, tuple[str, ...]]] = {
    "r": TABLE_PRIVILEGES,
    "S": SEQUENCE_PRIVILEGES,
    "f": ("execute",),
    "T": ("usage",),
    "n": ("usage", "create"),
}
_DEFAULT_OBJECTS: Final[dict[str, AclObjType]] = {
    "OBJECT_TABLE": "r",
    "OBJECT_SEQUENCE": "S",
    "OBJECT_FUNCTION": "f",
    "OBJECT_PROCEDURE": "f",
    "OBJECT_ROUTINE": "f",
    "OBJECT_TYPE": "T",
    "OBJECT_SCHEMA": "n",
}
HARD_WIRED: Final[dict[str, Acl]] = {"f": frozenset({(PUBLIC, "execute")}), "T": frozenset({(PUBLIC, "usage")})}
"""What PUBLIC may do with a new object without any ALTER DEFAULT PRIVILEGES (acldefault)."""


def default_acl(session: Session, objtype: AclObjType, nsp: Oid, owner: Oid | None = None) -> Acl:
    """The privileges of others on an object that ``owner`` (None: the current role) makes in the schema ``nsp``.

    As get_user_default_acl: the entry for every schema stands in for the hard-wired default, the schema's own is
    added. The owner's privileges are implicit.
    """
    owner = session.role if owner is None else owner
    acl = HARD_WIRED.get(objtype, NO_PRIVILEGES)
    for row in session.catalog.default_acls:
        if row.defaclrole == owner and row.defaclobjtype == objtype and row.defaclnamespace == 0:
            acl = (acl - row.revokes) | row.grants
    for row in session.catalog.default_acls:
        if row.defaclrole == owner and row.defaclobjtype == objtype and row.defaclnamespace == nsp != 0:
            acl |= row.grants
    return frozenset(entry for entry in acl if entry[0] != owner)


def grant(session: Session, statement: Statement) -> None:
    """GRANT and REVOKE on objects. What no file creates is passed over: its privileges decide nothing here."""
    node = statement.node
    grantees = roles_of(session, node.get("grantees", []))
    if node.get("grant_option") and node.get("is_grant") and PUBLIC in grantees:
        raise DDLError("0LP01", "grant options can only be granted to roles")
    relations = list(_relations(session, node))
    if node.get("grant_option") and not node.get("is_grant"):
        return
    for relation in relations:
        _grant_relation(session, relation.oid, node, grantees)
    for proc in list(_procs(session, node)):
        _check_privileges(node, ("execute",), "function")
        old = default_proc_acl() if proc.proacl is None else proc.proacl
        pairs = _pairs(node, ("execute",), grantees)
        acl, lacks = _changed(old, proc.ownerlacks, node, pairs, proc.proowner)
        session.catalog.procs.put(replace(proc, proacl=acl, ownerlacks=lacks))
    for namespace in list(_namespaces(session, node)):
        _check_privileges(node, _ALL["n"], "schema")
        pairs = _pairs(node, _ALL["n"], grantees)
        acl, lacks = _changed(namespace.nspacl, namespace.ownerlacks, node, pairs, namespace.nspowner)
        session.catalog.namespaces.put(replace(namespace, nspacl=acl, ownerlacks=lacks))


def default_proc_acl() -> Acl:
    """EXECUTE to PUBLIC."""
    return HARD_WIRED["f"]


def _relations(session: Session, node: Raw) -> Iterator[Relation]:
    objtype = node.get("objtype")
    if objtype not in ("OBJECT_TABLE", "OBJECT_SEQUENCE"):
        return
    if node["targtype"] == "ACL_TARGET_OBJECT":
        for item in node["objects"]:
            relation = find_relation(session, item["RangeVar"])
            if relation is not None:
                yield relation
            elif not has_unseen(session.catalog, item["RangeVar"].get("schemaname"), session.search_path):
                session.absent("42P01", f"table {shown(item['RangeVar'])} is created by no file")
        return
    kinds = "S" if objtype == "OBJECT_SEQUENCE" else "rvmfp"
    schemas = _schema_oids(session, node)
    yield from (row for row in session.catalog.relations if row.relnamespace in schemas and row.relkind in kinds)


def _procs(session: Session, node: Raw) -> Iterator[Proc]:
    kinds = {"OBJECT_FUNCTION": "faw", "OBJECT_PROCEDURE": "p", "OBJECT_ROUTINE": "fawp"}.get(node.get("objtype", ""))
    if kinds is None:
        return
    if node["targtype"] == "ACL_TARGET_OBJECT":
        for item in node["objects"]:
            proc = find_function(session, item["ObjectWithArgs"], kinds)
            schema, name = names_of(item["ObjectWithArgs"]["objname"])
            if proc is not None:
                yield proc
            elif not has_unseen(session.catalog, schema, session.search_path):
                session.absent("42883", f"function {name} is created by no file")
        return
    schemas = _schema_oids(session, node)
    yield from (row for row in session.catalog.procs if row.pronamespace in schemas and row.prokind in kinds)


def _namespaces(session: Session, node: Raw) -> Iterator[Namespace]:
    if node.get("objtype") != "OBJECT_SCHEMA" or node["targtype"] != "ACL_TARGET_OBJECT":
        return
    for item in node["objects"]:
        name = item["String"]["sval"]
        row = session.catalog.namespaces.first("name", name)
        if row is not None:
            yield row
        elif session.catalog.namespace_oid(name) is None:
            session.absent("3F000", f'schema "{name}" is created by no file')


def _schema_oids(session: Session, node: Raw) -> set[Oid]:
    found = set()
    for name in (item["String"]["sval"] for item in node.get("objects", ())):
        oid = session.catalog.namespace_oid(name)
        if oid is not None:
            found.add(oid)
        else:
            session.absent("3F000", f'schema "{name}" is created by no file')
    return found


def _grant_relation(session: Session, oid: Oid, node: Raw, grantees: tuple[Oid, ...]) -> None:
    relation = session.catalog.relations[oid]
    if node.get("objtype") == "OBJECT_SEQUENCE" and relation.relkind != "S":
        raise DDLError("42809", f'"{relation.relname}" is not a sequence')
    if relation.relkind == "c":
        raise DDLError("42809", f'"{relation.relname}" is a composite type')
    every = SEQUENCE_PRIVILEGES if relation.relkind == "S" else TABLE_PRIVILEGES
    _check_privileges(node, (*TABLE_PRIVILEGES, "usage"), "table")
    pairs = _pairs(node, every, grantees)
    relacl, lacks = _changed(relation.relacl, relation.ownerlacks, node, pairs, relation.relowner)
    columns = {column.attname: column.attacl for column in relation.attributes if not column.attisdropped}
    for privilege in _privileges(node):
        for name in (item["String"]["sval"] for item in privilege.get("cols", ())):
            if name not in columns:
                if not relation.complete:
                    continue
                raise DDLError("42703", f'column "{name}" of relation "{relation.relname}" does not exist')
            named = [privilege["priv_name"]] if "priv_name" in privilege else list(COLUMN_PRIVILEGES)
            entries = frozenset((grantee, one) for grantee in grantees for one in named)
            columns[name] = columns[name] | entries if node.get("is_grant") else columns[name] - entries
    if not node.get("is_grant"):
        # revoking a privilege on the table revokes it on every column
        columns = {name: acl - pairs for name, acl in columns.items()}
    attributes = tuple(
        column if column.attisdropped else replace(column, attacl=columns[column.attname])
        for column in relation.attributes
    )
    session.catalog.relations.put(replace(relation, relacl=relacl, ownerlacks=lacks, attributes=attributes))


def _privileges(node: Raw) -> list[Raw]:
    return [item["AccessPriv"] for item in node.get("privileges", ())]


def _pairs(node: Raw, every: tuple[str, ...], grantees: Iterable[Oid]) -> Acl:
    """(grantee, privilege) of the privileges named for the object as a whole; ALL is no list at all."""
    named = _privileges(node)
    names: Iterable[str] = every
    if named:
        names = [item["priv_name"] for item in named if "cols" not in item and "priv_name" in item]
    return frozenset((grantee, name) for grantee in grantees for name in names)


def _changed(acl: Acl, lacks: frozenset[str], node: Raw, pairs: Acl, owner: Oid) -> tuple[Acl, frozenset[str]]:
    """What others have, and what the owner has no more."""
    own = {privilege for grantee, privilege in pairs if grantee == owner}
    pairs = frozenset(entry for entry in pairs if entry[0] != owner)
    return (acl | pairs, lacks - own) if node.get("is_grant") else (acl - pairs, lacks | own)


def _check_privileges(node: Raw, allowed: tuple[str, ...], kind: str) -> None:
    for item in _privileges(node):
        name = item.get("priv_name", "select")
        if name not in (
            *_ALL["r"],
            "usage",
            "create",
            "execute",
            "temporary",
            "temp",
            "connect",
            "set",
            "alter system",
        ):
            raise DDLError("42601", f'unrecognized privilege type "{name}"')
        if name not in allowed:
            raise DDLError("0LP01", f"invalid privilege type {name.upper()} for {kind}")


def alter_default_privileges(session: Session, statement: Statement) -> None:
    """ALTER DEFAULT PRIVILEGES: what `default_acl` gives from now on."""
    action = statement.node["action"]
    objtype = _DEFAULT_OBJECTS.get(action.get("objtype", ""))
    if objtype is None:
        return
    owners: tuple[Oid, ...] = (session.role,)
    schemas: tuple[Oid, ...] = (0,)
    for name, element in options(statement.node.get("options", [])):
        items = element["arg"]["List"]["items"]
        if name == "roles":
            owners = tuple(role_of(session, item["RoleSpec"]) for item in items)
        elif name == "schemas":
            schemas = tuple(target_namespace(session, item["String"]["sval"]) for item in items)
    _check_privileges(action, _ALL[objtype], "default privileges")
    if action.get("grant_option") and not action.get("is_grant"):
        return
    grantees = roles_of(session, action["grantees"])
    pairs = _pairs(action, _ALL[objtype], grantees)
    for owner in owners:
        for nsp in schemas:
            _change_default(session, owner, nsp, objtype, pairs, is_grant=bool(action.get("is_grant")))


def _change_default(session: Session, owner: Oid, nsp: Oid, objtype: AclObjType, pairs: Acl, *, is_grant: bool) -> None:
    rows = session.catalog.default_acls
    key = (owner, nsp, objtype)
    held = [row for row in rows if (row.defaclrole, row.defaclnamespace, row.defaclobjtype) == key]
    row = (
        held[0]
        if held
        else DefaultAcl(defaclrole=owner, defaclnamespace=nsp, defaclobjtype=objtype, grants=NO_PRIVILEGES)
    )
    if is_grant:
        changed = replace(row, grants=row.grants | pairs, revokes=row.revokes - pairs)
    else:
        # an entry for one schema can only take back what it gave itself
        revokes = row.revokes | pairs if nsp == 0 else row.revokes
        changed = replace(row, grants=row.grants - pairs, revokes=revokes)
    rows[:] = [other for other in rows if other is not row]
    if changed.grants or changed.revokes:
        rows.append(changed)


HANDLERS: Final[dict[str, Handler]] = {
    "GrantStmt": grant,
    "AlterDefaultPrivilegesStmt": alter_default_privileges,
}
