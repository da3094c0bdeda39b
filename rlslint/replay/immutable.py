"""Expressions that PostgreSQL keeps results of: of indexes, generated columns, partition keys; they must be IMMUTABLE."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.entry import analyze_function_body
from rlslint.analyze.node_procs import node_procs
from rlslint.analyze.sql_body import contain_nonstrict, simple_expression
from rlslint.catalog.acl import has_privilege
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import CoerceViaIO, Expr, Oid, Param, SQLValueFunction, SubLink, Unresolved, walk
from rlslint.replay.session import DDLError, Session

_STABLE_TEXT: Final = frozenset({1082, 1083, 1114, 1184, 1186, 1266, 790, 2202, 2203, 2204, 2205, 2206, 3734, 3769})
"""date, times, interval, money and the reg types: their text form depends on settings or on the catalog."""


def require_immutable(session: Session, expr: Expr, message: str) -> None:
    """Raise DDLError 42P17 for what is certainly less than IMMUTABLE (contain_mutable_functions_after_planning).

    PostgreSQL looks after planning: a function of LANGUAGE sql may have been inlined by then, so that its own
    volatility says nothing. What is not known is let through.
    """
    if _mutable(session, expr, frozenset()):
        raise DDLError("42P17", message)


def _mutable(session: Session, expr: Expr, inside: frozenset[Oid]) -> bool:
    catalog = session.catalog
    for node, _ in walk_deep(expr):
        if isinstance(node, SQLValueFunction) or (isinstance(node, CoerceViaIO) and _stable_io(catalog, node)):
            return True
        for proc in node_procs(catalog, node):
            if proc is None or proc.provolatile == "i":
                continue
            if proc.prolang != "sql" or proc.oid in inside or _mutable_body(session, proc, inside):
                return True
    return False


def _mutable_body(session: Session, proc: Proc, inside: frozenset[Oid]) -> bool:
    """Whether a call of a SQL function that is not IMMUTABLE stays as it is, or what is put in its place is mutable.

    A body that is more volatile than the function is declared is not put in its place; the outcome is the same.
    """
    catalog = session.catalog
    if proc.prosecdef or proc.proconfig or proc.prokind != "f" or proc.proretset:
        return True
    if not has_privilege(catalog, session.role, proc, "execute"):
        return True
    body = analyze_function_body(catalog, proc, session.search_path)
    if body is None:
        return False
    expr = simple_expression(body[-1]) if len(body) == 1 else None
    if expr is None or any(isinstance(node, SubLink) for node in walk(expr)):
        return True
    if any(isinstance(node, Unresolved) for node in walk(expr)):
        return False
    if proc.proisstrict:
        used = {node.number for node in walk(expr) if isinstance(node, Param)}
        if contain_nonstrict(catalog, expr) or used != set(range(1, len(proc.proargtypes) + 1)):
            return True
    return _mutable(session, expr, inside | {proc.oid})


def _stable_io(catalog: Catalog, node: CoerceViaIO) -> bool:
    return any(_stable_text(catalog, oid) for oid in (node.type, node.arg.type))


def _stable_text(catalog: Catalog, oid: Oid) -> bool:
    row = catalog.types.get(oid)
    if row is not None and row.typtype == "d" and row.typbasetype:
        return _stable_text(catalog, row.typbasetype)
    return oid in _STABLE_TEXT or (row is not None and (row.typtype in "ercm" or row.typcategory == "A"))
