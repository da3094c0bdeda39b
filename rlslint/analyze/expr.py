"""An expression of the parse tree in, the resolved expression out (transformExpr in parse_expr.c).

Operators and subqueries are in operators.py, calls in calls.py, column references in columns.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from rlslint.analyze import calls, columns, operators
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce, select_common_type
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import format_type, names_of, resolve_type_name
from rlslint.nodes.primnodes import (
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    CollateExpr,
    Const,
    Expr,
    FieldSelect,
    NullTest,
    Oid,
    Param,
    RowExpr,
    SQLValueFunction,
    SubscriptingRef,
    Unresolved,
)
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
            return _type_cast(scope, node, raw)
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
            return array_expr(scope, node, raw, 0)
        case "RowExpr":
            args = tuple(transform(scope, arg) for arg in node.get("args", ()))
            return RowExpr(type=t.RECORD, args=args, location=scope.offset(node.get("location")), raw=raw)
        case "A_Indirection":
            return _indirection(scope, node, raw)
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
            return _other(scope, tag, node, raw)


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


def to_common_type(scope: Scope, exprs: Sequence[Expr], what: str) -> tuple[Oid, tuple[Expr, ...]]:
    """The type that all settle on, and each coerced to it; type 0 and the originals when there is none."""
    oid = select_common_type(scope.catalog, [expr.type for expr in exprs])
    if not oid:
        return 0, tuple(exprs)
    coerced = [coerce(scope.catalog, expr, oid) for expr in exprs]
    return oid, tuple(
        expr if new is None else new for expr, new in zip(exprs, coerced, strict=True)
    )


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


def _type_cast(scope: Scope, node: Raw, raw: Raw) -> Expr:
    oid, _ = resolve_type_name(scope.catalog, node["typeName"], scope.context.search_path)
    arg_raw = node["arg"]
    element = t.element_type(scope.catalog, oid)
    if "A_ArrayExpr" in arg_raw and element:
        arg: Expr = array_expr(scope, arg_raw["A_ArrayExpr"], arg_raw, oid)
    else:
        arg = transform(scope, arg_raw)
    if not oid:
        _, name = names_of(node["typeName"]["names"])
        return Unresolved(
            type=0, reason=f'type "{name}" is created by no file', args=(arg,), location=arg.location, raw=raw
        )
    coerced = coerce(scope.catalog, arg, oid, "e")
    if coerced is None:
        shown = f"{format_type(scope.catalog, arg.type)} to {format_type(scope.catalog, oid)}"
        return Unresolved(
            type=oid, reason=f"cannot cast type {shown}", sqlstate="42846", args=(arg,), location=arg.location, raw=raw
        )
    if coerced is arg:
        return arg
    return replace(coerced, raw=raw)


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
    parts = results + ([default] if default is not None else [])
    oid, coerced = to_common_type(scope, parts, "CASE")
    return CaseExpr(
        type=oid,
        whens=tuple(zip(conditions, coerced[: len(results)], strict=True)),
        default=coerced[-1] if default is not None else None,
        location=location,
        raw=raw,
    )


def _common(
    scope: Scope, name: Literal["coalesce", "greatest", "least"], args: list[Raw], node: Raw, raw: Raw
) -> Expr:
    oid, coerced = to_common_type(scope, [transform(scope, arg) for arg in args], name.upper())
    return CoalesceExpr(type=oid, name=name, args=coerced, location=scope.offset(node.get("location")), raw=raw)


def array_expr(scope: Scope, node: Raw, raw: Raw, target: Oid) -> Expr:
    """``ARRAY[...]``; ``target`` is the array type it is cast to, 0 for none (transformArrayExpr)."""
    location = scope.offset(node.get("location"))
    element = t.element_type(scope.catalog, target)
    parts: list[Expr] = []
    for item in node.get("elements", ()):
        if "A_ArrayExpr" in item:
            parts.append(array_expr(scope, item["A_ArrayExpr"], item, target))
        else:
            parts.append(transform(scope, item))
    if element:
        wanted = [target if t.element_type(scope.catalog, part.type) else element for part in parts]
        coerced = [
            coerce(scope.catalog, part, oid, "e") or part for part, oid in zip(parts, wanted, strict=True)
        ]
        return ArrayExpr(type=target, elements=tuple(coerced), location=location, raw=raw)
    oid, common = to_common_type(scope, parts, "ARRAY")
    if t.element_type(scope.catalog, oid):
        return ArrayExpr(type=oid, elements=common, location=location, raw=raw)
    return ArrayExpr(type=t.array_type(scope.catalog, oid), elements=common, location=location, raw=raw)


def _indirection(scope: Scope, node: Raw, raw: Raw) -> Expr:
    expr = transform(scope, node["arg"])
    subscripts: list[Expr] = []
    sliced = False
    for part in node["indirection"]:
        if "A_Indices" in part:
            indices = part["A_Indices"]
            sliced = sliced or bool(indices.get("is_slice"))
            subscripts += [transform(scope, indices[key]) for key in ("lidx", "uidx") if key in indices]
            continue
        if subscripts:
            expr, subscripts = _subscripted(scope, expr, subscripts, sliced, raw), []
        if "String" in part:
            expr = _field(scope, expr, part["String"]["sval"], raw)
    return _subscripted(scope, expr, subscripts, sliced, raw) if subscripts else expr


def _subscripted(scope: Scope, expr: Expr, subscripts: list[Expr], sliced: bool, raw: Raw) -> Expr:
    element = t.element_type(scope.catalog, expr.type)
    if expr.type == t.JSONB:
        return SubscriptingRef(
            type=t.JSONB, arg=expr, subscripts=tuple(subscripts), location=expr.location, raw=raw
        )
    ints = [coerce(scope.catalog, one, t.INT4, "a") or one for one in subscripts]
    return SubscriptingRef(
        type=expr.type if sliced else element,
        arg=expr,
        subscripts=tuple(ints),
        location=expr.location,
        raw=raw,
    )


def _field(scope: Scope, expr: Expr, name: str, raw: Raw) -> Expr:
    row = scope.catalog.types.get(t.base_type(scope.catalog, expr.type))
    relation = scope.catalog.relations.get(row.typrelid) if row is not None and row.typrelid else None
    attribute = relation.attribute(name) if relation is not None else None
    if relation is not None and attribute is None and relation.complete:
        return wrong(expr, f'column "{name}" not found in data type {relation.relname}', "42703", (expr,))
    oid = attribute.atttypid if attribute is not None else 0
    return FieldSelect(type=oid, arg=expr, fieldname=name, location=expr.location, raw=raw)


def _collate(scope: Scope, node: Raw, raw: Raw) -> Expr:
    arg = transform(scope, node["arg"])
    if arg.type == t.UNKNOWN:
        arg = coerce(scope.catalog, arg, t.TEXT) or arg
    _, name = names_of(node["collname"])
    known = {"default": 100, "C": 950, "POSIX": 951, "ucs_basic": 962, "unicode": 963}
    return CollateExpr(
        type=arg.type, arg=arg, collation=known.get(name, 1), location=scope.offset(node.get("location")), raw=raw
    )


def _param_ref(scope: Scope, node: Raw, raw: Raw) -> Expr:
    number = node.get("number", 0)
    params = scope.context.params
    oid = params[number - 1][1] if 0 < number <= len(params) else 0
    return Param(type=oid, number=number, location=scope.offset(node.get("location")), raw=raw)


def _other(scope: Scope, tag: str, node: Raw, raw: Raw) -> Expr:
    """SQL/JSON, XML and grouping expressions: their type is known, their inside is not looked at."""
    known = {
        "JsonIsPredicate": t.BOOL,
        "JsonObjectConstructor": t.JSON,
        "JsonArrayConstructor": t.JSON,
        "XmlExpr": t.XML,
        "XmlSerialize": t.TEXT,
        "GroupingFunc": t.INT4,
    }
    location = scope.offset(node.get("location")) if isinstance(node, dict) else -1
    return Unresolved(type=known.get(tag, 0), reason=f"{tag} is not analysed", location=location, raw=raw)
