"""A policy's condition in, the same out with every arm of its OR in a form that an index serves, several forms at a time.

PostgreSQL reads a table through indexes only when every arm of an OR has one (BitmapOr), so that no form of one arm alone
cures where two arms stand in the way.

Proof. Each step is one form of `rewrites`, with the proof that it has there, and is checked by resolving the condition that
it gives; forms stand for parts that only AND and OR stand around, and so does what takes their place. What is equal after
each step is equal after all. A call f() that is not VOLATILE and reads no column has one value throughout a statement, so
that ``(SELECT f())`` may stand for it anywhere, also in a subquery.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final, Literal

from rlslint.analyze.deparse import resolve_text
from rlslint.catalog.rows import Policy
from rlslint.findings import Suggestion
from rlslint.nodes.primnodes import BoolExpr, Const, Expr, OpExpr, ScalarArrayOpExpr, Var
from rlslint.plan.clauses import strip_relabel
from rlslint.plan.mutate import has_vars_of_level
from rlslint.records import dataclass, field
from rlslint.suggest.functions import listing
from rlslint.suggest.policies import altered
from rlslint.suggest.rewrites.casts import cast_forms
from rlslint.suggest.rewrites.constant_arm import constant_arm_forms
from rlslint.suggest.rewrites.list_helper import list_helper
from rlslint.suggest.rewrites.look_up import look_up_forms
from rlslint.suggest.rewrites.membership import TITLE, membership_forms
from rlslint.suggest.rewrites.scalar import scalar_forms, wraps_inside
from rlslint.suggest.rewrites.writing import Form, Writing, agrees
from rlslint.suggest.trial import applied

_Kind = Literal["membership", "cast", "scalar", "list", "constant"]
_KINDS: Final[tuple[_Kind, ...]] = ("membership", "cast", "scalar", "list", "constant")
_COSTS: Final[dict[_Kind, int]] = {"membership": 1, "cast": 1, "scalar": 1, "list": 2, "constant": 3}
_ROUNDS: Final = 2
_TO_BE_INDEXED: Final = 2
"""Of a comparison that an index serves as it is, where one is made."""
_UNKNOWN: Final = 10
"""Of a part that no index is known to serve in any form: it is left as it is, and PostgreSQL's planner has its say."""
_RANGES: Final = frozenset({"=", "<", "<=", ">", ">="})
_WEIGHT: Final = {"safe": 0, "conditional": 1, "unsafe": 2}


@dataclass(slots=True)
class Steps:
    """What is done to a condition, and what it becomes."""

    writing: Writing
    stack: ExitStack
    """Keeps the functions that the condition calls in the catalog."""
    forms: list[Form] = field(default_factory=list)
    helpers: list[Suggestion] = field(default_factory=list)

    def take(self, start: int, kind: _Kind) -> bool:
        """Put the part at ``start`` (characters from the condition's beginning) into its form of a kind."""
        for node in _leaves(self.writing.expr):
            if self.writing.place(node)[0] - self.writing.stored.start != start:
                continue
            form = self._form(node, kind)
            text = None if form is None else self.writing.check(form)
            if form is None or text is None:
                return False
            self.forms.append(form)
            return self._becomes(text)
        return False

    def ask_once(self) -> bool:
        """Put calls in subqueries into scalar subqueries of their own, which are asked once for a statement."""
        before = self.writing
        text = before.edited(tuple(wraps_inside(before)))
        return self._becomes(text) and agrees(self.writing.expr, before.expr)

    def _becomes(self, text: str) -> bool:
        writing = self.writing
        fresh = resolve_text(writing.catalog, text, writing.stored.span, writing.relid, boolean=True)
        if fresh is None:
            return False
        self.writing = Writing(writing.catalog, fresh, writing.relid)
        return self.writing.exact

    def _form(self, node: Expr, kind: _Kind) -> Form | None:
        if kind != "list":
            return next(_forms(self.writing, node, kind), None)
        helper = list_helper(self.writing, node)
        made = None if helper is None else listing(self.writing.catalog, helper)
        if helper is None or made is None:
            return None
        if made not in self.helpers:
            change = self.stack.enter_context(applied(self.writing.catalog, [made.up]))
            if change.rejected is not None:
                return None
            self.helpers.append(made)
        return helper.form


