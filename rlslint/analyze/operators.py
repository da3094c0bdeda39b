"""Operators, IN, ANY, BETWEEN, row comparisons and subqueries in expressions (parse_expr.c, parse_oper.c)."""

from __future__ import annotations

from typing import Final

import rlslint.analyze.expr as expressions
import rlslint.analyze.query as queries
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce, select_common_type
from rlslint.analyze.oper import OperMiss, resolve_operator
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import format_type, names_of
from rlslint.nodes.parsenodes import Query, walk_deep
from rlslint.nodes.primnodes import (
    ArrayExpr,
    BoolExpr,
    Const,
    Expr,
    NullTest,
    Oid,
    OpExpr,
    RowCompareExpr,
    RowExpr,
    ScalarArrayOpExpr,
    SubLink,
    SubLinkType,
    Unresolved,
    Var,
)
from rlslint.records import replace
from rlslint.source.model import Raw

_SUBLINKS: Final = {
    "EXISTS_SUBLINK": SubLinkType.EXISTS,
    "ALL_SUBLINK": SubLinkType.ALL,
    "ANY_SUBLINK": SubLinkType.ANY,
    "ROWCOMPARE_SUBLINK": SubLinkType.ROWCOMPARE,
    "EXPR_SUBLINK": SubLinkType.EXPR,
    "ARRAY_SUBLINK": SubLinkType.ARRAY,
}


def a_expr(scope: Scope, node: Raw, raw: Raw) -> Expr:
    """Resolve an A_Expr."""
    location = scope.offset(node.get("location"))
    kind = node["kind"]
    schema, name = names_of(node.get("name", [{"String": {"sval": "="}}]))
    if kind == "AEXPR_IN":
        return _in_list(scope, node, name, location, raw)
    if kind in ("AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"):
        return _between(scope, node, kind, location, raw)
    left = expressions.transform(scope, node["lexpr"]) if "lexpr" in node else None
    row_link = node["rexpr"].get("SubLink", {})
    if isinstance(left, RowExpr) and kind == "AEXPR_OP" and row_link.get("subLinkType") == "EXPR_SUBLINK":
        return _row_sublink(scope, schema, name, left, row_link, location, raw)
    right = expressions.transform(scope, node["rexpr"])
    match kind:
        case "AEXPR_OP_ANY" | "AEXPR_OP_ALL":
            assert left is not None
            return scalar_array(scope, name, left, right, kind == "AEXPR_OP_ANY", location, raw, schema=schema)
        case "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT":
            assert left is not None
            tested = _distinct_from_null(left, right, kind, location, raw)
            if tested is not None:
                return tested
            if isinstance(left, RowExpr) and isinstance(right, RowExpr):
                return _row_distinct(scope, left, right, kind, location, raw)
            found = binary(scope, "=", left, right, location, raw)
            if not isinstance(found, OpExpr):
                return found
            distinct = OpExpr(
                type=t.BOOL, opno=found.opno, args=found.args, kind="distinct", location=location, raw=raw
            )
            if kind == "AEXPR_DISTINCT":
                return distinct
            return BoolExpr(type=t.BOOL, op="not", args=(distinct,), location=location, raw=raw)
        case "AEXPR_NULLIF":
            assert left is not None
            found = binary(scope, "=", left, right, location, raw)
            if not isinstance(found, OpExpr):
                return found
            return OpExpr(
                type=found.args[0].type, opno=found.opno, args=found.args, kind="nullif", location=location, raw=raw
            )
    if left is None:
        return _prefix(scope, schema, name, right, location, raw)
    return binary(scope, name, left, right, location, raw, schema=schema)


def _distinct_from_null(left: Expr, right: Expr, kind: str, location: int, raw: Raw) -> Expr | None:
    """``x IS DISTINCT FROM NULL`` is a NullTest (make_nulltest_from_distinct)."""
    for side, other in ((right, left), (left, right)):
        if isinstance(side, Const) and side.value is None and side.type == t.UNKNOWN:
            return NullTest(type=t.BOOL, arg=other, is_null=kind == "AEXPR_NOT_DISTINCT", location=location, raw=raw)
    return None


