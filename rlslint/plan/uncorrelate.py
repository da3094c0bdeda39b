"""A policy's condition and a subquery in it in, the column of the row that the same condition could be compared with out.

``EXISTS (SELECT FROM m WHERE m.team = docs.team AND m.usr = u)``, ``u IN (SELECT m.usr ... WHERE m.team = docs.team)``
and ``docs.team IN (SELECT m.team ...)`` let the same rows through as ``docs.team = ANY (ARRAY(SELECT m.team FROM m WHERE
m.usr = u))``. They differ only where one is false and the other NULL, which AND and OR do not turn into true; below NOT
they are not the same. Rests on the definition of EXISTS and IN in the SQL standard, not on a choice of the planner.
"""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, walk_query
from rlslint.nodes.primnodes import Aggref, BoolExpr, Expr, Oid, OpExpr, SubLink, SubLinkType, Var, walk
from rlslint.plan import clauses
from rlslint.plan.exists import simplify_exists
from rlslint.plan.mutate import has_vars_of_level
from rlslint.records import replace


def comparable_column(catalog: Catalog, condition: Expr, sublink: SubLink) -> int:
    """Number of the column of the policy's table in the form ``column = ANY (ARRAY(SELECT ...))`` of a condition around
    ``sublink``; 0 where there is no such form."""
    known = catalog.remembered("leaf_of_sublink", catalog.relations)
    if id(condition) not in known:
        # the condition is kept, so that its identity stays its own
        known[id(condition)] = condition, _leaf_of_sublinks(condition)
    leaf: Expr | None = known[id(condition)][1].get(id(sublink.raw))
    if leaf is None:
        return 0
    return _in_or_exists(catalog, sublink) if leaf.raw is sublink.raw else _scalar(catalog, leaf, sublink)


def _leaf_of_sublinks(condition: Expr) -> dict[int, Expr]:
    """The first leaf that holds it, by the identity of what was written of each subquery."""
    found: dict[int, Expr] = {}
    for leaf in _leaves(condition):
        for node in walk(leaf):
            if isinstance(node, SubLink):
                found.setdefault(id(node.raw), leaf)
    return found


def _leaves(condition: Expr) -> Iterator[Expr]:
    """What stands below AND and OR."""
    if isinstance(condition, BoolExpr) and condition.op != "not":
        for arg in condition.args:
            yield from _leaves(arg)
    else:
        yield condition


def _in_or_exists(catalog: Catalog, sublink: SubLink) -> int:
    query = sublink.subselect
    if sublink.kind is SubLinkType.EXISTS:
        simple = simplify_exists(query)
        return 0 if simple is None else _compared(catalog, simple)
    if sublink.kind is not SubLinkType.ANY or len(sublink.lefthand) != 1 or not _equality(catalog, *sublink.opnos):
        return 0
    left = clauses.strip_relabel(sublink.lefthand[0])
    if not clauses.correlated(sublink):
        return left.attnum if isinstance(left, Var) and left.attnum > 0 else 0
    if has_vars_of_level(left, 0) or not _plain(query):
        return 0
    return _compared(catalog, query)


def _scalar(catalog: Catalog, leaf: Expr, sublink: SubLink) -> int:
    """``(SELECT role FROM m WHERE m.team = docs.team ...) = 'admin'``, ``(SELECT count(*) ...) > 0``."""
    if sublink.kind is not SubLinkType.EXPR or not isinstance(leaf, OpExpr) or len(leaf.args) != 2:
        return 0
    other = next((arg for arg in leaf.args if arg.raw is not sublink.raw), None)
    if other is None or has_vars_of_level(other, 0):
        return 0
    query = sublink.subselect
    if _counts_any(catalog, leaf, query):
        return _compared(catalog, replace(query, has_aggs=False, targets=()))
    # one without an aggregate may raise where it finds two rows; the other form does not: who rewrites it says so
    return _compared(catalog, query) if _plain(query) and _equality(catalog, leaf.opno) else 0


def _counts_any(catalog: Catalog, leaf: OpExpr, query: Query) -> bool:
    """``count(*) > 0``, ``0 < count(*)``, ``count(*) >= 1``."""
    target = query.targets[0].expr if len(query.targets) == 1 else None
    if not isinstance(target, Aggref) or target.args or target.window or target.extra or query.group_by:
        return False
    proc, operator = catalog.procs.get(target.funcid), catalog.operators.get(leaf.opno)
    if proc is None or proc.proname != "count" or operator is None:
        return False
    texts = [str(getattr(clauses.strip_relabel(arg), "value", "?")) for arg in leaf.args]
    return (operator.oprname, *texts) in ((">", "?", "0"), ("<", "0", "?"), (">=", "?", "1"), ("<=", "1", "?"))


def _plain(query: Query) -> bool:
    return not (
        query.setop
        or query.group_by
        or query.has_aggs
        or query.has_windows
        or query.having is not None
        or query.limit is not None
        or query.offset is not None
        or query.ctes
    )


def _compared(catalog: Catalog, query: Query) -> int:
    """The column in the one condition ``inner = column`` that refers to the row; others may speak of the row alone."""
    if query.where is None or query.setop or query.ctes:
        return 0
    if any(isinstance(node, Var) and node.levelsup == level for node, level in walk_query(replace(query, where=None))):
        return 0
    found = 0
    for conjunct in clauses.make_and((query.where,)):
        if not has_vars_of_level(conjunct, 1):
            continue
        if not has_vars_of_level(conjunct, 0):
            # about the row alone: it may stand beside the subquery
            continue
        column = _linked(catalog, conjunct)
        if not column or found:
            return 0
        found = column
    return found


def _linked(catalog: Catalog, conjunct: Expr) -> int:
    if not isinstance(conjunct, OpExpr) or conjunct.kind != "op" or not _equality(catalog, conjunct.opno):
        return 0
    left, right = (clauses.strip_relabel(arg) for arg in conjunct.args)
    for outer, inner in ((left, right), (right, left)):
        if isinstance(outer, Var) and outer.levelsup == 1 and outer.attnum > 0 and not has_vars_of_level(inner, 1):
            return outer.attnum
    return 0


def _equality(catalog: Catalog, *opnos: Oid) -> bool:
    rows = [catalog.operators.get(opno) for opno in opnos]
    return len(rows) == 1 and rows[0] is not None and rows[0].oprname == "="
