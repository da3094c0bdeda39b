"""What a statement made in; `Missing` out where it stands on something that no file creates and nothing unseen brings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlslint.analyze.func import has_unseen
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc, Relation, StoredExpr
from rlslint.nodes.parsenodes import Query, nested_queries, query_expressions, walk_query
from rlslint.nodes.primnodes import Expr, Oid, SubLink, Unresolved
from rlslint.replay.lookup import find_relation
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Statement

_BY_QUERY: Final = frozenset({"CreateTableAsStmt", "SelectStmt"})
_ABSENT: Final = re.compile(r"^(function|operator|type|column)\b.* by no file$|^column .* that no file creates$")
"""What the analyzer says of names that nothing shown to it explains, not of what it does not analyse."""
_SQLSTATES: Final = {"function": "42883", "operator": "42883", "type": "42704", "column": "42703"}
_NOT_A_TABLE: Final = re.compile(r"\b(?:xmltable|json_table|tablesample)\b", re.IGNORECASE)
"""Members of FROM that are not analysed: they too have an unknown range-table entry."""


def require_known(session: Session, statement: Statement, newest: Oid) -> None:
    """Look at every row newer than ``newest``; for a replay in which the files are all there is. Raises Missing."""
    if statement.kind in ("DoStmt", "CreateExtensionStmt", "CallStmt") or may_be_unseen(session, statement, newest):
        return
    catalog = session.catalog
    for oid in range(newest + 1, catalog.newest_oid + 1):
        _require_schema(catalog, oid)
        for stored in _stored(catalog, oid):
            _require_names(statement, stored.expr)
        constraint = catalog.constraints.get(oid)
        if constraint is not None and constraint.contype == "f" and not constraint.confrelid:
            raise Missing("42P01", "a foreign key refers to a table that is created by no file")
        relation = catalog.relations.get(oid)
        if relation is not None:
            _require_columns(statement, relation)
        proc = catalog.procs.get(oid)
        if proc is not None:
            require_types(proc)
    for stored in _changed(session, statement):
        _require_names(statement, stored.expr)
    if statement.kind in ("AlterTableStmt", "ViewStmt"):
        altered = find_relation(session, statement.node["view" if statement.kind == "ViewStmt" else "relation"])
        if altered is not None:
            _require_columns(statement, altered)


def require_query(session: Session, statement: Statement, query: Query) -> None:
    """The same of a query that is resolved when its statement runs. Raises DDLError for what is certainly wrong."""
    for node, _ in walk_query(query):
        if isinstance(node, Unresolved) and node.sqlstate is not None:
            raise DDLError(node.sqlstate, node.reason)
    if not may_be_unseen(session, statement, session.catalog.newest_oid):
        _require_names_in_query(statement, query)


def may_be_unseen(session: Session, statement: Statement, newest: Oid) -> bool:
    """Whether something whose objects are not known here was within the statement's reach before it ran."""
    catalog = session.catalog
    if has_unseen(catalog, None, session.search_path):
        return True
    made = ((name, catalog.namespace_oid(name)) for name in catalog.unknown_schemas)
    hidden = {name for name, oid in made if oid is not None and oid <= newest}
    hidden |= {catalog.nspname(one.extnamespace) for one in catalog.extensions.values() if not one.known}
    return any(re.search(rf'\b{re.escape(name)}"?\s*\.', statement.text) for name in hidden)


def _require_schema(catalog: Catalog, oid: Oid) -> None:
    row = catalog.namespaces.get(oid)
    if row is not None and row.nspname in catalog.unknown_schemas:
        raise Missing("3F000", f'schema "{row.nspname}" is created by no file')


def _stored(catalog: Catalog, oid: Oid) -> Iterator[StoredExpr]:
    """The expressions of an object."""
    policy = catalog.policies.get(oid)
    if policy is not None:
        yield from (one for one in (policy.polqual, policy.polwithcheck) if one is not None)
    index = catalog.indexes.get(oid)
    if index is not None:
        yield from (one for one in (*(key.expr for key in index.keys), index.indpred) if one is not None)
    constraint = catalog.constraints.get(oid)
    if constraint is not None and constraint.conexpr is not None:
        yield constraint.conexpr
    relation = catalog.relations.get(oid)
    if relation is not None:
        yield from (one.attdefault for one in relation.attributes if one.attdefault is not None)


def _changed(session: Session, statement: Statement) -> Iterator[StoredExpr]:
    """Expressions that the statement gave to an object that was there before."""
    found: list[StoredExpr | None] = []
    if statement.kind == "AlterPolicyStmt":
        for policy in session.catalog.policies:
            found += (policy.polqual, policy.polwithcheck)
    elif statement.kind == "AlterTableStmt":
        altered = find_relation(session, statement.node["relation"])
        found += (column.attdefault for column in (altered.attributes if altered is not None else ()))
    yield from (one for one in found if one is not None and one.statement is statement)


def _require_columns(statement: Statement, relation: Relation) -> None:
    if relation.query is not None:
        _require_names_in_query(statement, relation.query)
    if statement.kind in _BY_QUERY:
        # its columns have what the query gives, which a variable of the code around it may decide
        return
    for column in relation.attributes:
        if not column.attisdropped and column.atttypid == 0:
            raise Missing("42704", f'the type of column "{column.attname}" is created by no file')


def _require_names(statement: Statement, expr: Expr) -> None:
    stack = [expr]
    while stack:
        node = stack.pop()
        stack.extend(node.children())
        if isinstance(node, SubLink):
            _require_names_in_query(statement, node.subselect)
        if isinstance(node, Unresolved) and node.sqlstate is None:
            absent = _ABSENT.match(node.reason)
            if absent is not None:
                raise Missing(_SQLSTATES[absent[1] or "column"], node.reason)


def _require_names_in_query(statement: Statement, query: Query) -> None:
    for rte in query.rtable:
        if rte.kind == "unknown" and rte.eref and not _NOT_A_TABLE.search(statement.text):
            raise Missing("42P01", f"table {rte.eref} is created by no file")
    for expr in query_expressions(query):
        _require_names(statement, expr)
    for inner in nested_queries(query):
        _require_names_in_query(statement, inner)


def require_types(proc: Proc) -> None:
    """Raise Missing 42704 where a type of the function's is not there."""
    if 0 in proc.proargtypes or proc.prorettype == 0:
        raise Missing("42704", f"a type of {proc.proname}() is created by no file")
