"""A policy's condition and its plan in, how often each call in it runs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rlslint.catalog.catalog import PG_CATALOG, Catalog
from rlslint.nodes.parsenodes import Query, nested_queries, query_expressions, walk_deep
from rlslint.nodes.primnodes import BoolExpr, Const, Expr, FuncExpr, SubLink, SubLinkType, Var, walk
from rlslint.plan import clauses
from rlslint.plan.from_items import inline_set_function
from rlslint.plan.model import CallEvaluation, CallPlan, RelationScan
from rlslint.plan.mutate import outer_vars, relids
from rlslint.plan.planned import Planned, PlannedSubLink
from rlslint.plan.simplify import Simplifier
from rlslint.records import dataclass
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
class Written:
    """A call that the policy's author wrote."""

    call: FuncExpr
    depth: int
    wrapped: bool
    depends_on_row: bool


def written_calls(clause: PolicyClause) -> tuple[Written, ...]:
    """Every call that the policy's author wrote, in order."""
    return tuple(_calls(clause.expr, 0, False))


def uses_of(
    calls: Iterable[Written],
    conditions: Iterable[Expr],
    filters: Iterable[Expr],
    sublinks: Sequence[PlannedSubLink],
    once: Iterable[Expr] = (),
) -> dict[int, list[Use]]:
    """What has become of the calls in a scan's conditions and in its subqueries, by the identity of their parse nodes;
    ``once`` are conditions that are asked before the scan."""
    found: dict[int, list[Use]] = {id(one.call.raw): [] for one in calls if one.call.raw is not None}
    if found:
        _Uses(found).note(conditions, filters, sublinks, once)
    return found


@dataclass(frozen=True, slots=True)
class _Uses:
    """Gathers the uses of some parse nodes, by their identity."""

    found: dict[int, list[Use]]

    def note(
        self,
        conditions: Iterable[Expr],
        filters: Iterable[Expr],
        sublinks: Sequence[PlannedSubLink],
        once: Iterable[Expr],
    ) -> None:
        for expr in conditions:
            self._all(expr, "index_condition")
        self._in_turn(tuple(filters), None)
        for sublink in sublinks:
            self._inside(sublink)
        for expr in once:
            self._all(expr, "init_plan")

    def _all(self, expr: Expr, place: CallEvaluation, scan: RelationScan | None = None) -> None:
        for node in walk(expr):
            if (uses := self.found.get(id(node.raw))) is not None:
                uses.append(Use(node, place, scan))

    def _inside(self, sublink: PlannedSubLink, again: bool = False) -> None:
        plan = sublink.plan
        again = again or sublink.evaluation == "subplan"
        for scan in plan.scans:
            for expr in scan.conditions:
                self._all(expr, "index_condition", scan)
            self._in_turn(scan.filters, scan, again=again)
        self._beside_scans(plan, once=sublink.evaluation != "subplan")
        for below in plan.sublinks:
            self._inside(below, again)

    def _in_turn(
        self, exprs: Sequence[Expr], scan: RelationScan | None, behind: bool = False, again: bool = False
    ) -> None:
        """The nodes of conditions that are asked one after the other until one is not true (ExecQual), each with whether
        one over the row is asked before it."""
        for number, expr in enumerate(exprs, 1):
            self._nodes(expr, scan, behind, again)
            behind = behind or (number < len(exprs) and bool(relids(expr)))

    def _nodes(self, expr: Expr, scan: RelationScan | None, behind: bool, again: bool) -> None:
        if (uses := self.found.get(id(expr.raw))) is not None:
            uses.append(Use(expr, "per_row", scan, behind, again))
        if isinstance(expr, BoolExpr) and expr.op == "and":
            self._in_turn(expr.args, scan, behind, again)
            return
        for child in expr.children():
            self._nodes(child, scan, behind, again)

    def _beside_scans(self, plan: Planned, *, once: bool) -> None:
        """What a query evaluates besides its scans' conditions, those in its FROM and the arms of a set operation
        included."""
        bare = not plan.flat.rels
        first = plan.scans[0] if plan.scans else None
        rest = [qual.expr for qual in [*plan.flat.constant, *plan.flat.joins]]
        rest += [qual.expr for rel in plan.flat.rels for qual in rel.late]
        # the filter of a subquery, of a WITH query
        rest += [qual.expr for rel in plan.flat.rels if rel.relation is None for qual in rel.quals]
        for expr in [*plan.flat.outputs, *rest]:
            self._all(expr, "init_plan" if once and bare else "per_row", first)
        for rel in plan.flat.rels:
            if rel.function is not None:
                # called once for each scan, and a function of nothing but the session once in all
                alone = once and not relids(rel.function) and not outer_vars(rel.function)
                self._all(rel.function, "init_plan" if alone else "per_row")
        for inner in plan.inside:
            self._beside_scans(inner, once=once)


def call_plans(
    catalog: Catalog,
    simplifier: Simplifier,
    clause: PolicyClause,
    calls: Iterable[Written],
    uses: dict[int, list[Use]],
    *,
    in_check: bool,
) -> Iterator[CallPlan]:
    """What becomes of each call that stands in a policy's condition."""
    for found in calls:
        call = found.call
        proc = catalog.procs.get(call.funcid)
        name = "?"
        if proc is not None:
            name = proc.proname if proc.pronamespace == PG_CATALOG else catalog.qualified_name(proc)
        evaluation, use = _evaluation(catalog, found, uses)
        yield CallPlan(
            clause=clause,
            call=call,
            function=name,
            evaluation=evaluation,
            depends_on_row=found.depends_on_row,
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


def _evaluation(catalog: Catalog, found: Written, uses: dict[int, list[Use]]) -> tuple[CallEvaluation, Use | None]:
    """A call without a place in the plan was folded; one whose body has taken its place was inlined: a subquery in FROM of
    a set-returning function."""
    call = found.call
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
    if not itself and found.depends_on_row:
        return "inlined", place
    return place.place, place


def depends_on_row(call: FuncExpr) -> bool:
    """Whether a column outside the call's own subqueries goes into it."""
    return any(isinstance(node, Var) and node.levelsup >= level for node, level in walk_deep(call))


def _calls(expr: Expr, depth: int, wrapped: bool) -> Iterator[Written]:
    for node in walk(expr):
        if isinstance(node, FuncExpr) and node.form == "call":
            yield Written(node, depth, wrapped, depends_on_row(node))
        if isinstance(node, SubLink):
            query = node.subselect
            alone = node.kind is SubLinkType.EXPR and not query.fromlist and not clauses.correlated(node)
            yield from _query_calls(node, depth + 1, alone)


def _query_calls(sublink: SubLink, depth: int, wrapped: bool) -> Iterator[Written]:
    def below(query: Query, depth: int) -> Iterator[Written]:
        for expr in query_expressions(query):
            yield from _calls(expr, depth, wrapped)
        for nested in nested_queries(query):
            yield from below(nested, depth)

    yield from below(sublink.subselect, depth)
