"""A role in, the role that its plans are made as out: the first one that nothing tells apart from it.

What a plan hangs on of the role are the policies that apply to it, on the tables that subqueries read as well, what it
may execute (only that is inlined) and what it owns. So two roles are planned alike where policies, functions' privileges
and owners name the same of the roles whose privileges they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.membership import roles_with_privileges_of
from rlslint.catalog.rows import Policy
from rlslint.nodes.primnodes import FuncExpr, Oid
from rlslint.rewrite.access import function_calls, query_calls, query_tables, tables_read
from rlslint.rewrite.functions import body_tables, calls_closure


def planned_as(catalog: Catalog, role: Oid, relid: Oid | None = None) -> Oid:
    """The role that stands for it, itself where none was asked for before that is like it: in statements on one table, or
    in any."""
    known = catalog.remembered(
        "planned_as", catalog.roles, catalog.policies, catalog.procs, catalog.relations, catalog.namespaces
    )
    if (role, relid) not in known:
        if ("named", relid) not in known:
            met = catalog.policies if relid is None else _met(catalog, relid)
            known["named", relid] = _owners_and_callers(catalog).union(*(one.polroles for one in met)) - {PUBLIC}
        row = catalog.roles.get(role)
        rights = None if row is None else (row.rolsuper, row.rolbypassrls)
        key = (relid, rights, roles_with_privileges_of(catalog, role) & known["named", relid])
        known[role, relid] = known.setdefault(key, role)
    found: Oid = known[role, relid]
    return found


def _owners_and_callers(catalog: Catalog) -> frozenset[Oid]:
    """Roles that own tables, and those that own or may call functions."""
    known = catalog.remembered("owners_and_callers", catalog.procs, catalog.relations)
    if not known:
        named = {proc.proowner for proc in catalog.procs}
        named.update(grantee for proc in catalog.procs for grantee, _ in proc.proacl or ())
        named.update(relation.relowner for relation in catalog.relations)
        known["named"] = frozenset(named)
    found: frozenset[Oid] = known["named"]
    return found


def _met(catalog: Catalog, relid: Oid) -> Iterator[Policy]:
    """Policies that statements on the table may meet: its own, and those of tables that these read, inlined functions
    included, through any depth."""
    seen = {relid}
    stack = [relid]
    while stack:
        oid = stack.pop()
        view = catalog.relations.get(oid)
        read: set[Oid] = set()
        if view is not None and view.query is not None:
            read.update(access.relid for access in query_tables(catalog, view.query, PUBLIC))
            read.update(_through_calls(catalog, query_calls(view.query)))
        for policy in catalog.policies_of(oid):
            yield policy
            read |= _tables_met(catalog, policy)
        stack += sorted(read - seen)
        seen |= read


def _tables_met(catalog: Catalog, policy: Policy) -> frozenset[Oid]:
    known = catalog.remembered("tables_met", catalog.relations, catalog.procs)
    if policy.oid not in known or known[policy.oid][0] is not policy:
        found: set[Oid] = set()
        for stored in (policy.polqual, policy.polwithcheck):
            if stored is None:
                continue
            found.update(access.relid for access in tables_read(catalog, stored.expr, PUBLIC))
            found.update(_through_calls(catalog, function_calls(stored.expr)))
        known[policy.oid] = policy, frozenset(found)
    tables: frozenset[Oid] = known[policy.oid][1]
    return tables


def _through_calls(catalog: Catalog, calls: Iterable[FuncExpr]) -> Iterator[Oid]:
    for call in calls:
        proc = catalog.procs.get(call.funcid)
        if proc is not None and proc.statement is not None:
            for called in calls_closure(catalog, proc):
                yield from body_tables(catalog, called)
