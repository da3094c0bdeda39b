"""Resolved expressions: what analyze/ makes of a parse tree, named as in PostgreSQL's nodes/primnodes.h.

Objects are named by OID, columns by attribute number, so a rename changes nothing here. Equality is PostgreSQL's
``equal()``: places (`Expr.location`, `Expr.raw`) do not count, so an index expression can be compared with a qual.
Type OIDs are PostgreSQL's own for built-in types; `INVALID_OID` (0) stands for a type that is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from rlslint.records import dataclass, field, replace

if TYPE_CHECKING:
    from rlslint.nodes.parsenodes import Query
    from rlslint.source.model import Raw

Oid = int
INVALID_OID: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expr:
    """Base of every expression node."""

    type: Oid
    """Result type; `INVALID_OID` when it is not known."""
    location: int = field(default=-1, compare=False)
    """Character offset in the text of the statement it was written in; -1 for what nobody wrote."""
    raw: Raw | None = field(default=None, compare=False, repr=False)
    """The parse-tree node it came from, for finding its extent in the text."""

    def children(self) -> tuple[Expr, ...]:
        """Direct sub-expressions, not those inside a subquery."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Const(Expr):
    """A literal. ``value`` is its text as written after the type's name is dropped; None is NULL."""

    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Var(Expr):
    """A column. ``varno`` counts from 1 in the range table of the query ``levelsup`` levels up."""

    varno: int
    attnum: int
    """Attribute number; 0 is the whole row, negative a system column."""
    levelsup: int = 0
    collation: Oid = 0
    qualified: bool = field(default=True, compare=False)
    """Whether the author wrote the table's name or alias before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Param(Expr):
    """A parameter: a function's argument (``number`` from 1)."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FuncExpr(Expr):
    """A function call or a cast that calls a function."""

    funcid: Oid
    args: tuple[Expr, ...]
    retset: bool = False
    form: Literal["call", "explicit_cast", "implicit_cast"] = field(default="call", compare=False)
    argnumbers: tuple[int, ...] = ()
    """Of arguments given by name, the parameter (from 0) of each argument of the call."""

    def children(self) -> tuple[Expr, ...]:
        return self.args

    def in_order(self) -> FuncExpr:
        """The arguments in the order of the parameters (reorder_function_arguments); as it is where one is left out in
        between."""
        if sorted(self.argnumbers) != list(range(len(self.args))):
            return self
        args = tuple(self.args[self.argnumbers.index(number)] for number in range(len(self.args)))
        return replace(self, args=args, argnumbers=())


@dataclass(frozen=True, slots=True, kw_only=True)
class OpExpr(Expr):
    """An operator; ``kind`` tells ``a = b``, ``a IS DISTINCT FROM b`` and ``NULLIF(a, b)`` apart."""

    opno: Oid
    args: tuple[Expr, ...]
    kind: Literal["op", "distinct", "nullif"] = "op"

    def children(self) -> tuple[Expr, ...]:
        return self.args


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarArrayOpExpr(Expr):
    """``scalar op ANY|ALL (array)``; also ``scalar IN (list)``."""

    opno: Oid
    use_or: bool
    args: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.args


@dataclass(frozen=True, slots=True, kw_only=True)
class BoolExpr(Expr):
    """AND, OR, NOT."""

    op: Literal["and", "or", "not"]
    args: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.args


@dataclass(frozen=True, slots=True, kw_only=True)
class NullTest(Expr):
    """``IS [NOT] NULL``."""

    arg: Expr
    is_null: bool

    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class BooleanTest(Expr):
    """``IS [NOT] TRUE|FALSE|UNKNOWN``."""

    arg: Expr
    test: Literal["is_true", "is_not_true", "is_false", "is_not_false", "is_unknown", "is_not_unknown"]

    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelabelType(Expr):
    """A cast that changes nothing but the type's name (varchar to text): PostgreSQL looks through it."""

    arg: Expr
    explicit: bool = field(default=False, compare=False)

    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoerceViaIO(Expr):
    """A cast through the types' text form."""

    arg: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayCoerceExpr(Expr):
    """A cast of an array element by element."""

    arg: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoerceToDomain(Expr):
    """A cast to a domain."""

    arg: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateExpr(Expr):
    """``COLLATE``."""

    arg: Expr
    collation: Oid

    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseExpr(Expr):
    """CASE; ``arg`` already compared into each ``whens`` condition."""

    whens: tuple[tuple[Expr, Expr], ...]
    default: Expr | None

    def children(self) -> tuple[Expr, ...]:
        parts = [part for when in self.whens for part in when]
        return (*parts, self.default) if self.default is not None else tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoalesceExpr(Expr):
    """COALESCE, GREATEST, LEAST."""

    name: Literal["coalesce", "greatest", "least"]
    args: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.args


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayExpr(Expr):
    """``ARRAY[...]``."""

    elements: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.elements


@dataclass(frozen=True, slots=True, kw_only=True)
class RowExpr(Expr):
    """``ROW(...)``."""

    args: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.args


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCompareExpr(Expr):
    """``(a, b) < (c, d)``; a row equality becomes AND of OpExpr as in PostgreSQL."""

    opnos: tuple[Oid, ...]
    largs: tuple[Expr, ...]
    rargs: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.largs + self.rargs


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptingRef(Expr):
    """``array[i]``, ``jsonb['key']``."""

    arg: Expr
    subscripts: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return (self.arg, *self.subscripts)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSelect(Expr):
    """``(row).field``."""

    arg: Expr
    fieldname: str

    def children(self) -> tuple[Expr, ...]:
        return (self.arg,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLValueFunction(Expr):
    """current_user, current_date and their like: STABLE, spelt without parentheses."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggref(Expr):
    """An aggregate or window function call."""

    funcid: Oid
    args: tuple[Expr, ...]
    """The arguments (direct ones first), then ``extra`` expressions of ORDER BY, FILTER and OVER."""
    window: bool = False
    extra: int = 0

    def children(self) -> tuple[Expr, ...]:
        return self.args


class SubLinkType(Enum):
    """What stands around a subquery in an expression."""

    EXISTS = "exists"
    ALL = "all"
    ANY = "any"
    """``x op ANY (SELECT ...)`` and ``x IN (SELECT ...)``."""
    ROWCOMPARE = "rowcompare"
    EXPR = "expr"
    """A scalar subquery."""
    ARRAY = "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubLink(Expr):
    """A subquery in an expression. For ANY/ALL, ``lefthand op each of subselect's columns``."""

    kind: SubLinkType
    subselect: Query
    lefthand: tuple[Expr, ...] = ()
    opnos: tuple[Oid, ...] = ()
    righttypes: tuple[Oid, ...] = ()
    """Types the subquery's columns are coerced to before ``opnos`` compare them."""

    def children(self) -> tuple[Expr, ...]:
        return self.lefthand


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved(Expr):
    """What could not be resolved, with the reason; ``args`` are the resolved parts inside it.

    ``sqlstate`` is set when PostgreSQL would certainly reject it (42703 undefined_column, 42P01 undefined_table, 42883
    undefined_function, 42704 undefined_object, 42804 datatype_mismatch); None when it only is unknown here.
    """

    reason: str
    sqlstate: str | None = None
    args: tuple[Expr, ...] = ()

    def children(self) -> tuple[Expr, ...]:
        return self.args


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything below it, outer before inner, subqueries not entered."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        children = node.children()
        if children:
            stack.extend(children[::-1])


def bare(expr: Expr) -> Expr:
    """The expression without the casts that change nothing but the type's name."""
    while isinstance(expr, RelabelType):
        expr = expr.arg
    return expr
