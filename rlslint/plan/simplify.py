"""A resolved expression in, the same simplified as the planner sees it out: eval_const_expressions() of clauses.c,
canonicalize_qual() of prepqual.c."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import (
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    CoerceViaIO,
    CollateExpr,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    RelabelType,
    RowExpr,
    ScalarArrayOpExpr,
    Var,
)
from rlslint.plan import clauses
from rlslint.plan.clauses import BOOL, bool_value, make_bool
from rlslint.plan.inline import inlinable_body, inline_call
from rlslint.plan.mutate import mutate_children, mutate_parts
from rlslint.records import replace


class Simplifier:
    """Simplifies expressions for one catalog and role; remembers which calls it inlined and why not."""

    def __init__(self, catalog: Catalog, role: Oid) -> None:
        self.catalog = catalog
        self.role = role
        self.not_inlined: dict[int, str] = {}
        """Reasons by id of the call's parse node."""
        self._active: list[Oid] = []
        # by identity of what came in, which is kept so that the identity stays its own: policies' conditions and what
        # stands in them come again with every statement
        self._bodies: dict[int, tuple[Proc, Expr | str]] = {}
        self._visited: dict[int, tuple[Expr, Expr]] = {}
        self._canonical: dict[int, tuple[Expr, Expr]] = {}
        self._queries: dict[int, tuple[Query, Query]] = {}

    def expression(self, expr: Expr) -> Expr:
        """The expression, simplified; subqueries in it are left as they are."""
        return self._visit(expr)

    def qual(self, expr: Expr) -> tuple[Expr, ...]:
        """A WHERE condition as a list of conjuncts; NULL counts as false."""
        return clauses.make_and((self.qual_expr(expr),))

    def qual_expr(self, expr: Expr) -> Expr:
        """The same as one expression."""
        known = self._canonical.get(id(expr))
        if known is None:
            known = self._canonical[id(expr)] = (expr, canonicalize(self._visit(expr)))
        return known[1]

    def query(self, query: Query) -> Query:
        """A query with the expressions of its own level simplified."""
        known = self._queries.get(id(query))
        if known is None:
            known = self._queries[id(query)] = (query, mutate_parts(query, self._visit))
        return known[1]

    def _visit(self, expr: Expr) -> Expr:
        if isinstance(expr, (Var, Const)):
            return expr
        if self._active:
            # inside a function's body its own calls are not inlined again
            return self._node(mutate_children(expr, self._visit))
        known = self._visited.get(id(expr))
        if known is None:
            known = self._visited[id(expr)] = (expr, self._node(mutate_children(expr, self._visit)))
        return known[1]

    def _node(self, node: Expr) -> Expr:
        match node:
            case FuncExpr():
                return self._function(node)
            case OpExpr():
                return self._operator(node)
            case ScalarArrayOpExpr(args=(left, right)):
                null = any(isinstance(arg, Const) and arg.value is None for arg in (left, right))
                if null and clauses.is_strict_op(self.catalog, node.opno):
                    return make_bool(None, node)
                return node
            case BoolExpr(op="not", args=(arg,)):
                return self._negate(arg, node)
            case BoolExpr():
                return _and_or(node)
            case NullTest(arg=Const() as const):
                return make_bool((const.value is None) == node.is_null, node)
            case NullTest(arg=RowExpr()):
                return node
            case BooleanTest(arg=Const() as const):
                return make_bool(_boolean_test(node.test, const), node)
            case RelabelType(arg=Const() as const):
                return replace(const, type=node.type)
            case CoerceViaIO(arg=Const() as const):
                return self._cast(node, const)
            case CollateExpr(arg=Const() as const):
                return const
            case CaseExpr():
                return _case(node)
            case CoalesceExpr(name="coalesce"):
                return _coalesce(node)
            case RelabelType(arg=RelabelType(arg=inner)):
                # back to the type it had (applyRelabelType); a length limit would be another type
                same = inner.type == node.type and node.type not in _LIMITED
                return inner if same else replace(node, arg=inner)
        return node

    def _cast(self, node: CoerceViaIO, const: Const) -> Expr:
        if const.value is None or node.type in _TEXT_TYPES or node.type in _PLAIN_TYPES:
            return replace(const, type=node.type, location=node.location, raw=node.raw)
        return node

    # Functions ------------------------------------------------------------------------------------------------------

    def _function(self, node: FuncExpr) -> Expr:
        proc = self.catalog.procs.get(node.funcid)
        if proc is None or node.retset:
            return node
        if proc.proisstrict and any(isinstance(arg, Const) and arg.value is None for arg in node.args):
            return Const(type=node.type, value=None, location=node.location, raw=node.raw)
        folded = self._evaluate(node)
        if folded is not None:
            return folded
        if proc.oid in self._active or proc.prolang != "sql":
            if proc.prolang != "sql" and node.form == "call" and proc.statement is not None:
                self._note(node, f"LANGUAGE {proc.prolang}")
            return node
        inlined = self._body(proc)
        if not isinstance(inlined, str):
            inlined = inline_call(self.catalog, proc, inlined, node)
        if isinstance(inlined, str):
            self._note(node, inlined)
            return node
        self._active.append(proc.oid)
        simplified = self._visit(inlined)
        self._active.pop()
        return simplified

    def _body(self, proc: Proc) -> Expr | str:
        known = self._bodies.get(id(proc))
        if known is None:
            known = self._bodies[id(proc)] = (proc, inlinable_body(self.catalog, self.role, proc))
        return known[1]

    def _note(self, node: FuncExpr, reason: str) -> None:
        if node.raw is not None:
            self.not_inlined.setdefault(id(node.raw), reason)

    def _evaluate(self, node: FuncExpr) -> Const | None:
        """An IMMUTABLE built-in of constants becomes a constant; its value is only known for casts of text.

        A boolean one is left alone where its value is not known, for true and false make different plans.
        """
        proc = self.catalog.procs[node.funcid]
        if proc.provolatile != "i" or not all(isinstance(arg, Const) for arg in node.args):
            return None
        if node.type == BOOL or proc.proretset or proc.prolang not in ("internal", "c"):
            # what a function of the user's own returns cannot be told, but it is evaluated at planning time all the same
            if node.type == BOOL or proc.proretset or proc.prokind != "f":
                return None
        text = ",".join(str(arg.value) for arg in node.args if isinstance(arg, Const))
        single = node.args[0] if len(node.args) == 1 else None
        if isinstance(single, Const) and node.form != "call":
            return Const(type=node.type, value=single.value, location=node.location, raw=node.raw)
        return Const(type=node.type, value=f"{proc.oid}({text})", location=node.location, raw=node.raw)

    # Operators ------------------------------------------------------------------------------------------------------

    def _operator(self, node: OpExpr) -> Expr:
        catalog = self.catalog
        consts = [arg for arg in node.args if isinstance(arg, Const)]
        if node.kind == "nullif":
            return node
        if node.kind == "distinct":
            return self._distinct(node)
        if any(const.value is None for const in consts) and clauses.is_strict_op(catalog, node.opno):
            return Const(type=node.type, value=None, location=node.location, raw=node.raw)
        if len(node.args) == 2 and node.type == BOOL:
            left, right = node.args
            operator = catalog.operators.get(node.opno)
            name = "" if operator is None else operator.oprname
            if isinstance(left, Const) and isinstance(right, Const) and left.type == right.type:
                return _compare(name, left, right, node)
            if name in ("=", "<>") and left.type == BOOL and right.type == BOOL and len(consts) == 1:
                return self._boolean_equality(name, left, right, node)
            return node
        proc = clauses.op_proc(catalog, node.opno)
        if consts and len(consts) == len(node.args) and proc is not None and proc.provolatile == "i":
            text = ",".join(str(const.value) for const in consts)
            return Const(type=node.type, value=f"{proc.oid}({text})", location=node.location, raw=node.raw)
        return node

    def _distinct(self, node: OpExpr) -> Expr:
        left, right = node.args
        for const, other in ((left, right), (right, left)):
            if isinstance(const, Const) and const.value is None:
                if isinstance(other, Const):
                    return make_bool(other.value is not None, node)
                return NullTest(type=BOOL, arg=other, is_null=False, location=node.location, raw=node.raw)
        return node

    def _boolean_equality(self, name: str, left: Expr, right: Expr, node: OpExpr) -> Expr:
        const, other = (left, right) if isinstance(left, Const) else (right, left)
        assert isinstance(const, Const)
        value = bool_value(const)
        if value is None:
            return node
        return other if value == (name == "=") else self._negate(other, node)

    def _negate(self, arg: Expr, like: Expr) -> Expr:
        """NOT pushed down as far as it goes (negate_clause)."""
        match arg:
            case Const():
                value = bool_value(arg)
                return make_bool(None if value is None else not value, like)
            case OpExpr(kind="op"):
                operator = self.catalog.operators.get(arg.opno)
                if operator is not None and operator.oprnegate:
                    return replace(arg, opno=operator.oprnegate)
            case ScalarArrayOpExpr():
                operator = self.catalog.operators.get(arg.opno)
                if operator is not None and operator.oprnegate:
                    return replace(arg, opno=operator.oprnegate, use_or=not arg.use_or)
            case BoolExpr(op="and" | "or" as op):
                parts = tuple(self._negate(part, part) for part in arg.args)
                return _and_or(replace(arg, op="or" if op == "and" else "and", args=parts))
            case BoolExpr(op="not"):
                return arg.args[0]
            case NullTest() if not isinstance(arg.arg, RowExpr):
                return replace(arg, is_null=not arg.is_null)
            case BooleanTest():
                return replace(arg, test=_OPPOSITE[arg.test])
        return BoolExpr(type=BOOL, op="not", args=(arg,), location=like.location, raw=like.raw)