def _row_distinct(scope: Scope, left: RowExpr, right: RowExpr, kind: str, location: int, raw: Raw) -> Expr:
    """Rows are distinct when any pair of columns is (make_row_distinct_op)."""
    if len(left.args) != len(right.args):
        return _unequal_rows(left, right, location, raw)
    pairs: list[Expr] = []
    for one, two in zip(left.args, right.args, strict=True):
        pair = binary(scope, "=", one, two, location, raw)
        pairs.append(replace(pair, kind="distinct") if isinstance(pair, OpExpr) else pair)
    distinct = (
        pairs[0] if len(pairs) == 1 else BoolExpr(type=t.BOOL, op="or", args=tuple(pairs), location=location, raw=raw)
    )
    if kind == "AEXPR_DISTINCT":
        return distinct
    return BoolExpr(type=t.BOOL, op="not", args=(distinct,), location=location, raw=raw)


def _unequal_rows(left: RowExpr, right: RowExpr, location: int, raw: Raw) -> Unresolved:
    return Unresolved(
        type=t.BOOL,
        reason="unequal number of entries in row expressions",
        sqlstate="42601",
        args=(left, right),
        location=location,
        raw=raw,
    )


def binary(
    scope: Scope, name: str, left: Expr, right: Expr, location: int, raw: Raw, *, schema: str | None = None
) -> Expr:
    """``left name right`` (make_op); rows are compared column by column."""
    if isinstance(left, RowExpr) and isinstance(right, RowExpr):
        return _row_compare(scope, name, left, right, location, raw, schema)
    found = resolve_operator(scope.catalog, schema, name, left.type, right.type, scope.context.search_path)
    if isinstance(found, OperMiss):
        return Unresolved(
            type=_guess(name), reason=found.reason, sqlstate=found.sqlstate, args=(left, right), location=location,
            raw=raw,
        )  # fmt: skip
    args = (_as(scope, left, found.left), _as(scope, right, found.right))
    return OpExpr(type=found.result, opno=found.operator.oid, args=args, location=location, raw=raw)


def _prefix(scope: Scope, schema: str | None, name: str, arg: Expr, location: int, raw: Raw) -> Expr:
    if isinstance(arg, Const) and name == "-" and arg.type in (t.INT4, t.INT8, t.NUMERIC) and arg.value:
        # doNegate in gram.y makes one constant of it
        return Const(type=arg.type, value="-" + arg.value, location=location, raw=raw)
    found = resolve_operator(scope.catalog, schema, name, None, arg.type, scope.context.search_path)
    if isinstance(found, OperMiss):
        return Unresolved(
            type=arg.type, reason=found.reason, sqlstate=found.sqlstate, args=(arg,), location=location, raw=raw
        )
    return OpExpr(
        type=found.result, opno=found.operator.oid, args=(_as(scope, arg, found.right),), location=location, raw=raw
    )


def _as(scope: Scope, expr: Expr, oid: Oid) -> Expr:
    return coerce(scope.catalog, expr, oid) or expr


def _guess(name: str) -> Oid:
    """Comparisons are boolean even when the operand's type is not known."""
    return t.BOOL if name in ("=", "<>", "<", ">", "<=", ">=", "~~", "~~*", "~", "@>", "<@", "&&", "?") else 0


def _row_compare(
    scope: Scope, name: str, left: RowExpr, right: RowExpr, location: int, raw: Raw, schema: str | None
) -> Expr:
    if len(left.args) != len(right.args):
        return _unequal_rows(left, right, location, raw)
    pairs = [
        binary(scope, name, one, two, location, raw, schema=schema)
        for one, two in zip(left.args, right.args, strict=True)
    ]
    if len(pairs) == 1:
        return pairs[0]
    if name in ("=", "<>") or not all(isinstance(pair, OpExpr) for pair in pairs):
        return BoolExpr(type=t.BOOL, op="or" if name == "<>" else "and", args=tuple(pairs), location=location, raw=raw)
    ops = [pair for pair in pairs if isinstance(pair, OpExpr)]
    return RowCompareExpr(
        type=t.BOOL,
        opnos=tuple(op.opno for op in ops),
        largs=tuple(op.args[0] for op in ops),
        rargs=tuple(op.args[1] for op in ops),
        location=location,
        raw=raw,
    )


