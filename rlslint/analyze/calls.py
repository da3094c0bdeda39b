"""Function calls in, FuncExpr, Aggref or a cast out (ParseFuncOrColumn in parse_func.c)."""

from __future__ import annotations

import rlslint.analyze.expr as expressions
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce, find_pathway
from rlslint.analyze.func import FuncMatch, FuncMiss, resolve_function
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import names_of
from rlslint.nodes.primnodes import Aggref, ArrayExpr, Expr, FieldSelect, FuncExpr, Unresolved
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
        other = _cast_or_column(scope, schema, name, args, raw)
        if other is not None:
            return other
        return Unresolved(
            type=0, reason=found.reason, sqlstate=found.sqlstate, args=tuple(args), location=location, raw=raw
        )
    coerced = _coerced(scope, found, args)
    if found.proc.prokind == "a" or found.proc.prokind == "w" or "over" in node:
        window = "over" in node
        scope.aggregates = scope.aggregates or not window
        scope.windows = scope.windows or window
        filtered = (expressions.transform(scope, node["agg_filter"]),) if "agg_filter" in node else ()
        return Aggref(
            type=found.rettype,
            funcid=found.proc.oid,
            args=(*coerced, *filtered),
            window=window,
            location=location,
            raw=raw,
        )
    return FuncExpr(
        type=found.rettype,
        funcid=found.proc.oid,
        args=coerced,
        retset=found.proc.proretset,
        location=location,
        raw=raw,
    )


def _coerced(scope: Scope, found: FuncMatch, args: list[Expr]) -> tuple[Expr, ...]:
    result = [
        coerce(scope.catalog, arg, oid) or arg for arg, oid in zip(args, found.argtypes, strict=False)
    ]
    if found.variadic_from < 0 or found.proc.provariadic == t.ANY:
        return tuple(result)
    rest = tuple(result[found.variadic_from :])
    element = rest[0].type if rest else found.proc.provariadic
    array = ArrayExpr(type=t.array_type(scope.catalog, element), elements=rest)
    return (*result[: found.variadic_from], array)


def _cast_or_column(scope: Scope, schema: str | None, name: str, args: list[Expr], raw: Raw) -> Expr | None:
    """``typename(x)`` as a cast and ``column(row)`` as a field, which a call may mean when no function fits."""
    if len(args) != 1:
        return None
    arg = args[0]
    row = scope.catalog.find_type(schema, name, scope.context.search_path)
    if row is not None and row.typtype != "c":
        path, _ = find_pathway(scope.catalog, row.oid, arg.type, "e")
        if arg.type == t.UNKNOWN or path in ("relabel", "io"):
            return coerce(scope.catalog, arg, row.oid, "e")
    kind = scope.catalog.types.get(arg.type)
    relation = scope.catalog.relations.get(kind.typrelid) if kind is not None and kind.typrelid else None
    attribute = relation.attribute(name) if relation is not None and schema is None else None
    if attribute is None:
        return None
    return FieldSelect(type=attribute.atttypid, arg=arg, fieldname=name, location=arg.location, raw=raw)