def every_arm(policy: Policy, writing: Writing, *, helpers: bool) -> tuple[Suggestion, ...]:
    """The policy with its USING so, after the functions that it calls then; () where nothing changes or no way is known.

    ``helpers``: functions may be made beside those that the condition calls.
    """
    with ExitStack() as stack:
        steps = Steps(writing, stack)
        # what takes a part's place may have arms of its own
        for _ in range(_ROUNDS):
            _, wanted = _ways(steps.writing, steps.writing.expr, helpers)
            # from the end, so that what stands before keeps its place
            for start, kind in sorted(set(wanted), reverse=True):
                if not steps.take(start, kind):
                    return ()
        if not steps.forms or not steps.ask_once():
            return ()
        made = altered(
            writing.catalog,
            policy,
            using=steps.writing.text[steps.writing.stored.start : steps.writing.stored.end],
            check=None,
            kind="rewrite_policy",
            title="; ".join(dict.fromkeys(form.title for form in reversed(steps.forms))),
            applicability=max((form.applicability for form in steps.forms), key=_WEIGHT.__getitem__),
            assumes=tuple(dict.fromkeys(text for form in reversed(steps.forms) for text in form.assumes)),
        )
        return (*steps.helpers, made)


def _ways(writing: Writing, expr: Expr, helpers: bool) -> tuple[int, tuple[tuple[int, _Kind], ...]]:
    """(cost, what is to be done where) so that an index serves: of an OR for all of its arms, of an AND for one part."""
    if isinstance(expr, BoolExpr) and expr.op in ("and", "or"):
        each = [_ways(writing, arg, helpers) for arg in expr.args]
        if expr.op == "and":
            return min(each, key=lambda one: one[0])
        return sum(cost for cost, _ in each), tuple(step for _, steps in each for step in steps)
    as_it_is = _cost_as_it_is(writing, expr)
    if as_it_is < _UNKNOWN:
        return as_it_is, ()
    start = writing.place(expr)[0] - writing.stored.start
    for kind in _KINDS if start >= 0 else ():
        if kind == "list":
            if helpers and list_helper(writing, expr) is not None:
                return _COSTS[kind], ((start, kind),)
        elif any(writing.check(form) is not None for form in _forms(writing, expr, kind)):
            return _COSTS[kind], ((start, kind),)
    return _UNKNOWN, ()


def _forms(writing: Writing, node: Expr, kind: _Kind) -> Iterator[Form]:
    match kind:
        case "membership":
            made = (*membership_forms(writing, node), *look_up_forms(writing, node))
            yield from (form for form in made if form.title == TITLE)
        case "cast":
            yield from cast_forms(writing, node)
        case "scalar":
            yield from scalar_forms(writing, node)
        case "constant":
            yield from constant_arm_forms(writing, node)


def _leaves(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, BoolExpr) and expr.op in ("and", "or"):
        for arg in expr.args:
            yield from _leaves(arg)
        return
    yield expr


def _cost_as_it_is(writing: Writing, node: Expr) -> int:
    """Of a comparison of a column with what is no literal and reads no column of the row."""
    if not isinstance(node, (OpExpr, ScalarArrayOpExpr)) or len(node.args) != 2:
        return _UNKNOWN
    operator = writing.catalog.operators.get(node.opno)
    sign = "" if operator is None else operator.oprname
    leading = {
        index.keys[0].attnum
        for index in writing.catalog.indexes_of(writing.relid)
        if index.indisvalid and index.indpred is None and index.keys
    }
    for one, other in (node.args, node.args[::-1]):
        column = strip_relabel(one)
        if sign not in _RANGES or not isinstance(column, Var) or column.levelsup or has_vars_of_level(other, 0):
            continue
        if column.attnum in leading:
            return 0
        if sign == "=" and not isinstance(strip_relabel(other), Const):
            return _TO_BE_INDEXED
    return _UNKNOWN
