"""Casts and ARRAY[...] of the parse tree in, resolved expressions out (transformTypeCast, transformArrayExpr)."""

from __future__ import annotations

import rlslint.analyze.expr as expressions
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import format_type, names_of, resolve_type_name
from rlslint.nodes.primnodes import ArrayExpr, Const, Expr, FuncExpr, Oid, RelabelType, Unresolved, Var
from rlslint.records import replace
from rlslint.source.model import Raw


def type_cast(scope: Scope, node: Raw, raw: Raw) -> Expr:
    """Resolve a TypeCast; an unknown literal becomes a constant of the type."""
    oid, typmod = resolve_type_name(scope.catalog, node["typeName"], scope.context.search_path)
    arg_raw = node["arg"]
    if "A_ArrayExpr" in arg_raw and t.element_type(scope.catalog, oid):
        arg: Expr = array_expr(scope, arg_raw["A_ArrayExpr"], arg_raw, t.base_type(scope.catalog, oid))
    else:
        arg = expressions.transform(scope, arg_raw)
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
    if arg.type == t.UNKNOWN and oid == t.INTERVAL:
        # the fields of an interval literal are applied as it is read
        return replace(coerced, raw=raw)
    result = _with_typmod(scope, coerced, oid, typmod, raw)
    return result if result is arg else replace(result, raw=raw)


def _with_typmod(scope: Scope, expr: Expr, oid: Oid, typmod: int, raw: Raw) -> Expr:
    """A length or precision is applied by a function of the type (coerce_type_typmod)."""
    have = _typmod_of(scope, expr)
    if typmod == have:
        return expr
    if typmod < 0:
        # what the value's declaration says of its length no longer holds
        return RelabelType(type=oid, arg=expr, explicit=True, location=expr.location, raw=raw)
    cast = scope.catalog.casts.first("pair", (oid, oid))
    proc = scope.catalog.procs.get(cast.castfunc) if cast is not None else None
    if proc is None:
        return expr
    given: tuple[Expr, ...] = (expr, Const(type=t.INT4, value=str(typmod)))
    if len(proc.proargtypes) > 2:
        given = (*given, Const(type=t.BOOL, value="true"))
    return FuncExpr(type=oid, funcid=proc.oid, args=given, form="explicit_cast", location=expr.location, raw=raw)


def _typmod_of(scope: Scope, expr: Expr) -> int:
    """The modifier that a value is known to have (exprTypmod): a column's, or that of a cast."""
    if isinstance(expr, FuncExpr) and expr.form != "call" and len(expr.args) > 1:
        length = expr.args[1]
        return int(length.value) if isinstance(length, Const) and length.value is not None else -1
    if not isinstance(expr, Var) or expr.attnum <= 0:
        return -1
    for level, outer in scope.levels():
        if level == expr.levelsup:
            relation = scope.catalog.relations.get(outer.rtable[expr.varno - 1].relid)
            return -1 if relation is None else relation.column(expr.attnum).atttypmod
    return -1


def array_expr(scope: Scope, node: Raw, raw: Raw, target: Oid) -> Expr:
    """``ARRAY[...]``; ``target`` is the array type it is cast to, 0 for none (transformArrayExpr)."""
    location = scope.offset(node.get("location"))
    element = t.element_type(scope.catalog, target)
    parts: list[Expr] = []
    for item in node.get("elements", ()):
        if "A_ArrayExpr" in item:
            parts.append(array_expr(scope, item["A_ArrayExpr"], item, target))
        else:
            parts.append(expressions.transform(scope, item))
    if element:
        return _array_of(scope, parts, element, target, location, raw)
    if not parts:
        reason = "cannot determine type of empty array"
        return Unresolved(type=0, reason=reason, sqlstate="42P18", location=location, raw=raw)
    oid, common, error = expressions.to_common_type(scope, parts, "ARRAY")
    if error is not None:
        return replace(error, location=location, raw=raw)
    whole = oid if t.element_type(scope.catalog, oid) else t.array_type(scope.catalog, oid)
    return ArrayExpr(type=whole, elements=common, location=location, raw=raw)


def _array_of(scope: Scope, parts: list[Expr], element: Oid, target: Oid, location: int, raw: Raw) -> Expr:
    elements: list[Expr] = []
    for part in parts:
        wanted = target if t.element_type(scope.catalog, part.type) else element
        coerced = coerce(scope.catalog, part, wanted, "e")
        if coerced is None:
            shown = f"{format_type(scope.catalog, part.type)} to {format_type(scope.catalog, wanted)}"
            coerced = expressions.wrong(part, f"cannot cast type {shown}", "42846", (part,), wanted)
        elements.append(coerced)
    return ArrayExpr(type=target, elements=tuple(elements), location=location, raw=raw)
