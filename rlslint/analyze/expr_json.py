"""SQL/JSON, XML and grouping expressions in, `Unresolved` nodes of known type over their resolved arguments out."""

from __future__ import annotations

from typing import Any, Final

import rlslint.analyze.expr as expressions
from rlslint.analyze import types as t
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import resolve_type_name
from rlslint.nodes.primnodes import Expr, Oid, Unresolved
from rlslint.source.model import Raw

_TYPES: Final[dict[str, Oid]] = {
    "GroupingFunc": t.INT4,
    "JsonArrayAgg": t.JSON,
    "JsonArrayConstructor": t.JSON,
    "JsonArrayQueryConstructor": t.JSON,
    "JsonIsPredicate": t.BOOL,
    "JsonObjectAgg": t.JSON,
    "JsonObjectConstructor": t.JSON,
    "JsonParseExpr": t.JSON,
    "JsonScalarExpr": t.JSON,
    "JsonSerializeExpr": t.TEXT,
    "MergeSupportFunc": t.TEXT,
    "XmlExpr": t.XML,
    "XmlSerialize": t.TEXT,
}
_FUNCTIONS: Final[dict[str, Oid]] = {"JSON_EXISTS_OP": t.BOOL, "JSON_QUERY_OP": t.JSONB, "JSON_VALUE_OP": t.TEXT}
_XML: Final[dict[str, Oid]] = {"IS_DOCUMENT": t.BOOL}
# nodes that only hold expressions, and whose own tag is no expression
_HOLDERS: Final = frozenset({"JsonKeyValue", "JsonValueExpr", "JsonArgument", "List", "ResTarget", "JsonBehavior"})
_NOT_EXPRESSIONS: Final = frozenset({"output", "format", "typeName", "returning", "columns", "alias"})


def other(scope: Scope, tag: str, node: Raw, raw: Raw) -> Expr:
    """The type is known, and the columns inside it; what it does is not looked at."""
    args: list[Expr] = []
    inside = node if isinstance(node, dict) else {}
    if tag in _TYPES or tag == "JsonFuncExpr":
        _arguments(scope, inside, args)
    if tag in ("GroupingFunc", "JsonArrayAgg", "JsonObjectAgg"):
        scope.aggregates = True
    oid = _TYPES.get(tag, 0)
    if tag == "JsonFuncExpr":
        oid = _FUNCTIONS.get(inside.get("op", ""), 0)
    elif tag == "XmlExpr":
        oid = _XML.get(inside.get("op", ""), t.XML)
    output = inside.get("output") or inside.get("constructor", {}).get("output")
    name = inside.get("typeName") if output is None else output.get("typeName")
    if name is not None:
        oid = resolve_type_name(scope.catalog, name, scope.context.search_path)[0]
    location = inside.get("location", inside.get("constructor", {}).get("location"))
    return Unresolved(
        type=oid, reason=f"{tag} is not analysed", args=tuple(args), location=scope.offset(location), raw=raw
    )


def arguments(scope: Scope, node: Raw) -> tuple[Expr, ...]:
    """The expressions that a node's fields hold, resolved."""
    found: list[Expr] = []
    _arguments(scope, node, found)
    return tuple(found)


def _arguments(scope: Scope, value: Any, found: list[Expr]) -> None:
    if isinstance(value, list):
        for item in value:
            _arguments(scope, item, found)
        return
    if not isinstance(value, dict):
        return
    tag = next(iter(value), "")
    inner = value.get(tag)
    if len(value) == 1 and tag[:1].isupper() and isinstance(inner, dict):
        if tag in _HOLDERS:
            _arguments(scope, inner, found)
        else:
            found.append(expressions.transform(scope, value))
        return
    for key, item in value.items():
        if key not in _NOT_EXPRESSIONS:
            _arguments(scope, item, found)
