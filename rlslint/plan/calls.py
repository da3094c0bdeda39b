"""A policy's condition and its plan in, how often each call in it runs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rlslint.catalog.catalog import PG_CATALOG, Catalog
from rlslint.frozen import dataclass
from rlslint.nodes.parsenodes import Query, nested_queries, query_expressions, walk_deep
from rlslint.nodes.primnodes import BoolExpr, Const, Expr, FuncExpr, SubLink, SubLinkType, Var, walk
from rlslint.plan import clauses
from rlslint.plan.from_items import inline_set_function
from rlslint.plan.model import CallEvaluation, CallPlan, RelationScan
from rlslint.plan.mutate import outer_vars, relids
from rlslint.plan.planned import Planned, PlannedSubLink
from rlslint.plan.simplify import Simplifier
from rlslint.rewrite.functions import is_current_setting
from rlslint.rewrite.model import PolicyClause


@dataclass(frozen=True, slots=True)
class Use:
    """A node of the finished plan: where it is evaluated."""

    node: Expr
    place: CallEvaluation
    """``init_plan``, ``index_condition`` or ``per_row``."""
    scan: RelationScan | None = None
    """Inside a subquery: the relation whose scan, or the first of whose query's, evaluates it."""
    behind: bool = False
    """Other conditions over the row stand before it, and what they turn down does not come to it."""
    again: bool = False
    """The subquery that it stands in runs again for each row."""


@dataclass(frozen=True, slots=True)
class _Call:
    call: FuncExpr
    depth: int
    wrapped: bool


def uses_of(
    conditions: Iterable[Expr],
    filters: Iterable[Expr],
    sublinks: Sequence[PlannedSubLink],
    once: Iterable[Expr] = (),
) -> dict[int, list[Use]]:
    """Nodes of a scan's conditions and of its subqueries, by the identity of their parse nodes; ``once`` are conditions
    that are asked before the scan."""
    found: dict[int, list[Use]] = {}
    asked = (Use(node, "init_plan") for expr in once for node in walk(expr))
    for use in [*_uses(conditions, filters, sublinks), *asked]:
        if use.node.raw is not None:
            found.setdefault(id(use.node.raw), []).append(use)
    return found


def _uses(conditions: Iterable[Expr], filters: Iterable[Expr], sublinks: Sequence[PlannedSubLink]) -> Iterator[Use]:
    for expr in conditions:
        for node in walk(expr):
            yield Use(node, "index_condition")
    for node, behind in _in_turn(tuple(filters)):
        yield Use(node, "per_row", behind=behind)
    for sublink in sublinks:
        yield from _inside(sublink)


def _inside(sublink: PlannedSubLink, again: bool = False) -> Iterator[Use]:
    plan = sublink.plan
    again = again or sublink.evaluation == "subplan"
    for scan in plan.scans:
        for expr in scan.conditions:
            for node in walk(expr):
                yield Use(node, "index_condition", scan)
        for node, behind in _in_turn(scan.filters):
            yield Use(node, "per_row", scan, behind, again)
    yield from _beside_scans(plan, once=sublink.evaluation != "subplan")
    for below in plan.sublinks:
        yield from _inside(below, again)


def _in_turn(exprs: Sequence[Expr], behind: bool = False) -> Iterator[tuple[Expr, bool]]:
    """The nodes of conditions that are asked one after the other until one is not true (ExecQual), each with whether one
    over the row is asked before it."""
    for number, expr in enumerate(exprs, 1):
        yield from _nodes(expr, behind)
        behind = behind or (number < len(exprs) and bool(relids(expr)))


def _nodes(expr: Expr, behind: bool) -> Iterator[tuple[Expr, bool]]:
    yield expr, behind
    if isinstance(expr, BoolExpr) and expr.op == "and":
        yield from _in_turn(expr.args, behind)
        return
    for child in expr.children():
        yield from _nodes(child, behind)


