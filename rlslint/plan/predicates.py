"""Conditions and a partial index's predicate in, whether they imply it out: predicate_implied_by() of predtest.c."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import (
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    OpExpr,
    ScalarArrayOpExpr,
)
from rlslint.plan import clauses

# btree strategies; 6 is <>
_STRATEGY: Final = {"<": 1, "<=": 2, "=": 3, ">=": 4, ">": 5, "<>": 6}
_MAX_SAOP: Final = 100


def implied_by(catalog: Catalog, predicate: tuple[Expr, ...], given: tuple[Expr, ...]) -> bool:
    """Whether every conjunct of the predicate follows from the conjunction of what is given."""
    if any(clauses.contain_mutable(catalog, part) for part in predicate):
        return False
    return all(_implies(catalog, given, part) for part in predicate)


def _implies(catalog: Catalog, given: tuple[Expr, ...], predicate: Expr) -> bool:
    """A conjunction implies the predicate: as a whole, or through one of its members."""
    match predicate:
        case BoolExpr(op="and", args=args):
            return all(_implies(catalog, given, part) for part in args)
        case BoolExpr(op="or", args=args):
            if any(_implies(catalog, given, part) for part in args):
                return True
    return any(_clause_implies(catalog, clause, predicate) for clause in given)


def _clause_implies(catalog: Catalog, clause: Expr, predicate: Expr) -> bool:
    match clause:
        case BoolExpr(op="and", args=args):
            return _implies(catalog, args, predicate)
        case BoolExpr(op="or", args=args):
            return all(_implies(catalog, (arm,), predicate) for arm in args)
        case ScalarArrayOpExpr(use_or=True, args=(left, ArrayExpr(elements=elements))):
            if len(elements) <= _MAX_SAOP and all(isinstance(element, Const) for element in elements):
                arms = [OpExpr(type=16, opno=clause.opno, args=(left, element)) for element in elements]
                if all(_implies(catalog, (arm,), predicate) for arm in arms):
                    return True
    match predicate:
        case ScalarArrayOpExpr(use_or=True, args=(left, ArrayExpr(elements=elements))):
            if clause == predicate:
                return True
            arms = [OpExpr(type=16, opno=predicate.opno, args=(left, element)) for element in elements]
            return any(_simple(catalog, clause, arm) for arm in arms)
    return _simple(catalog, clause, predicate)


def _simple(catalog: Catalog, clause: Expr, predicate: Expr) -> bool:
    """One clause implies one predicate (predicate_implied_by_simple_clause)."""
    if clause == predicate:
        return True
    match predicate:
        case NullTest(is_null=False, arg=arg):
            return strict_for(catalog, clause, arg)
        case BoolExpr(op="not", args=(inner,)):
            return isinstance(clause, BooleanTest) and clause.test == "is_false" and clause.arg == inner
        case BooleanTest(arg=arg, test="is_true"):
            return clause == arg
        case BooleanTest(arg=arg, test="is_false"):
            return isinstance(clause, BoolExpr) and clause.op == "not" and clause.args[0] == arg
    if isinstance(clause, BooleanTest) and clause.test == "is_true" and clause.arg == predicate:
        return True
    if isinstance(clause, OpExpr) and isinstance(predicate, OpExpr):
        return _operators(catalog, clause, predicate)
    return False


def strict_for(catalog: Catalog, clause: Expr, subexpr: Expr) -> bool:
    """Whether the clause is not true where the expression is NULL (clause_is_strict_for)."""
    clause, subexpr = clauses.strip_relabel(clause), clauses.strip_relabel(subexpr)
    if clause == subexpr:
        return True
    match clause:
        case OpExpr(kind="op", args=args):
            return clauses.is_strict_op(catalog, clause.opno) and any(strict_for(catalog, a, subexpr) for a in args)
        case FuncExpr(args=args):
            proc = catalog.procs.get(clause.funcid)
            return proc is not None and proc.proisstrict and any(strict_for(catalog, a, subexpr) for a in args)
        case ScalarArrayOpExpr(use_or=True, args=(left, _)):
            return clauses.is_strict_op(catalog, clause.opno) and strict_for(catalog, left, subexpr)
        case NullTest(is_null=False, arg=arg):
            return strict_for(catalog, arg, subexpr)
        case BooleanTest(arg=arg, test="is_true" | "is_false" | "is_not_unknown"):
            return strict_for(catalog, arg, subexpr)
        case BoolExpr(op="not", args=(arg,)):
            return strict_for(catalog, arg, subexpr)
    if clause.children() and type(clause).__name__ in ("CoerceViaIO", "ArrayCoerceExpr"):
        return strict_for(catalog, clause.children()[0], subexpr)
    return False


def _operators(catalog: Catalog, clause: OpExpr, predicate: OpExpr) -> bool:
    """``x op1 a`` implies ``x op2 b`` for constants of one btree family (operator_predicate_proof)."""
    known = _normal(catalog, clause)
    wanted = _normal(catalog, predicate)
    if known is None or wanted is None or known[0] != wanted[0]:
        return False
    _, have, a = known
    _, want, b = wanted
    if a.value is None or b.value is None:
        return False
    order = _compare(a, b)
    if order is None:
        return False
    below, same, above = order < 0, order == 0, order > 0
    match want:
        case 1:
            return (have == 3 and below) or (have == 1 and (below or same)) or (have == 2 and below)
        case 2:
            return have in (1, 2, 3) and (below or same)
        case 3:
            return have == 3 and same
        case 4:
            return have in (3, 4, 5) and (above or same)
        case 5:
            return (have == 3 and above) or (have == 5 and (above or same)) or (have == 4 and above)
        case 6:
            if have == 3:
                return not same
            return (have == 6 and same) or (have == 1 and (below or same)) or (have == 5 and (above or same))
    return False


def _normal(catalog: Catalog, expr: OpExpr) -> tuple[Expr, int, Const] | None:
    if len(expr.args) != 2 or expr.kind != "op":
        return None
    left, right = expr.args
    if isinstance(left, Const) and not isinstance(right, Const):
        turned = clauses.commute(catalog, expr)
        if turned is None:
            return None
        expr = turned
        left, right = expr.args
    operator = catalog.operators.get(expr.opno)
    if operator is None or not isinstance(right, Const) or operator.oprname not in _STRATEGY:
        return None
    return clauses.strip_relabel(left), _STRATEGY[operator.oprname], right


def _compare(a: Const, b: Const) -> int | None:
    """-1, 0, 1; None where the order is not known. Text is only known to be equal or not (2)."""
    assert a.value is not None
    assert b.value is not None
    if a.value == b.value:
        return 0
    try:
        x, y = Decimal(a.value), Decimal(b.value)
    except InvalidOperation:
        # for = against <> any difference will do, and no order is claimed for text
        return None if a.type != b.type else _text_order(a, b)
    return -1 if x < y else 1 if x > y else 0


def _text_order(a: Const, b: Const) -> int | None:
    dates = frozenset({1082, 1114, 1184})
    if a.type in dates and a.value is not None and b.value is not None and len(a.value) == len(b.value):
        return -1 if a.value < b.value else 1
    return None
