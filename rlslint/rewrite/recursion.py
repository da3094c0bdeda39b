"""(relation, role, statement) in, the error it meets whatever the rows out: recursion or a missing privilege.

PostgreSQL finds 42P17 while it rewrites (fireRIRrules in rewriteHandler.c), 42501 when the executor starts
(ExecCheckPermissions), and 54001 only while rows are run through a function that reads the table again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.catalog.store import Store
from rlslint.nodes.primnodes import Oid, SubLink, walk
from rlslint.records import dataclass
from rlslint.rewrite.access import function_calls, tables_read
from rlslint.rewrite.functions import body_functions, body_tables
from rlslint.rewrite.model import PolicyClause, RowSecurity, StatementName
from rlslint.rewrite.privileges import missing_privilege
from rlslint.rewrite.rowsecurity import bypasses, row_security


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of a recursion: a policy's condition that reads a table, perhaps through a function."""

    clause: PolicyClause
    relid: Oid
    role: Oid
    function: Oid = 0
    """The function through which it reads, 0 for a subquery."""


@dataclass(frozen=True, slots=True)
class StatementError:
    """The error: ``sqlstate``, PostgreSQL's message, and for a recursion the policies that make the ring."""

    sqlstate: str
    message: str
    cycle: tuple[Edge, ...] = ()


_LACKS: Final = StatementError("42501", "")


def statement_error(
    catalog: Catalog, relid: Oid, role: Oid, statement: StatementName, *, privileges: bool = True
) -> StatementError | None:
    """The first error that PostgreSQL would raise, or None. ``privileges=False`` looks for recursion only."""
    known = catalog.remembered("statement_error", *_stores(catalog))
    key = (relid, role, statement, privileges)
    if key not in known:
        # where the first error is none of a privilege, it is the same without looking for these
        whole = known.get((relid, role, statement, True), _LACKS)
        if privileges or whole is _LACKS or (whole is not None and not whole.cycle):
            whole = _statement_error(catalog, relid, role, statement, privileges)
        known[key] = whole
    found: StatementError | None = known[key]
    return found


def _stores(catalog: Catalog) -> tuple[Store[Any], ...]:
    """All that an answer of this module hangs on."""
    return (catalog.relations, catalog.policies, catalog.roles, catalog.procs, catalog.namespaces)


def _statement_error(
    catalog: Catalog, relid: Oid, role: Oid, statement: StatementName, privileges: bool
) -> StatementError | None:
    security = row_security(catalog, relid, role, statement)
    cycle = rewriting_cycle(catalog, security)
    if cycle:
        return StatementError("42P17", _message(catalog, cycle), cycle)
    if privileges:
        missing = missing_privilege(catalog, security)
        if missing is not None:
            return StatementError("42501", missing)
    cycle = running_cycle(catalog, security)
    if not cycle:
        return None
    if any(edge.function for edge in cycle):
        return StatementError("54001", "stack depth limit exceeded", cycle)
    # a ring that only a function leads to: raised when the function's own query is rewritten
    return StatementError("42P17", _message(catalog, cycle), cycle)


def rewriting_cycle(catalog: Catalog, security: RowSecurity) -> tuple[Edge, ...]:
    """The ring that fireRIRrules meets, without the way to it, or ().

    PostgreSQL raises when it is about to expand the subqueries in the policies of a table that it is already expanding:
    it is enough that they hold any subquery, even ``(SELECT auth.uid())``.
    """
    return _known_ring(catalog, security, through_functions=False)


def running_cycle(catalog: Catalog, security: RowSecurity) -> tuple[Edge, ...]:
    """The ring that running the statement meets through functions, or ().

    A function's query is a new statement: what it meets are the SELECT policies of the tables it reads, and only when
    these lead back to themselves there is no end.
    """
    return _known_ring(catalog, security, through_functions=True)


def _known_ring(catalog: Catalog, security: RowSecurity, *, through_functions: bool) -> tuple[Edge, ...]:
    """What `_search` finds; statements that bring in the same conditions are one to it."""
    known = catalog.remembered("rings", *_stores(catalog))
    key = (security.relid, security.role, through_functions and _reads_itself(security), through_functions)
    rings = known.setdefault(key, {})
    conditions = clauses_of(security)
    if conditions not in rings:
        rings[conditions] = _search(catalog, security, through_functions=through_functions)
    found: tuple[Edge, ...] = rings[conditions]
    return found


