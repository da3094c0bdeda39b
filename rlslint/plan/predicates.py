"""Conditions and a partial index's predicate in, whether they imply it out: predicate_implied_by() of predtest.c, the
strong form."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from rlslint.analyze.opclass import commutator
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    ArrayExpr,
    BoolExpr,
    CoerceToDomain,
    CoerceViaIO,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    RowExpr,
    ScalarArrayOpExpr,
)
from rlslint.plan import clauses
from rlslint.records import replace

# btree strategies; 6 is <>
_STRATEGY: Final = {"<": 1, "<=": 2, "=": 3, ">=": 4, ">": 5, "<>": 6}
_MAX_SAOP: Final = 100

# BT_implic_table: ``x given a`` is known and ``x wanted b`` asked for; which outcomes of b against a prove it
_PROOFS: Final[dict[int, dict[int, str]]] = {
    1: {1: ">=", 2: ">=", 6: ">="},
    2: {1: ">", 2: ">=", 6: ">"},
    3: {1: ">", 2: ">=", 3: "=", 4: "<=", 5: "<", 6: "<>"},
    4: {4: "<=", 5: "<", 6: "<"},
    5: {4: "<=", 5: "<=", 6: "<="},
    6: {6: "="},
}
# the same where both compare with one expression (BT_implies_table)
_SAME: Final = {1: {1, 2, 6}, 2: {2}, 3: {2, 3, 4}, 4: {4}, 5: {4, 5, 6}, 6: {6}}


def implied_by(catalog: Catalog, predicate: tuple[Expr, ...], given: tuple[Expr, ...]) -> bool:
    """Whether every conjunct of the predicate follows from the conjunction of what is given."""
    if any(clauses.contain_mutable(catalog, part) for part in predicate):
        return False
    return all(_conjunction(catalog, given, part) for part in predicate)


def _conjunction(catalog: Catalog, given: tuple[Expr, ...], predicate: Expr) -> bool:
    """The branch of predicate_implied_by_recurse() for an AND: an arm of an OR may follow from all of it, where no
    member implies the OR by itself."""
    kind, parts = _classify(catalog, predicate)
    if kind == "and":
        return all(_conjunction(catalog, given, part) for part in parts)
    if kind == "or" and any(_conjunction(catalog, given, part) for part in parts):
        return True
    return any(_implies(catalog, clause, predicate) for clause in given)


def _implies(catalog: Catalog, clause: Expr, predicate: Expr) -> bool:
    """predicate_implied_by_recurse()."""
    kind, parts = _classify(catalog, clause)
    if kind == "and":
        return _conjunction(catalog, parts, predicate)
    wanted, wanted_parts = _classify(catalog, predicate)
    if wanted == "and":
        return all(_implies(catalog, clause, part) for part in wanted_parts)
    if kind == "or":
        if wanted == "or":
            return all(any(_implies(catalog, part, one) for one in wanted_parts) for part in parts)
        return all(_implies(catalog, part, predicate) for part in parts)
    if wanted == "or":
        return any(_implies(catalog, clause, part) for part in wanted_parts)
    return _simple(catalog, clause, predicate)


def _classify(catalog: Catalog, expr: Expr) -> tuple[Literal["and", "or", "atom"], tuple[Expr, ...]]:
    """predicate_classify(): a comparison with a short list counts as an OR of comparisons, with ALL as an AND."""
    match expr:
        case BoolExpr(op="and" | "or" as op, args=args):
            return op, args
        case ScalarArrayOpExpr(args=(left, right)):
            elements = array_elements(right)
            if elements is not None and len(elements) <= _MAX_SAOP:
                operator = catalog.operators.get(expr.opno)
                kind = 0 if operator is None else operator.oprright
                parts = tuple(
                    OpExpr(
                        type=clauses.BOOL,
                        opno=expr.opno,
                        args=(left, replace(one, type=kind) if isinstance(one, Const) else one),
                    )
                    for one in elements
                )
                return "or" if expr.use_or else "and", parts
    return "atom", ()


def array_elements(array: Expr) -> tuple[Expr, ...] | None:
    """The elements of ARRAY[...], of an array literal or of one of these cast; None where they are not known."""
    match array:
        case ArrayExpr(elements=elements):
            return elements
        case ArrayCoerceExpr(arg=arg):
            inner = array_elements(arg)
            return inner if inner is not None and all(isinstance(one, Const) for one in inner) else None
        case Const(value=str() as text) if text.startswith("{") and not set(text[1:]) & set('"\\{'):
            inside = text[1:-1].strip()
            parts = [part.strip() for part in inside.split(",")] if inside else []
            return tuple(Const(type=0, value=None if part.upper() == "NULL" else part) for part in parts)
    return None


def _simple(catalog: Catalog, clause: Expr, predicate: Expr) -> bool:
    """One clause implies one predicate (predicate_implied_by_simple_clause); it knows nothing of IS TRUE and IS FALSE."""
    if clause == predicate:
        return True
    if isinstance(predicate, NullTest):
        # row IS NOT NULL asks for every field
        if predicate.is_null or isinstance(predicate.arg, RowExpr):
            return False
        return _strict(catalog, clause, predicate.arg, allow_false=True)
    if isinstance(clause, OpExpr) and isinstance(predicate, OpExpr):
        return _operators(catalog, clause, predicate)
    return False


def _strict(catalog: Catalog, clause: Expr, subexpr: Expr, *, allow_false: bool) -> bool:
    """Whether the clause is NULL (or false) where the expression is NULL (clause_is_strict_for)."""
    clause, subexpr = clauses.strip_relabel(clause), clauses.strip_relabel(subexpr)
    if clause == subexpr:
        return True
    match clause:
        case OpExpr(kind="op", args=args):
            if clauses.is_strict_op(catalog, clause.opno):
                return any(_strict(catalog, arg, subexpr, allow_false=False) for arg in args)
        case FuncExpr(args=args):
            proc = catalog.procs.get(clause.funcid)
            if proc is not None and proc.proisstrict:
                return any(_strict(catalog, arg, subexpr, allow_false=False) for arg in args)
        case CoerceViaIO(arg=arg) | ArrayCoerceExpr(arg=arg) | CoerceToDomain(arg=arg):
            return _strict(catalog, arg, subexpr, allow_false=False)
        case ScalarArrayOpExpr(args=(left, right)):
            if clauses.is_strict_op(catalog, clause.opno) and _strict(catalog, left, subexpr, allow_false=False):
                # over an empty array ANY is false and ALL true
                if (allow_false and clause.use_or) or array_elements(right):
                    return True
            return _strict(catalog, right, subexpr, allow_false=False)
        case Const(value=None):
            return True
    return False


def _operators(catalog: Catalog, clause: OpExpr, predicate: OpExpr) -> bool:
    """operator_predicate_proof(): one expression is compared by operators of one btree family, with constants or with
    the same other expression."""
    if clause.kind != "op" or predicate.kind != "op" or len(clause.args) != 2 or len(predicate.args) != 2:
        return False
    known = _sides(catalog, clause)
    for left, opno, right in _sides(catalog, predicate):
        for known_left, known_opno, known_right in known:
            if left != known_left:
                continue
            strategies = _strategies(catalog, known_opno, opno)
            if right == known_right:
                return known_opno == opno or (strategies is not None and strategies[1] in _SAME[strategies[0]])
            if not isinstance(right, Const) or not isinstance(known_right, Const) or right.value is None:
                return False
            if known_right.value is None:
                # a strict comparison with NULL is never true
                return clauses.is_strict_op(catalog, known_opno)
            if strategies is None:
                return False
            test = _PROOFS[strategies[0]].get(strategies[1])
            return test is not None and test in _outcomes(right, known_right)
    return False


def _sides(catalog: Catalog, expr: OpExpr) -> list[tuple[Expr, Oid, Expr]]:
    """(expression, operator, other side) both ways round."""
    left, right = expr.args
    found = [(left, expr.opno, right)]
    turned = commutator(catalog, expr.opno)
    if turned:
        found.append((right, turned, left))
    return [side for side in found if not isinstance(side[0], Const)]


def _strategies(catalog: Catalog, given: Oid, wanted: Oid) -> tuple[int, int] | None:
    """The two operators' strategies in a btree family that holds both; <> is the negator of = (get_btree_test_op)."""
    both = [_btree(catalog, opno) for opno in (given, wanted)]
    for family, strategy in both[1].items():
        if family in both[0]:
            return both[0][family], strategy
    return None


