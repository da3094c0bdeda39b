"""A policy's condition in, the unqualified names in its subqueries that bind to the inner table though the policy's own
table has them too, and whose comparison only makes sense with the outer reading, out."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy, StoredExpr
from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query, nested_queries, query_expressions
from rlslint.nodes.primnodes import BoolExpr, Expr, OpExpr, RelabelType, SubLink, Var, walk
from rlslint.records import dataclass
from rlslint.source.extent import expression_extent


@dataclass(frozen=True, slots=True)
class Capture:
    """One captured name: its characters in the policy's statement, and the inner table it binds to."""

    column: str
    inner: str
    start: int
    end: int
    tautology: bool
    """The comparison is of the column with itself."""


def captures(catalog: Catalog, policy: Policy, stored: StoredExpr) -> Iterator[Capture]:
    """Captured names in every subquery of the condition.

    A name counts only where it is compared with another column of the same inner table (so the condition does not
    connect the subquery with the policy's row) and no other condition of the subquery refers to the policy's row by
    that column.
    """
    relation = catalog.relations[policy.polrelid]
    own = {attribute.attname for attribute in relation.attributes if not attribute.attisdropped}
    for node in walk(stored.expr):
        if isinstance(node, SubLink):
            yield from _in_query(node.subselect, own, stored, 1)


def _in_query(query: Query, own: set[str], stored: StoredExpr, level: int) -> Iterator[Capture]:
    outer = _outer_columns(query, level)
    for conjunct in _conjuncts(query):
        yield from _in_comparison(conjunct, query, own, stored, has_outer=bool(outer))
    for expr in query_expressions(query):
        for node in walk(expr):
            if isinstance(node, SubLink):
                yield from _in_query(node.subselect, own, stored, level + 1)
    for nested in nested_queries(query):
        yield from _in_query(nested, own, stored, level + 1)


def _in_comparison(
    conjunct: Expr, query: Query, own: set[str], stored: StoredExpr, *, has_outer: bool
) -> Iterator[Capture]:
    if not isinstance(conjunct, OpExpr) or len(conjunct.args) != 2:
        return
    left, right = (_vars(arg) for arg in conjunct.args)
    if len(left) != 1 or len(right) != 1:
        return
    one, two = left[0], right[0]
    if one.levelsup or two.levelsup or one.varno != two.varno:
        return
    rte = query.rtable[one.varno - 1]
    if rte.kind != "relation":
        return
    tautology = one.attnum == two.attnum and all(isinstance(_bare(arg), Var) for arg in conjunct.args)
    if has_outer and not tautology:
        return
    # the side without a table's name is the one that was meant for outside; of two bare names, the second
    for var in (two, one):
        name = rte.colnames[var.attnum - 1] if var.attnum > 0 else ""
        # a dump qualifies what was captured: a column compared with itself says nothing, however it is written
        if (var.qualified and not tautology) or name not in own or var.raw is None:
            continue
        start, end = expression_extent(stored.statement, var.raw)
        yield Capture(name, rte.eref, start, end, tautology)
        return


def _bare(expr: Expr) -> Expr:
    return expr.arg if isinstance(expr, RelabelType) else expr


def _vars(expr: Expr) -> list[Var]:
    return [node for node in walk(expr) if isinstance(node, Var)]


def _conjuncts(query: Query) -> Iterator[Expr]:
    stack = [query.where, *(_quals(item) for item in query.fromlist)]
    while stack:
        expr = stack.pop()
        if isinstance(expr, BoolExpr) and expr.op in ("and", "or"):
            stack.extend(expr.args)
        elif expr is not None:
            yield expr


def _quals(item: FromItem) -> Expr | None:
    return item.quals if isinstance(item, JoinExpr) else None


def _outer_columns(query: Query, level: int) -> set[int]:
    """Columns of the policy's table that the subquery, ``level`` levels in, refers to."""
    found: set[int] = set()
    for expr in query_expressions(query):
        for node in walk(expr):
            if isinstance(node, Var) and node.levelsup == level:
                found.add(node.attnum)
            elif isinstance(node, SubLink):
                found |= _outer_columns(node.subselect, level + 1)
    for nested in nested_queries(query):
        found |= _outer_columns(nested, level + 1)
    return found
