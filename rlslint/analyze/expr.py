"""An expression of the parse tree in, the resolved expression out (transformExpr in parse_expr.c).

Operators and subqueries are in operators.py, calls in calls.py, column references in columns.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from rlslint.analyze import calls, columns, operators
from rlslint.analyze import expr_cast as casts
from rlslint.analyze import expr_json as sqljson
from rlslint.analyze import expr_subscript as subscripts
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce, select_common_type
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import format_type, names_of
from rlslint.nodes.primnodes import (
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    CollateExpr,
    Const,
    Expr,
    NullTest,
    Oid,
    Param,
    RowExpr,
    SQLValueFunction,
    Unresolved,
)
from rlslint.records import replace
from rlslint.source.model import Raw

_VALUE_FUNCTIONS: Final[dict[str, tuple[str, Oid]]] = {
    "SVFOP_CURRENT_DATE": ("current_date", t.DATE),
    "SVFOP_CURRENT_TIME": ("current_time", t.TIMETZ),
    "SVFOP_CURRENT_TIME_N": ("current_time", t.TIMETZ),
    "SVFOP_CURRENT_TIMESTAMP": ("current_timestamp", t.TIMESTAMPTZ),
    "SVFOP_CURRENT_TIMESTAMP_N": ("current_timestamp", t.TIMESTAMPTZ),
    "SVFOP_LOCALTIME": ("localtime", t.TIME),
    "SVFOP_LOCALTIME_N": ("localtime", t.TIME),
    "SVFOP_LOCALTIMESTAMP": ("localtimestamp", t.TIMESTAMP),
    "SVFOP_LOCALTIMESTAMP_N": ("localtimestamp", t.TIMESTAMP),
    "SVFOP_CURRENT_ROLE": ("current_role", t.NAME),
    "SVFOP_CURRENT_USER": ("current_user", t.NAME),
    "SVFOP_USER": ("user", t.NAME),
    "SVFOP_SESSION_USER": ("session_user", t.NAME),
    "SVFOP_CURRENT_CATALOG": ("current_catalog", t.NAME),
    "SVFOP_CURRENT_SCHEMA": ("current_schema", t.NAME),
}
_BOOLEAN_TESTS: Final[
    dict[str, Literal["is_true", "is_not_true", "is_false", "is_not_false", "is_unknown", "is_not_unknown"]]
] = {
    "IS_TRUE": "is_true",
    "IS_NOT_TRUE": "is_not_true",
    "IS_FALSE": "is_false",
    "IS_NOT_FALSE": "is_not_false",
    "IS_UNKNOWN": "is_unknown",
    "IS_NOT_UNKNOWN": "is_not_unknown",
}


def transform(scope: Scope, raw: Raw) -> Expr:
    """Resolve one expression. What PostgreSQL would reject, or what is not known, is an `Unresolved` in the tree."""
    tag, node = next(iter(raw.items()))
    match tag:
        case "ColumnRef":
            return columns.column_ref(scope, node, raw)
        case "A_Const":
            return _constant(scope, node, raw)
        case "TypeCast":
            return casts.type_cast(scope, node, raw)
        case "A_Expr":
            return operators.a_expr(scope, node, raw)
        case "BoolExpr":
            return _bool_expr(scope, node, raw)
        case "SubLink":
            return operators.sub_link(scope, node, raw)
        case "FuncCall":
            return calls.func_call(scope, node, raw)
        case "NullTest":
            return NullTest(
                type=t.BOOL,
                arg=transform(scope, node["arg"]),
                is_null=node.get("nulltesttype", "IS_NULL") == "IS_NULL",
                location=scope.offset(node.get("location")),
                raw=raw,
            )
        case "BooleanTest":
            return BooleanTest(
                type=t.BOOL,
                arg=boolean(scope, transform(scope, node["arg"])),
                test=_BOOLEAN_TESTS[node.get("booltesttype", "IS_TRUE")],
                location=scope.offset(node.get("location")),
                raw=raw,
            )
        case "CaseExpr":
            return _case(scope, node, raw)
        case "CoalesceExpr":
            return _common(scope, "coalesce", node["args"], node, raw)
        case "MinMaxExpr":
            name: Literal["greatest", "least"] = "least" if node.get("op") == "IS_LEAST" else "greatest"
            return _common(scope, name, node["args"], node, raw)
        case "A_ArrayExpr":
            return casts.array_expr(scope, node, raw, 0)
        case "RowExpr":
            args = tuple(transform(scope, arg) for arg in node.get("args", ()))
            return RowExpr(type=t.RECORD, args=args, location=scope.offset(node.get("location")), raw=raw)
        case "A_Indirection":
            return subscripts.indirection(scope, node, raw)
        case "CollateClause":
            return _collate(scope, node, raw)
        case "ParamRef":
            return _param_ref(scope, node, raw)
        case "SQLValueFunction":
            name_, oid = _VALUE_FUNCTIONS[node["op"]]
            return SQLValueFunction(type=oid, name=name_, location=scope.offset(node.get("location")), raw=raw)
        case "NamedArgExpr":
            return transform(scope, node["arg"])
        case _:
            return sqljson.other(scope, tag, node, raw)


def boolean(scope: Scope, expr: Expr) -> Expr:
    """The expression as a condition (coerce_to_boolean)."""
    if expr.type in (t.BOOL, 0):
        return expr
    coerced = coerce(scope.catalog, expr, t.BOOL, "a")
    if coerced is not None:
        return coerced
    shown = format_type(scope.catalog, expr.type)
    return wrong(expr, f"argument must be type boolean, not type {shown}", "42804", (expr,))


def wrong(place: Expr, reason: str, sqlstate: str | None, args: Sequence[Expr], oid: Oid = 0) -> Unresolved:
    """An `Unresolved` at the place of another node."""
    return Unresolved(
        type=oid, reason=reason, sqlstate=sqlstate, args=tuple(args), location=place.location, raw=place.raw
    )


def to_common_type(
    scope: Scope, exprs: Sequence[Expr], what: str, *, first: int = 0
) -> tuple[Oid, tuple[Expr, ...], Unresolved | None]:
    """The type that all settle on, and each coerced to it; type 0, the originals and the error when there is none.

    ``first`` is the member whose type is looked at first (CASE begins with its ELSE).
    """
    order = [*exprs[first:], *exprs[:first]]
    oid = select_common_type(scope.catalog, [expr.type for expr in order])
    if oid is None:
        shown = _unmatched(scope, order)
        reason = f"{what} types {shown[0]} and {shown[1]} cannot be matched"
        return 0, tuple(exprs), wrong(order[0], reason, "42804", exprs)
    if not oid:
        return 0, tuple(exprs), None
    return oid, tuple(coerce(scope.catalog, expr, oid) or expr for expr in exprs), None


def _unmatched(scope: Scope, exprs: Sequence[Expr]) -> tuple[str, str]:
    """The two types that PostgreSQL's message names."""
    for count in range(2, len(exprs) + 1):
        if select_common_type(scope.catalog, [expr.type for expr in exprs[:count]]) is None:
            before = select_common_type(scope.catalog, [expr.type for expr in exprs[: count - 1]]) or 0
            return format_type(scope.catalog, before), format_type(scope.catalog, exprs[count - 1].type)
    return "?", "?"


