"""An EXISTS subquery in, its simplified form and its form as a hashed IN out: simplify_EXISTS_query() and
convert_EXISTS_to_ANY() of subselect.c."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.opclass import commutator, is_hashable
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, TargetEntry, walk_query
from rlslint.nodes.primnodes import BoolExpr, Const, Expr, FuncExpr, Oid, OpExpr, SubLink, Var, walk
from rlslint.plan.mutate import has_vars_of_level
from rlslint.plan.simplify import Simplifier
from rlslint.plan.volatility import volatile_expression
from rlslint.records import dataclass, replace


def simplify_exists(query: Query) -> Query | None:
    """The query without what cannot change whether it has a row; None if it is not that simple."""
    if query.setop or query.has_aggs or query.has_windows or query.having is not None or query.for_update:
        return None
    if query.offset is not None or any(_returns_set(target.expr) for target in query.targets):
        return None
    if query.limit is not None:
        # the parser casts the count to bigint; PostgreSQL simplifies it before it looks
        limit = query.limit
        while isinstance(limit, FuncExpr) and limit.form == "implicit_cast" and len(limit.args) == 1:
            limit = limit.args[0]
        if not isinstance(limit, Const):
            return None
        if limit.value is not None and (not limit.value.isdigit() or int(limit.value) <= 0):
            return None
    return replace(query, targets=(), group_by=(), distinct=False, order_by=(), limit=None)


def _returns_set(expr: Expr) -> bool:
    return any(isinstance(node, FuncExpr) and node.retset for node in walk(expr))


@dataclass(frozen=True, slots=True)
class HashedExists:
    """The EXISTS as ``(outer, ...) IN (SELECT inner, ...)``; outer expressions are in the terms of the query around."""

    query: Query
    outer: tuple[Expr, ...]


VOLATILE_WHERE: Final = "its WHERE is VOLATILE"


def exists_to_any(catalog: Catalog, simplifier: Simplifier, simple: Query, role: Oid) -> HashedExists | str:
    """The hashed form, or what keeps PostgreSQL from it."""
    if not simple.fromlist or simple.where is None:
        return "no condition of the form inner = outer"
    rest = replace(simple, where=None)
    if any(isinstance(node, Var) and node.levelsup == level for node, level in walk_query(rest, 1)):
        return "it refers to the row outside its WHERE"
    if volatile_expression(catalog, simple.where, role):
        return VOLATILE_WHERE
    outer: list[Expr] = []
    inner: list[Expr] = []
    kept: list[Expr] = []
    for conjunct in simplifier.qual(simple.where):
        pair = _hash_pair(catalog, conjunct)
        if pair is None:
            kept.append(conjunct)
        else:
            outer.append(pair[0])
            inner.append(pair[1])
    if any(has_vars_of_level(expr, 1) for expr in kept):
        return "it compares with the row by something other than ="
    if not outer:
        return "no condition of the form inner = outer"
    if any(has_vars_of_level(expr, 1) for expr in inner) or any(has_vars_of_level(expr, 0) for expr in outer):
        return "it mixes its own columns with the row's in one expression"
    if any(isinstance(node, SubLink) for expr in outer for node in walk(expr)):
        return "the row's side of a comparison holds a subquery"
    where = None
    if kept:
        where = kept[0] if len(kept) == 1 else BoolExpr(type=16, op="and", args=tuple(kept))
    query = replace(simple, where=where, targets=tuple(TargetEntry(expr=expr, name=None) for expr in inner))
    return HashedExists(query, tuple(outer))


def _hash_pair(catalog: Catalog, conjunct: Expr) -> tuple[Expr, Expr] | None:
    """(outer, inner) sides of a hashable equality of which one refers to the row."""
    if not isinstance(conjunct, OpExpr) or conjunct.kind != "op" or len(conjunct.args) != 2:
        return None
    left, right = conjunct.args
    if not is_hashable(catalog, conjunct.opno, left.type):
        return None
    if has_vars_of_level(left, 1):
        return left, right
    if has_vars_of_level(right, 1):
        turned = commutator(catalog, conjunct.opno)
        if turned and is_hashable(catalog, turned, right.type):
            return right, left
    return None
