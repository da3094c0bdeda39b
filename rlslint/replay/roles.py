"""CREATE, ALTER and DROP ROLE, role membership, REASSIGN and DROP OWNED in; pg_authid rows out (commands/user.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rlslint.catalog.acl import with_owner
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Acl, Role
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.lookup import is_preset
from rlslint.replay.names import flag, options, role_by_name, role_of, roles_of
from rlslint.replay.references import Address
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.source.model import Raw, Span, Statement

_RESERVED: Final = ("public", "none")


def create_role(session: Session, statement: Statement) -> None:
    """CREATE ROLE, USER, GROUP. Raises DDLError 42710 for a role that files or the preset have made."""
    catalog = session.catalog
    name = statement.node["role"]
    if name in _RESERVED or name.startswith("pg_"):
        raise DDLError("42939", f'role name "{name}" is reserved')
    old = catalog.find_role(name)
    if old is not None and old.known and not is_preset(old):
        raise DDLError("42710", f'role "{name}" already exists')
    oid = catalog.new_oid() if old is None else old.oid
    row = Role(
        oid=oid,
        rolname=name,
        rolcanlogin=statement.node["stmt_type"] == "ROLESTMT_USER",
        memberof=() if old is None else old.memberof,
        origin=statement.span,
    )
    session.dropped_roles.discard(name)
    given = options(statement.node.get("options", []))
    catalog.roles.put(_with_attributes(row, given))
    for option, element in given:
        members = element.get("arg", {}).get("List", {}).get("items", [])
        if option == "addroleto":
            for role in roles_of(session, members):
                _add_member(session, role, oid, None)
        elif option in ("rolemembers", "adminmembers"):
            for member in roles_of(session, members):
                _add_member(session, oid, member, None)


def alter_role(session: Session, statement: Statement) -> None:
    """ALTER ROLE ... options, and ALTER GROUP ... ADD|DROP USER."""
    catalog = session.catalog
    oid = role_of(session, statement.node["role"])
    given = options(statement.node.get("options", []))
    row = catalog.roles.get(oid)
    if row is None:
        raise DDLError("42704", 'role "public" does not exist')
    changed = _with_attributes(row, given)
    if changed.rolinherit != row.rolinherit and catalog.pg_version < 16:
        # before version 16 the member's attribute decided for all its memberships
        changed = replace(changed, memberof=tuple((role, changed.rolinherit) for role, _ in changed.memberof))
    if changed != row:
        catalog.roles.put(changed)
    for option, element in given:
        if option != "rolemembers":
            continue
        for member in roles_of(session, element["arg"]["List"]["items"]):
            if statement.node.get("action", 1) < 0:
                _drop_member(session, oid, member)
            else:
                _add_member(session, oid, member, None)


def _with_attributes(row: Role, given: list[tuple[str, Raw]]) -> Role:
    for option, element in given:
        match option:
            case "superuser":
                row = replace(row, rolsuper=flag(element))
            case "inherit":
                row = replace(row, rolinherit=flag(element))
            case "bypassrls":
                row = replace(row, rolbypassrls=flag(element))
            case "canlogin":
                row = replace(row, rolcanlogin=flag(element))
    return row


def grant_role(session: Session, statement: Statement) -> None:
    """GRANT role TO role and its REVOKE, with the INHERIT option of version 16."""
    node = statement.node
    given = options(node.get("opt", []))
    inherit = next((flag(element) for name, element in given if name == "inherit"), None)
    members = roles_of(session, node["grantee_roles"])
    for granted in node["granted_roles"]:
        role = role_by_name(session, granted["AccessPriv"]["priv_name"])
        for member in members:
            if node.get("is_grant"):
                _add_member(session, role, member, inherit)
            elif not given:
                _drop_member(session, role, member)
            elif inherit is not None and _is_member(session, role, member):
                _add_member(session, role, member, False)


def _add_member(session: Session, role: Oid, member: Oid, inherit: bool | None) -> None:
    catalog = session.catalog
    row = catalog.roles.get(member)
    if row is None or role == PUBLIC:
        raise DDLError("42704", 'role "public" does not exist')
    if role == member or member in _members_above(catalog, role):
        raise DDLError("0LP01", f'role "{catalog.rolname(role)}" is a member of role "{row.rolname}"')
    held = dict(row.memberof)
    if inherit is None:
        inherit = held.get(role, row.rolinherit)
    held[role] = inherit
    catalog.roles.put(replace(row, memberof=tuple(held.items())))


def _is_member(session: Session, role: Oid, member: Oid) -> bool:
    row = session.catalog.roles.get(member)
    return row is not None and any(held == role for held, _ in row.memberof)


def _drop_member(session: Session, role: Oid, member: Oid) -> None:
    row = session.catalog.roles.get(member)
    if row is not None and _is_member(session, role, member):
        rest = tuple(entry for entry in row.memberof if entry[0] != role)
        session.catalog.roles.put(replace(row, memberof=rest))


def _members_above(catalog: Catalog, role: Oid) -> set[Oid]:
    """Every role that ``role`` is a member of, through any depth, inheriting or not."""
    seen: set[Oid] = set()
    stack = [role]
    while stack:
        row = catalog.roles.get(stack.pop())
        for above, _ in () if row is None else row.memberof:
            if above not in seen:
                seen.add(above)
                stack.append(above)
    return seen


def drop_role(session: Session, statement: Statement) -> None:
    """DROP ROLE. Raises DDLError 2BP01 while objects, privileges or policies depend on it."""
    catalog = session.catalog
    for spec in statement.node["roles"]:
        name = spec["RoleSpec"].get("rolename", "")
        row = catalog.find_role(name)
        if row is None:
            # a role that no file mentions may exist all the same
            if name in session.dropped_roles and not statement.node.get("missing_ok"):
                raise DDLError("42704", f'role "{name}" does not exist')
            session.dropped_roles.add(name)
            continue
        if row.oid in (session.role, session.login_role):
            raise DDLError("55006", "current user cannot be dropped")
        if _is_depended_on(catalog, row.oid):
            raise DDLError("2BP01", f'role "{name}" cannot be dropped because some objects depend on it')
        for member in catalog.roles:
            _drop_member(session, row.oid, member.oid)
        catalog.roles.remove(row.oid)
        session.dropped_roles.add(name)


def _is_depended_on(catalog: Catalog, role: Oid) -> bool:
    owners: Iterable[Oid] = (
        *(row.relowner for row in catalog.relations),
        *(row.nspowner for row in catalog.namespaces),
        *(row.proowner for row in catalog.procs),
        *(row.typowner for row in catalog.types),
    )
    if role in owners:
        return True
    if any(role in policy.polroles for policy in catalog.policies):
        return True
    acls: Iterable[Acl] = (
        *(row.relacl for row in catalog.relations),
        *(column.attacl for row in catalog.relations for column in row.attributes),
        *(row.nspacl for row in catalog.namespaces),
        *(row.proacl or frozenset() for row in catalog.procs),
        *(row.grants for row in catalog.default_acls),
    )
    return any(grantee == role for acl in acls for grantee, _ in acl) or any(
        row.defaclrole == role for row in catalog.default_acls
    )


def rename_role(session: Session, statement: Statement) -> None:
    """ALTER ROLE ... RENAME TO."""
    catalog = session.catalog
    node = statement.node
    old, new = node["subname"], node["newname"]
    known = catalog.find_role(new)
    if known is not None and known.known:
        raise DDLError("42710", f'role "{new}" already exists')
    row = catalog.roles[role_by_name(session, old)]
    catalog.roles.put(replace(row, rolname=new, origin=statement.span))
    session.refresh_search_path()


def reassign_owned(session: Session, statement: Statement) -> None:
    """REASSIGN OWNED BY: every object of the old roles goes to the new one."""
    catalog = session.catalog
    old = set(roles_of(session, statement.node["roles"]))
    new = role_of(session, statement.node["newrole"])
    for relation in [row for row in catalog.relations if row.relowner in old]:
        catalog.relations.put(with_owner(relation, new))
    for proc in [row for row in catalog.procs if row.proowner in old]:
        catalog.procs.put(with_owner(proc, new))
    for namespace in [row for row in catalog.namespaces if row.nspowner in old]:
        catalog.namespaces.put(with_owner(namespace, new))
    for type_ in [row for row in catalog.types if row.typowner in old]:
        catalog.types.put(replace(type_, typowner=new))


def drop_owned(session: Session, statement: Statement) -> None:
    """DROP OWNED BY: the privileges of the roles, their part in policies and the objects they own (shdepDropOwned).

    Raises DDLError 2BP01 where other objects depend on these, without CASCADE.
    """
    catalog = session.catalog
    gone = set(roles_of(session, statement.node["roles"]))
    for relation in list(catalog.relations):
        attributes = tuple(replace(column, attacl=_without(column.attacl, gone)) for column in relation.attributes)
        changed = replace(relation, relacl=_without(relation.relacl, gone), attributes=attributes)
        if changed != relation:
            catalog.relations.put(changed)
    for namespace in list(catalog.namespaces):
        if _without(namespace.nspacl, gone) != namespace.nspacl:
            catalog.namespaces.put(replace(namespace, nspacl=_without(namespace.nspacl, gone)))
    for proc in list(catalog.procs):
        if proc.proacl is not None and _without(proc.proacl, gone) != proc.proacl:
            catalog.procs.put(replace(proc, proacl=_without(proc.proacl, gone)))
    catalog.default_acls[:] = [
        replace(row, grants=_without(row.grants, gone)) for row in catalog.default_acls if row.defaclrole not in gone
    ]
    _leave_policies(catalog, gone, statement.span)
    owned = list(_owned(catalog, gone))
    if not owned:
        return
    perform_deletion(session, owned, cascade=statement.node.get("behavior") == "DROP_CASCADE")
    schemas = {one.oid for one in owned if one.kind == "namespace"}
    catalog.default_acls[:] = [row for row in catalog.default_acls if row.defaclnamespace not in schemas]
    session.refresh_search_path()


def _owned(catalog: Catalog, owners: set[Oid]) -> Iterator[Address]:
    """What has an owner of its own: not row types, array types and composite types' relations."""
    for relation in catalog.relations:
        if relation.relowner in owners and relation.relkind != "c":
            yield Address("relation", relation.oid)
    for proc in catalog.procs:
        if proc.proowner in owners:
            yield Address("proc", proc.oid)
    for row in catalog.types:
        table = catalog.relations.get(row.typrelid)
        if row.typowner in owners and row.typcategory != "A" and (table is None or table.relkind == "c"):
            yield Address("type", row.oid)
    for namespace in catalog.namespaces:
        if namespace.nspowner in owners:
            yield Address("namespace", namespace.oid)


def _leave_policies(catalog: Catalog, gone: set[Oid], origin: Span) -> None:
    for policy in list(catalog.policies):
        rest = tuple(role for role in policy.polroles if role not in gone)
        if rest == policy.polroles:
            continue
        if rest:
            catalog.policies.put(replace(policy, polroles=rest, origin=origin))
        else:
            catalog.policies.remove(policy.oid)


def _without(acl: Acl, gone: set[Oid]) -> Acl:
    return frozenset(entry for entry in acl if entry[0] not in gone)


HANDLERS: Final[dict[str, Handler]] = {
    "CreateRoleStmt": create_role,
    "AlterRoleStmt": alter_role,
    "GrantRoleStmt": grant_role,
    "DropRoleStmt": drop_role,
    "ReassignOwnedStmt": reassign_owned,
    "DropOwnedStmt": drop_owned,
}
