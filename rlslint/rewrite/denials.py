"""A policy's condition and a role in, the privileges that the role lacks for it out: tables, columns, functions, and what
the bodies of helpers with the caller's rights need, schemas included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rlslint.catalog.acl import has_privilege
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc, Relation
from rlslint.nodes.primnodes import Expr, Oid
from rlslint.records import dataclass
from rlslint.rewrite.access import function_calls, query_tables, tables_read
from rlslint.rewrite.bodies import body_queries
from rlslint.rewrite.privileges import may_read


@dataclass(frozen=True, slots=True)
class Denial:
    """A privilege that is missing. ``name`` is the object's as PostgreSQL's message has it."""

    kind: Literal["table", "view", "function", "schema"]
    oid: Oid
    name: str
    columns: tuple[str, ...] = ()
    """Columns that are read and on which the role has no privilege, where it has one on others."""
    node: Expr | None = None
    """The subquery or call in the condition; None for the condition as a whole."""
    function: Oid = 0
    """The helper in whose body it is missing: the error then comes when the helper runs, not when the statement starts."""

    @property
    def message(self) -> str:
        """PostgreSQL's message, SQLSTATE 42501."""
        return f"permission denied for {self.kind} {self.name}"


def denials(catalog: Catalog, expr: Expr, role: Oid) -> Iterator[Denial]:
    """Every privilege that a role lacks for the condition.

    Objects on which the files grant nothing to anybody are passed over: their grants are made elsewhere.
    """
    for access in tables_read(catalog, expr, role):
        relation = catalog.relations[access.relid]
        if _is_granted(relation) and not may_read(catalog, access.role, relation, access.columns):
            missing = _missing_columns(catalog, access.role, relation, access.columns)
            yield Denial(_kind(relation), relation.oid, relation.relname, missing, access.sublink)
    for call in function_calls(expr):
        proc = catalog.procs.get(call.funcid)
        if proc is None or proc.origin is None:
            continue
        if not has_privilege(catalog, role, proc, "execute"):
            yield Denial("function", proc.oid, proc.proname, (), call)
        elif not proc.prosecdef:
            yield from _in_body(catalog, proc, role, call)


def _in_body(catalog: Catalog, proc: Proc, role: Oid, call: Expr) -> Iterator[Denial]:
    for query, _ in body_queries(catalog, proc):
        for access in query_tables(catalog, query, role):
            relation = catalog.relations[access.relid]
            namespace = catalog.namespaces[relation.relnamespace]
            if (
                not access.views
                and namespace.origin is not None
                and not has_privilege(catalog, role, namespace, "usage")
            ):
                yield Denial("schema", namespace.oid, namespace.nspname, (), call, proc.oid)
            elif _is_granted(relation) and not may_read(catalog, access.role, relation, access.columns):
                missing = _missing_columns(catalog, access.role, relation, access.columns)
                yield Denial(_kind(relation), relation.oid, relation.relname, missing, call, proc.oid)


def _is_granted(relation: Relation) -> bool:
    return bool(relation.relacl) or any(attribute.attacl for attribute in relation.attributes)


def _kind(relation: Relation) -> Literal["table", "view"]:
    return "view" if relation.relkind == "v" else "table"


def _missing_columns(catalog: Catalog, role: Oid, relation: Relation, columns: frozenset[int]) -> tuple[str, ...]:
    """Names of the columns without the privilege; () where the role has it on none at all."""
    numbers = [number for number in sorted(columns) if number > 0]
    missing = [number for number in numbers if not may_read(catalog, role, relation, frozenset({number}))]
    if not may_read(catalog, role, relation, frozenset()):
        return ()
    return tuple(relation.column(number).attname for number in missing)
