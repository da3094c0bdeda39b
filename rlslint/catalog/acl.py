"""A role and a catalog row in, whether the role has a privilege out: aclmask() of PostgreSQL's utils/adt/acl.c."""

from __future__ import annotations

from typing import Final, TypeVar

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.membership import has_privs_of_role, roles_with_privileges_of
from rlslint.catalog.rows import Acl, Namespace, Proc, Relation, Type
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace

TABLE_PRIVILEGES: Final = ("select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain")
COLUMN_PRIVILEGES: Final = ("select", "insert", "update", "references")
SEQUENCE_PRIVILEGES: Final = ("select", "update", "usage")
NO_PRIVILEGES: Final[Acl] = frozenset()
_DEFAULT_PROC_ACL: Final[Acl] = frozenset({(PUBLIC, "execute")})


def has_privilege(catalog: Catalog, role: Oid, row: Relation | Proc | Namespace | Type, privilege: str) -> bool:
    """Whether the role has the privilege (lower case) on the object as a whole.

    Ownership, PUBLIC and the roles it inherits from count; a superuser has everything; members of pg_read_all_data and
    pg_write_all_data have theirs. USAGE on types is never taken away here.
    """
    known = catalog.remembered("privileges", catalog.roles)
    key = (role, id(row), privilege)
    if key not in known:
        # the row is kept, so that its identity stays its own
        known[key] = row, _has_privilege(catalog, role, row, privilege)
    found: bool = known[key][1]
    return found


def _has_privilege(catalog: Catalog, role: Oid, row: Relation | Proc | Namespace | Type, privilege: str) -> bool:
    member = catalog.roles.get(role)
    if member is not None and member.rolsuper:
        return True
    owner, acl, lacks = _owner_and_acl(row)
    if privilege not in lacks and has_privs_of_role(catalog, role, owner):
        return True
    inherited = roles_with_privileges_of(catalog, role)
    if any(name == privilege and (grantee == PUBLIC or grantee in inherited) for grantee, name in acl):
        return True
    return _by_predefined_role(catalog, inherited, row, privilege)


def has_column_privilege(catalog: Catalog, role: Oid, relation: Relation, attnum: int, privilege: str) -> bool:
    """Whether the role has the privilege on the table or on that column of it."""
    if has_privilege(catalog, role, relation, privilege):
        return True
    if attnum <= 0:
        return False
    inherited = roles_with_privileges_of(catalog, role)
    acl = relation.column(attnum).attacl
    return any(name == privilege and (grantee == PUBLIC or grantee in inherited) for grantee, name in acl)


def _owner_and_acl(row: Relation | Proc | Namespace | Type) -> tuple[Oid, Acl, frozenset[str]]:
    match row:
        case Relation():
            return row.relowner, row.relacl, row.ownerlacks
        case Proc():
            return row.proowner, _DEFAULT_PROC_ACL if row.proacl is None else row.proacl, row.ownerlacks
        case Namespace():
            return row.nspowner, row.nspacl, row.ownerlacks
        case Type():
            return row.typowner, frozenset({(PUBLIC, "usage")}), frozenset()


Owned = TypeVar("Owned", Relation, Proc, Namespace)


def with_owner(row: Owned, owner: Oid) -> Owned:
    """The row with another owner, who takes over what the old one had and joins it to what they had (aclnewowner)."""
    _, acl, lacks = _owner_and_acl(row)
    rest = frozenset(entry for entry in acl if entry[0] != owner)
    lacks -= {privilege for grantee, privilege in acl if grantee == owner}
    if isinstance(row, Proc):
        return replace(row, proowner=owner, proacl=None if row.proacl is None else rest, ownerlacks=lacks)
    if isinstance(row, Namespace):
        return replace(row, nspowner=owner, nspacl=rest, ownerlacks=lacks)
    columns = tuple(
        replace(one, attacl=frozenset((owner if who == row.relowner else who, what) for who, what in one.attacl))
        for one in row.attributes
    )
    return replace(row, relowner=owner, relacl=rest, ownerlacks=lacks, attributes=columns)


def _by_predefined_role(
    catalog: Catalog, inherited: frozenset[Oid], row: Relation | Proc | Namespace | Type, privilege: str
) -> bool:
    if isinstance(row, Relation):
        if privilege == "select" and _among(catalog, inherited, "pg_read_all_data"):
            return True
        if privilege in ("insert", "update", "delete") and _among(catalog, inherited, "pg_write_all_data"):
            return True
        return privilege == "maintain" and _among(catalog, inherited, "pg_maintain")
    if isinstance(row, Namespace) and privilege == "usage":
        return any(_among(catalog, inherited, name) for name in ("pg_read_all_data", "pg_write_all_data"))
    return False


def _among(catalog: Catalog, inherited: frozenset[Oid], name: str) -> bool:
    role = catalog.find_role(name)
    return role is not None and role.oid in inherited
