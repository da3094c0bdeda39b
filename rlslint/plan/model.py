"""What the planner stage predicts for (relation, role, statement); checks read these facts and never trees."""

from __future__ import annotations

from typing import Literal

from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Const, Expr, FuncExpr, Oid, Param, SQLValueFunction, SubLink, Var, walk
from rlslint.records import dataclass
from rlslint.rewrite.model import PolicyClause, RowSecurity, StatementName
from rlslint.source.extent import expression_extent
from rlslint.source.model import Span

ScanMethod = Literal["seq_scan", "index_scan", "bitmap_or", "no_rows", "none", "function_scan"]
Evaluation = Literal["init_plan", "hashed_subplan", "subplan"]
CallEvaluation = Literal["init_plan", "index_condition", "per_row", "inlined", "folded"]
Obstacle = Literal[
    "none",
    "no_index",  # a plain comparison of a column, and no index leads with it
    "not_leading",  # an index holds the column, but not first
    "function_on_column",  # lower(col) = ..., coalesce(col, ...)
    "cast_on_column",  # col::text = ..., int4 col = numeric value
    "operator",  # <>, IS DISTINCT FROM, NOT: no access method serves it
    "any_of_column",  # value = ANY (array column): no index serves it, @> says the same with one
    "opclass",  # the index's operator class does not hold the operator
    "collation",
    "partial",  # the index's predicate is not implied
    "volatile",  # the other side is VOLATILE
    "row_dependent",  # the other side reads the row too
    "subquery",  # EXISTS / IN (SELECT): never drives an index
    "constant",  # no column at all: is_admin(), auth.role() = 'x'
    "call_on_row",  # f(col) as a whole condition
    "other",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationScan:
    """How one relation (or function in FROM) is read."""

    relid: Oid
    """0 for a function or VALUES."""
    name: str
    """``schema.table`` or the function's qualified name, for messages."""
    method: ScanMethod
    indexes: tuple[Oid, ...] = ()
    conditions: tuple[Expr, ...] = ()
    """Quals that are index conditions."""
    filters: tuple[Expr, ...] = ()
    """The other quals, in the order in which they are asked."""
    key_columns: tuple[int, ...] = ()
    """Columns (attnum) compared with something that is known before the scan: what an index should lead with, the
    session-user column first."""
    key_collation: Oid = 0
    """What the first of them is compared by where that is not its own collation."""
    rtindex: int = 0
    end_to_end: bool = False
    """The index is read from its first entry to its last: no condition is on its first column."""

    @property
    def reads_all(self) -> bool:
        """Every row of the table, or every entry of an index on it, is looked at."""
        return self.method == "seq_scan" or self.end_to_end


@dataclass(frozen=True, slots=True, kw_only=True)
class SubqueryPlan:
    """One subquery of a policy, as it runs for this statement."""

    clause: PolicyClause
    sublink: SubLink
    evaluation: Evaluation
    relations: tuple[RelationScan, ...]
    """Every table its plan scans, policies of those tables included."""
    correlated: bool
    depth: int = 0
    """0: directly in the policy; 1: inside another subquery of it ..."""
    not_hashed_because: str | None = None
    """For ``subplan``: what keeps PostgreSQL from hashing it."""
    nested_clauses: tuple[PolicyClause, ...] = ()
    """Policies of the tables it reads, applied inside."""
    in_check: bool = False
    """Runs for new rows (WITH CHECK), not as a filter of a scan."""
    growth: str = "O(1)"
    """Of the subquery alone, per statement."""
    outer_column: int = 0
    """Column of the policy's table that the same condition compares in the form ``column = ANY (ARRAY(SELECT ...))``,
    0 where there is no such form (`plan/uncorrelate.py`)."""

    @property
    def kind(self) -> Literal["exists", "all", "any", "rowcompare", "expr", "array"]:
        """EXISTS, IN (``any``), a scalar subquery (``expr``) ..."""
        return self.sublink.kind.value

    @property
    def bare(self) -> bool:
        """Without FROM: ``(SELECT auth.uid())``."""
        return not self.sublink.subselect.fromlist and self.sublink.subselect.setop is None

    @property
    def nested_relations(self) -> tuple[Oid, ...]:
        """Tables that only the policies of the tables it reads look into."""
        found: dict[Oid, None] = {}
        for clause in self.nested_clauses:
            for node, _ in walk_deep(clause.expr):
                if isinstance(node, SubLink):
                    found.update(dict.fromkeys(rte.relid for rte in node.subselect.rtable if rte.relid))
        return tuple(found)

    @property
    def span(self) -> Span:
        """Its place in the file: the whole ``EXISTS (...)``, ``x IN (...)`` or ``(SELECT ...)``."""
        return place(self.clause, self.sublink)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """One function call of a policy, as it runs for this statement."""

    clause: PolicyClause
    call: FuncExpr
    function: str
    """``auth.uid``: qualified, pg_catalog left out."""
    evaluation: CallEvaluation
    depends_on_row: bool
    """Reads a column of the policy's table or of an enclosing subquery."""
    volatility: Literal["i", "s", "v"]
    depth: int = 0
    """Number of subqueries around it."""
    not_inlined_because: str | None = None
    wrapped: bool = False
    """It stands in a scalar subquery of its own: ``(select f())``."""
    in_check: bool = False
    costly: bool = True
    """More than a cheap built-in such as now()."""
    inner: RelationScan | None = None
    """For ``depth`` > 0: the relation whose filter holds the call; None for a function in FROM."""
    behind: bool = False
    """Other conditions over the row stand before it: it runs for the rows that pass them."""
    again: bool = False
    """For ``depth`` > 0: a subquery around it runs again for each row of the policy's table."""

    @property
    def start(self) -> int:
        """Character offset of the call in its statement's text."""
        return extent(self.clause, self.call)[0]

    @property
    def end(self) -> int:
        """Character offset behind the call's closing parenthesis."""
        return extent(self.clause, self.call)[1]

    @property
    def span(self) -> Span:
        """Its place in the file."""
        return place(self.clause, self.call)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmMatch:
    """One arm of the OR that the planner sees (one per permissive policy, more where a policy holds OR itself), and
    whether an index could serve it alone."""

    clause: PolicyClause
    arm: Expr
    conjunct: Expr
    """The condition in the arm that an index serves, or that comes nearest."""
    columns: tuple[int, ...] = ()
    index: Oid = 0
    obstacle: Obstacle = "none"
    near_index: Oid = 0
    """The index that holds the column but cannot be used."""
    collation: Oid = 0
    """What the column is compared by where that is not its own collation."""
    if_inlined: Oid = 0
    """The index that would serve the condition if the helper function in it were inlined; what stands against that is
    in ``held_by``."""
    held_by: str = ""
    searched: tuple[Expr, ...] = ()
    """Where ``conjunct`` is an OR: what each of its arms is searched by."""

    @property
    def span(self) -> Span:
        """The place of the condition in the file."""
        return place(self.clause, self.conjunct)

    @property
    def operand(self) -> Expr:
        """The side of the comparison that holds the column: what an index on an expression would index."""
        for side in self.conjunct.children():
            if any(isinstance(node, Var) and node.levelsup == 0 for node in walk(side)):
                return side
        return self.conjunct

    @property
    def literals(self) -> tuple[str, ...]:
        """Texts of the literals in the condition."""
        return tuple(node.value for node in walk(self.conjunct) if isinstance(node, Const) and node.value is not None)

    @property
    def literal(self) -> bool:
        """The column, or one of those in an OR, is compared with a constant that stands in the policy (``status = 'open'``):
        such a condition seldom is selective, and an index on it seldom helps."""
        return any(map(is_literal, self.searched or (self.conjunct,)))


def is_literal(expr: Expr) -> bool:
    """Whether a condition asks for nothing but what stands in it."""
    return not any(isinstance(node, (FuncExpr, SubLink, SQLValueFunction, Param)) for node in walk(expr))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPlan:
    """The prediction for one relation, role and statement."""

    relid: Oid
    role: Oid
    statement: StatementName
    row_security: RowSecurity
    error: str | None = None
    """SQLSTATE that the statement meets whatever the rows: 42P17, 54001, 42501."""
    error_reason: str | None = None
    scan: RelationScan
    subqueries: tuple[SubqueryPlan, ...] = ()
    """Those written in the table's own policies."""
    nested_subqueries: tuple[SubqueryPlan, ...] = ()
    """Those written in policies of the tables that ``subqueries`` read; ``clause`` is such a policy's."""
    calls: tuple[CallPlan, ...] = ()
    arms: tuple[ArmMatch, ...] = ()
    growth: str = "O(1)"
    assumptions: tuple[str, ...] = ()


def extent(clause: PolicyClause, expr: Expr) -> tuple[int, int]:
    """Character offsets of an expression in the text of its policy's statement; (-1, -1) if nobody wrote it there."""
    if expr.raw is None:
        return -1, -1
    return expression_extent(clause.stored.statement, expr.raw)


def place(clause: PolicyClause, expr: Expr) -> Span:
    """The expression's place in the file; the whole condition's if nobody wrote it there."""
    start, end = extent(clause, expr)
    return clause.stored.span if start < 0 else clause.stored.statement.span_of(start, end)


def reads(plan: AccessPlan) -> set[Oid]:
    """Tables that the statement touches by its policies."""
    return {plan.relid} | reads_inside(plan)


def reads_inside(plan: AccessPlan) -> set[Oid]:
    """Those that subqueries touch."""
    found: set[Oid] = set()
    for subquery in plan.subqueries:
        found.update(scan.relid for scan in subquery.relations)
        found.update(clause.policy.polrelid for clause in subquery.nested_clauses)
    return found
