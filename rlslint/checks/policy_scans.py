"""What the rules on a policy's own table share: the plan of a whole-table statement in, whether indexes could serve it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from rlslint.catalog.rows import Index
from rlslint.checks.model import Facts, Need, NeedNote
from rlslint.nodes.primnodes import Expr, NullTest, Oid, OpExpr, ScalarArrayOpExpr, Var
from rlslint.plan.clauses import is_true, make_and
from rlslint.plan.model import AccessPlan, ArmMatch, CallPlan, Obstacle, SubqueryPlan
from rlslint.plan.trees import pruned_by

_MISSING: Final = frozenset[Obstacle]({"no_index", "not_leading"})
_DEFEATED: Final = frozenset[Obstacle](
    {"function_on_column", "cast_on_column", "opclass", "collation", "partial", "volatile"}
)


def whole_scans(facts: Facts) -> Iterator[AccessPlan]:
    """Plans that read every row of a table that is not known to be small, or every entry of an index on it, to find those
    that its policies let through: where one of them is constantly true, these are all."""
    for plan in facts.plans:
        if plan.statement in ("select", "update", "delete") and plan.error is None:
            if plan.scan.reads_all and not facts.small(plan.relid) and not _all_pass(plan):
                yield plan


def _all_pass(plan: AccessPlan) -> bool:
    return all(
        not quals.restrictive and any(is_true(one.expr) for one in quals.permissive)
        for quals in plan.row_security.security_quals
    )


def missing_index(facts: Facts, arm: ArmMatch) -> bool:
    """Whether a plain index on the column would serve the arm. A literal in the policy is seldom selective, and how
    much a range or an inequality lets through (``created_at < now()``) nobody can tell. Where each value has a partition,
    there is nothing to be found in it."""
    if arm.obstacle not in _MISSING or arm.literal or not _compares_for_equality(facts, arm):
        return False
    listed = pruned_by(facts.catalog.relations[arm.clause.policy.polrelid])
    return not listed or listed not in arm.columns[:1]


def _compares_for_equality(facts: Facts, arm: ArmMatch) -> bool:
    if not isinstance(arm.conjunct, (OpExpr, ScalarArrayOpExpr)):
        return True
    operator = facts.catalog.operators.get(arm.conjunct.opno)
    return operator is not None and operator.oprname == "="


def curable(facts: Facts, plan: AccessPlan, arm: ArmMatch) -> bool:
    """Whether an index serves the arm, or would after another form of the condition or another index."""
    if arm.index or missing_index(facts, arm):
        return True
    if arm.obstacle in _DEFEATED or turnable(facts, arm):
        return not arm.literal
    return bool(arm.if_inlined) or any(serving_index(facts, one) for one in subqueries_of(plan, arm))


def turnable(facts: Facts, arm: ArmMatch) -> bool:
    """``x = ANY (array column)``, which ``array column @> ARRAY[x]`` says in a form that a GIN index serves."""
    near = facts.catalog.indexes.get(arm.near_index)
    return arm.obstacle == "any_of_column" and near is not None and near.amname == "gin"


def index_would_help(facts: Facts, plan: AccessPlan) -> bool:
    """With an OR, an index helps only when every arm has one or could have one."""
    return all(curable(facts, plan, arm) for arm in plan.arms)


def subqueries_of(plan: AccessPlan, arm: ArmMatch) -> Iterator[SubqueryPlan]:
    """Subqueries that stand in the arm's condition and run as part of the filter."""
    where = arm.span
    for subquery in plan.subqueries:
        span = subquery.span
        if not subquery.in_check and not subquery.depth and subquery.clause == arm.clause:
            if where.source is span.source and where.start <= span.start and span.end <= where.end:
                yield subquery


def serving_index(facts: Facts, subquery: SubqueryPlan) -> Oid:
    """An index that leads with the column that the subquery's array form would be compared with; 0 for none."""
    indexes = facts.catalog.indexes_of(subquery.clause.policy.polrelid)
    for index in sorted(indexes, key=lambda one: (len(one.keys), one.indpred is not None)):
        if index.indisvalid and index.amname in ("btree", "hash") and index.keys and subquery.outer_column:
            if index.keys[0].attnum == subquery.outer_column and holds_all_but_nulls(index, {subquery.outer_column}):
                return index.oid
    return 0


def holds_all_but_nulls(index: Index, columns: Collection[int]) -> bool:
    """Whether the index leaves no row out that has a value in the columns: none at all, or those WHERE one is NULL, which
    no comparison by = asks for."""
    return index.indpred is None or all(_says_not_null(one, columns) for one in make_and((index.indpred.expr,)))


def _says_not_null(expr: Expr, columns: Collection[int]) -> bool:
    return isinstance(expr, NullTest) and not expr.is_null and isinstance(expr.arg, Var) and expr.arg.attnum in columns


def repeated(plan: AccessPlan, call: CallPlan) -> bool:
    """A call that is the same for every row, run for every row that is read."""
    if call.in_check or call.depends_on_row or call.wrapped or not call.costly:
        return False
    if call.evaluation not in ("per_row", "inlined"):
        return False
    if call.depth == 0:
        return plan.scan.method == "seq_scan"
    return call.inner is not None and call.inner.method == "seq_scan"


def needed_beside(arm: ArmMatch, blocked: Sequence[ArmMatch]) -> tuple[Need, ...]:
    """What else stands between the table and its indexes."""
    others = [one for one in blocked if one.span != arm.span]
    if not others:
        return ()
    elsewhere = dict.fromkeys(one.clause.policy.polname for one in others if one.clause.policy is not arm.clause.policy)
    where = f"in {', '.join(elsewhere)}" if elsewhere else "in this policy"
    return (
        NeedNote(f"the indexes are used once every arm has one: others {where} have none either, and need theirs too"),
    )