def _beside_scans(plan: Planned, *, once: bool) -> Iterator[Use]:
    """What a query evaluates besides its scans' conditions, those in its FROM and the arms of a set operation included."""
    bare = not plan.flat.rels
    first = plan.scans[0] if plan.scans else None
    rest = [qual.expr for qual in [*plan.flat.constant, *plan.flat.joins]]
    rest += [qual.expr for rel in plan.flat.rels for qual in rel.late]
    # the filter of a subquery, of a WITH query
    rest += [qual.expr for rel in plan.flat.rels if rel.relation is None for qual in rel.quals]
    for expr in [*plan.flat.outputs, *rest]:
        for node in walk(expr):
            yield Use(node, "init_plan" if once and bare else "per_row", first)
    for rel in plan.flat.rels:
        if rel.function is not None:
            # called once for each scan, and a function of nothing but the session once in all
            alone = once and not relids(rel.function) and not outer_vars(rel.function)
            for node in walk(rel.function):
                yield Use(node, "init_plan" if alone else "per_row")
    for inner in plan.inside:
        yield from _beside_scans(inner, once=once)


def call_plans(
    catalog: Catalog, simplifier: Simplifier, clause: PolicyClause, uses: dict[int, list[Use]], *, in_check: bool
) -> Iterator[CallPlan]:
    """Every call that the policy's author wrote, in order."""
    for found in _calls(clause.expr, 0, False):
        call = found.call
        proc = catalog.procs.get(call.funcid)
        name = "?"
        if proc is not None:
            name = proc.proname if proc.pronamespace == PG_CATALOG else catalog.qualified_name(proc)
        evaluation, use = _evaluation(catalog, call, uses)
        yield CallPlan(
            clause=clause,
            call=call,
            function=name,
            evaluation=evaluation,
            depends_on_row=depends_on_row(call),
            volatility=clauses.func_volatile(catalog, call.funcid),
            depth=found.depth,
            not_inlined_because=simplifier.not_inlined.get(id(call.raw)),
            wrapped=found.wrapped,
            in_check=in_check,
            costly=proc is None or proc.prolang not in ("internal", "c") or is_current_setting(proc),
            inner=use.scan if use is not None and found.depth else None,
            behind=use is not None and use.behind,
            again=use is not None and use.again,
        )


def _evaluation(catalog: Catalog, call: FuncExpr, uses: dict[int, list[Use]]) -> tuple[CallEvaluation, Use | None]:
    """A call without a place in the plan was folded; one whose body has taken its place was inlined: a subquery in FROM of
    a set-returning function."""
    here = uses.get(id(call.raw), []) if call.raw is not None else []
    live = [use for use in here if not isinstance(use.node, Const)]
    if not live:
        return "inlined" if inline_set_function(catalog, call) is not None else "folded", None
    itself = [use for use in live if isinstance(use.node, FuncExpr) and use.node.funcid == call.funcid]
    places = {use.place: use for use in sorted(itself or live, key=lambda use: not use.behind)}
    # the costliest use counts
    place = next(places[one] for one in ("per_row", "index_condition", "init_plan") if one in places)
    if not itself and place.place == "per_row":
        return "inlined", place
    if not itself and depends_on_row(call):
        return "inlined", place
    return place.place, place


def depends_on_row(call: FuncExpr) -> bool:
    """Whether a column outside the call's own subqueries goes into it."""
    return any(isinstance(node, Var) and node.levelsup >= level for node, level in walk_deep(call))


def _calls(expr: Expr, depth: int, wrapped: bool) -> Iterator[_Call]:
    for node in walk(expr):
        if isinstance(node, FuncExpr) and node.form == "call":
            yield _Call(node, depth, wrapped)
        if isinstance(node, SubLink):
            query = node.subselect
            alone = node.kind is SubLinkType.EXPR and not query.fromlist and not clauses.correlated(node)
            yield from _query_calls(node, depth + 1, alone)


def _query_calls(sublink: SubLink, depth: int, wrapped: bool) -> Iterator[_Call]:
    def below(query: Query, depth: int) -> Iterator[_Call]:
        for expr in query_expressions(query):
            yield from _calls(expr, depth, wrapped)
        for nested in nested_queries(query):
            yield from below(nested, depth)

    yield from below(sublink.subselect, depth)