def scalar_array(
    scope: Scope,
    name: str,
    left: Expr,
    right: Expr,
    use_or: bool,
    location: int,
    raw: Raw,
    *,
    schema: str | None = None,
) -> Expr:
    """``left name ANY|ALL (right)`` (make_scalar_array_op)."""
    element = t.UNKNOWN if right.type == t.UNKNOWN else t.element_type(scope.catalog, right.type)
    if not element and right.type:
        return Unresolved(
            type=t.BOOL,
            reason="op ANY/ALL (array) requires array on right side",
            sqlstate="42809",
            args=(left, right),
            location=location,
            raw=raw,
        )
    found = resolve_operator(scope.catalog, schema, name, left.type, element, scope.context.search_path)
    if isinstance(found, OperMiss):
        return Unresolved(
            type=t.BOOL, reason=found.reason, sqlstate=found.sqlstate, args=(left, right), location=location, raw=raw
        )
    array = t.array_type(scope.catalog, found.right)
    args = (_as(scope, left, found.left), _as(scope, right, array))
    return ScalarArrayOpExpr(type=t.BOOL, opno=found.operator.oid, use_or=use_or, args=args, location=location, raw=raw)


def _in_list(scope: Scope, node: Raw, name: str, location: int, raw: Raw) -> Expr:
    """``left IN (list)`` (transformAExprIn): constants become an array, what holds columns stays OR or AND."""
    use_or = name != "<>"
    left = expressions.transform(scope, node["lexpr"])
    items = node["rexpr"]["List"]["items"] if "List" in node["rexpr"] else [node["rexpr"]]
    values = [expressions.transform(scope, item) for item in items]
    plain = [value for value in values if not _has_vars(value) and not isinstance(value, RowExpr)]
    parts: list[Expr] = []
    rest = values
    if len(plain) > 1:
        common = select_common_type(scope.catalog, [left.type, *(value.type for value in plain)])
        array = t.array_type(scope.catalog, common) if common else 0
        if array or common == 0:
            elements = tuple(_as(scope, value, common or 0) for value in plain)
            right = ArrayExpr(type=array, elements=elements, location=plain[0].location)
            parts.append(scalar_array(scope, name, left, right, use_or, location, raw))
            chosen = {id(value) for value in plain}
            rest = [value for value in values if id(value) not in chosen]
    parts += [binary(scope, name, left, value, location, raw) for value in rest]
    if len(parts) == 1:
        return parts[0]
    return BoolExpr(type=t.BOOL, op="or" if use_or else "and", args=tuple(parts), location=location, raw=raw)


def _has_vars(expr: Expr) -> bool:
    return any(isinstance(node, Var) and node.levelsup == level for node, level in walk_deep(expr))


def _between(scope: Scope, node: Raw, kind: str, location: int, raw: Raw) -> Expr:
    left = expressions.transform(scope, node["lexpr"])
    low, high = (expressions.transform(scope, item) for item in node["rexpr"]["List"]["items"])

    def both(one: Expr, two: Expr, negated: bool) -> Expr:
        first = binary(scope, "<" if negated else ">=", left, one, location, raw)
        second = binary(scope, ">" if negated else "<=", left, two, location, raw)
        return BoolExpr(type=t.BOOL, op="or" if negated else "and", args=(first, second), location=location, raw=raw)

    negated = "NOT" in kind
    if not kind.endswith("SYM"):
        return both(low, high, negated)
    return BoolExpr(
        type=t.BOOL,
        op="and" if negated else "or",
        args=(both(low, high, negated), both(high, low, negated)),
        location=location,
        raw=raw,
    )


