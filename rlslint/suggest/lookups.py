"""Functions that policies call in, the columns by which their queries look rows up and what they read of them out.

An index that is needed anyway serves such a query from the index alone when it holds these columns, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, query_expressions, walk_deep
from rlslint.nodes.primnodes import Expr, FuncExpr, Oid, OpExpr, SubLink, Var
from rlslint.plan.clauses import strip_relabel
from rlslint.plan.mutate import has_vars_of_level
from rlslint.rewrite.bodies import body_queries
from rlslint.suggest.rewrites.membership import of_session
from rlslint.suggest.rewrites.writing import conjuncts

_FIXED: Final = frozenset({16, 20, 21, 23, 26, 700, 701, 1082, 1114, 1184, 2950})
"""Types of a few bytes: boolean, integers, oid, floats, date, timestamps, uuid. A long text may not fit into an index."""
_MOST: Final = 3
"""Columns. Wider indexes cost more at every write than a look at the table does."""


def lookups(catalog: Catalog) -> Iterator[tuple[Oid, tuple[int, ...]]]:
    """(table, columns), what the session brings first, then other equalities, then what is read besides."""
    stored = (one for policy in catalog.policies for one in (policy.polqual, policy.polwithcheck) if one is not None)
    called = dict.fromkeys(
        node.funcid for one in stored for node, _ in walk_deep(one.expr) if isinstance(node, FuncExpr)
    )
    for oid in called:
        proc = catalog.procs.get(oid)
        for query, _ in () if proc is None else body_queries(catalog, proc):
            for one in _with_subqueries(query):
                columns = _columns(catalog, one)
                if columns:
                    yield one.rtable[0].relid, columns


def _with_subqueries(query: Query) -> Iterator[Query]:
    yield query
    for expr in query_expressions(query):
        for node, _ in walk_deep(expr):
            if isinstance(node, SubLink):
                yield node.subselect


def _columns(catalog: Catalog, query: Query) -> tuple[int, ...]:
    if len(query.rtable) != 1 or query.rtable[0].kind != "relation":
        return ()
    asked: list[tuple[bool, int]] = []
    for conjunct in conjuncts(query.where):
        for column, value in _equality(catalog, conjunct):
            asked.append((not of_session(catalog, value), column))
    parts = [*conjuncts(query.where), *(target.expr for target in query.targets)]
    read = [
        node.attnum
        for part in parts
        for node, level in walk_deep(part)
        if isinstance(node, Var) and node.levelsup == level
    ]
    columns = tuple(dict.fromkeys([*(column for _, column in sorted(asked, key=lambda one: one[0])), *read]))
    if not asked or len(columns) > _MOST or min(columns) < 1:
        return ()
    table = catalog.relations[query.rtable[0].relid]
    return columns if all(_is_short(catalog, table.column(number).atttypid) for number in columns) else ()


def _is_short(catalog: Catalog, oid: Oid) -> bool:
    kind = catalog.types.get(oid)
    return oid in _FIXED or (kind is not None and kind.typtype == "e")


def _equality(catalog: Catalog, conjunct: Expr) -> Iterator[tuple[int, Expr]]:
    """``column = value``, the value not of the same row."""
    if not isinstance(conjunct, OpExpr) or len(conjunct.args) != 2:
        return
    operator = catalog.operators.get(conjunct.opno)
    if operator is None or operator.oprname != "=":
        return
    for one, other in (conjunct.args, conjunct.args[::-1]):
        column = strip_relabel(one)
        if isinstance(column, Var) and not column.levelsup and not has_vars_of_level(other, 0):
            yield column.attnum, other
