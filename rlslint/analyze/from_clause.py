"""FROM in, range-table entries and the names they bring into scope out (parse_clause.c, parse_relation.c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import rlslint.analyze.expr as expressions
import rlslint.analyze.query as queries
from rlslint.analyze import operators
from rlslint.analyze import types as t
from rlslint.analyze.scope import NsItem, Scope
from rlslint.analyze.typename import resolve_type_name
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc, Relation
from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query, RangeTblEntry, RangeTblRef
from rlslint.nodes.primnodes import BoolExpr, CoalesceExpr, Expr, FuncExpr, Oid, Var
from rlslint.source.model import Raw

Columns = Sequence[tuple[str, Oid]]


def transform_from(scope: Scope, items: Sequence[Raw]) -> tuple[FromItem, ...]:
    """Resolve the members of FROM, left to right, and put their names into scope."""
    return tuple(_item(scope, item) for item in items)


def relation_item(catalog: Catalog, relation: Relation, rtindex: int, alias: str | None = None) -> NsItem:
    """A table's name in scope. Dropped columns keep their numbers and lose their names."""
    columns = tuple(
        (
            attribute.attname,
            Var(
                type=attribute.atttypid, varno=rtindex, attnum=attribute.attnum, collation=attribute.attcollation
            ),
        )
        for attribute in relation.attributes
        if not attribute.attisdropped
    )
    return NsItem(
        name=alias or relation.relname,
        rtindex=rtindex,
        columns=columns,
        relid=relation.oid,
        schema="" if alias else catalog.nspname(relation.relnamespace),
        rowtype=relation.reltype,
        unknown=not relation.complete,
    )


def _item(scope: Scope, raw: Raw) -> FromItem:
    tag, node = next(iter(raw.items()))
    match tag:
        case "RangeVar":
            return _range_var(scope, node)
        case "RangeSubselect":
            return _subselect(scope, node)
        case "RangeFunction":
            return _function(scope, node)
        case "JoinExpr":
            return _join(scope, node)
        case "RangeTableSample":
            return _item(scope, node["relation"])
        case _:
            return _unknown(scope, _alias(node) or tag.lower(), scope.offset(node.get("location")))


def _alias(node: Raw) -> str | None:
    name: str | None = node.get("alias", {}).get("aliasname")
    return name


def _alias_columns(node: Raw) -> list[str]:
    return [part["String"]["sval"] for part in node.get("alias", {}).get("colnames", ())]


def _range_var(scope: Scope, node: Raw) -> FromItem:
    location = scope.offset(node.get("location"))
    schema, name = node.get("schemaname"), node["relname"]
    alias = _alias(node)
    cte = scope.find_cte(name) if schema is None else None
    if cte is not None:
        return _derived(scope, cte, alias or name, _alias_columns(node), "cte", location)
    relation = scope.catalog.find_relation(schema, name, scope.context.search_path)
    if relation is None:
        return _unknown(scope, alias or name, location)
    rtindex = scope.add(
        RangeTblEntry(
            kind="relation",
            eref=alias or name,
            aliased=alias is not None,
            relid=relation.oid,
            colnames=tuple(attribute.attname for attribute in relation.attributes),
            coltypes=tuple(attribute.atttypid for attribute in relation.attributes),
            location=location,
        )
    )
    item = relation_item(scope.catalog, relation, rtindex, alias)
    renamed = _alias_columns(node)
    if renamed:
        columns = [
            (renamed[i] if i < len(renamed) else column, expr) for i, (column, expr) in enumerate(item.columns)
        ]
        item = replace(item, columns=tuple(columns))
    scope.items.append(item)
    return RangeTblRef(rtindex=rtindex)


def _unknown(scope: Scope, name: str, location: int) -> FromItem:
    rtindex = scope.add(RangeTblEntry(kind="unknown", eref=name, location=location))
    scope.items.append(NsItem(name=name, rtindex=rtindex, columns=(), unknown=True))
    return RangeTblRef(rtindex=rtindex)


