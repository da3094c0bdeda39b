"""A condition or query in, whether anything in it is VOLATILE out, with what views and row security bring into it.

The rewriter has put both into a query before the planner asks: contain_volatile_functions() of clauses.c walks range tables
and their securityQuals as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, walk_query
from rlslint.nodes.primnodes import Expr, Oid
from rlslint.plan import clauses
from rlslint.rewrite.access import TableAccess, query_tables, tables_read
from rlslint.rewrite.rowsecurity import row_security


def volatile_expression(catalog: Catalog, expr: Expr, role: Oid) -> bool:
    """Whether a condition, as the role evaluates it, is VOLATILE."""
    return clauses.contain_volatile(catalog, expr) or _brought(catalog, tables_read(catalog, expr, role), set())


def volatile_query(catalog: Catalog, query: Query, role: Oid) -> bool:
    """Whether a query, as the role runs it, is VOLATILE."""
    own = any(clauses.volatile_node(catalog, node) for node, _ in walk_query(query))
    return own or _brought(catalog, query_tables(catalog, query, role), set())


def _brought(catalog: Catalog, tables: Iterable[TableAccess], seen: set[tuple[Oid, Oid]]) -> bool:
    for access in tables:
        if (access.relid, access.role) in seen:
            continue
        seen.add((access.relid, access.role))
        relation = catalog.relations[access.relid]
        if relation.query is not None:
            # what it reads is among the tables
            if any(clauses.volatile_node(catalog, node) for node, _ in walk_query(relation.query)):
                return True
            continue
        for quals in row_security(catalog, access.relid, access.role, "select").security_quals:
            for clause in quals.clauses:
                if clauses.contain_volatile(catalog, clause.expr):
                    return True
                if _brought(catalog, tables_read(catalog, clause.expr, access.role), seen):
                    return True
    return False
