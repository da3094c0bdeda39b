"""A comparison inside a scalar subquery in, the comparison itself with its calls in scalar subqueries out.

Proof. ``(SELECT e)`` without FROM is one row and has the value of e, NULL included, so it may be replaced by e anywhere.
A call f() that is not VOLATILE and reads no column has one value throughout a statement, so f() may be replaced by
``(SELECT f())``.
"""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.nodes.parsenodes import query_expressions, walk_deep
from rlslint.nodes.primnodes import Expr, FuncExpr, SubLink
from rlslint.plan import clauses
from rlslint.plan.mutate import has_vars_of_level
from rlslint.suggest.rewrites.writing import Edit, Form, Writing, agrees, bare_scalar


def scalar_forms(writing: Writing, node: Expr) -> Iterator[Form]:
    """``(SELECT auth.uid() = owner)`` as ``((SELECT auth.uid()) = owner)``."""
    inner = bare_scalar(node)
    if not isinstance(node, SubLink) or inner is None or not clauses.correlated(node):
        return
    start, end = writing.place(node)
    target = node.subselect.targets[0].expr
    first, last = writing.place(target)
    if start < 0 or first < 0:
        return
    first, last = writing.widened(first, last)
    stream = writing.between(start, end)
    if len(stream) < 3 or stream[0].name != "ASCII_40" or stream[1].name != "SELECT":
        return
    edits: list[Edit] = [(stream[0].end, max(first, stream[1].end), ""), (last, end - 1, "")]
    edits += wraps(writing, target)
    yield Form(
        edits=tuple(edit for edit in edits if edit[0] < edit[1] or edit[2]),
        node=node,
        accepts=lambda new: agrees(new, inner),
        title="compare outside of the scalar subquery, where an index can serve",
    )


def wraps(writing: Writing, expr: Expr) -> Iterator[Edit]:
    """Scalar subqueries around the calls of an expression that read no column and cost something."""
    for node in _outermost(writing, expr):
        start, end = writing.place(node)
        if start >= 0:
            yield start, end, f"(SELECT {writing.text[start:end]})"


def wraps_inside(writing: Writing) -> Iterator[Edit]:
    """The same for the calls in a condition's subqueries."""
    for node, _ in walk_deep(writing.expr):
        if isinstance(node, SubLink) and node.subselect.rtable:
            for expr in query_expressions(node.subselect):
                yield from wraps(writing, expr)


def _outermost(writing: Writing, expr: Expr) -> Iterator[FuncExpr]:
    if isinstance(expr, SubLink):
        return
    if isinstance(expr, FuncExpr) and expr.form == "call" and _once(writing, expr):
        yield expr
        return
    for child in expr.children():
        yield from _outermost(writing, child)


def _once(writing: Writing, expr: FuncExpr) -> bool:
    proc = writing.catalog.procs.get(expr.funcid)
    if proc is None or proc.provolatile != "s" or expr.retset:
        return False
    reads = any(has_vars_of_level(expr, level) for level in (0, 1))
    return not reads and not clauses.contain_volatile(writing.catalog, expr)
