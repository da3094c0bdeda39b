"""A catalog in, the roles that nothing in it tells apart but their names out.

What is true of one of them is true of the others once the names are exchanged, so that it need be worked out for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy, Role
from rlslint.nodes.primnodes import Oid

Twins = Mapping[Oid, tuple[Oid, ...]]
"""Of the first of several such roles, all of them; in order of OID."""

FEW: Final = 8
"""Roles. With fewer there is nothing to gain."""
_NAMED: Final = ("anon", "authenticated", "authenticator", "service_role", "web_anon")
"""Names that mean something to rlslint, besides those that begin with ``pg_``."""


def twins(catalog: Catalog) -> Twins:
    """Roles with equal attributes and memberships that the same policies and grants name alike, and that own nothing
    and have no members."""
    if len([role for role in catalog.roles if role.known]) < FEW:
        return {}
    known = _remembered(catalog, "twins")
    if "twins" not in known:
        known["twins"] = _twins(catalog)
    found: Twins = known["twins"]
    return found


def first_of(catalog: Catalog, role: Oid) -> Oid:
    """The first of the roles that are like it; itself where there is none."""
    if not twins(catalog):
        return role
    known = _remembered(catalog, "first_twin")
    if not known:
        known.update({one: first for first, every in twins(catalog).items() for one in every})
    found: Oid = known.get(role, role)
    return found


def others_of(these: Twins) -> frozenset[Oid]:
    """All of them but the first ones."""
    return frozenset(one for first, every in these.items() for one in every if one != first)


def told_apart(these: Twins, policies: Iterable[Policy], roles: Iterable[Oid]) -> Twins:
    """The same without ``roles``, and with those kept apart that not all of the ``policies`` name alike."""
    if not these:
        return these
    alone = set(roles)
    named: dict[Oid, list[Oid]] = {}
    for policy in {id(one): one for one in policies}.values():
        for role in policy.polroles:
            named.setdefault(role, []).append(id(policy))
    groups: dict[tuple[object, ...], list[Oid]] = {}
    for first, every in these.items():
        for role in every:
            if role not in alone:
                groups.setdefault((first, *named.get(role, ())), []).append(role)
    return {group[0]: tuple(group) for group in groups.values() if len(group) > 1}


def _remembered(catalog: Catalog, name: str) -> dict[Any, Any]:
    """Answers of this module, while nothing changes that they hang on."""
    return catalog.remembered(
        name, catalog.roles, catalog.policies, catalog.procs, catalog.relations, catalog.namespaces, catalog.types
    )


def _twins(catalog: Catalog) -> Twins:
    alike = _alike_beside_policies(catalog)
    named: dict[Oid, set[Oid]] = {oid: set() for group in alike for oid in group}
    for policy in catalog.policies if named else ():
        for role in policy.polroles:
            if role in named:
                named[role].add(policy.oid)
    groups: dict[tuple[object, ...], list[Oid]] = {}
    for number, group in enumerate(alike):
        for oid in group:
            groups.setdefault((number, frozenset(named[oid])), []).append(oid)
    return {group[0]: tuple(group) for group in sorted(groups.values()) if len(group) > 1}


def _may_have_twin(role: Role) -> bool:
    return role.known and role.rolname not in _NAMED and not role.rolname.startswith("pg_")


def _owners(catalog: Catalog) -> Iterator[Oid]:
    yield from (row.nspowner for row in catalog.namespaces)
    yield from (row.typowner for row in catalog.types)
    yield from (row.relowner for row in catalog.relations)
    yield from (row.proowner for row in catalog.procs)
    yield from (row.defaclrole for row in catalog.default_acls)


def _alike_beside_policies(catalog: Catalog) -> tuple[tuple[Oid, ...], ...]:
    """Roles that nothing tells apart, unless policies do; only groups of several."""
    known = catalog.remembered(
        "twins beside policies", catalog.roles, catalog.procs, catalog.relations, catalog.namespaces, catalog.types
    )
    if not known:
        known["alike"] = tuple(map(tuple, _groups_beside_policies(catalog)))
    found: tuple[tuple[Oid, ...], ...] = known["alike"]
    return found


def _groups_beside_policies(catalog: Catalog) -> list[list[Oid]]:
    marks: dict[Oid, list[object]] = {role.oid: [] for role in catalog.roles if _may_have_twin(role)}
    for member in catalog.roles:
        for role, _ in member.memberof:
            marks.pop(role, None)
    for owner in _owners(catalog):
        marks.pop(owner, None)
    for role, mark in _mentions(catalog):
        if role in marks:
            marks[role].append(mark)
    groups: dict[tuple[object, ...], list[Oid]] = {}
    for oid, mentions in sorted(marks.items()):
        row = catalog.roles[oid]
        rights = (row.rolsuper, row.rolinherit, row.rolbypassrls, row.rolcanlogin, frozenset(row.memberof))
        groups.setdefault((rights, frozenset(mentions)), []).append(oid)
    return [group for group in groups.values() if len(group) > 1]


def _mentions(catalog: Catalog) -> Iterator[tuple[Oid, object]]:
    """Each role that a row other than a policy names beside its owner, with what says which row and as what."""
    acls = [(row.oid, row.nspacl) for row in catalog.namespaces]
    acls += [(row.oid, row.proacl or frozenset()) for row in catalog.procs]
    for relation in catalog.relations:
        acls.append((relation.oid, relation.relacl))
        for column in relation.attributes:
            yield from ((role, (relation.oid, column.attnum, name)) for role, name in column.attacl)
    for oid, acl in acls:
        yield from ((role, (oid, name)) for role, name in acl)
    for number, default in enumerate(catalog.default_acls):
        for grants in (default.grants, default.revokes):
            yield from ((role, ("default", number, grants is default.grants, name)) for role, name in grants)
