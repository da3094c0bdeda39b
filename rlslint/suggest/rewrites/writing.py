"""A policy's condition in, its text in today's names and places in it out; and forms of it, checked by resolving them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from rlslint.analyze.deparse import deparse, resolve_text, same_shape
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import StoredExpr
from rlslint.findings import Applicability
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import (
    BoolExpr,
    Expr,
    FuncExpr,
    Oid,
    OpExpr,
    RelabelType,
    ScalarArrayOpExpr,
    SubLink,
    SubLinkType,
    walk,
)
from rlslint.plan.clauses import strip_relabel
from rlslint.plan.mutate import mutate, shift_levels
from rlslint.records import dataclass, replace
from rlslint.source.extent import Token, expression_extent, tokens

Edit = tuple[int, int, str]
"""Characters ``start`` to ``end`` of the statement's text, and what stands there afterwards."""


@dataclass(frozen=True, slots=True)
class Form:
    """Another form of a condition: ``node`` of it becomes ``expected``.

    ``accepts``: where the exact tree of the new part depends on coercions, whether what it resolves to will do.
    """

    edits: tuple[Edit, ...]
    node: Expr
    accepts: Callable[[Expr], bool]
    title: str
    applicability: Applicability = "safe"
    assumes: tuple[str, ...] = ()


class Writing:
    """A condition as it is written, with today's names."""

    def __init__(self, catalog: Catalog, stored: StoredExpr, relid: Oid) -> None:
        self.catalog = catalog
        self.relid = relid
        self.original = stored
        self.stored = stored
        current = deparse(catalog, stored, relid, boolean=True)
        self.exact = current.exact
        if current.exact and current.text != stored.text:
            fresh = resolve_text(catalog, current.text, stored.span, relid, boolean=True)
            if fresh is None:
                self.exact = False
            else:
                self.stored = fresh

    @classmethod
    def as_it_stands(cls, catalog: Catalog, stored: StoredExpr) -> Writing:
        """An expression of no table: its text is taken as it is."""
        writing = cls.__new__(cls)
        writing.catalog, writing.relid = catalog, 0
        writing.original = writing.stored = stored
        writing.exact = True
        return writing

    @property
    def expr(self) -> Expr:
        """The resolved condition; its places are those of `text`."""
        return self.stored.expr

    @property
    def text(self) -> str:
        """The whole statement that the places count in."""
        return self.stored.statement.text

    def place(self, expr: Expr) -> tuple[int, int]:
        """Characters of an expression, brackets around it left out; (-1, -1) where nobody wrote it."""
        if expr.raw is None:
            return -1, -1
        return expression_extent(self.stored.statement, expr.raw)

    def words(self, expr: Expr) -> str:
        """The expression's own text; empty where nobody wrote it."""
        start, end = self.place(expr)
        return self.text[start:end] if start >= 0 else ""

    def operand(self, expr: Expr) -> str:
        """The text as an operand: in brackets unless it is one name, call, literal or bracketed already."""
        text = self.words(expr)
        return text if not text or is_operand(text) else f"({text})"

    def widened(self, start: int, end: int) -> tuple[int, int]:
        """The place with the brackets that stand directly around it."""
        stream = tokens(self.text)
        while True:
            before = max((i for i, one in enumerate(stream) if one.end <= start), default=None)
            after = min((i for i, one in enumerate(stream) if one.start >= end), default=None)
            if before is None or after is None:
                return start, end
            if stream[before].name != "ASCII_40" or stream[after].name != "ASCII_41":
                return start, end
            if before > 0 and _calls(stream[before - 1]):
                return start, end
            if stream[before].start < self.stored.start or stream[after].end > self.stored.end:
                return start, end
            start, end = stream[before].start, stream[after].end

    def is_array_of_any(self, start: int, end: int) -> bool:
        """Whether what stands at the place is all that ANY or ALL is given."""
        start, end = self.widened(start, end)
        before = [one for one in tokens(self.text) if one.end <= start][-2:]
        return len(before) == 2 and before[0].name in ("ANY", "SOME", "ALL") and before[1].name == "ASCII_40"

    def between(self, start: int, end: int) -> tuple[Token, ...]:
        """The tokens of a stretch."""
        return tuple(one for one in tokens(self.text) if one.start >= start and one.end <= end)

    def edited(self, edits: Sequence[Edit]) -> str:
        """The condition's text with the edits made, the rest as its author wrote it."""
        parts: list[str] = []
        position = self.stored.start
        for start, end, replacement in sorted(set(edits)):
            parts += [self.text[position:start], replacement]
            position = end
        return "".join(parts) + self.text[position : self.stored.end]

    def check(self, form: Form) -> str | None:
        """The new text, if resolving it gives the old condition with nothing but the node replaced; else None."""
        if any(start < self.stored.start or end > self.stored.end for start, end, _ in form.edits):
            return None
        text = self.edited(form.edits)
        fresh = resolve_text(self.catalog, text, self.stored.span, self.relid, boolean=True)
        if fresh is None or not _agrees(fresh.expr, self.expr, form):
            return None
        return text


