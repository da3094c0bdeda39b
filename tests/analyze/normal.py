"""Resolved expressions and queries in, plain tuples out, in the shape that node_tree.py gives to pg_node_tree."""

from __future__ import annotations

from typing import Any

from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query, RangeTblEntry
from rlslint.nodes.primnodes import (
    Aggref,
    ArrayCoerceExpr,
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    CoerceToDomain,
    CoerceViaIO,
    CollateExpr,
    Const,
    Expr,
    FieldSelect,
    FuncExpr,
    NullTest,
    OpExpr,
    Param,
    RelabelType,
    RowCompareExpr,
    RowExpr,
    ScalarArrayOpExpr,
    SQLValueFunction,
    SubLink,
    SubscriptingRef,
    Unresolved,
    Var,
)

Tree = Any
_TESTS = ("is_true", "is_not_true", "is_false", "is_not_false", "is_unknown", "is_not_unknown")


def flat(op: str, args: list[Tree]) -> Tree:
    """An OR among the arms of an OR is one with it."""
    found: list[Tree] = []
    for arg in args:
        found += arg[1:] if op != "not" and isinstance(arg, tuple) and arg and arg[0] == op else [arg]
    return (op, *found)


Levels = tuple[bool, ...]
"""Query levels from the innermost out; False for a set operation inside another, which PostgreSQL makes no level of."""


def query(node: Query, levels: Levels = ()) -> Tree:
    """A Query."""
    own = (True, *levels)
    ctes = tuple((name, query(cte, own)) for name, cte in node.ctes)
    if node.setop is not None:
        return ("setop", _setop(node, own), ctes)
    return (
        "query",
        ("targets", *((target.name, expr(target.expr, own)) for target in node.targets)),
        ("from", *(_from(item, node, own) for item in node.fromlist)),
        ("where", expr(node.where, own)),
        ("having", expr(node.having, own)),
        ("limit", expr(node.offset, own), expr(node.limit, own)),
        ("group", *(expr(item, own) for item in node.group_by)),
        ("order", *(expr(item, own) for item in node.order_by)),
        ("flags", node.has_aggs, node.has_windows, node.distinct),
        ctes,
    )


def _setop(node: Query, levels: Levels) -> Tree:
    types = tuple(target.expr.type for target in node.targets)
    return (node.setop, types, *(_arm(arm, levels) for arm in node.arms))


def _arm(node: Query, levels: Levels) -> Tree:
    if node.setop is not None and not node.ctes and not node.order_by and node.limit is None and node.offset is None:
        return _setop(node, (False, *levels))
    return query(node, levels)


def _from(item: FromItem, node: Query, levels: Levels) -> Tree:
    if isinstance(item, JoinExpr):
        left, right = _from(item.larg, node, levels), _from(item.rarg, node, levels)
        return ("join", item.jointype, left, right, expr(item.quals, levels))
    return _rte(node.rtable[item.rtindex - 1], levels)


def _rte(rte: RangeTblEntry, levels: Levels) -> Tree:
    match rte.kind:
        case "relation":
            return ("relation", rte.eref, rte.relid)
        case "subquery":
            assert rte.subquery is not None
            return ("subquery", rte.eref, query(rte.subquery, levels))
        case "function":
            return ("function", rte.eref, expr(rte.function, levels))
        case "values":
            return ("values", *(tuple(expr(one, levels) for one in row) for row in rte.values))
        case kind:
            return (kind, rte.eref)


def expr(node: Expr | None, levels: Levels = ()) -> Tree:
    """An expression."""

    def many(exprs: tuple[Expr, ...]) -> list[Tree]:
        return [expr(one, levels) for one in exprs]

    match node:
        case None:
            return None
        case Var():
            up = node.levelsup - levels[: node.levelsup].count(False)
            return ("var", node.varno, node.attnum, up, node.type)
        case Const():
            return ("const", node.type, node.value is None)
        case Param():
            return ("param", node.number, node.type)
        case FuncExpr():
            return ("func", node.funcid, node.type, *many(node.args))
        case OpExpr():
            return (node.kind, node.opno, node.type, *many(node.args))
        case ScalarArrayOpExpr():
            return ("scalararray", node.opno, node.use_or, *many(node.args))
        case BoolExpr():
            return flat(node.op, many(node.args))
        case RelabelType():
            return ("relabel", node.type, expr(node.arg, levels))
        case CoerceViaIO():
            return ("io", node.type, expr(node.arg, levels))
        case ArrayCoerceExpr():
            return ("arraycoerce", node.type, expr(node.arg, levels))
        case CoerceToDomain():
            return ("domain", node.type, expr(node.arg, levels))
        case CollateExpr():
            return ("collate", node.collation, expr(node.arg, levels))
        case CaseExpr():
            parts = [expr(part, levels) for when in node.whens for part in when]
            default = ("const", node.type, True) if node.default is None else expr(node.default, levels)
            return ("case", node.type, *parts, default)
        case CoalesceExpr():
            return (node.name, node.type, *many(node.args))
        case ArrayExpr():
            return ("array", node.type, *many(node.elements))
        case RowExpr():
            return ("row", node.type, *many(node.args))
        case RowCompareExpr():
            return ("rowcompare", node.opnos, tuple(many(node.largs)), tuple(many(node.rargs)))
        case SubscriptingRef():
            return ("subscript", node.type, expr(node.arg, levels), *sorted(repr(one) for one in many(node.subscripts)))
        case FieldSelect():
            return ("field", node.type, expr(node.arg, levels))
        case SQLValueFunction():
            return ("value", node.type)
        case Aggref():
            return ("agg", node.funcid, node.type, *many(node.args[: len(node.args) - node.extra]))
        case NullTest():
            return ("null", node.is_null, expr(node.arg, levels))
        case BooleanTest():
            return ("booltest", str(_TESTS.index(node.test)), expr(node.arg, levels))
        case SubLink():
            subselect = query(node.subselect, levels)
            return ("sublink", node.kind.value, node.opnos, tuple(many(node.lefthand)), subselect)
        case Unresolved() if node.reason.endswith("is not analysed"):
            return ("other",)
        case Unresolved():
            return ("unresolved", node.type, node.reason, node.sqlstate)
        case _:
            return ("other", type(node).__name__)
