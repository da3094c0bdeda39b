"""Role membership: a role in, the roles whose privileges it has out (PostgreSQL's utils/adt/acl.c)."""

from __future__ import annotations

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Role
from rlslint.nodes.primnodes import Oid


def roles_with_privileges_of(catalog: Catalog, role: Oid) -> frozenset[Oid]:
    """The role itself and every role it inherits from, through any depth (roles_is_member_of, ROLERECURSE_PRIVS)."""
    known = catalog.remembered("memberships", catalog.roles)
    if role not in known:
        known[role] = _inherited(catalog, role)
    found: frozenset[Oid] = known[role]
    return found


def _inherited(catalog: Catalog, role: Oid) -> frozenset[Oid]:
    seen = {role}
    stack = [role]
    while stack:
        row = catalog.roles.get(stack.pop())
        if row is None:
            continue
        for member_of, inherit in row.memberof:
            if inherit and member_of not in seen:
                seen.add(member_of)
                stack.append(member_of)
    return frozenset(seen)


def has_privs_of_role(catalog: Catalog, member: Oid, role: Oid) -> bool:
    """Whether ``member`` has the privileges of ``role``; everybody has PUBLIC's, a superuser everybody's."""
    if role in (PUBLIC, member):
        return True
    row: Role | None = catalog.roles.get(member)
    if row is not None and row.rolsuper:
        return True
    return role in roles_with_privileges_of(catalog, member)
