"""Functions in FROM in, range-table entries out (transformRangeFunction, addRangeTableEntryForFunction)."""

from __future__ import annotations

from typing import Any

import rlslint.analyze.expr as expressions
import rlslint.analyze.from_clause as clauses
from rlslint.analyze import composite, expr_json
from rlslint.analyze import types as t
from rlslint.analyze.scope import NsItem, Scope
from rlslint.analyze.targets import figure_column_name
from rlslint.analyze.typename import resolve_type_name
from rlslint.nodes.parsenodes import FromItem, RangeTblEntry, RangeTblRef
from rlslint.nodes.primnodes import Expr, FuncExpr, Oid, RowExpr, Unresolved
from rlslint.records import replace
from rlslint.source.model import Raw

Columns = list[tuple[str, Oid]]


def range_function(scope: Scope, node: Raw) -> FromItem:
    """Resolve a RangeFunction: ``f(...)`` or ROWS FROM, with its column definitions and aliases."""
    alias = clauses.alias_name(node)
    calls: list[Expr] = []
    columns: Columns = []
    unknown = scalar = False
    members = [member for item in node["functions"] for member in _unnested(item["List"]["items"])]
    for raw, definitions in members:
        call = expressions.transform(scope, raw)
        calls.append(call)
        name = figure_column_name(raw)
        found = _columns(scope, call, alias if alias and len(members) == 1 else name)
        definitions = definitions or (node.get("coldeflist", []) if len(members) == 1 else [])
        if definitions:
            _check_definitions(scope, call)
            found = [_definition(scope, one["ColumnDef"]) for one in definitions if "ColumnDef" in one]
        elif found is None and _is_plain_record(scope, call):
            reason = 'a column definition list is required for functions returning "record"'
            scope.reject(reason, "42601", call.location, raw)
        unknown = unknown or found is None
        scalar = len(members) == 1 and not definitions and _is_scalar(scope, call)
        columns += found or []
    if node.get("ordinality"):
        columns.append(("ordinality", t.INT8))
        scalar = False
    rtindex = len(scope.rtable) + 1
    name = alias or figure_column_name(members[0][0])
    item = clauses.computed_item(name, rtindex, columns, "function", unknown=unknown)
    if len(members) == 1 and not node.get("ordinality") and calls[0].type:
        item = replace(item, rowtype=calls[0].type, scalar=scalar)
    item = clauses.renamed(scope, item, clauses.alias_columns(node), calls[0].location)
    function = calls[0] if len(calls) == 1 else RowExpr(type=t.RECORD, args=tuple(calls), location=calls[0].location)
    return _add(scope, item, function, aliased=alias is not None, lateral=bool(node.get("lateral")))


def _add(scope: Scope, item: NsItem, function: Expr, *, aliased: bool, lateral: bool) -> FromItem:
    scope.add(
        RangeTblEntry(
            kind="function",
            eref=item.name,
            aliased=aliased,
            colnames=tuple(column for column, _ in item.columns),
            coltypes=tuple(expr.type for _, expr in item.columns),
            function=function,
            lateral=lateral,
            location=function.location,
        )
    )
    scope.items.append(item)
    return RangeTblRef(rtindex=item.rtindex)


def _unnested(parts: list[Raw]) -> list[tuple[Raw, list[Raw]]]:
    """The call and its column definitions; ``unnest(a, b)`` is one unnest() for each argument."""
    raw = parts[0]
    definitions = parts[1].get("List", {}).get("items", []) if len(parts) > 1 else []
    call: dict[str, Any] = raw.get("FuncCall", {})
    names = call.get("funcname", ())
    args = call.get("args", ())
    plain = not any(key in call for key in ("agg_order", "func_variadic", "agg_filter", "over"))
    if len(names) == 1 and names[0]["String"]["sval"] == "unnest" and len(args) > 1 and plain and not definitions:
        pg_unnest = [{"String": {"sval": "pg_catalog"}}, {"String": {"sval": "unnest"}}]
        return [({"FuncCall": {**call, "funcname": pg_unnest, "args": [arg]}}, []) for arg in args]
    return [(raw, definitions)]


