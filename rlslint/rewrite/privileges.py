"""A statement's row security in, the privilege its role lacks out: what ExecCheckPermissions and fmgr check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlslint.catalog.acl import has_column_privilege, has_privilege
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import FuncExpr, Oid, SubLink, walk
from rlslint.records import dataclass
from rlslint.rewrite.access import function_calls, query_calls, tables_read
from rlslint.rewrite.model import PolicyClause, RowSecurity, StatementName

NEEDS: Final[dict[StatementName, tuple[str, ...]]] = {
    "select": ("select",),
    "select_by_key": ("select",),
    "insert": ("insert",),
    "insert_many": ("insert",),
    "insert_returning": ("insert", "select"),
    "upsert": ("insert", "select", "update"),
    "update": ("update",),
    "delete": ("delete",),
}
"""Privileges on the table itself that each statement needs."""


def grants_known(relation: Relation) -> bool:
    """Whether files grant anything on the table, or on a column of it: else grants are made elsewhere, and every role is
    taken to have what it needs."""
    return bool(relation.relacl) or any(attribute.attacl for attribute in relation.attributes)


def missing_privilege(catalog: Catalog, security: RowSecurity) -> str | None:
    """PostgreSQL's message (SQLSTATE 42501) for the first privilege that is missing, or None."""
    relation = catalog.relations[security.relid]
    namespace = catalog.namespaces.get(relation.relnamespace)
    # a schema on which no file grants anything has its grants elsewhere, as with tables
    if namespace is not None and namespace.nspacl and not has_privilege(catalog, security.role, namespace, "usage"):
        return f"permission denied for schema {namespace.nspname}"
    for privilege in NEEDS[security.statement]:
        if not has_any_column(catalog, security.role, relation, privilege):
            return _denied(relation)
    for evaluated in evaluated_clauses(security):
        message = missing_in_clause(catalog, evaluated, security.role)
        if message is not None:
            return message
    return None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A condition that is left in a statement's plan."""

    clause: PolicyClause
    whole: bool = True
    """False where the scan it stands in is proved to be empty: its subqueries are planned and started all the same
    (standard_planner and InitPlan go through all subplans), the condition around them is not."""

    def calls(self) -> Iterator[FuncExpr]:
        """The functions that need EXECUTE."""
        if self.whole:
            yield from function_calls(self.clause.expr)
            return
        for node in walk(self.clause.expr):
            if isinstance(node, SubLink):
                yield from query_calls(node.subselect)


def evaluated_clauses(security: RowSecurity) -> tuple[Evaluated, ...]:
    """Every condition that is left in the statement's plan, each once: what these read and call needs privileges."""
    found: dict[PolicyClause, Evaluated] = {}
    for option in security.with_check_options:
        for clause in option.quals.evaluated:
            found[clause] = Evaluated(clause)
    for quals in security.security_quals:
        for clause in quals.evaluated:
            found.setdefault(clause, Evaluated(clause, whole=not security.scan_excluded))
    return tuple(found.values())


def missing_in_clause(catalog: Catalog, evaluated: Evaluated, role: Oid) -> str | None:
    """The same for one policy's condition: the tables its subqueries read, the functions it calls.

    USAGE on a schema is not asked for: a policy holds its tables and functions by OID.
    """
    known = catalog.remembered("missing_in_clause", catalog.relations, catalog.roles, catalog.procs, catalog.namespaces)
    key = (evaluated.clause, evaluated.whole, role)
    if key not in known:
        known[key] = _missing_in_clause(catalog, evaluated, role)
    found: str | None = known[key]
    return found


def _missing_in_clause(catalog: Catalog, evaluated: Evaluated, role: Oid) -> str | None:
    for access in tables_read(catalog, evaluated.clause.expr, role):
        relation = catalog.relations[access.relid]
        if not may_read(catalog, access.role, relation, access.columns):
            return _denied(relation)
    for call in evaluated.calls():
        proc = catalog.procs.get(call.funcid)
        if proc is not None and not has_privilege(catalog, role, proc, "execute"):
            return f"permission denied for function {proc.proname}"
    return None


def may_read(catalog: Catalog, role: Oid, relation: Relation, columns: frozenset[int]) -> bool:
    """SELECT on the table, or on every column used; a query that uses none needs any one column."""
    if has_privilege(catalog, role, relation, "select"):
        return True
    named = [number for number in columns if number > 0]
    if 0 in columns or any(number < 0 for number in columns):
        return False
    if not named:
        return has_any_column(catalog, role, relation, "select")
    return all(has_column_privilege(catalog, role, relation, number, "select") for number in named)


def has_any_column(catalog: Catalog, role: Oid, relation: Relation, privilege: str) -> bool:
    """The privilege on the table or, where it is one that columns can have, on at least one column."""
    if has_privilege(catalog, role, relation, privilege):
        return True
    if privilege == "delete" or not any(attribute.attacl for attribute in relation.attributes):
        return False
    live = (attribute.attnum for attribute in relation.attributes if not attribute.attisdropped)
    return any(has_column_privilege(catalog, role, relation, number, privilege) for number in live)


def _denied(relation: Relation) -> str:
    kind = "view" if relation.relkind == "v" else "table"
    return f"permission denied for {kind} {relation.relname}"