def _calls(token: Token) -> bool:
    return token.name in ("IDENT", "IN_P", "ANY", "SOME", "ALL", "EXISTS", "ARRAY") or token.name.endswith("_P")


def is_operand(text: str) -> bool:
    """Whether a text needs no brackets as an operand."""
    depth = 0
    for i, token in enumerate(tokens(text)):
        if token.name in ("ASCII_40", "ASCII_91"):
            depth += 1
        elif token.name in ("ASCII_41", "ASCII_93"):
            depth -= 1
        elif depth == 0 and not (_name(text, token) or token.name in (_INSIDE if i else _FIRST)):
            return False
    return True


_FIRST = frozenset({"SCONST", "ICONST", "FCONST"})
_INSIDE = frozenset({"ASCII_46", "TYPECAST"})
_OPERATORS = frozenset({"AND", "OR", "NOT", "IS", "IN_P", "LIKE", "ILIKE", "BETWEEN", "CASE", "COLLATE", "SIMILAR"})


def _name(text: str, token: Token) -> bool:
    # names that happen to be keywords, too: user_id is IDENT, but name, role and type are not
    return text[token.start : token.end].isidentifier() and token.name not in _OPERATORS


def written(expr: Expr) -> Expr:
    """The expression that somebody wrote: without coercions that PostgreSQL put around it."""
    while isinstance(expr, RelabelType) and not expr.explicit:
        expr = expr.arg
    if isinstance(expr, FuncExpr) and expr.form == "implicit_cast":
        return expr.args[0]
    return expr


def positive(expr: Expr) -> Iterator[Expr]:
    """Parts of a condition that only AND and OR stand around: there NULL and false come to the same, since a policy
    lets a row through when the whole is true and in no other case."""
    if isinstance(expr, BoolExpr) and expr.op in ("and", "or"):
        for arg in expr.args:
            yield from positive(arg)
        return
    yield expr


def conjuncts(expr: Expr | None) -> list[Expr]:
    """The parts of an AND, nested ones too."""
    if expr is None:
        return []
    if isinstance(expr, BoolExpr) and expr.op == "and":
        return [part for arg in expr.args for part in conjuncts(arg)]
    return [expr]


def disjuncts(expr: Expr) -> list[Expr]:
    """The parts of an OR, nested ones too."""
    if isinstance(expr, BoolExpr) and expr.op == "or":
        return [part for arg in expr.args for part in disjuncts(arg)]
    return [expr]


def bare_scalar(node: Expr) -> Expr | None:
    """Of ``(SELECT expression)`` without FROM, the expression in the terms of the query around; else None."""
    if not isinstance(node, SubLink) or node.kind is not SubLinkType.EXPR:
        return None
    query = node.subselect
    if not is_bare(query):
        return None
    return shift_levels(query.targets[0].expr, -1)


def is_bare(query: Query) -> bool:
    """One row of one expression: no FROM, no WHERE, nothing that could take the row away or add others."""
    return (
        len(query.targets) == 1
        and not query.rtable
        and query.where is None
        and not query.group_by
        and query.having is None
        and not query.has_aggs
        and not query.has_windows
        and query.limit is None
        and query.offset is None
        and not query.ctes
        and query.setop is None
        and not any(getattr(node, "retset", False) for node in walk(query.targets[0].expr))
    )


