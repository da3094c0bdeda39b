"""A subquery in, its rows and conditions in the terms of the row it is asked for out; and what a name in it stands for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.implication.terms import canonical
from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query
from rlslint.nodes.primnodes import Expr, Oid, Var
from rlslint.plan.exists import simplify_exists
from rlslint.plan.mutate import mutate, replace_vars
from rlslint.plan.nosession import unwrapped
from rlslint.plan.simplify import Simplifier
from rlslint.records import dataclass, replace

POLICY_ROW: Final = 1
"""The number of the row that the policy is asked about."""
_rows = itertools.count(1000)


def fresh_row() -> int:
    """A number that no other row has."""
    return next(_rows)


@dataclass(frozen=True)
class Scope:
    """What the columns in a condition belong to: for each query level, innermost first, the row of each range-table
    entry."""

    catalog: Catalog
    role: Oid
    rows: tuple[Mapping[int, int], ...] = ({1: POLICY_ROW},)

    def term(self, expr: Expr) -> Expr:
        """The expression with its columns named by row, in the form that terms are compared in."""

        def change(node: Expr, level: int) -> Expr:
            if isinstance(node, Var) and node.levelsup >= level:
                up = node.levelsup - level
                row = self.rows[up].get(node.varno) if up < len(self.rows) else None
                return node if row is None else replace(node, varno=row, levelsup=level)
            return node

        return canonical(self.catalog, mutate(expr, change))

    def simplified(self, expr: Expr) -> Expr:
        """The expression as the planner simplifies it, ``(SELECT f())`` taken for ``f()``: the same value."""
        return unwrapped(Simplifier(self.catalog, self.role).expression(unwrapped(expr)))


@dataclass(frozen=True, slots=True)
class Inside:
    """The inside of a subquery: its rows, the scope of its expressions, its conditions and its output columns."""

    tables: tuple[tuple[int, Oid], ...]
    scope: Scope
    conditions: tuple[Expr, ...]
    targets: tuple[Expr, ...]


def inside(scope: Scope, query: Query, *, limited: bool) -> Inside | None:
    """The subquery as rows of tables and a condition over them; None where it is more than that (aggregates, LIMIT 0,
    set operations, outer joins, subqueries in FROM): what it returns then does not follow from single rows. ``limited``:
    it is only asked whether there is a row, so LIMIT does no harm."""
    simple = simplify_exists(query)
    if simple is None or simple.group_by or query.group_by or simple.ctes or not simple.fromlist:
        return None
    if query.limit is not None and not limited:
        return None
    numbers: dict[int, int] = {}
    tables: list[tuple[int, Oid]] = []
    for rtindex, rte in enumerate(query.rtable, start=1):
        if rte.kind == "join":
            continue
        if rte.kind != "relation" or scope.catalog.relations.get(rte.relid) is None:
            return None
        numbers[rtindex] = fresh_row()
        tables.append((numbers[rtindex], rte.relid))
    conditions: list[Expr] = []
    for item in query.fromlist:
        found = _join_conditions(item)
        if found is None:
            return None
        conditions += found
    if query.where is not None:
        conditions.append(query.where)
    inner = Scope(scope.catalog, scope.role, (numbers, *scope.rows))

    def joined(var: Var) -> Expr | None:
        rte = query.rtable[var.varno - 1]
        return rte.joinvars[var.attnum - 1] if rte.kind == "join" and 0 < var.attnum <= len(rte.joinvars) else None

    def ready(expr: Expr) -> Expr:
        return inner.simplified(replace_vars(expr, joined))

    return Inside(
        tuple(tables),
        inner,
        tuple(ready(condition) for condition in conditions),
        tuple(ready(target.expr) for target in query.targets),
    )


def _join_conditions(item: FromItem) -> list[Expr] | None:
    if not isinstance(item, JoinExpr):
        return []
    left, right = _join_conditions(item.larg), _join_conditions(item.rarg)
    if left is None or right is None or item.jointype != "inner":
        return None
    return [*left, *right, *([] if item.quals is None else [item.quals])]


def rows_of(expr: Expr) -> Iterator[tuple[int, int]]:
    """(row, column number) of every column that a term reads, in its subqueries too."""
    from rlslint.nodes.parsenodes import walk_deep

    for node, level in walk_deep(expr):
        if isinstance(node, Var) and node.levelsup == level:
            yield node.varno, node.attnum