def _check_definitions(scope: Scope, call: Expr) -> None:
    """Only a function returning plain ``record`` takes a column definition list."""
    if not isinstance(call, FuncExpr) or call.type == 0 or _is_plain_record(scope, call):
        return
    reason = 'a column definition list is only allowed for functions returning "record"'
    if call.type == t.RECORD:
        reason = "a column definition list is redundant for a function with OUT parameters"
    scope.reject(reason, "42601", call.location, call.raw)


def _is_plain_record(scope: Scope, call: Expr) -> bool:
    known = isinstance(call, FuncExpr) and call.type == t.RECORD
    return known and isinstance(call, FuncExpr) and composite.function_columns(scope.catalog, call) is None


def _is_scalar(scope: Scope, call: Expr) -> bool:
    return call.type != 0 and not t.is_composite(scope.catalog, call.type)


def _definition(scope: Scope, node: Raw) -> tuple[str, Oid]:
    return node["colname"], resolve_type_name(scope.catalog, node["typeName"], scope.context.search_path)[0]


def _columns(scope: Scope, call: Expr, name: str) -> Columns | None:
    """Columns that a function in FROM has; None when they are not known."""
    if isinstance(call, FuncExpr):
        found = composite.function_columns(scope.catalog, call)
        if found is not None:
            return found
    if call.type == 0 or t.is_composite(scope.catalog, call.type):
        return composite.type_columns(scope.catalog, call.type)
    proc = scope.catalog.procs.get(call.funcid) if isinstance(call, FuncExpr) else None
    outputs = [] if proc is None or not proc.proargnames else composite.output_columns(scope.catalog, proc)
    named = len(outputs) == 1 and proc is not None and _has_output_name(proc.proargnames, proc.proargmodes)
    return [(outputs[0][0] if named else name, call.type)]


def _has_output_name(names: tuple[str, ...], modes: tuple[str, ...]) -> bool:
    """The single OUT argument has a name of its own (chooseScalarFunctionAlias)."""
    return any(name for name, mode in zip(names, modes, strict=False) if mode in ("o", "b", "t"))


def range_table_func(scope: Scope, tag: str, node: Raw, raw: Raw) -> FromItem:
    """Resolve JSON_TABLE or XMLTABLE: the columns are as declared, the rest is not looked at."""
    args = expr_json.arguments(scope, {key: value for key, value in node.items() if key != "columns"})
    location = scope.offset(node.get("location"))
    call = Unresolved(type=t.RECORD, reason=f"{tag} is not analysed", args=args, location=location, raw=raw)
    alias = clauses.alias_name(node)
    columns = _declared(scope, node.get("columns", ()))
    name = alias or ("json_table" if tag == "JsonTable" else "xmltable")
    item = clauses.computed_item(name, len(scope.rtable) + 1, columns, "function", unknown=not columns)
    item = clauses.renamed(scope, item, clauses.alias_columns(node), location)
    return _add(scope, item, call, aliased=alias is not None, lateral=bool(node.get("lateral")))


def _declared(scope: Scope, items: Any) -> Columns:
    found: Columns = []
    for item in items:
        column = item.get("JsonTableColumn") or item.get("RangeTableFuncCol", {})
        if column.get("coltype") == "JTC_NESTED":
            found += _declared(scope, column.get("columns", ()))
        elif column.get("coltype") == "JTC_FOR_ORDINALITY" or column.get("for_ordinality"):
            found.append((column.get("name") or column["colname"], t.INT4))
        else:
            name = column.get("name") or column["colname"]
            type_name = column.get("typeName")
            path = scope.context.search_path
            found.append((name, resolve_type_name(scope.catalog, type_name, path)[0] if type_name else t.BOOL))
    return found