_LIMITED = frozenset({1042, 1043})
_TEXT_TYPES = frozenset({25, 1043, 1042, 19})
# types whose input function is immutable and keeps a literal recognisable
_PLAIN_TYPES = frozenset({16, 20, 21, 23, 26, 700, 701, 1700, 2950, 114, 3802, 17, 1082, 1114, 1186, 869, 650})

_Test = Literal["is_true", "is_not_true", "is_false", "is_not_false", "is_unknown", "is_not_unknown"]
_OPPOSITE: Final[dict[_Test, _Test]] = {
    "is_true": "is_not_true",
    "is_not_true": "is_true",
    "is_false": "is_not_false",
    "is_not_false": "is_false",
    "is_unknown": "is_not_unknown",
    "is_not_unknown": "is_unknown",
}


def _boolean_test(test: str, const: Const) -> bool:
    value = None if const.value is None else bool_value(const)
    match test.removeprefix("is_").removeprefix("not_"):
        case "true":
            held = value is True
        case "false":
            held = value is False
        case _:
            held = value is None
    return held != test.startswith("is_not_")


def _and_or(node: BoolExpr) -> Expr:
    """AND and OR flattened, constants taken out (simplify_and_arguments, simplify_or_arguments)."""
    flat: list[Expr] = []
    null = False
    for arg in node.args:
        for part in arg.args if isinstance(arg, BoolExpr) and arg.op == node.op else (arg,):
            if isinstance(part, Const):
                value = bool_value(part)
                if part.value is None:
                    null = True
                    continue
                if value is (node.op == "or"):
                    return make_bool(value, node)
                if value is not None:
                    continue
            flat.append(part)
    if null:
        flat.append(make_bool(None, node))
    if not flat:
        return make_bool(node.op == "and", node)
    if len(flat) == 1:
        return flat[0]
    return replace(node, args=tuple(flat))