def _reads_itself(security: RowSecurity) -> bool:
    return security.statement in ("select", "select_by_key")


def _search(catalog: Catalog, security: RowSecurity, *, through_functions: bool) -> tuple[Edge, ...]:
    """Depth first over (table, role), each with its SELECT policies, from the statement's own policies."""
    path: list[Edge] = []
    active: dict[tuple[Oid, Oid], int] = {}
    if not through_functions or _reads_itself(security):
        active[_node(security.relid, security.role, through_functions)] = 0
    finished: set[tuple[Oid, Oid]] = set()
    stack: list[Iterator[Edge]] = [_edges(catalog, security, through_functions)]
    while stack:
        edge = next(stack[-1], None)
        if edge is None:
            stack.pop()
            if path:
                done = path.pop()
                node = _node(done.relid, done.role, through_functions)
                del active[node]
                finished.add(node)
            continue
        node = _node(edge.relid, edge.role, through_functions)
        if node in finished:
            continue
        inner = row_security(catalog, edge.relid, edge.role, "select")
        if node in active:
            if through_functions or _has_subquery(inner):
                return (*path[active[node] :], edge)
            continue
        path.append(edge)
        active[node] = len(path)
        stack.append(_edges(catalog, inner, through_functions))
    return ()


def _node(relid: Oid, role: Oid, through_functions: bool) -> tuple[Oid, Oid]:
    """fireRIRrules tells tables apart, whoever reads them; a run tells roles apart as well."""
    return (relid, role if through_functions else 0)


def _has_subquery(security: RowSecurity) -> bool:
    """RowSecurityPolicy.hassublinks is of a policy's USING and WITH CHECK together, whichever is applied."""
    stored = (one for clause in clauses_of(security) for one in (clause.policy.polqual, clause.policy.polwithcheck))
    return any(isinstance(node, SubLink) for one in stored if one is not None for node in walk(one.expr))


def clauses_of(security: RowSecurity) -> tuple[PolicyClause, ...]:
    """Every condition that the statement brings in, each once."""
    return security.every_clause


def _edges(catalog: Catalog, security: RowSecurity, through_functions: bool) -> Iterator[Edge]:
    known = catalog.remembered("policy_edges", *_stores(catalog))
    for clause in clauses_of(security):
        key = (clause, security.role)
        edges = known.get(key)
        if edges is None:
            edges = known[key] = (
                tuple(_by_subqueries(catalog, clause, security.role)),
                tuple(_by_functions(catalog, clause, security.role)),
            )
        direct, called = edges
        yield from direct
        if through_functions:
            yield from called


def _by_subqueries(catalog: Catalog, clause: PolicyClause, role: Oid) -> Iterator[Edge]:
    for access in tables_read(catalog, clause.expr, role):
        if _protected(catalog, access.relid, access.role):
            yield Edge(clause, access.relid, access.role)


def _by_functions(catalog: Catalog, clause: PolicyClause, role: Oid) -> Iterator[Edge]:
    for call in function_calls(clause.expr):
        proc = catalog.procs.get(call.funcid)
        if proc is not None and proc.statement is not None:
            for relid, reader in _reads(catalog, proc, role, frozenset()):
                yield Edge(clause, relid, reader, proc.oid)


def _reads(catalog: Catalog, proc: Proc, role: Oid, seen: frozenset[Oid]) -> Iterator[tuple[Oid, Oid]]:
    """Protected tables that a function reads, functions it calls included, with the role it reads them as."""
    if proc.oid in seen:
        return
    inner = proc.proowner if proc.prosecdef else role
    for relid in body_tables(catalog, proc):
        if _protected(catalog, relid, inner):
            yield relid, inner
    for called in body_functions(catalog, proc):
        yield from _reads(catalog, called, inner, seen | {proc.oid})


def _protected(catalog: Catalog, relid: Oid, role: Oid) -> bool:
    relation = catalog.relations.get(relid)
    return relation is not None and bypasses(catalog, relation, role) is None


def _message(catalog: Catalog, cycle: tuple[Edge, ...]) -> str:
    return f'infinite recursion detected in policy for relation "{catalog.relations[cycle[-1].relid].relname}"'