def sub_link(scope: Scope, node: Raw, raw: Raw) -> Expr:
    """Resolve a SubLink (transformSubLink)."""
    location = scope.offset(node.get("location"))
    kind = _SUBLINKS.get(node.get("subLinkType", "EXISTS_SUBLINK"))
    select = node["subselect"].get("SelectStmt")
    if kind is None or select is None:
        return Unresolved(type=0, reason="a subquery of a kind that is not analysed", location=location, raw=raw)
    query = queries.transform_select(scope.child(), select)
    columns = [target.expr.type for target in query.targets]
    match kind:
        case SubLinkType.EXISTS:
            return SubLink(type=t.BOOL, kind=kind, subselect=query, location=location, raw=raw)
        case SubLinkType.EXPR | SubLinkType.ARRAY:
            if len(columns) > 1 or (not columns and not _has_unknown(query)):
                few = "subquery must return a column" if not columns else "subquery must return only one column"
                link = SubLink(type=0, kind=kind, subselect=query, location=location, raw=raw)
                return expressions.wrong(link, few, "42601", (link,))
            oid = columns[0] if columns else 0
            if kind is SubLinkType.ARRAY:
                oid = oid if t.element_type(scope.catalog, oid) else t.array_type(scope.catalog, oid)
            return SubLink(type=oid, kind=kind, subselect=query, location=location, raw=raw)
    schema, name = names_of(node["operName"]) if node.get("operName") else (None, "=")
    left = expressions.transform(scope, node["testexpr"])
    lefts = left.args if isinstance(left, RowExpr) else (left,)
    link = SubLink(type=t.BOOL, kind=kind, subselect=query, location=location, raw=raw)
    return _compared(scope, schema, name, lefts, link)


def _has_unknown(query: Query) -> bool:
    """Whether the number of its columns is not known: ``*`` of a table that no file creates."""
    return any(target.name == "*" and target.expr.type == 0 for target in query.targets) or any(
        _has_unknown(arm) for arm in query.arms
    )


def _row_sublink(
    scope: Scope, schema: str | None, name: str, left: RowExpr, node: Raw, location: int, raw: Raw
) -> Expr:
    select = node["subselect"].get("SelectStmt", {})
    query = queries.transform_select(scope.child(), select)
    link = SubLink(type=t.BOOL, kind=SubLinkType.ROWCOMPARE, subselect=query, location=location, raw=raw)
    return _compared(scope, schema, name, left.args, link)


def _compared(scope: Scope, schema: str | None, name: str, lefts: tuple[Expr, ...], link: SubLink) -> Expr:
    columns = [target.expr.type for target in link.subselect.targets]
    if len(columns) != len(lefts) and not _has_unknown(link.subselect):
        few = "few" if len(columns) < len(lefts) else "many"
        return expressions.wrong(link, f"subquery has too {few} columns", "42601", (*lefts, link), t.BOOL)
    operators: list[Oid] = []
    coerced: list[Expr] = []
    righttypes: list[Oid] = []
    for left, oid in zip(lefts, columns, strict=False):
        found = resolve_operator(scope.catalog, schema, name, left.type, oid, scope.context.search_path)
        if isinstance(found, OperMiss):
            shown = [format_type(scope.catalog, side) for side in (left.type, oid)]
            reason = f"{found.reason} ({shown[0]} {name} {shown[1]})" if found.sqlstate is None else found.reason
            return expressions.wrong(link, reason, found.sqlstate, (left, link), t.BOOL)
        operators.append(found.operator.oid)
        coerced.append(_as(scope, left, found.left))
        righttypes.append(found.right)
    return SubLink(
        type=t.BOOL,
        kind=link.kind,
        subselect=link.subselect,
        lefthand=tuple(coerced),
        opnos=tuple(operators),
        righttypes=tuple(righttypes),
        location=link.location,
        raw=link.raw,
    )