def unwrapped(expr: Expr) -> Expr:
    """The expression with every ``(SELECT expression)`` replaced by the expression: the same value, asked otherwise."""

    def change(node: Expr, level: int) -> Expr:
        inner = bare_scalar(node)
        return node if inner is None else inner

    return mutate(expr, change)


def agrees(one: Expr, other: Expr) -> bool:
    """Whether two expressions are the same but for scalar subqueries around calls."""
    return same_shape(unwrapped(one), unwrapped(other))


def _agrees(new: Expr, old: Expr, form: Form) -> bool:
    """Whether ``new`` is ``old`` with the form's node replaced by something it accepts."""
    if old is form.node:
        return form.accepts(new)
    if isinstance(old, BoolExpr) and isinstance(new, BoolExpr) and old.op == new.op:
        return _lists_agree(_flat(new), _flat(old), old.op, form)
    holds = any(part is form.node for part in walk(old))
    if not holds:
        return same_shape(new, old)
    if type(new) is not type(old):
        return False
    ours, theirs = new.children(), old.children()
    return len(ours) == len(theirs) and all(_agrees(a, b, form) for a, b in zip(ours, theirs, strict=True))


def _lists_agree(new: list[Expr], old: list[Expr], op: Literal["and", "or", "not"], form: Form) -> bool:
    """Arguments of an AND or OR; those of the replaced one may have flowed into it."""
    grown = len(new) - len(old)
    for i, arg in enumerate(old):
        if arg is form.node and grown > 0:
            parts = new[i : i + grown + 1]
            joined = BoolExpr(type=16, op=op, args=tuple(parts))
            rest = [*new[:i], *new[i + grown + 1 :]]
            others = [*old[:i], *old[i + 1 :]]
            return form.accepts(joined) and all(_agrees(a, b, form) for a, b in zip(rest, others, strict=True))
    return grown == 0 and all(_agrees(a, b, form) for a, b in zip(new, old, strict=True))


def _flat(expr: BoolExpr) -> list[Expr]:
    found: list[Expr] = []
    for arg in expr.args:
        if isinstance(arg, BoolExpr) and arg.op == expr.op and expr.op != "not":
            found += _flat(arg)
        else:
            found.append(arg)
    return found


def is_membership(new: Expr, outer: Expr, opno: Oid, query: Query) -> bool:
    """Whether ``new`` is ``outer = ANY (ARRAY(query))`` with that operator."""
    if not isinstance(new, ScalarArrayOpExpr) or not new.use_or or new.opno != opno:
        return False
    left, right = new.args
    link = strip_relabel(right)
    return (
        isinstance(link, SubLink)
        and link.kind is SubLinkType.ARRAY
        and agrees(strip_relabel(left), strip_relabel(outer))
        and same_query(link.subselect, query)
    )


def is_in(new: Expr, outer: Sequence[Expr], opnos: Sequence[Oid], query: Query) -> bool:
    """Whether ``new`` is ``(outer, ...) IN (query)`` with those operators."""
    return (
        isinstance(new, SubLink)
        and new.kind is SubLinkType.ANY
        and tuple(new.opnos) == tuple(opnos)
        and len(new.lefthand) == len(outer)
        and all(agrees(strip_relabel(a), strip_relabel(b)) for a, b in zip(new.lefthand, outer, strict=True))
        and same_query(new.subselect, query)
    )


def same_query(one: Query, other: Query) -> bool:
    """Equal but for output names, table names, and the nesting of AND."""

    def bare(query: Query) -> Query:
        targets = tuple(replace(target, name=None) for target in query.targets)
        return replace(query, targets=targets, where=None)

    ours, theirs = conjuncts(one.where), conjuncts(other.where)
    return (
        same_shape(bare(one), bare(other))
        and len(ours) == len(theirs)
        and all(agrees(a, b) for a, b in zip(ours, theirs, strict=True))
    )


def is_equality(new: Expr, catalog: Catalog, left: Expr, right: Expr) -> bool:
    """Whether ``new`` is ``left = right``."""
    if not isinstance(new, OpExpr) or new.kind != "op" or len(new.args) != 2:
        return False
    operator = catalog.operators.get(new.opno)
    return operator is not None and operator.oprname == "=" and agrees(new.args[0], left) and agrees(new.args[1], right)
