"""Where aggregates, window functions, sets and subqueries may stand, and which columns GROUP BY leaves to the rest of a
query (parse_agg.c, parse_func.c check_srf_call_placement, functional dependency on a primary key included)."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query, TargetEntry, query_expressions
from rlslint.nodes.primnodes import Aggref, Expr, FuncExpr, SubLink, Unresolved, Var, walk
from rlslint.records import replace


def misplaced(expr: Expr, where: str, *, subqueries: bool = True) -> Unresolved | None:
    """What PostgreSQL lets stand in no such place: aggregates (42803), window functions (42P20), set-returning
    functions and, without ``subqueries``, subqueries (0A000). ``where`` names the place in the plural."""
    for node in walk(expr):
        match node:
            case Aggref(window=True):
                return _wrong(expr, f"window functions are not allowed in {where}", "42P20")
            case Aggref() if not _of_outer_query(node):
                return _wrong(expr, f"aggregate functions are not allowed in {where}", "42803")
            case FuncExpr(retset=True):
                return _wrong(expr, f"set-returning functions are not allowed in {where}", "0A000")
            case SubLink() if not subqueries:
                return _wrong(expr, f"cannot use subquery in {where.removesuffix('s')}", "0A000")
    return None


def _wrong(expr: Expr, reason: str, sqlstate: str) -> Unresolved:
    return Unresolved(
        type=expr.type, reason=reason, sqlstate=sqlstate, args=(expr,), location=expr.location, raw=expr.raw
    )


def _of_outer_query(node: Aggref) -> bool:
    """An aggregate belongs to the innermost query that a column in it comes from."""
    levels = [one.levelsup for one in walk(node) if isinstance(one, Var)]
    return bool(levels) and min(levels) > 0


def checked(catalog: Catalog, query: Query, *, sets: bool) -> Query:
    """A plain SELECT with what stands in a wrong place, or is neither grouped nor aggregated, marked as an error.

    ``sets``: GROUP BY has ROLLUP, CUBE or GROUPING SETS, whose columns are not looked into.
    """
    if any(isinstance(node, Unresolved) and node.sqlstate for one in query_expressions(query) for node in walk(one)):
        # what is wrong in itself is met before
        return query
    if query.where is not None:
        query = replace(query, where=misplaced(query.where, "WHERE") or query.where)
    for key in query.group_by:
        problem = misplaced(key, "GROUP BY")
        # a set-returning function may stand there
        if problem is not None and problem.sqlstate != "0A000":
            return replace(query, group_by=(problem,))
    for join in query.fromlist:
        problem = _misplaced_in_join(join)
        if problem is not None:
            return replace(query, where=problem)
    nested = next((expr for expr in query_expressions(query) if _nested(expr)), None)
    if nested is not None:
        return replace(query, where=_wrong(nested, "aggregate function calls cannot be nested", "42803"))
    aggregates = any(
        isinstance(node, Aggref) and not node.window and not _of_outer_query(node)
        for expr in query_expressions(query)
        for node in walk(expr)
    )
    if sets or not (query.group_by or aggregates or query.having is not None):
        return query
    keys = {_flat(query, expr) for expr in query.group_by}
    targets = tuple(
        TargetEntry(expr=_ungrouped(catalog, query, one.expr, keys) or one.expr, name=one.name) for one in query.targets
    )
    having = query.having and (_ungrouped(catalog, query, query.having, keys) or query.having)
    order_by = tuple(_ungrouped(catalog, query, one, keys) or one for one in query.order_by)
    return replace(query, targets=targets, having=having, order_by=order_by)


def _misplaced_in_join(item: FromItem) -> Unresolved | None:
    if not isinstance(item, JoinExpr):
        return None
    own = None if item.quals is None else misplaced(item.quals, "JOIN conditions")
    return own or _misplaced_in_join(item.larg) or _misplaced_in_join(item.rarg)


def _nested(expr: Expr) -> bool:
    """Whether a plain aggregate stands in another one's arguments."""
    return any(
        isinstance(inner, Aggref) and not inner.window and not _of_outer_query(inner)
        for node in walk(expr)
        if isinstance(node, Aggref) and not node.window and not _of_outer_query(node)
        for arg in node.args
        for inner in walk(arg)
    )


def _flat(query: Query, expr: Expr, level: int = 0) -> Expr:
    """A column of a join as the column behind it (flatten_join_alias_vars)."""
    while isinstance(expr, Var) and expr.levelsup == level and 0 < expr.varno <= len(query.rtable):
        rte = query.rtable[expr.varno - 1]
        if rte.kind != "join" or not 0 < expr.attnum <= len(rte.joinvars):
            break
        behind = rte.joinvars[expr.attnum - 1]
        if not isinstance(behind, Var):
            return behind
        expr = replace(behind, levelsup=behind.levelsup + level)
    return expr


def _ungrouped(catalog: Catalog, query: Query, expr: Expr, keys: set[Expr]) -> Unresolved | None:
    for var in _loose(query, expr, keys, 0):
        if not 0 < var.varno <= len(query.rtable):
            return None
        rte = query.rtable[var.varno - 1]
        table = catalog.relations.get(rte.relid)
        if rte.kind == "unknown" or (table is not None and not table.complete):
            return None
        if table is not None and _depends(catalog, var, table.oid, keys):
            continue
        name = rte.colnames[var.attnum - 1] if 0 < var.attnum <= len(rte.colnames) else "*"
        reason = f'column "{rte.eref}.{name}" must appear in the GROUP BY clause or be used in an aggregate function'
        return _wrong(expr, reason, "42803")
    return None


def _depends(catalog: Catalog, var: Var, relid: int, keys: set[Expr]) -> bool:
    """Whether the table's primary key is grouped by (check_functional_grouping)."""
    grouped = {key.attnum for key in keys if isinstance(key, Var) and key.varno == var.varno and not key.levelsup}
    return any(
        row.contype == "p" and not row.condeferrable and grouped.issuperset(row.conkey)
        for row in catalog.constraints_of(relid)
    )


def _loose(query: Query, expr: Expr, keys: set[Expr], level: int) -> Iterator[Var]:
    """Columns of ``query`` outside its aggregates and its grouping expressions; ``level`` queries lie between."""
    if level == 0 and _flat(query, expr) in keys:
        return
    match expr:
        case Var():
            flat = _flat(query, expr, level)
            at_home = replace(flat, levelsup=0) if isinstance(flat, Var) and flat.levelsup == level else flat
            if at_home in keys:
                return
            if isinstance(at_home, Var):
                if isinstance(flat, Var) and flat.levelsup == level:
                    yield at_home
            elif level == 0:
                yield from _loose(query, at_home, keys, 0)
            return
        case Aggref(window=False) if not _of_outer_query(expr):
            return
        case Unresolved() if "FuncCall" in (expr.raw or {}):
            # it may be an aggregate
            return
        case SubLink():
            for inner in query_expressions(expr.subselect):
                yield from _loose(query, inner, keys, level + 1)
    for child in expr.children():
        yield from _loose(query, child, keys, level)
