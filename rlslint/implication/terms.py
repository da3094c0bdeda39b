"""An expression in, the same in the one form that terms are compared in out: casts that change no value dropped,
subqueries without the names that mean nothing, what differs at every call told apart."""

from __future__ import annotations

import itertools
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, RangeTblEntry, walk_deep
from rlslint.nodes.primnodes import (
    CoerceViaIO,
    CollateExpr,
    Expr,
    FuncExpr,
    Oid,
    Param,
    RelabelType,
    SQLValueFunction,
    SubLink,
    Unresolved,
)
from rlslint.plan import clauses
from rlslint.plan.mutate import mutate
from rlslint.records import replace

_WIDENS: Final[dict[str, frozenset[Oid]]] = {
    "int4": frozenset({21}),
    "int8": frozenset({21, 23}),
    "numeric": frozenset({20, 21, 23}),
}
_TEXTS: Final = frozenset({25, 1043})
_WRITES_ONE_WAY: Final = frozenset({2950, 23, 20, 21})
_fresh = itertools.count(1)


def canonical(catalog: Catalog, expr: Expr) -> Expr:
    """The term in its one form. Two terms that are equal then have the same value in one row and one statement."""

    def change(node: Expr, level: int) -> Expr:
        match node:
            case RelabelType(arg=arg) if {node.type, arg.type} <= _TEXTS:
                return arg
            case FuncExpr(args=(arg,)) if _widens(catalog, node, arg):
                return arg
            case SubLink():
                return replace(node, subselect=_nameless(node.subselect))
        return node

    if any(differs_each_time(catalog, node) for node, _ in walk_deep(expr)):
        return Param(type=expr.type, number=-next(_fresh), location=expr.location, raw=expr.raw)
    return mutate(expr, change)


def text_image(expr: Expr, catalog: Catalog) -> Expr | None:
    """What ``expr`` writes out as text, where different values have different texts: of ``id::text`` the id."""
    if isinstance(expr, CoerceViaIO) and expr.type in _TEXTS:
        row = catalog.types.get(expr.arg.type)
        if expr.arg.type in _WRITES_ONE_WAY or (row is not None and row.typtype == "e"):
            return expr.arg
    return None


def plain(expr: Expr) -> Expr:
    """Without casts that PostgreSQL looks through and collations."""
    while isinstance(expr, (RelabelType, CollateExpr)):
        expr = expr.arg
    return expr


def is_given(expr: Expr) -> bool:
    """Whether it is the same for every row: it reads no column."""
    from rlslint.nodes.primnodes import Var

    return not any(isinstance(node, Var) and node.levelsup == level for node, level in walk_deep(expr))


def reads_session(catalog: Catalog, expr: Expr) -> bool:
    """Whether a function or the session is asked for it."""
    return any(isinstance(node, (FuncExpr, SQLValueFunction, SubLink)) for node, _ in walk_deep(expr))


def _widens(catalog: Catalog, call: FuncExpr, arg: Expr) -> bool:
    proc = catalog.procs.get(call.funcid)
    return proc is not None and proc.oid < 16384 and arg.type in _WIDENS.get(proc.proname, frozenset())


def differs_each_time(catalog: Catalog, node: Expr) -> bool:
    """A VOLATILE built-in (random, clock_timestamp, nextval), or what is not known.

    A function of the files that is VOLATILE because nothing else was said is taken to give one answer in a statement.
    """
    if isinstance(node, Unresolved):
        return True
    procs = clauses.node_procs(catalog, node)
    return any(proc is None or (proc.provolatile == "v" and proc.statement is None) for proc in procs)


def _nameless(query: Query) -> Query:
    return replace(
        query,
        rtable=tuple(_nameless_entry(rte) for rte in query.rtable),
        ctes=tuple((name, _nameless(cte)) for name, cte in query.ctes),
        arms=tuple(_nameless(arm) for arm in query.arms),
    )


def _nameless_entry(rte: RangeTblEntry) -> RangeTblEntry:
    subquery = None if rte.subquery is None or rte.kind == "cte" else _nameless(rte.subquery)
    if rte.kind != "relation":
        return replace(rte, subquery=subquery or rte.subquery)
    return replace(rte, eref="", colnames=())