def _derived(
    scope: Scope,
    query: Query,
    name: str,
    renamed: list[str],
    kind: Literal["subquery", "cte"],
    location: int,
    *,
    lateral: bool = False,
) -> FromItem:
    columns = [
        (renamed[i] if i < len(renamed) else target.name or "?column?", target.expr.type)
        for i, target in enumerate(query.targets)
    ]
    rtindex = scope.add(
        RangeTblEntry(
            kind=kind,
            eref=name,
            aliased=True,
            colnames=tuple(column for column, _ in columns),
            coltypes=tuple(oid for _, oid in columns),
            subquery=query,
            lateral=lateral,
            location=location,
        )
    )
    hidden = any(rte.kind == "unknown" for rte in query.rtable) and not columns
    scope.items.append(_computed_item(name, rtindex, columns, unknown=hidden or _star_of_unknown(query)))
    return RangeTblRef(rtindex=rtindex)


def _star_of_unknown(query: Query) -> bool:
    """``SELECT *`` from a table that no file creates: its columns are not known."""
    return any(target.name == "*" for target in query.targets)


def _computed_item(name: str, rtindex: int, columns: Columns, *, unknown: bool = False) -> NsItem:
    exprs = tuple(
        (column, Var(type=oid, varno=rtindex, attnum=number))
        for number, (column, oid) in enumerate(columns, start=1)
    )
    return NsItem(name=name, rtindex=rtindex, columns=exprs, rowtype=t.RECORD, unknown=unknown)


def _subselect(scope: Scope, node: Raw) -> FromItem:
    select = node["subquery"]["SelectStmt"]
    lateral = bool(node.get("lateral"))
    visible = scope.items
    if not lateral:
        scope.items = []
    query = queries.transform_select(scope.child(), select)
    scope.items = visible
    return _derived(
        scope, query, _alias(node) or "unnamed_subquery", _alias_columns(node), "subquery", -1, lateral=lateral
    )


def _function(scope: Scope, node: Raw) -> FromItem:
    alias = _alias(node)
    calls: list[Expr] = []
    columns: list[tuple[str, Oid]] = []
    unknown = False
    name = alias or "function"
    for item in node["functions"]:
        parts = item["List"]["items"]
        call = expressions.transform(scope, parts[0])
        calls.append(call)
        function_name = _function_name(parts[0])
        if alias is None:
            name = function_name
        found = _result_columns(scope.catalog, call, alias or function_name)
        definitions = node.get("coldeflist") or (parts[1].get("List", {}).get("items", []) if len(parts) > 1 else [])
        if definitions:
            found = [_definition(scope, one["ColumnDef"]) for one in definitions if "ColumnDef" in one]
        unknown = unknown or found is None
        columns += found or []
    if node.get("ordinality"):
        columns.append(("ordinality", t.INT8))
    renamed = _alias_columns(node)
    columns = [(renamed[i] if i < len(renamed) else column, oid) for i, (column, oid) in enumerate(columns)]
    if unknown:
        columns += [(extra, 0) for extra in renamed[len(columns) :]]
    rtindex = scope.add(
        RangeTblEntry(
            kind="function",
            eref=name,
            aliased=alias is not None,
            colnames=tuple(column for column, _ in columns),
            coltypes=tuple(oid for _, oid in columns),
            function=calls[0],
            lateral=bool(node.get("lateral")),
            location=calls[0].location,
        )
    )
    scope.items.append(_computed_item(name, rtindex, columns, unknown=unknown))
    return RangeTblRef(rtindex=rtindex)


def _function_name(raw: Raw) -> str:
    if "FuncCall" in raw:
        name: str = raw["FuncCall"]["funcname"][-1]["String"]["sval"]
        return name
    return "function"


def _definition(scope: Scope, node: Raw) -> tuple[str, Oid]:
    return node["colname"], resolve_type_name(scope.catalog, node["typeName"], scope.context.search_path)[0]


