"""Conditions on a relation in, the share of its rows that pass out (clausesel.c, selfuncs.c, without statistics).

The stand-ins say what docs/contract.md says of the data: a value that a session brings matches few rows, and so does a literal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import (
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    RowCompareExpr,
    ScalarArrayOpExpr,
    SubLink,
    Var,
)
from rlslint.plan import clauses, patterns
from rlslint.plan.cost import PER_VALUE
from rlslint.plan.flat import Rel
from rlslint.plan.mutate import relids
from rlslint.records import dataclass, field

LITERAL: Final = 0.05
"""Share of the rows that hold one literal value: a status, a kind."""
FLAG: Final = 0.01
"""Share of the rows in which a flag is set: who tests for it, and indexes it, expects few."""
NO_STATISTICS: Final = 0.005
"""DEFAULT_EQ_SEL: an expression that no index holds has no statistics."""
NULLS: Final = 0.005
RANGE: Final = 0.005
"""Share of a range whose end is known when planning: a guess, statistics tell (scalarineqsel)."""
UNKNOWN_RANGE: Final = 1.0 / 3
"""DEFAULT_INEQ_SEL: the end is known only when running."""
CONTAINED: Final = 0.001
BOOLEAN: Final = 1.0 / 3
ARRAY_LENGTH: Final = 10.0

_FEW: Final = 8

_TESTS: Final = {
    "is_true": FLAG,
    "is_not_false": FLAG,
    "is_false": 1.0 - FLAG,
    "is_not_true": 1.0 - FLAG,
    "is_unknown": NULLS,
    "is_not_unknown": 1.0 - NULLS,
}
_RANGES = frozenset({"<", "<=", ">", ">="})
_CONTAINS = frozenset({"@>", "<@", "&&", "?", "?|", "?&", "@@", "%", "~~", "~~*", "~", "~*", "^@", "@?", "<<", ">>"})


@dataclass(slots=True)
class Selectivity:
    """Estimates for one relation of ``rows`` rows."""

    catalog: Catalog
    rel: Rel
    rows: float
    expressions: frozenset[Expr] = frozenset()
    """Keys of indexes on expressions: ANALYZE gathers statistics of them."""
    range: float = RANGE
    """Share of a range whose end is known when planning."""
    literal: float = LITERAL
    """Share of the rows that hold one literal value."""
    asked: set[Literal["range", "literal"]] = field(default_factory=set)
    """Which of the two some estimate hangs on."""
    _known: dict[int, tuple[Expr, float]] = field(default_factory=dict)

    def of_all(self, exprs: Iterable[Expr]) -> float:
        """Share that passes all of them, taken as independent."""
        given = tuple(exprs)
        share = 1.0
        for number, expr in enumerate(given if len(given) <= _FEW else dict.fromkeys(given)):
            # what is said twice counts once; a few are sooner compared than hashed
            if len(given) > _FEW or expr not in given[:number]:
                share *= self.of(expr)
        return share

    def of(self, expr: Expr) -> float:
        """Share that passes one condition."""
        known = self._known.get(id(expr))
        if known is None:
            known = self._known[id(expr)] = (expr, self._of(expr))
        return known[1]

    def _of(self, expr: Expr) -> float:
        match expr:
            case Const():
                return 1.0 if clauses.is_true(expr) else 0.0
            case BoolExpr(op="and", args=args):
                return self.of_all(args)
            case BoolExpr(op="or", args=args):
                share = 0.0
                for arg in args:
                    part = self.of(arg)
                    share = share + part - share * part
                return share
            case BoolExpr(op="not", args=(arg,)):
                return 0.5 if isinstance(arg, SubLink) else 1.0 - self.of(arg)
            case NullTest(is_null=is_null):
                nulls = 0.0 if self._never_null(expr.arg) else NULLS
                return nulls if is_null else 1.0 - nulls
            case BooleanTest():
                return _TESTS[expr.test]
            case Var():
                return FLAG
            case SubLink():
                return 0.5
            case OpExpr():
                return self._operator(expr)
            case ScalarArrayOpExpr(use_or=True, args=(left, right)):
                return self._any_of(expr.opno, left, right)
            case ScalarArrayOpExpr():
                return 1.0 - PER_VALUE
            case RowCompareExpr():
                # by the first pair of columns (rowcomparesel)
                known = not any(map(_unknown, (expr.largs[0], expr.rargs[0])))
                return self._range() if known else UNKNOWN_RANGE
            case FuncExpr(funcid=patterns.STARTS_WITH, args=(text, pattern)):
                return self._pattern(text, pattern, "prefix")
            case FuncExpr():
                return BOOLEAN
        return 0.5

    def _any_of(self, opno: Oid, left: Expr, right: Expr) -> float:
        """One of a list of values (scalararraysel): each has its share."""
        if self._column(right) is not None:
            # statistics tell how often an element is in a column's arrays (scalararraysel_containment)
            return CONTAINED
        if isinstance(right, ArrayExpr) and right.elements:
            each = [self._operator(OpExpr(type=16, opno=opno, args=(left, one))) for one in right.elements]
            return min(1.0, sum(each))
        one = self._operator(OpExpr(type=16, opno=opno, args=(left, _element(right))))
        return min(1.0, one * _length(right))

    def _operator(self, expr: OpExpr) -> float:
        operator = self.catalog.operators.get(expr.opno)
        if operator is None or len(expr.args) != 2:
            return 0.5
        name = operator.oprname
        left, right = expr.args
        if expr.kind == "distinct":
            return 1.0 - PER_VALUE
        if name == "=":
            return self._equality(left, right)
        if name == "<>":
            return 1.0 - PER_VALUE
        if name in _RANGES:
            return UNKNOWN_RANGE if any(map(_unknown, expr.args)) else self._range()
        kind = patterns.KINDS.get(expr.opno)
        if kind is not None:
            return self._pattern(left, right, kind)
        if name in _CONTAINS:
            return CONTAINED
        return 1.0 - PER_VALUE if name.startswith("!") else 0.1

    def _pattern(self, text: Expr, pattern: Expr, kind: patterns.Kind) -> float:
        """What begins as a constant pattern does is a range of texts; a pattern without wildcards is a value
        (patternsel_common)."""
        if not isinstance(pattern, Const) or pattern.value is None:
            return CONTAINED
        prefix, exact = patterns.fixed_prefix(pattern.value, kind)
        if exact:
            return self._equality(text, pattern)
        return self._range() if prefix else CONTAINED

    def _range(self) -> float:
        self.asked.add("range")
        return self.range

    def _equality(self, left: Expr, right: Expr) -> float:
        sides = [clauses.strip_collate(side) for side in (left, right)]
        if not any(isinstance(side, Var) or (self.expressions and side in self.expressions) for side in sides):
            return NO_STATISTICS
        if all(self.rel.rtindex in relids(side) for side in (left, right)):
            # a row compared with itself (get_restriction_variable)
            return NO_STATISTICS
        for side, other in ((left, right), (right, left)):
            column = self._column(side)
            if column is not None:
                if self.unique(column.attnum):
                    return 1.0 / self.rows
                if isinstance(other, Const) and not other_is_key(other):
                    self.asked.add("literal")
                    return self.literal
                if column.type == clauses.BOOL and not isinstance(other, Const):
                    # one of two values, whichever (var_eq_non_const)
                    return 1.0 / self.distinct(column.attnum)
        return PER_VALUE

    def _column(self, expr: Expr) -> Var | None:
        """The column of the relation that an expression is, casts that change nothing aside."""
        column = clauses.strip_collate(expr)
        own = isinstance(column, Var) and not column.levelsup and column.varno == self.rel.rtindex
        return column if own and isinstance(column, Var) else None

    def _never_null(self, expr: Expr) -> bool:
        """A NOT NULL column: ANALYZE finds no NULL in it (nulltestsel of selfuncs.c)."""
        column = self._column(expr)
        if self.rel.relation is None or column is None or column.attnum < 1:
            return False
        return self.rel.relation.column(column.attnum).attnotnull

    def distinct(self, attnum: int) -> float:
        """Number of values that a column holds (get_variable_numdistinct); an expression (0) has some thousands."""
        if attnum and self.unique(attnum):
            return self.rows
        relation = self.rel.relation
        if attnum and relation is not None and relation.column(attnum).atttypid == clauses.BOOL:
            return 2.0
        return 1.0 / PER_VALUE

    def unique(self, attnum: int) -> bool:
        """Whether a unique index on the column alone exists."""
        if self.rel.relation is None:
            return False
        return any(
            index.indisunique
            and index.indpred is None
            and index.indisvalid
            and len(index.keys) == 1
            and index.keys[0].attnum == attnum
            for index in self.catalog.indexes_of(self.rel.relation.oid)
        )

    def array_scans(self, exprs: Iterable[Expr]) -> float:
        """How many times an index is descended for lists of values."""
        scans = 1.0
        for expr in exprs:
            if isinstance(expr, ScalarArrayOpExpr):
                scans *= _length(expr.args[1])
        return min(scans, 100.0)


def other_is_key(const: Const) -> bool:
    """Whether a literal is of a type that names one thing: a uuid."""
    return const.type == 2950


def _unknown(expr: Expr) -> bool:
    """Whether its value is known only when running: a parameter."""
    if any(isinstance(node, SubLink) for node, _ in walk_deep(expr)):
        return True
    return any(isinstance(node, Var) and node.levelsup > level for node, level in walk_deep(expr))


def _element(array: Expr) -> Expr:
    return SubLinkPlaceholder if not isinstance(array, Const) else array


def _length(array: Expr) -> float:
    if isinstance(array, ArrayExpr):
        return float(max(1, len(array.elements)))
    if isinstance(array, Const) and array.value is not None:
        return float(array.value.count(",") + 1)
    return ARRAY_LENGTH


SubLinkPlaceholder: Final = Var(type=0, varno=0, attnum=0, levelsup=1)
"""Stands for a value of an array that is only known when running."""
