"""Expressions that PostgreSQL keeps results of: of indexes, generated columns, partition keys; they must be IMMUTABLE."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.node_procs import node_procs
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import CoerceViaIO, Expr, Oid, SQLValueFunction
from rlslint.replay.session import DDLError, Session

_STABLE_TEXT: Final = frozenset({1082, 1083, 1114, 1184, 1186, 1266, 790, 2202, 2203, 2204, 2205, 2206, 3734, 3769})
"""date, times, interval, money and the reg types: their text form depends on settings or on the catalog."""


def require_immutable(session: Session, expr: Expr, message: str) -> None:
    """Raise DDLError 42P17 for what is certainly less than IMMUTABLE (contain_mutable_functions_after_planning).

    PostgreSQL looks after planning: a function of LANGUAGE sql may have been inlined by then, so that its own
    volatility says nothing. What is not known is let through.
    """
    catalog = session.catalog
    for node, _ in walk_deep(expr):
        mutable = isinstance(node, SQLValueFunction) or any(
            proc is not None and proc.provolatile != "i" and proc.prolang != "sql" for proc in node_procs(catalog, node)
        )
        if mutable or (isinstance(node, CoerceViaIO) and _stable_io(catalog, node)):
            raise DDLError("42P17", message)


def _stable_io(catalog: Catalog, node: CoerceViaIO) -> bool:
    return any(_stable_text(catalog, oid) for oid in (node.type, node.arg.type))


def _stable_text(catalog: Catalog, oid: Oid) -> bool:
    row = catalog.types.get(oid)
    if row is not None and row.typtype == "d" and row.typbasetype:
        return _stable_text(catalog, row.typbasetype)
    return oid in _STABLE_TEXT or (row is not None and (row.typtype in "ercm" or row.typcategory == "A"))
