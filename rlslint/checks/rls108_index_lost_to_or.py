"""RLS108: one arm of an OR has its index, another can have none, and so the whole table is read."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import PUBLIC
from rlslint.checks.model import Facts, Match, Need, NeedNote, NeedRewrite, NeedRoles
from rlslint.checks.policy_scans import curable, needed_beside, whole_scans
from rlslint.nodes.primnodes import BoolExpr, OpExpr, SubLink
from rlslint.plan.clauses import make_and
from rlslint.plan.model import ArmMatch, extent
from rlslint.plan.signed_out import any_user_passes, holds_only_for, names_who_asks


def check(facts: Facts) -> Iterator[Match]:
    """One match an arm that no index can serve beside arms that have theirs."""
    for plan in whole_scans(facts):
        served = [arm for arm in plan.arms if arm.index]
        # what a literal asks for is seldom few rows: then nothing much is lost
        if all(arm.literal for arm in served):
            continue
        if any(_lets_most_pass(facts, arm) for arm in plan.arms):
            # the whole table is then what is asked for
            continue
        # what compares with the user before what compares with a literal, which many rows may hold
        served.sort(key=lambda arm: arm.literal)
        blocked = [arm for arm in plan.arms if not curable(facts, plan, arm)]
        for arm in blocked:
            others = [one.clause for one in served if one.clause != arm.clause]
            whole = [one for one in others if all(each.index for each in plan.arms if each.clause == one)]
            elsewhere = next(iter((*whole, *others)), None)
            here = any(one.clause == arm.clause for one in served)
            named = [one for one in served if here or one.clause == elsewhere]
            lost = [index.relname for one in named if (index := facts.catalog.indexes.get(one.index)) is not None]
            yield Match(
                span=arm.span,
                relation=facts.catalog.relations[plan.relid],
                policy=arm.clause.policy,
                statements=(plan.statement,),
                roles=(plan.role,),
                message=None if here else "policy" if whole else "arm_of_policy",
                facts={
                    "table": facts.name(plan.relid),
                    "index": lost[0],
                    "indexes": list(dict.fromkeys(lost)),
                    "obstacle": arm.obstacle,
                    "other": "" if elsewhere is None else elsewhere.policy.polname,
                },
                needs=(*_needs(facts, arm), *needed_beside(arm, blocked)),
            )


def _lets_most_pass(facts: Facts, arm: ArmMatch) -> bool:
    """Whether all that the arm asks for is a signed-in user, or what a NOT (EXISTS or IN) leaves."""
    return all(
        (isinstance(part, BoolExpr) and part.op == "not" and isinstance(part.args[0], SubLink))
        or any_user_passes(facts.catalog, part, facts.signed_in_roles)
        for part in make_and((arm.arm,))
    )


def _needs(facts: Facts, arm: ArmMatch) -> tuple[Need, ...]:
    rewrite = NeedRewrite(arm.clause, *extent(arm.clause, arm.conjunct))
    if arm.obstacle != "constant":
        return (rewrite, NeedNote(_advice(facts, arm), unless_cured=True))
    advice = _ADVICE[arm.obstacle]
    policy = arm.clause.policy
    needs: list[Need] = [rewrite]
    for name in arm.literals:
        role = facts.catalog.find_role(name)
        if role is not None and (role.rolbypassrls or role.rolsuper):
            advice = f"drop this condition: {name} bypasses row security and never comes here"
            if PUBLIC in policy.polroles and holds_only_for(facts.catalog, arm.clause.expr, name):
                needs.insert(0, NeedRoles(policy, (role.oid,), names_who_asks(name)))
    return (*needs, NeedNote(advice))


def _advice(facts: Facts, arm: ArmMatch) -> str:
    part = arm.conjunct
    operator = facts.catalog.operators.get(part.opno) if isinstance(part, OpExpr) else None
    return _UNEQUAL if operator is not None and operator.oprname == "<>" else _ADVICE.get(arm.obstacle, _OTHERS)


_UNEQUAL = (
    "<> keeps all but some, which no index finds: where few rows pass, a partial index over them (... WHERE condition) serves"
    " this arm, and where most do, reading the whole table is right for them: a view or a role of their own keeps it from"
    " everybody else"
)
_OTHERS = "give this condition a form that an index serves, or a policy of its own for the role that it is meant for"
_ADVICE = {
    "constant": "grant this to a role: a policy of its own, TO that role, leaves the index to everybody else",
    "no_index": "if few rows match, a partial index over them (... WHERE condition) serves this arm as well",
    "not_leading": "if few rows match, a partial index over them (... WHERE condition) serves this arm as well",
}
