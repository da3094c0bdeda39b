"""Row values in, their columns, one field of them or a function of them out (ParseComplexProjection, parse_func.c)."""

from __future__ import annotations

from collections.abc import Sequence

from rlslint.analyze import columns
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce, resolve_polymorphic
from rlslint.analyze.func import FuncMatch, resolve_function
from rlslint.analyze.scope import NsItem, Scope
from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Expr, FieldSelect, FuncExpr, Oid, RowExpr, SubLink, SubLinkType, Unresolved, Var
from rlslint.source.model import Raw

Columns = list[tuple[str, Oid]]


def field(scope: Scope, expr: Expr, name: str, raw: Raw) -> Expr:
    """``(expr).name``: a field, else the function of that name applied to the row."""
    item = _row_item(scope, expr)
    if item is not None and isinstance(expr, Var):
        found = columns.in_item(item, name)
        if len(found) == 1:
            return columns.raised(found[0], expr.levelsup, expr.location, raw)
    known = row_columns(scope, expr)
    for column, oid in known or ():
        if column == name:
            return FieldSelect(type=oid, arg=expr, fieldname=name, location=expr.location, raw=raw)
    if expr.type == 0 or (known is None and t.is_composite(scope.catalog, expr.type)):
        return FieldSelect(type=0, arg=expr, fieldname=name, location=expr.location, raw=raw)
    call = function_of_row(scope, name, expr, expr.location, raw)
    if call is not None:
        return call
    shown = format_type(scope.catalog, expr.type)
    if not t.is_composite(scope.catalog, expr.type):
        reason = f"column notation .{name} applied to type {shown}, which is not a composite type"
        return Unresolved(type=0, reason=reason, sqlstate="42809", args=(expr,), location=expr.location, raw=raw)
    reason = f'column "{name}" not found in data type {shown}'
    return Unresolved(type=0, reason=reason, sqlstate="42703", args=(expr,), location=expr.location, raw=raw)


def function_of_row(scope: Scope, name: str, row: Expr, location: int, raw: Raw) -> Expr | None:
    """``row.name`` as ``name(row)``; None where no such function takes the row."""
    found = resolve_function(scope.catalog, None, name, [row.type], scope.context.search_path)
    if not isinstance(found, FuncMatch) or found.proc.prokind != "f":
        return None
    arg = coerce(scope.catalog, row, found.argtypes[0]) or row
    return FuncExpr(
        type=found.rettype, funcid=found.proc.oid, args=(arg,), retset=found.proc.proretset, location=location, raw=raw
    )


def _row_item(scope: Scope, expr: Expr) -> NsItem | None:
    """The FROM member whose whole row the expression is."""
    if not isinstance(expr, Var) or expr.attnum != 0:
        return None
    for level, outer in scope.levels():
        if level == expr.levelsup:
            return next((item for item in outer.items if item.rtindex == expr.varno), None)
    return None


def row_columns(scope: Scope, expr: Expr) -> Columns | None:
    """Names and types of a row value's columns (get_expr_result_tupdesc, expandRecordVariable); None: not known."""
    item = _row_item(scope, expr)
    if item is not None:
        return None if item.unknown else [(name, column.type) for name, column in item.columns]
    if isinstance(expr, Var) and expr.type == t.RECORD:
        for level, outer in scope.levels():
            if level == expr.levelsup and expr.attnum > 0:
                return _output_columns_of(scope.catalog, outer.rtable[expr.varno - 1].subquery, expr.attnum)
    return _value_columns(scope.catalog, expr)


def _value_columns(catalog: Catalog, expr: Expr) -> Columns | None:
    """The same for what tells its columns by itself."""
    named = type_columns(catalog, expr.type)
    if named is not None:
        return named
    if isinstance(expr, FuncExpr):
        return function_columns(catalog, expr)
    if isinstance(expr, RowExpr):
        return [(f"f{number}", arg.type) for number, arg in enumerate(expr.args, start=1)]
    if isinstance(expr, SubLink) and expr.kind is SubLinkType.EXPR:
        return _output_columns_of(catalog, expr.subselect, 1)
    return None


def _output_columns_of(catalog: Catalog, query: Query | None, attnum: int) -> Columns | None:
    """The columns of a row that a subquery puts out as its column ``attnum``."""
    if query is None or query.setop is not None or attnum > len(query.targets):
        return None
    expr = query.targets[attnum - 1].expr
    if isinstance(expr, Var) and expr.levelsup == 0 and expr.attnum == 0:
        rte = query.rtable[expr.varno - 1]
        known = rte.kind in ("subquery", "cte", "function", "join") and bool(rte.colnames)
        return list(zip(rte.colnames, rte.coltypes, strict=True)) if known else type_columns(catalog, expr.type)
    if isinstance(expr, Var) and expr.levelsup == 0 and expr.type == t.RECORD:
        return _output_columns_of(catalog, query.rtable[expr.varno - 1].subquery, expr.attnum)
    return _value_columns(catalog, expr)


def type_columns(catalog: Catalog, oid: Oid) -> Columns | None:
    """Names and types of a composite type's columns; None for another type, or one that is known in part."""
    row = catalog.types.get(t.base_type(catalog, oid))
    relation = catalog.relations.get(row.typrelid) if row is not None and row.typrelid else None
    if relation is None or not relation.complete:
        return None
    return [(column.attname, column.atttypid) for column in relation.attributes if not column.attisdropped]


def function_columns(catalog: Catalog, call: FuncExpr) -> Columns | None:
    """Columns that a call returning a row has by its OUT arguments or its type; None for a scalar or unknown row."""
    proc = catalog.procs.get(call.funcid)
    outputs = [] if proc is None else output_columns(catalog, proc, [arg.type for arg in call.args])
    if proc is not None and (len(outputs) > 1 or (outputs and proc.prorettype == t.RECORD)):
        return outputs
    return type_columns(catalog, call.type)


def output_columns(catalog: Catalog, proc: Proc, given: Sequence[Oid] = ()) -> Columns:
    """Names and types of OUT, INOUT and TABLE arguments, polymorphic ones by the types that are given."""
    if not proc.proargmodes:
        return []
    names = proc.proargnames or ("",) * len(proc.proargmodes)
    arguments = list(zip(names, proc.proargmodes, proc.proallargtypes, strict=False))
    outputs = [(name, oid) for name, mode, oid in arguments if mode in ("o", "b", "t")]
    real: dict[Oid, Oid] = {}
    if any(oid in t.POLYMORPHIC for _, oid in outputs):
        declared = proc.proargtypes[: len(given)]
        real = resolve_polymorphic(catalog, list(given)[: len(declared)], declared) or {}
    return [
        (name or f"column{number}", real.get(oid, 0) if oid in t.POLYMORPHIC else oid)
        for number, (name, oid) in enumerate(outputs, start=1)
    ]
