"""A condition and what is known of the session in, whether it can be true out: constants, NULLs and what follows of them.

Strict functions and operators give NULL for NULL; AND, OR, NOT, COALESCE, NULLIF, CASE and subqueries are followed as in
PostgreSQL's eval_const_expressions() and executor; whatever else depends on rows is `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from rlslint.analyze.entry import analyze_function_body
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, required_conditions
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    CoerceToDomain,
    CoerceViaIO,
    CollateExpr,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    Param,
    RelabelType,
    ScalarArrayOpExpr,
    SubLink,
    SubLinkType,
)
from rlslint.records import dataclass, field
from rlslint.rewrite.functions import is_current_setting
from rlslint.rewrite.model import PolicyClause, Quals


@dataclass(frozen=True, slots=True)
class Known:
    """A value that is known: its text, None for NULL."""

    text: str | None


Special = Literal["unknown", "not_true"]
UNKNOWN: Final[Special] = "unknown"
NOT_TRUE: Final[Special] = "not_true"
"""False or NULL, which of them depends on rows."""
NULL: Final = Known(None)
TRUE: Final = Known("true")
FALSE: Final = Known("false")
Value = Known | Special

_MAX_DEPTH: Final = 12


@dataclass(frozen=True, slots=True)
class Environment:
    """What is known of the session."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that are set, in lower case."""
    unset: bool = False
    """Every other setting of an extension or application (with a dot in its name) is not set."""
    null_calls: frozenset[Oid] = frozenset()
    """Functions that give NULL."""


NOTHING_KNOWN: Final = Environment()


def may_pass(catalog: Catalog, quals: Quals, environment: Environment = NOTHING_KNOWN) -> bool:
    """Whether a row might pass: some permissive condition might be true and no restrictive one cannot."""
    if any(not may_be_true(catalog, clause, environment) for clause in quals.restrictive):
        return False
    return any(may_be_true(catalog, clause, environment) for clause in quals.permissive)


def may_be_true(catalog: Catalog, clause: PolicyClause, environment: Environment = NOTHING_KNOWN) -> bool:
    """Whether a policy's condition can be true for some row."""
    return not _never(_Evaluator(catalog, environment).value(clause.expr, ()))


def _never(value: Value) -> bool:
    return value == NOT_TRUE or (isinstance(value, Known) and value.text != "true")


