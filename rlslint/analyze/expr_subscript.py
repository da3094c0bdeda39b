"""``(expr).field``, ``expr[i]`` and their chains in, resolved expressions out (transformIndirection)."""

from __future__ import annotations

from typing import Final

import rlslint.analyze.expr as expressions
from rlslint.analyze import composite
from rlslint.analyze import types as t
from rlslint.analyze.coerce import can_coerce, coerce
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import format_type
from rlslint.nodes.primnodes import Expr, Oid, SubscriptingRef
from rlslint.source.model import Raw

# fixed-length types that can be subscripted (raw_array_subscript_handler): point, lseg, box, line, name
_RAW_ELEMENTS: Final[dict[Oid, Oid]] = {600: t.FLOAT8, 601: 600, 603: 600, 628: t.FLOAT8, t.NAME: 18}


def indirection(scope: Scope, node: Raw, raw: Raw) -> Expr:
    """Resolve an A_Indirection; a final ``.*`` is left to the target list."""
    expr = expressions.transform(scope, node["arg"])
    indices: list[Raw] = []
    for part in node["indirection"]:
        if "A_Indices" in part:
            indices.append(part["A_Indices"])
            continue
        if indices:
            expr, indices = _subscripted(scope, expr, indices, raw), []
        if "String" in part:
            expr = composite.field(scope, expr, part["String"]["sval"], raw)
    return _subscripted(scope, expr, indices, raw) if indices else expr


def _subscripted(scope: Scope, expr: Expr, indices: list[Raw], raw: Raw) -> Expr:
    """One run of subscripts (transformContainerSubscripts)."""
    catalog = scope.catalog
    container = t.base_type(catalog, expr.type)
    sliced = any(one.get("is_slice") for one in indices)
    found = [expressions.transform(scope, one[key]) for one in indices for key in ("lidx", "uidx") if key in one]
    if container == t.JSONB:
        keys = tuple(_jsonb_key(scope, one) for one in found)
        return SubscriptingRef(type=t.JSONB, arg=expr, subscripts=keys, location=expr.location, raw=raw)
    element = t.element_type(catalog, container) or _RAW_ELEMENTS.get(container, 0)
    if not element and container and catalog.types.get(container) is not None:
        shown = format_type(catalog, expr.type)
        reason = f"cannot subscript type {shown} because it does not support subscripting"
        return expressions.wrong(expr, reason, "42804", (expr, *found))
    subscripts: list[Expr] = []
    for one in found:
        number = coerce(catalog, one, t.INT4, "a")
        if number is None:
            return expressions.wrong(one, "array subscript must have type integer", "42804", (expr, *found), element)
        subscripts.append(number)
    return SubscriptingRef(
        type=container if sliced else element, arg=expr, subscripts=tuple(subscripts), location=expr.location, raw=raw
    )


def _jsonb_key(scope: Scope, expr: Expr) -> Expr:
    """A jsonb subscript is an integer where it can be one, else text (jsonb_subscript_transform)."""
    if expr.type in (t.UNKNOWN, 0):
        return coerce(scope.catalog, expr, t.TEXT) or expr
    fitting = [oid for oid in (t.INT4, t.TEXT) if can_coerce(scope.catalog, [expr.type], [oid])]
    if len(fitting) != 1:
        shown = format_type(scope.catalog, expr.type)
        return expressions.wrong(expr, f"subscript type {shown} is not supported", "42804", (expr,), t.TEXT)
    return coerce(scope.catalog, expr, fitting[0]) or expr
