"""Function calls in, FuncExpr, Aggref or a cast out (ParseFuncOrColumn in parse_func.c)."""

from __future__ import annotations

import rlslint.analyze.expr as expressions
from rlslint.analyze import composite
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce
from rlslint.analyze.func import FuncMatch, FuncMiss, resolve_function
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import names_of
from rlslint.nodes.primnodes import Aggref, ArrayExpr, Expr, FuncExpr, Unresolved
from rlslint.source.model import Raw


def func_call(scope: Scope, node: Raw, raw: Raw) -> Expr:
    """Resolve a FuncCall."""
    location = scope.offset(node.get("location"))
    schema, name = names_of(node["funcname"])
    raws = node.get("args", [])
    args = [expressions.transform(scope, arg) for arg in raws]
    named = tuple(arg["NamedArgExpr"]["name"] for arg in raws if "NamedArgExpr" in arg)
    extra = [item["SortBy"]["node"] for item in node.get("agg_order", ()) if node.get("agg_within_group")]
    args += [expressions.transform(scope, item) for item in extra]
    found = resolve_function(
        scope.catalog,
        schema,
        name,
        [arg.type for arg in args],
        scope.context.search_path,
        variadic=bool(node.get("func_variadic")),
        named=named,
    )
    if isinstance(found, FuncMiss):
        if found.cast:
            return coerce(scope.catalog, args[0], found.cast, "e") or args[0]
        other = _column(scope, schema, name, args, raw)
        if other is not None:
            return other
        return Unresolved(
            type=0, reason=found.reason, sqlstate=found.sqlstate, args=tuple(args), location=location, raw=raw
        )
    coerced = _coerced(scope, found, args)
    window = "over" in node
    problem = _misused(found.proc.prokind, name, window)
    if problem is not None:
        return Unresolved(
            type=found.rettype, reason=problem, sqlstate="42809", args=coerced, location=location, raw=raw
        )
    if found.proc.prokind in ("a", "w"):
        scope.aggregates = scope.aggregates or not window
        scope.windows = scope.windows or window
        more = _around_aggregate(scope, node)
        return Aggref(
            type=found.rettype,
            funcid=found.proc.oid,
            args=(*coerced, *more),
            window=window,
            extra=len(more),
            location=location,
            raw=raw,
        )
    return FuncExpr(
        type=found.rettype,
        funcid=found.proc.oid,
        args=coerced,
        argnumbers=found.argnumbers,
        retset=found.proc.proretset,
        location=location,
        raw=raw,
    )


def _misused(prokind: str, name: str, window: bool) -> str | None:
    if prokind == "w" and not window:
        return f"window function {name} requires an OVER clause"
    if prokind == "f" and window:
        return f"OVER specified, but {name} is not a window function nor an aggregate function"
    return None


def _around_aggregate(scope: Scope, node: Raw) -> tuple[Expr, ...]:
    """ORDER BY, FILTER and OVER of an aggregate or window function; of a named window what WINDOW says of it."""
    found: list[Expr] = []
    if not node.get("agg_within_group"):
        found += [expressions.transform(scope, item["SortBy"]["node"]) for item in node.get("agg_order", ())]
    if "agg_filter" in node:
        found.append(expressions.boolean(scope, expressions.transform(scope, node["agg_filter"])))
    definition = node.get("over")
    seen = set[str]()
    while definition is not None:
        found += [expressions.transform(scope, item) for item in definition.get("partitionClause", ())]
        found += [expressions.transform(scope, item["SortBy"]["node"]) for item in definition.get("orderClause", ())]
        name = definition.get("refname") or definition.get("name", "")
        if name in seen:
            break
        seen.add(name)
        definition = scope.window_defs.get(name)
    return tuple(found)


def _coerced(scope: Scope, found: FuncMatch, args: list[Expr]) -> tuple[Expr, ...]:
    result = [coerce(scope.catalog, arg, oid) or arg for arg, oid in zip(args, found.argtypes, strict=False)]
    if found.variadic_from < 0 or found.proc.provariadic == t.ANY or found.variadic_from >= len(args):
        return tuple(result)
    rest = tuple(result[found.variadic_from :])
    element = rest[0].type if rest else found.proc.provariadic
    array = ArrayExpr(type=t.array_type(scope.catalog, element), elements=rest)
    return (*result[: found.variadic_from], array)


def _column(scope: Scope, schema: str | None, name: str, args: list[Expr], raw: Raw) -> Expr | None:
    """``column(row)`` as a field, which a call may mean when no function fits."""
    if len(args) != 1:
        return None
    arg = args[0]
    known = composite.row_columns(scope, arg) if schema is None else None
    if not any(column == name for column, _ in known or ()):
        return None
    return composite.field(scope, arg, name, raw)
