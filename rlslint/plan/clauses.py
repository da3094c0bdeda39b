"""Questions about one expression: volatile, leaky, strict, constant (clauses.c)."""

from __future__ import annotations

from typing import Literal

from rlslint.analyze.node_procs import node_procs as node_procs
from rlslint.analyze.node_procs import op_proc as op_proc
from rlslint.analyze.opclass import commutator
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep, walk_query
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoerceViaIO,
    CollateExpr,
    Const,
    Expr,
    FieldSelect,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    Param,
    RelabelType,
    RowCompareExpr,
    RowExpr,
    ScalarArrayOpExpr,
    SQLValueFunction,
    SubLink,
    SubLinkType,
    SubscriptingRef,
    Var,
    walk,
)
from rlslint.records import replace

BOOL: Oid = 16


def func_volatile(catalog: Catalog, funcid: Oid) -> Literal["i", "s", "v"]:
    """provolatile; an unknown function is VOLATILE, as functions are when nothing is said."""
    proc = catalog.procs.get(funcid)
    return "v" if proc is None else proc.provolatile


def contain_volatile(catalog: Catalog, expr: Expr) -> bool:
    """Whether a VOLATILE function is called in it, subqueries entered (contain_volatile_functions)."""
    return any(volatile_node(catalog, node) for node, _ in walk_deep(expr))


def volatile_when_run(catalog: Catalog, expr: Expr) -> bool:
    """The same once subqueries have become parameters and subplans, whose insides no longer count."""
    return any(volatile_node(catalog, node) for node in walk(expr))


def volatile_node(catalog: Catalog, node: Expr) -> bool:
    """Whether the node itself calls a VOLATILE function."""
    # an operator that is not known is taken for a harmless one, a function for what functions are by default
    return any(
        isinstance(node, FuncExpr) if proc is None else proc.provolatile == "v" for proc in node_procs(catalog, node)
    )


def contain_mutable(catalog: Catalog, expr: Expr) -> bool:
    """Whether anything in it is less than IMMUTABLE (contain_mutable_functions)."""
    return any(
        isinstance(node, SQLValueFunction)
        or (isinstance(node, CoerceViaIO) and not _immutable_io(node))
        or any(proc is None or proc.provolatile != "i" for proc in node_procs(catalog, node))
        for node, _ in walk_deep(expr)
    )


# types whose text form depends on settings: timestamps, dates, intervals and their like
_MUTABLE_IO = frozenset({1082, 1083, 1114, 1184, 1186, 1266, 2205, 2202, 2206, 790, 0})


def _immutable_io(node: CoerceViaIO) -> bool:
    return node.type not in _MUTABLE_IO and node.arg.type not in _MUTABLE_IO


def contain_leaked_vars(catalog: Catalog, expr: Expr) -> bool:
    """Whether evaluating it early could leak column values (contain_leaked_vars).

    A function that is not LEAKPROOF over a column leaks; so does every node that PostgreSQL does not name there:
    COALESCE, GREATEST, a correlated subquery, a domain cast.
    """
    match expr:
        case Const() | Var() | Param() | SQLValueFunction():
            return False
        case (
            ArrayExpr()
            | FieldSelect()
            | BoolExpr()
            | RelabelType()
            | CollateExpr()
            | CaseExpr()
            | RowExpr()
            | NullTest()
            | BooleanTest()
        ):
            pass
        case FuncExpr() | OpExpr() | ScalarArrayOpExpr() | RowCompareExpr():
            procs = node_procs(catalog, expr)
            if any(proc is None or not proc.proleakproof for proc in procs) and _has_var(expr):
                return True
        case CoerceViaIO() | ArrayCoerceExpr():
            # the types' input and output functions are never LEAKPROOF
            if _has_var(expr):
                return True
        case SubscriptingRef():
            if _has_var(expr):
                return True
        case SubLink():
            # one without references to this query has become a parameter by the time this is asked
            return is_subplan(expr)
        case _:
            return True
    return any(contain_leaked_vars(catalog, child) for child in expr.children())


def _has_var(expr: Expr) -> bool:
    return any(isinstance(node, Var) and node.levelsup == level for node, level in walk_deep(expr))


def is_subplan(sublink: SubLink) -> bool:
    """Whether PostgreSQL evaluates it per row rather than as a parameter set beforehand (build_subplan)."""
    if sublink.kind in (SubLinkType.ANY, SubLinkType.ALL):
        return True
    return correlated(sublink)


def correlated(sublink: SubLink) -> bool:
    """Whether the subquery refers to the query it stands in (parParam is not empty)."""
    return any(isinstance(node, Var) and node.levelsup == level for node, level in walk_query(sublink.subselect, 1))


def has_subplan(expr: Expr) -> bool:
    """Whether a subquery that runs per row stands directly in it."""
    return any(isinstance(node, SubLink) and is_subplan(node) for node in walk(expr))


def is_strict_op(catalog: Catalog, opno: Oid) -> bool:
    """Whether the operator's function is STRICT."""
    proc = op_proc(catalog, opno)
    return proc is not None and proc.proisstrict


def is_true(expr: Expr) -> bool:
    """The constant true."""
    return isinstance(expr, Const) and expr.type == BOOL and bool_value(expr) is True


def is_false_or_null(expr: Expr) -> bool:
    """The constant false, or NULL."""
    return isinstance(expr, Const) and (expr.value is None or (expr.type == BOOL and bool_value(expr) is False))


_TRUE = frozenset({"t", "true", "y", "yes", "on", "1"})
_FALSE = frozenset({"f", "false", "n", "no", "off", "0"})


def bool_value(const: Const) -> bool | None:
    """The value of a boolean constant; None for NULL or what is no boolean's text."""
    text = (const.value or "").strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None


def make_bool(value: bool | None, like: Expr) -> Const:
    """A boolean constant at the place of another node."""
    text = None if value is None else "true" if value else "false"
    return Const(type=BOOL, value=text, location=like.location, raw=like.raw)


def make_and(exprs: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The conjuncts of a conjunction, nested ANDs flattened (make_ands_implicit)."""
    flat: list[Expr] = []
    for expr in exprs:
        if isinstance(expr, BoolExpr) and expr.op == "and":
            flat.extend(make_and(expr.args))
        elif not is_true(expr):
            flat.append(expr)
    return tuple(flat)


def strip_relabel(expr: Expr) -> Expr:
    """The expression under casts that change nothing."""
    while isinstance(expr, RelabelType):
        expr = expr.arg
    return expr


def strip_collate(expr: Expr) -> Expr:
    """The same under COLLATE as well, which the planner makes a cast that changes nothing (eval_const_expressions)."""
    while isinstance(expr, (RelabelType, CollateExpr)):
        expr = expr.arg
    return expr


def commute(catalog: Catalog, expr: OpExpr) -> OpExpr | None:
    """``b op' a`` for ``a op b``, or None."""
    opno = commutator(catalog, expr.opno)
    if not opno or len(expr.args) != 2:
        return None
    return replace(expr, opno=opno, args=(expr.args[1], expr.args[0]))