def _btree(catalog: Catalog, opno: Oid) -> dict[Oid, int]:
    operator = catalog.operators.get(opno)
    if operator is None or operator.oprname not in _STRATEGY:
        return {}
    strategy = _STRATEGY[operator.oprname]
    member = operator.oprnegate if strategy == 6 else opno
    return {
        row.amopfamily: strategy
        for row in catalog.amops.find("operator", member)
        if row.amoppurpose == "s" and row.amopmethod == "btree"
    }


def _outcomes(b: Const, a: Const) -> frozenset[str]:
    """Every comparison of b with a that holds for certain."""
    order = _compare(b, a)
    match order:
        case None:
            return frozenset()
        case 0:
            return frozenset({"=", "<=", ">="})
        case -1:
            return frozenset({"<", "<=", "<>"})
        case 1:
            return frozenset({">", ">=", "<>"})
    return frozenset({"<>"})


_TEXTS: Final = frozenset({18, 19, 25, 1042, 1043})
_NUMBERS: Final = frozenset({20, 21, 23, 26, 700, 701, 1700})
_DATES: Final = frozenset({1082, 1114, 1184})
_DIFFERENT: Final = 2


def _compare(b: Const, a: Const) -> int | None:
    """-1, 0, 1; 2: different, by an order that hangs on the collation; None where nothing is certain."""
    assert a.value is not None
    assert b.value is not None
    if a.type == b.type and a.value == b.value:
        return 0
    if a.type in _NUMBERS and b.type in _NUMBERS:
        try:
            x, y = Decimal(b.value), Decimal(a.value)
        except InvalidOperation:
            return None
        return 0 if x == y else -1 if x < y else 1
    if a.type in _TEXTS and b.type in _TEXTS and 1042 not in (a.type, b.type):
        if a.value == b.value:
            return 0
        # every collation has digits before small letters, in this order
        plain = all(one.isascii() and (not one or one.isalnum()) and one == one.lower() for one in (a.value, b.value))
        return (-1 if b.value < a.value else 1) if plain else _DIFFERENT
    if a.type == b.type and a.type in _DATES and len(a.value) == len(b.value) and "-" in a.value[4:5]:
        return -1 if b.value < a.value else 1
    if a.type == b.type == 2950 and len(a.value) == len(b.value):
        return -1 if b.value.lower() < a.value.lower() else 1
    return None