def _case(node: CaseExpr) -> Expr:
    whens: list[tuple[Expr, Expr]] = []
    default = node.default
    for condition, result in node.whens:
        if clauses.is_false_or_null(condition):
            continue
        if clauses.is_true(condition):
            default = result
            break
        whens.append((condition, result))
    if not whens:
        return Const(type=node.type, value=None) if default is None else default
    return replace(node, whens=tuple(whens), default=default)


def _coalesce(node: CoalesceExpr) -> Expr:
    args: list[Expr] = []
    for arg in node.args:
        if isinstance(arg, Const):
            if arg.value is None:
                continue
            if not args:
                return arg
            args.append(arg)
            break
        args.append(arg)
    if not args:
        return Const(type=node.type, value=None, location=node.location, raw=node.raw)
    return args[0] if len(args) == 1 else replace(node, args=tuple(args))


_COMPARABLE = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_INTEGERS = frozenset({20, 21, 23, 26})


def _compare(name: str, left: Const, right: Const, node: OpExpr) -> Expr:
    """A comparison of two literals whose values can be told: integers, text and uuid for equality."""
    a, b = left.value, right.value
    test: Callable[[object, object], bool] | None = _COMPARABLE.get(name)
    if test is None or a is None or b is None:
        return node
    if left.type in _INTEGERS:
        if a.lstrip("-").isdigit() and b.lstrip("-").isdigit():
            return make_bool(test(int(a), int(b)), node)
        return node
    if name in ("=", "<>") and left.type in (25, 1043, 16) and "(" not in a + b:
        return make_bool(test(a, b), node)
    return node


