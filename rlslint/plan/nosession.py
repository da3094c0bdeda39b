"""A condition in, what is left of it when the session's settings are not there out: nobody is logged in."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.sql_body import simple_expression
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import BoolExpr, CoerceViaIO, Const, Expr, FuncExpr, Oid, OpExpr, SubLink, SubLinkType
from rlslint.plan import clauses
from rlslint.plan.alike import planned_as
from rlslint.plan.mutate import mutate, shift_levels_out
from rlslint.plan.simplify import Simplifier, self_equality
from rlslint.rewrite.functions import is_current_setting

_TEXT: Final = 25


def unwrapped(expr: Expr) -> Expr:
    """Scalar subqueries of a bare expression, ``(SELECT auth.uid())``, replaced by that expression."""

    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, SubLink) and node.kind is SubLinkType.EXPR:
            inner = simple_expression(node.subselect)
            if inner is not None:
                return shift_levels_out(inner)
        return node

    return mutate(expr, change)


def without_session(catalog: Catalog, role: Oid, expr: Expr, value: str | None = None) -> Expr | None:
    """The condition simplified with every ``current_setting(name, true)`` NULL, or ``value`` (a setting that was set
    locally is empty afterwards, not absent). None where it reads no such setting."""
    known = catalog.remembered("without_session", catalog.procs, catalog.operators, catalog.roles)
    # of the role only what it may execute counts
    like = planned_as(catalog, role)
    key = (like, id(expr), value)
    if key not in known:
        # the expression is kept, so that its identity stays its own
        known[key] = expr, _without_session(catalog, like, expr, value)
    found: Expr | None = known[key][1]
    return found


def _without_session(catalog: Catalog, role: Oid, expr: Expr, value: str | None) -> Expr | None:
    simplifier = _Careful(catalog, role)
    opened = unwrapped(simplifier.expression(unwrapped(expr)))
    if not any(_missing(catalog, node) for node, _ in walk_deep(opened)):
        return None

    def change(node: Expr, level: int) -> Expr:
        return Const(type=_TEXT, value=value, location=node.location) if _missing(catalog, node) else _nullif(node)

    simple = opened
    for _ in range(4):
        changed = mutate(simple, change)
        if value is not None and any(_raises(node) for node, _ in walk_deep(changed)):
            return None
        changed = simplifier.expression(changed)
        if changed == simple:
            break
        simple = changed
    parts = tuple(self_equality(catalog, part) for part in simplifier.qual(simple))
    if not parts:
        return clauses.make_bool(True, expr)
    return parts[0] if len(parts) == 1 else BoolExpr(type=clauses.BOOL, op="and", args=parts)


class _Careful(Simplifier):
    """Leaves calls of constants whose value cannot be told: it may be NULL."""

    def _evaluate(self, node: FuncExpr) -> Const | None:
        folded = super()._evaluate(node)
        return None if folded is None or "(" in (folded.value or "") else folded

    def _operator(self, node: OpExpr) -> Expr:
        result = super()._operator(node)
        return node if isinstance(result, Const) and "(" in (result.value or "") else result


def _raises(node: Expr) -> bool:
    """An empty text cast to a type that has no such value: 22P02, which lets nobody in."""
    arg = node.arg if isinstance(node, CoerceViaIO) else None
    return isinstance(arg, Const) and arg.value == "" and node.type not in (_TEXT, 1043)


def _missing(catalog: Catalog, node: Expr) -> bool:
    if not isinstance(node, FuncExpr) or len(node.args) != 2:
        return False
    return is_current_setting(catalog.procs.get(node.funcid)) and clauses.is_true(node.args[1])


def _nullif(node: Expr) -> Expr:
    if isinstance(node, OpExpr) and node.kind == "nullif":
        left, right = node.args
        if isinstance(left, Const) and (left.value is None or (isinstance(right, Const) and left.value == right.value)):
            return Const(type=node.type, value=None, location=node.location)
    return node
