"""A role in, the role that its plans are made as out: the first one that nothing tells apart from it.

What a plan hangs on of the role are the policies that apply to it, on the tables that subqueries read as well, what it
may execute (only that is inlined) and what it owns. So two roles are planned alike where policies, functions' privileges
and owners name the same of the roles whose privileges they have.
"""

from __future__ import annotations

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.membership import roles_with_privileges_of
from rlslint.nodes.primnodes import Oid


def planned_as(catalog: Catalog, role: Oid) -> Oid:
    """The role that stands for it, itself where none was asked for before that is like it."""
    known = catalog.remembered(
        "planned_as", catalog.roles, catalog.policies, catalog.procs, catalog.relations, catalog.namespaces
    )
    if role not in known:
        if "named" not in known:
            known["named"] = _named(catalog)
        row = catalog.roles.get(role)
        rights = None if row is None else (row.rolsuper, row.rolbypassrls)
        key = (rights, roles_with_privileges_of(catalog, role) & known["named"])
        known[role] = known.setdefault(key, role)
    found: Oid = known[role]
    return found


def _named(catalog: Catalog) -> frozenset[Oid]:
    """Roles that a plan can tell from others."""
    named = {role for policy in catalog.policies for role in policy.polroles}
    named.update(proc.proowner for proc in catalog.procs)
    named.update(grantee for proc in catalog.procs for grantee, _ in proc.proacl or ())
    named.update(relation.relowner for relation in catalog.relations)
    return frozenset(named - {PUBLIC})