def _constant(scope: Scope, node: Raw, raw: Raw) -> Const:
    location = scope.offset(node.get("location"))
    if node.get("isnull"):
        return Const(type=t.UNKNOWN, value=None, location=location, raw=raw)
    if "ival" in node:
        return Const(type=t.INT4, value=str(node["ival"].get("ival", 0)), location=location, raw=raw)
    if "fval" in node:
        text = node["fval"].get("fval", "0")
        digits = text.replace("_", "")
        oid = t.INT8 if digits.isdigit() and int(digits) < 2**63 else t.NUMERIC
        return Const(type=oid, value=text, location=location, raw=raw)
    if "boolval" in node:
        value = "true" if node["boolval"].get("boolval") else "false"
        return Const(type=t.BOOL, value=value, location=location, raw=raw)
    if "bsval" in node:
        return Const(type=t.BIT, value=node["bsval"].get("bsval", ""), location=location, raw=raw)
    return Const(type=t.UNKNOWN, value=node.get("sval", {}).get("sval", ""), location=location, raw=raw)


def _bool_expr(scope: Scope, node: Raw, raw: Raw) -> BoolExpr:
    ops: dict[str, Literal["and", "or", "not"]] = {"AND_EXPR": "and", "OR_EXPR": "or", "NOT_EXPR": "not"}
    args = tuple(boolean(scope, transform(scope, arg)) for arg in node["args"])
    return BoolExpr(
        type=t.BOOL, op=ops[node["boolop"]], args=args, location=scope.offset(node.get("location")), raw=raw
    )