class _Evaluator:
    def __init__(self, catalog: Catalog, environment: Environment) -> None:
        self.catalog = catalog
        self.environment = environment
        self.depth = 0

    def value(self, expr: Expr, params: Sequence[Value]) -> Value:
        match expr:
            case Const():
                return Known(expr.value)
            case Param():
                return params[expr.number - 1] if 0 < expr.number <= len(params) else UNKNOWN
            case RelabelType() | CoerceViaIO() | ArrayCoerceExpr() | CollateExpr() | CoerceToDomain():
                return self.value(expr.arg, params)
            case FuncExpr():
                return self._call(expr, params)
            case OpExpr():
                return self._operator(expr, params)
            case ScalarArrayOpExpr():
                left, right = (self.value(arg, params) for arg in expr.args)
                return NULL if NULL in (left, right) and self._strict_operator(expr.opno) else UNKNOWN
            case BoolExpr():
                return self._boolean(expr, params)
            case NullTest():
                value = self.value(expr.arg, params)
                return Known("true" if (value == NULL) == expr.is_null else "false") if _known(value) else UNKNOWN
            case BooleanTest():
                return self._test(expr, self.value(expr.arg, params))
            case CoalesceExpr() if expr.name == "coalesce":
                return self._coalesce(expr, params)
            case CaseExpr():
                return self._case(expr, params)
            case SubLink():
                return self._sublink(expr, params)
        return UNKNOWN

    def _call(self, expr: FuncExpr, params: Sequence[Value]) -> Value:
        if expr.funcid in self.environment.null_calls:
            return NULL
        proc = self.catalog.procs.get(expr.funcid)
        if proc is None or expr.retset:
            return UNKNOWN
        args = [self.value(arg, params) for arg in expr.args]
        if is_current_setting(proc):
            return self._setting(args)
        if proc.proisstrict and NULL in args:
            return NULL
        body = analyze_function_body(self.catalog, proc) if proc.statement is not None else None
        if body is None or len(body) != 1 or self.depth >= _MAX_DEPTH:
            # a cast of a constant keeps it; what it looks like afterwards matters to nobody here
            return args[0] if expr.form != "call" and args and _known(args[0]) else UNKNOWN
        self.depth += 1
        value = self._row(body[0], args)
        self.depth -= 1
        return value

    def _setting(self, args: Sequence[Value]) -> Value:
        name = args[0].text if args and isinstance(args[0], Known) else None
        if name is None:
            return UNKNOWN
        if name.lower() in self.environment.settings:
            return Known(self.environment.settings[name.lower()])
        # without missing_ok the statement ends in 42704: no row passes either
        return NULL if self.environment.unset and "." in name else UNKNOWN

    def _operator(self, expr: OpExpr, params: Sequence[Value]) -> Value:
        args = [self.value(arg, params) for arg in expr.args]
        if expr.kind == "nullif":
            if args[0] == NULL or (_known(args[0]) and args[0] == args[1]):
                return NULL
            return args[0] if all(map(_known, args)) else UNKNOWN
        if expr.kind == "distinct":
            if all(map(_known, args)) and NULL in args:
                return Known("false" if args[0] == args[1] else "true")
            return UNKNOWN
        return NULL if NULL in args and self._strict_operator(expr.opno) else UNKNOWN

    def _strict_operator(self, opno: Oid) -> bool:
        operator = self.catalog.operators.get(opno)
        proc = None if operator is None else self.catalog.procs.get(operator.oprcode)
        return proc is not None and proc.proisstrict

    def _boolean(self, expr: BoolExpr, params: Sequence[Value]) -> Value:
        args = [self.value(arg, params) for arg in expr.args]
        if expr.op == "not":
            one = args[0]
            return (
                {"true": FALSE, "false": TRUE, None: NULL}.get(one.text, UNKNOWN) if isinstance(one, Known) else UNKNOWN
            )
        if expr.op == "and":
            if FALSE in args:
                return FALSE
            if any(map(_never, args)):
                return NULL if all(arg in (TRUE, NULL) for arg in args) else NOT_TRUE
            return TRUE if all(arg == TRUE for arg in args) else UNKNOWN
        if TRUE in args:
            return TRUE
        if all(map(_never, args)):
            return FALSE if all(arg == FALSE for arg in args) else NULL if NULL in args else NOT_TRUE
        return UNKNOWN

    def _test(self, expr: BooleanTest, value: Value) -> Value:
        if value == NOT_TRUE and expr.test in ("is_true", "is_not_true"):
            return FALSE if expr.test == "is_true" else TRUE
        if not isinstance(value, Known):
            return UNKNOWN
        wanted = {"true": "true", "false": "false", "unknown": None}[expr.test.rsplit("_", 1)[1]]
        return Known("true" if (value.text == wanted) != ("not" in expr.test) else "false")

    def _coalesce(self, expr: CoalesceExpr, params: Sequence[Value]) -> Value:
        for arg in expr.args:
            value = self.value(arg, params)
            if value != NULL:
                return value if _known(value) else UNKNOWN
        return NULL

    def _case(self, expr: CaseExpr, params: Sequence[Value]) -> Value:
        for condition, result in expr.whens:
            value = self.value(condition, params)
            if value == TRUE:
                return self.value(result, params)
            if not _never(value):
                return UNKNOWN
        return NULL if expr.default is None else self.value(expr.default, params)

    def _sublink(self, expr: SubLink, params: Sequence[Value]) -> Value:
        query = expr.subselect
        match expr.kind:
            case SubLinkType.EXISTS:
                return FALSE if self._empty(query, params) else UNKNOWN
            case SubLinkType.EXPR:
                return self._row(query, params)
            case SubLinkType.ANY:
                if self._empty(query, params):
                    return FALSE
                strict = all(self._strict_operator(opno) for opno in expr.opnos)
                # over no row at all it is false, else NULL
                return NOT_TRUE if strict and any(self.value(arg, params) == NULL for arg in expr.lefthand) else UNKNOWN
        return UNKNOWN

    def _row(self, query: Query, params: Sequence[Value]) -> Value:
        """The value of a scalar subquery or function body."""
        if len(query.targets) != 1 or query.setop is not None:
            return UNKNOWN
        if not query.rtable and query.where is None and not query.has_aggs and query.limit is None:
            return self.value(query.targets[0].expr, params)
        return NULL if self._empty(query, params) else UNKNOWN

    def _empty(self, query: Query, params: Sequence[Value]) -> bool:
        """Whether no row can come out."""
        if query.setop is not None or (query.has_aggs and not query.group_by):
            return False
        return any(_never(self.value(qual, params)) for qual in required_conditions(query))


def _known(value: Value) -> bool:
    return isinstance(value, Known)
