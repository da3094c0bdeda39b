"""A target list of the parse tree in, output columns with their names out (parse_target.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import rlslint.analyze.expr as expressions
from rlslint.analyze import columns, composite
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce
from rlslint.analyze.scope import NsItem, Scope
from rlslint.nodes.parsenodes import TargetEntry
from rlslint.nodes.primnodes import Expr, FieldSelect, Unresolved, Var
from rlslint.source.model import Raw

_FIXED_NAMES: Final = {
    "A_ArrayExpr": "array",
    "CoalesceExpr": "coalesce",
    "GroupingFunc": "grouping",
    "JsonArrayAgg": "json_arrayagg",
    "JsonArrayConstructor": "json_array",
    "JsonArrayQueryConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg",
    "JsonObjectConstructor": "json_object",
    "JsonParseExpr": "json",
    "JsonScalarExpr": "json_scalar",
    "JsonSerializeExpr": "json_serialize",
    "MergeSupportFunc": "merge_action",
    "RowExpr": "row",
    "XmlSerialize": "xmlserialize",
}
_JSON_FUNCTIONS: Final = {
    "JSON_EXISTS_OP": "json_exists",
    "JSON_QUERY_OP": "json_query",
    "JSON_VALUE_OP": "json_value",
}


def target_list(scope: Scope, items: Sequence[Raw], *, resolve_unknown: bool = True) -> tuple[TargetEntry, ...]:
    """Resolve a target list. A literal of no type becomes text unless a set operation will decide on it."""
    found: list[TargetEntry] = []
    for item in items:
        target = item["ResTarget"]
        value = target["val"]
        star = _star(value)
        if star is not None:
            found += _expand(scope, star, value)
            continue
        if "A_Star" in value.get("A_Indirection", {}).get("indirection", ({},))[-1]:
            found += _expand_row(scope, value["A_Indirection"], value)
            continue
        expr = expressions.transform(scope, value)
        if expr.type == t.UNKNOWN and resolve_unknown:
            expr = coerce(scope.catalog, expr, t.TEXT) or expr
        found.append(TargetEntry(expr=expr, name=target.get("name") or figure_column_name(value)))
    return tuple(found)


def _star(value: Raw) -> list[str] | None:
    fields = value.get("ColumnRef", {}).get("fields", ())
    if not fields or "A_Star" not in fields[-1]:
        return None
    return [part["String"]["sval"] for part in fields[:-1]]


def _expand(scope: Scope, words: list[str], raw: Raw) -> list[TargetEntry]:
    """``*`` and ``t.*``; columns that are not known are one more target named ``*`` (ExpandColumnRefStar)."""
    location = scope.offset(raw["ColumnRef"].get("location"))
    if not words:
        visible = [item for item in scope.items if item.columns_visible]
        if not visible and not any(item.unknown for item in scope.items):
            reason = "SELECT * with no tables specified is not valid"
            return [TargetEntry(expr=_wrong(reason, "42601", location, raw), name="*")]
        return [entry for item in visible for entry in _columns(item, 0, location, raw)]
    place = columns.find_item(scope, words)
    if place is not None:
        return _columns(*place, location, raw)
    row = columns.column_ref(scope, raw["ColumnRef"], raw)
    known = None if isinstance(row, Unresolved) else composite.row_columns(scope, row)
    return [TargetEntry(expr=row, name="*")] if known is None else _fields(row, known, raw)


def _columns(item: NsItem, level: int, location: int, raw: Raw) -> list[TargetEntry]:
    found = [TargetEntry(expr=columns.raised(expr, level, location, raw), name=name) for name, expr in item.columns]
    if item.unknown:
        reason = "columns are not known"
        found.append(TargetEntry(expr=_wrong(reason, None, location, raw), name="*"))
    return found


def _expand_row(scope: Scope, node: Raw, raw: Raw) -> list[TargetEntry]:
    """``(row).*`` (ExpandRowReference)."""
    inner = node["indirection"][:-1]
    row = expressions.transform(scope, {"A_Indirection": {**node, "indirection": inner}} if inner else node["arg"])
    known = composite.row_columns(scope, row)
    if known is None:
        reason = "columns are not known"
        error = Unresolved(type=0, reason=reason, args=(row,), location=row.location, raw=raw)
        return [TargetEntry(expr=error, name="*")]
    if isinstance(row, Var) and row.attnum == 0:
        return [TargetEntry(expr=composite.field(scope, row, name, raw), name=name) for name, _ in known]
    return _fields(row, known, raw)


def _fields(row: Expr, known: composite.Columns, raw: Raw) -> list[TargetEntry]:
    return [
        TargetEntry(expr=FieldSelect(type=oid, arg=row, fieldname=name, location=row.location, raw=raw), name=name)
        for name, oid in known
    ]


def _wrong(reason: str, sqlstate: str | None, location: int, raw: Raw) -> Unresolved:
    return Unresolved(type=0, reason=reason, sqlstate=sqlstate, location=location, raw=raw)


def figure_column_name(value: Raw) -> str:
    """The name of an output column without AS (FigureColname)."""
    return _figure(value)[0] or "?column?"


def _figure(value: Raw) -> tuple[str | None, int]:
    """A name and how good it is: 2 a name that somebody gave, 1 a type's or a construct's, 0 none."""
    tag, node = next(iter(value.items()))
    if tag in _FIXED_NAMES:
        return _FIXED_NAMES[tag], 2
    match tag:
        case "ColumnRef":
            names = [part["String"]["sval"] for part in node["fields"] if "String" in part]
            return (names[-1], 2) if names else (None, 0)
        case "A_Indirection":
            names = [part["String"]["sval"] for part in node["indirection"] if "String" in part]
            return (names[-1], 2) if names else _figure(node["arg"])
        case "FuncCall":
            return node["funcname"][-1]["String"]["sval"], 2
        case "A_Expr" if node.get("kind") == "AEXPR_NULLIF":
            return "nullif", 2
        case "TypeCast":
            name, strength = _figure(node["arg"])
            return (name, strength) if strength > 1 else (node["typeName"]["names"][-1]["String"]["sval"], 1)
        case "CollateClause":
            return _figure(node["arg"])
        case "MinMaxExpr":
            return ("least" if node.get("op") == "IS_LEAST" else "greatest"), 2
        case "SQLValueFunction":
            return str(node["op"]).removeprefix("SVFOP_").lower().removesuffix("_n"), 2
        case "SubLink":
            return _figure_sublink(node)
        case "CaseExpr":
            name, strength = _figure(node["defresult"]) if "defresult" in node else (None, 0)
            return (name, strength) if strength > 1 else ("case", 1)
        case "XmlExpr":
            op = node.get("op", "IS_XMLCONCAT")
            return (None, 0) if op == "IS_DOCUMENT" else (str(op).removeprefix("IS_").lower(), 2)
        case "JsonFuncExpr":
            return _JSON_FUNCTIONS.get(node.get("op", "JSON_EXISTS_OP")), 2
    return None, 0


def _figure_sublink(node: Raw) -> tuple[str | None, int]:
    match node.get("subLinkType", "EXISTS_SUBLINK"):
        case "EXISTS_SUBLINK":
            return "exists", 2
        case "ARRAY_SUBLINK":
            return "array", 2
        case "EXPR_SUBLINK":
            select = node["subselect"].get("SelectStmt", {})
            while "larg" in select:
                select = select["larg"]
            targets = select.get("targetList", ())
            if targets:
                first = targets[0]["ResTarget"]
                return (first["name"], 2) if "name" in first else _figure(first["val"])
            return ("column1", 2) if "valuesLists" in select else (None, 0)
    return None, 0