def _case(scope: Scope, node: Raw, raw: Raw) -> Expr:
    location = scope.offset(node.get("location"))
    subject = transform(scope, node["arg"]) if "arg" in node else None
    conditions: list[Expr] = []
    results: list[Expr] = []
    for item in node["args"]:
        when = item["CaseWhen"]
        condition = transform(scope, when["expr"])
        if subject is not None:
            if subject.type == t.UNKNOWN:
                subject = coerce(scope.catalog, subject, t.TEXT) or subject
            condition = operators.binary(scope, "=", subject, condition, condition.location, when["expr"])
        conditions.append(boolean(scope, condition))
        results.append(transform(scope, when["result"]))
    default = transform(scope, node["defresult"]) if "defresult" in node else None
    last = default if default is not None else Const(type=t.UNKNOWN, value=None)
    oid, coerced, error = to_common_type(scope, [*results, last], "CASE", first=len(results))
    if error is not None:
        return replace(error, args=(*conditions, *error.args), location=location, raw=raw)
    return CaseExpr(
        type=oid,
        whens=tuple(zip(conditions, coerced[: len(results)], strict=True)),
        default=coerced[-1] if default is not None else None,
        location=location,
        raw=raw,
    )


def _common(scope: Scope, name: Literal["coalesce", "greatest", "least"], args: list[Raw], node: Raw, raw: Raw) -> Expr:
    oid, coerced, error = to_common_type(scope, [transform(scope, arg) for arg in args], name.upper())
    if error is not None:
        return replace(error, location=scope.offset(node.get("location")), raw=raw)
    return CoalesceExpr(type=oid, name=name, args=coerced, location=scope.offset(node.get("location")), raw=raw)


def _collate(scope: Scope, node: Raw, raw: Raw) -> Expr:
    arg = transform(scope, node["arg"])
    if arg.type == t.UNKNOWN:
        arg = coerce(scope.catalog, arg, t.TEXT) or arg
    if arg.type and scope.catalog.types.get(arg.type) and not t.type_collation(scope.catalog, arg.type):
        reason = f"collations are not supported by type {format_type(scope.catalog, arg.type)}"
        return wrong(arg, reason, "42804", (arg,), arg.type)
    _, name = names_of(node["collname"])
    known = {"default": 100, "C": 950, "POSIX": 951, "ucs_basic": 962, "unicode": 963}
    return CollateExpr(
        type=arg.type, arg=arg, collation=known.get(name, 1), location=scope.offset(node.get("location")), raw=raw
    )


def _param_ref(scope: Scope, node: Raw, raw: Raw) -> Expr:
    number = node.get("number", 0)
    params = scope.context.params
    location = scope.offset(node.get("location"))
    if not 0 < number <= len(params):
        return Unresolved(
            type=0, reason=f"there is no parameter ${number}", sqlstate="42P02", location=location, raw=raw
        )
    return Param(type=params[number - 1][1], number=number, location=location, raw=raw)