def canonicalize(expr: Expr) -> Expr:
    """A qual with NULL taken for false and what all arms of an OR share pulled out (canonicalize_qual)."""
    match expr:
        case Const(value=None):
            return make_bool(False, expr)
        case BoolExpr(op="and"):
            return _and_or(replace(expr, args=tuple(canonicalize(arg) for arg in expr.args)))
        case BoolExpr(op="or"):
            simplified = _and_or(replace(expr, args=tuple(canonicalize(arg) for arg in expr.args)))
            if isinstance(simplified, BoolExpr) and simplified.op == "or":
                return _duplicate_ors(simplified)
            return simplified
    return expr


def _duplicate_ors(node: BoolExpr) -> Expr:
    """(A AND B) OR (A AND C) is A AND (B OR C) (process_duplicate_ors)."""
    arms = [arm.args if isinstance(arm, BoolExpr) and arm.op == "and" else (arm,) for arm in node.args]
    reference = min(arms, key=len)
    winners = tuple(dict.fromkeys(clause for clause in reference if all(_member(clause, arm) for arm in arms)))
    if not winners:
        return node
    rest: list[Expr] = []
    for arm in arms:
        left = tuple(clause for clause in arm if not _member(clause, winners))
        if not left:
            rest = []
            break
        rest.append(left[0] if len(left) == 1 else BoolExpr(type=BOOL, op="and", args=left))
    parts = list(winners)
    if rest:
        parts.append(rest[0] if len(rest) == 1 else replace(node, args=tuple(rest)))
    return parts[0] if len(parts) == 1 else replace(node, op="and", args=tuple(parts))


def _member(clause: Expr, among: tuple[Expr, ...]) -> bool:
    return any(clause == other for other in among)


def self_equality(catalog: Catalog, expr: Expr) -> Expr:
    """``x = x`` as ``x IS NOT NULL``, for a strict mergejoinable operator (process_equivalence in equivclass.c)."""
    if isinstance(expr, OpExpr) and expr.kind == "op" and len(expr.args) == 2 and expr.args[0] == expr.args[1]:
        operator = catalog.operators.get(expr.opno)
        if (
            operator is not None
            and operator.oprcanmerge
            and clauses.is_strict_op(catalog, expr.opno)
            and not clauses.contain_volatile(catalog, expr)
        ):
            return NullTest(type=BOOL, arg=expr.args[0], is_null=False, location=expr.location, raw=expr.raw)
    return expr