def _result_columns(catalog: Catalog, call: Expr, name: str) -> list[tuple[str, Oid]] | None:
    """Columns that a function in FROM has; None when they are not known."""
    proc = catalog.procs.get(call.funcid) if isinstance(call, FuncExpr) else None
    if proc is None:
        return [(name, call.type)] if call.type not in (0, t.RECORD) else None
    outputs = output_columns(proc)
    if len(outputs) > 1 or (outputs and proc.prorettype == t.RECORD):
        return outputs
    row = catalog.types.get(t.base_type(catalog, call.type))
    if row is not None and row.typrelid:
        relation = catalog.relations.get(row.typrelid)
        if relation is not None:
            live = (one for one in relation.attributes if not one.attisdropped)
            return [(attribute.attname, attribute.atttypid) for attribute in live]
    if call.type in (0, t.RECORD):
        return None
    return [(outputs[0][0] if outputs and outputs[0][0] else name, call.type)]


def output_columns(proc: Proc) -> list[tuple[str, Oid]]:
    """Names and types of OUT, INOUT and TABLE arguments."""
    if not proc.proargmodes:
        return []
    names = proc.proargnames or ("",) * len(proc.proargmodes)
    return [
        (name or f"column{number}", oid)
        for number, (name, mode, oid) in enumerate(
            zip(names, proc.proargmodes, proc.proallargtypes, strict=False), start=1
        )
        if mode in ("o", "b", "t")
    ]


def _join(scope: Scope, node: Raw) -> FromItem:
    before = scope.items
    scope.items = list(before)
    left = _item(scope, node["larg"])
    left_items = scope.items[len(before) :]
    right = _item(scope, node["rarg"])
    right_items = scope.items[len(before) + len(left_items) :]
    jointype = _JOINS[node.get("jointype", "JOIN_INNER")]
    using = [part["String"]["sval"] for part in node.get("usingClause", ())]
    if node.get("isNatural"):
        names = [name for item in right_items if item.columns_visible for name, _ in item.columns]
        using = [name for item in left_items if item.columns_visible for name, _ in item.columns if name in names]
    quals: Expr | None = None
    merged: list[tuple[str, Expr]] = []
    for name in using:
        one, two = _visible_column(left_items, name), _visible_column(right_items, name)
        if one is None or two is None:
            continue
        equal = operators.binary(scope, "=", one, two, -1, {})
        quals = equal if quals is None else BoolExpr(type=t.BOOL, op="and", args=(quals, equal))
        merged.append((name, _merged(jointype, one, two)))
    if "quals" in node:
        visible, scope.items = scope.items, [*left_items, *right_items]
        # names outside the join are hidden in ON, as in PostgreSQL
        quals = expressions.boolean(scope, expressions.transform(scope, node["quals"]))
        scope.items = visible
    rest = [
        (name, expr)
        for item in (*left_items, *right_items)
        if item.columns_visible
        for name, expr in item.columns
        if name not in using
    ]
    columns = [*merged, *rest]
    alias = _alias(node)
    rtindex = scope.add(
        RangeTblEntry(
            kind="join",
            eref=alias or "unnamed_join",
            colnames=tuple(name for name, _ in columns),
            coltypes=tuple(expr.type for _, expr in columns),
            joinvars=tuple(expr for _, expr in columns),
        )
    )
    unknown = any(item.unknown for item in (*left_items, *right_items))
    joined = NsItem(
        name=alias or "", rtindex=rtindex, columns=tuple(columns), relation_visible=alias is not None, unknown=unknown
    )
    if alias is not None:
        scope.items = [*before, joined]
    else:
        hidden = [replace(item, columns_visible=False) for item in (*left_items, *right_items)]
        scope.items = [*before, *hidden, joined]
    return JoinExpr(jointype=jointype, larg=left, rarg=right, quals=quals, rtindex=rtindex)


_JOINS: dict[str, Literal["inner", "left", "right", "full"]] = {
    "JOIN_INNER": "inner",
    "JOIN_LEFT": "left",
    "JOIN_RIGHT": "right",
    "JOIN_FULL": "full",
}


def _visible_column(items: Sequence[NsItem], name: str) -> Expr | None:
    found = [expr for item in items if item.columns_visible for expr in item.column(name)]
    return found[0] if found else None


def _merged(jointype: str, left: Expr, right: Expr) -> Expr:
    match jointype:
        case "right":
            return right
        case "full":
            return CoalesceExpr(type=left.type, name="coalesce", args=(left, right))
        case _:
            return left
