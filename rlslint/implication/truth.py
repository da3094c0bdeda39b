"""A condition in, the formulas "it is true" and "it is false" out, by SQL's three-valued logic.

Each rule is an equivalence, so a proof over the formulas is one over the conditions:

- AND is true iff both are, false iff one is; OR the other way round; NOT exchanges the two (PostgreSQL's ExecEvalExpr).
- a strict comparison of one total order is true iff neither side is NULL and the order says so, false iff neither is NULL
  and the opposite holds.
- ``x IN (list)`` is OR of the comparisons; ``x IN (SELECT c ...)`` is true iff some row has x = c true, false iff for
  every row x = c is false; EXISTS is true iff there is a row, and never NULL.
- CASE, COALESCE and IS DISTINCT FROM by their definitions.

A scalar subquery of boolean type is true only if there is a row for which its column is; the other direction holds if
there is only one, so it stays opaque as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlslint.analyze.types import ENDS
from rlslint.implication.formula import (
    FALSE,
    NEGATED,
    TRUE,
    TURNED,
    Compare,
    Exists,
    Formula,
    Null,
    Opaque,
    Operator,
    Sub,
    conjunction,
    disjunction,
    negated,
)
from rlslint.implication.scope import Scope, inside
from rlslint.implication.terms import is_given, plain, text_image
from rlslint.nodes.primnodes import (
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    RowExpr,
    ScalarArrayOpExpr,
    SubLink,
    SubLinkType,
    Var,
)
from rlslint.plan import clauses
from rlslint.plan.simplify import Simplifier
from rlslint.records import replace
from rlslint.rewrite.functions import is_current_setting
from rlslint.rewrite.rowsecurity import applicable_quals, bypasses

_OPERATORS: Final[dict[str, Operator]] = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_ORDERED: Final = frozenset(
    (
        16,
        17,
        18,
        19,
        20,
        21,
        23,
        25,
        26,
        700,
        701,
        869,
        1042,
        1043,
        1082,
        1083,
        1114,
        1184,
        1186,
        1266,
        1700,
        2950,
        3500,
    )
)
"""Types whose built-in comparisons are a total order (btree), anyenum among them."""
_TRUE_CONST: Final = Const(type=16, value="true")
_FALSE_CONST: Final = Const(type=16, value="false")


_END: Final[dict[Operator, int]] = {">=": 0, "<": 0, "<=": 1, ">": 1}
"""Which end of a type decides a comparison with it, for every value alike."""


def holds(scope: Scope, expr: Expr) -> Formula:
    """The condition is TRUE."""
    return _truth(scope, expr, wanted=True)


def fails(scope: Scope, expr: Expr) -> Formula:
    """The condition is FALSE (not NULL)."""
    return _truth(scope, expr, wanted=False)


def _truth(scope: Scope, expr: Expr, *, wanted: bool) -> Formula:
    match expr:
        case Const():
            value = None if expr.value is None else clauses.bool_value(expr)
            return TRUE if value is wanted else FALSE
        case BoolExpr(op="not", args=(arg,)):
            return _truth(scope, arg, wanted=not wanted)
        case BoolExpr(op=op, args=args):
            parts = [_truth(scope, arg, wanted=wanted) for arg in args]
            return conjunction(parts) if (op == "and") == wanted else disjunction(parts)
        case NullTest(arg=arg, is_null=is_null) if not isinstance(arg, RowExpr):
            return _without_error(scope, _null(scope, arg, is_null=is_null == wanted), arg)
        case BooleanTest():
            return _without_error(scope, _boolean_test(scope, expr, wanted=wanted), expr.arg)
        case OpExpr(kind="op", args=(left, right)):
            return _comparison(scope, expr, expr.opno, left, right, wanted=wanted)
        case OpExpr(kind="distinct", args=(left, right)):
            return _without_error(scope, _distinct(scope, expr, left, right, wanted=wanted), left, right)
        case ScalarArrayOpExpr():
            return _array(scope, expr, wanted=wanted)
        case CaseExpr(whens=whens, default=default):
            rest: Formula = FALSE if default is None else _truth(scope, default, wanted=wanted)
            for condition, result in reversed(whens):
                met = holds(scope, condition)
                rest = disjunction(
                    (conjunction((met, _truth(scope, result, wanted=wanted))), conjunction((negated(met), rest)))
                )
            return _without_error(scope, rest, expr)
        case CoalesceExpr(name="coalesce", args=args):
            rest = FALSE
            for arg in reversed(args):
                unknown = conjunction((negated(holds(scope, arg)), negated(fails(scope, arg))))
                rest = disjunction((_truth(scope, arg, wanted=wanted), conjunction((unknown, rest))))
            return _without_error(scope, rest, expr)
        case SubLink():
            return _subquery(scope, expr, wanted=wanted)
        case Var():
            return Compare("=", scope.term(expr), _TRUE_CONST if wanted else _FALSE_CONST)
    return _opaque(scope, expr, wanted=wanted)


def _without_error(scope: Scope, formula: Formula, *evaluated: Expr) -> Formula:
    """The formula, where what is evaluated for it raises no error: a setting that current_setting(name) is asked for is
    there. Of a comparison that is true this is known already; NULL tests and their like are true without it."""
    asked = [call for expr in evaluated for call in _asked_settings(scope, expr)]
    return conjunction((formula, *(Null(scope.term(call), False) for call in asked))) if asked else formula


def _asked_settings(scope: Scope, expr: Expr) -> Iterator[FuncExpr]:
    """Calls of current_setting() that raise 42704 where the setting is missing, and are evaluated whenever ``expr`` is."""
    match expr:
        case FuncExpr(args=(Const(value=str()), *more)) if is_current_setting(scope.catalog.procs.get(expr.funcid)):
            if all(isinstance(one, Const) and one.value == "false" for one in more):
                yield expr
        case CoalesceExpr(args=(first, *_)) | BoolExpr(args=(first, *_)) | CaseExpr(whens=((first, _), *_)):
            yield from _asked_settings(scope, first)
        case SubLink():
            return
        case _:
            for child in expr.children():
                yield from _asked_settings(scope, child)


def _opaque(scope: Scope, expr: Expr, *, wanted: bool) -> Formula:
    return Opaque(scope.term(expr), "true" if wanted else "false")


def _null(scope: Scope, expr: Expr, *, is_null: bool) -> Formula:
    """``expr IS NULL``: of a boolean condition that is taken apart, that it is neither true nor false."""
    expr = plain(expr)
    if isinstance(expr, Const):
        return TRUE if (expr.value is None) == is_null else FALSE
    if isinstance(expr, (BoolExpr, ScalarArrayOpExpr)) or (isinstance(expr, OpExpr) and expr.type == clauses.BOOL):
        unknown = conjunction((negated(holds(scope, expr)), negated(fails(scope, expr))))
        return unknown if is_null else negated(unknown)
    if isinstance(expr, (NullTest, BooleanTest)):
        return FALSE if is_null else TRUE
    if isinstance(expr, CoalesceExpr) and expr.name == "coalesce":
        every = conjunction(_null(scope, arg, is_null=True) for arg in expr.args)
        return every if is_null else negated(every)
    if isinstance(expr, OpExpr) and expr.kind == "nullif" and _operator(scope, expr.opno) == "=":
        left, right = expr.args
        gone = disjunction((_null(scope, left, is_null=True), compare(scope, "=", left, right)))
        return gone if is_null else negated(gone)
    return Null(scope.term(expr), is_null)


def _boolean_test(scope: Scope, expr: BooleanTest, *, wanted: bool) -> Formula:
    kind = expr.test.removeprefix("is_").removeprefix("not_")
    met: Formula
    if kind == "unknown":
        met = conjunction((negated(holds(scope, expr.arg)), negated(fails(scope, expr.arg))))
    else:
        met = _truth(scope, expr.arg, wanted=kind == "true")
    return met if expr.test.startswith("is_not_") != wanted else negated(met)


def _operator(scope: Scope, opno: Oid) -> Operator | None:
    """The comparison that an operator is, where it is a built-in, strict one of a total order (or an equality)."""
    catalog = scope.catalog
    operator = catalog.operators.get(opno)
    if operator is None or operator.oprname not in _OPERATORS or not clauses.is_strict_op(catalog, opno):
        return None
    name = _OPERATORS[operator.oprname]
    if operator.oid < 16384 and {operator.oprleft, operator.oprright} <= _ORDERED:
        return name
    # of other types, arrays and jsonb among them, only = and <>, where each says that it is the other's negation
    negator = catalog.operators.get(operator.oprnegate)
    if name in ("=", "<>") and negator is not None and {operator.oprname, negator.oprname} == {"=", "<>"}:
        return name
    return None


def _comparison(scope: Scope, expr: Expr, opno: Oid, left: Expr, right: Expr, *, wanted: bool) -> Formula:
    operator = _operator(scope, opno)
    if operator is None:
        return _opaque(scope, expr, wanted=wanted)
    for one, other, first in ((left, right, True), (right, left, False)):
        split = _split(scope, expr, opno, plain(one), other, first=first, wanted=wanted)
        if split is not None:
            return split
    return compare(scope, operator, left, right, wanted=wanted)


def _split(scope: Scope, expr: Expr, opno: Oid, one: Expr, other: Expr, *, first: bool, wanted: bool) -> Formula | None:
    """A comparison with COALESCE or CASE: one comparison for each value that it can have."""

    def with_value(value: Expr) -> Formula:
        pair = (value, other) if first else (other, value)
        return _comparison(scope, _rebuilt(expr, pair), opno, *pair, wanted=wanted)

    rest: Formula = FALSE
    # a value or NULL, by a condition that is the same for every row, is no term that a row could be compared with
    if is_given(one) and not (isinstance(one, CaseExpr) and one.default is None):
        return None
    match one:
        case CoalesceExpr(name="coalesce", args=args) if len(args) <= 4:
            for arg in reversed(args):
                rest = disjunction(
                    (
                        conjunction((_null(scope, arg, is_null=False), with_value(arg))),
                        conjunction((_null(scope, arg, is_null=True), rest)),
                    )
                )
            return _without_error(scope, rest, one)
        case CaseExpr(whens=whens, default=default) if len(whens) <= 6:
            rest = FALSE if default is None else with_value(default)
            for condition, result in reversed(whens):
                met = holds(scope, condition)
                rest = disjunction((conjunction((met, with_value(result))), conjunction((negated(met), rest))))
            return _without_error(scope, rest, one)
    return None


def _rebuilt(expr: Expr, pair: tuple[Expr, Expr]) -> Expr:
    return replace(expr, args=pair) if isinstance(expr, OpExpr) else expr


def compare(scope: Scope, operator: Operator, left: Expr, right: Expr, *, wanted: bool = True) -> Formula:
    """``left operator right`` is true (or false) of two terms."""
    if not wanted:
        operator = NEGATED[operator]
    one, other = scope.term(plain(left)), scope.term(plain(right))
    one, other = _below_text(scope, operator, one, other)
    if any(isinstance(side, Const) and side.value is None for side in (one, other)):
        return FALSE
    if isinstance(one, Const) and not isinstance(other, Const):
        one, other, operator = other, one, TURNED[operator]
    if isinstance(other, Const) and operator in _END and other.value == ENDS.get(other.type, ("", ""))[_END[operator]]:
        return _null(scope, one, is_null=False) if operator in (">=", "<=") else FALSE
    return Compare(operator, one, other)


def _below_text(scope: Scope, operator: Operator, one: Expr, other: Expr) -> tuple[Expr, Expr]:
    """``id::text = other_id::text`` as ``id = other_id``, and ``kind::text = 'a'`` of an enum as ``kind = 'a'``."""
    if operator not in ("=", "<>"):
        return one, other
    inner, outer = text_image(one, scope.catalog), text_image(other, scope.catalog)
    if inner is not None and outer is not None and inner.type == outer.type:
        return inner, outer
    for image, const, turned in ((inner, other, False), (outer, one, True)):
        row = None if image is None else scope.catalog.types.get(image.type)
        if image is not None and row is not None and isinstance(const, Const) and const.value in row.labels:
            value = Const(type=image.type, value=const.value)
            return (value, image) if turned else (image, value)
    return one, other


def _distinct(scope: Scope, expr: OpExpr, left: Expr, right: Expr, *, wanted: bool) -> Formula:
    operator = _operator(scope, expr.opno)
    if operator != "=":
        return _opaque(scope, expr, wanted=wanted)
    null = [_null(scope, side, is_null=True) for side in (left, right)]
    there = [_null(scope, side, is_null=False) for side in (left, right)]
    if wanted:
        unlike = compare(scope, "=", left, right, wanted=False)
        return disjunction((conjunction((null[0], there[1])), conjunction((there[0], null[1])), unlike))
    return disjunction((conjunction(null), compare(scope, "=", left, right)))


def _array(scope: Scope, expr: ScalarArrayOpExpr, *, wanted: bool) -> Formula:
    left, right = expr.args
    right = plain(right)
    elements = _elements(scope, right)
    if elements is not None and _operator(scope, expr.opno) is not None:
        like = OpExpr(type=clauses.BOOL, opno=expr.opno, args=expr.args)
        parts = [_comparison(scope, like, expr.opno, left, one, wanted=wanted) for one in elements]
        return disjunction(parts) if expr.use_or == wanted else conjunction(parts)
    if isinstance(right, SubLink) and right.kind is SubLinkType.ARRAY and expr.use_or and wanted:
        # true iff some element is equal: as IN (SELECT ...); what it is otherwise depends on NULLs and stays opaque
        sub = _sub(scope, right, (left,), (expr.opno,))
        if sub is not None:
            return sub
    return _opaque(scope, expr, wanted=wanted)


def _elements(scope: Scope, array: Expr) -> tuple[Expr, ...] | None:
    """The elements of a list that stands in the condition."""
    if isinstance(array, ArrayExpr):
        return array.elements if not any(isinstance(one, ArrayExpr) for one in array.elements) else None
    if isinstance(array, Const) and array.value is not None:
        row = scope.catalog.types.get(array.type)
        text = array.value.strip()
        if row is not None and row.typelem and text.startswith("{") and text.endswith("}"):
            inner = text[1:-1]
            if any(char in inner for char in '"\\{} ') or "null" in inner.lower():
                return None
            return tuple(Const(type=row.typelem, value=part) for part in inner.split(",")) if inner else ()
    return None


def _subquery(scope: Scope, expr: SubLink, *, wanted: bool) -> Formula:
    sub: Formula | None = None
    match expr.kind:
        case SubLinkType.EXISTS:
            sub = _sub(scope, expr)
        case SubLinkType.ANY:
            sub = _sub(scope, expr, expr.lefthand, expr.opnos, or_null=not wanted)
        case SubLinkType.EXPR if expr.type == clauses.BOOL and wanted:
            sub = _sub(scope, expr, column_holds=True)
            return (
                _opaque(scope, expr, wanted=True)
                if sub is None
                else conjunction((_opaque(scope, expr, wanted=True), sub))
            )
    if sub is None:
        return _opaque(scope, expr, wanted=wanted)
    return sub if wanted else negated(sub)


def _sub(
    scope: Scope,
    sublink: SubLink,
    lefthand: tuple[Expr, ...] = (),
    opnos: tuple[Oid, ...] = (),
    *,
    or_null: bool = False,
    column_holds: bool = False,
) -> Formula | None:
    """That the subquery has a row, of which the columns compare with ``lefthand`` (with ``or_null``: or one of the two is
    NULL), or of which the one column is true. None where the subquery is not seen into."""
    found = inside(scope, sublink.subselect, limited=not lefthand)
    if found is None or len(opnos) != len(lefthand) or (lefthand and len(found.targets) != len(lefthand)):
        return None
    inner = found.scope
    parts: list[Formula] = [holds(inner, condition) for condition in found.conditions]
    for left, opno, target in zip(lefthand, opnos, found.targets, strict=False):
        operator = _operator(scope, opno)
        if operator is None:
            return None
        one, other = scope.term(plain(left)), inner.term(plain(target))
        if or_null:
            parts.append(disjunction((Null(one, True), Null(other, True), Compare(operator, one, other))))
        else:
            parts.append(Compare(operator, one, other))
    if column_holds:
        if len(found.targets) != 1:
            return None
        parts.append(holds(inner, found.targets[0]))
    for row, relid in found.tables:
        parts.append(visible(scope, row, relid))
    body = conjunction(parts)
    return FALSE if body == FALSE else Exists(Sub(found.tables, body, sublink), True)


def visible(scope: Scope, row: int, relid: Oid) -> Formula:
    """That the role sees the row: true without row security, false without a policy, else a condition of its own."""
    catalog = scope.catalog
    relation = catalog.relations[relid]
    if relation.relkind not in ("r", "p") or bypasses(catalog, relation, scope.role) is not None:
        return TRUE
    quals = applicable_quals(catalog, relid, scope.role, "r", check=False)
    if quals.denies_all:
        return FALSE
    simplifier = Simplifier(catalog, scope.role)
    if any(clauses.is_true(simplifier.qual_expr(one.expr)) for one in quals.permissive) and all(
        clauses.is_true(simplifier.qual_expr(one.expr)) for one in quals.restrictive
    ):
        return TRUE
    return Opaque(FuncExpr(type=clauses.BOOL, funcid=-relid, args=(Var(type=0, varno=row, attnum=0),)), "true")
