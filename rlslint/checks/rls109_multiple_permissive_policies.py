"""RLS109: several permissive policies that apply to the same statement of the same role."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.membership import has_privs_of_role
from rlslint.catalog.rows import Policy
from rlslint.checks.model import Facts, Match, Need, NeedMerge, NeedNote, NeedRegroup
from rlslint.nodes.primnodes import Oid
from rlslint.plan.clauses import is_true, make_and
from rlslint.plan.model import AccessPlan
from rlslint.rewrite.model import PolicyClause, StatementName
from rlslint.rewrite.rowsecurity import bypasses

_Groups = dict[tuple[Policy, ...], list[AccessPlan]]
"""Policies that are ORed, and the statements of roles that they are ORed for."""
_COMMANDS: tuple[StatementName, ...] = ("select", "insert", "update", "delete")


def check(facts: Facts, *, max_policies: int) -> Iterator[Match]:
    """One match a table: the last of the policies that are ORed, with all of them. Conditions that are constantly false
    fold away and cost nothing; where one is all that is left of the OR, and no other group is ORed, it is said which decide
    nothing."""
    found: dict[Oid, _Groups] = {}
    opened: dict[Oid, _Groups] = {}
    same: dict[Oid, _Groups] = {}
    for plan in facts.plans:
        if plan.statement not in _COMMANDS or plan.error is not None:
            continue
        clauses = tuple(one for one in _permissive(plan) if not facts.never_true((one,)))
        policies = tuple(dict.fromkeys(clause.policy for clause in clauses))
        if len(policies) <= max_policies or _has_all_rows(facts, clauses):
            continue
        open_one = _all_that_is_left(clauses)
        if open_one is None and _say_the_same(plan):
            same.setdefault(plan.relid, {}).setdefault(policies, []).append(plan)
        elif open_one is None:
            found.setdefault(plan.relid, {}).setdefault(policies, []).append(plan)
        elif idle := tuple(one for one in policies if _is_idle(one, open_one)):
            opened.setdefault(plan.relid, {}).setdefault((open_one, *idle), []).append(plan)
    for relid in dict.fromkeys((*found, *opened, *same)):
        match = _match(facts, relid, found.get(relid), opened.get(relid), same.get(relid))
        if match is not None:
            yield match


def _all_that_is_left(clauses: Sequence[PolicyClause]) -> Policy | None:
    """The policy that the planner reduces the OR to: one that is constantly true, or of which every other says all and
    more (A OR A AND B; process_duplicate_ors)."""
    parts = [(one.policy, frozenset(make_and((one.stored.expr,)))) for one in clauses]
    if len({said for _, said in parts}) == 1:
        return None if parts[0][1] else parts[0][0]
    return next((policy for policy, said in parts if all(said <= other for _, other in parts)), None)


def _is_idle(policy: Policy, beside: Policy) -> bool:
    """Whether it decides nothing beside one that is true: FOR ALL it still decides over other commands."""
    return policy is not beside and (policy.polcmd != "*" or beside.polcmd == "*")


def _match(
    facts: Facts, relid: Oid, found: _Groups | None, opened: _Groups | None, same: _Groups | None
) -> Match | None:
    groups = found or opened or same or {}
    every = tuple(dict.fromkeys(policy for group in groups for policy in group))
    last = max((policy for policy in every if policy.origin), key=lambda one: one.oid, default=None)
    if last is None or last.origin is None:
        return None
    plans = [plan for group in groups.values() for plan in group]
    open_ones = list(dict.fromkeys(group[0] for group in opened)) if opened and not found else []
    apart = _by_statement(groups)
    more: dict[str, object] = {}
    if open_ones:
        more["open"] = [policy.polname for policy in open_ones]
    elif len(apart) > 1:
        more["groups"] = "; ".join(apart)
    return Match(
        span=last.origin,
        relation=facts.catalog.relations[relid],
        policy=last,
        statements=tuple(dict.fromkeys(plan.statement for plan in plans)),
        roles=tuple(dict.fromkeys(plan.role for plan in plans)),
        facts={
            "table": facts.name(relid),
            "policies": [policy.polname for policy in every if policy not in open_ones],
            "count": max(len(group) for group in groups),
        }
        | more,
        message=_kind(open_ones) if open_ones else _WORDS[not found, bool(more)],
        needs=_needs(facts, groups),
    )


_WORDS: Final = {(False, False): None, (False, True): "several", (True, False): "same", (True, True): "same_several"}
"""The message, by whether the conditions are equal and whether other policies apply to other statements."""


def _kind(open_ones: Sequence[Policy]) -> str:
    each = ([one.polqual, one.polwithcheck] for one in open_ones)
    return "open" if all(any(one is not None and is_true(one.expr) for one in stored) for stored in each) else "within"


def _say_the_same(plan: AccessPlan) -> bool:
    """Whether the conditions are equal: of A OR A the planner keeps one (process_duplicate_ors)."""
    return len({clause.stored.expr for clause in _permissive(plan)}) == 1


def _by_statement(groups: _Groups) -> list[str]:
    """The policies under which statements are, whichever the role: ``SELECT: a, b``."""
    under: dict[StatementName, dict[str, None]] = {}
    for policies, plans in groups.items():
        for plan in plans:
            under.setdefault(plan.statement, {}).update(dict.fromkeys(policy.polname for policy in policies))
    named: dict[tuple[str, ...], list[str]] = {}
    for statement in _COMMANDS:
        if statement in under:
            named.setdefault(tuple(under[statement]), []).append(statement.upper())
    return [f"{', '.join(statements)}: {', '.join(names)}" for names, statements in named.items()]


def _permissive(plan: AccessPlan) -> tuple[PolicyClause, ...]:
    """The policies for the statement's own command, in order of creation."""
    security = plan.row_security
    quals = security.security_quals[:1] or tuple(
        option.quals for option in security.with_check_options if option.kind == "insert"
    )
    return tuple(clause for one in quals for clause in one.permissive)


def _has_all_rows(facts: Facts, clauses: Sequence[PolicyClause]) -> bool:
    """Whether one policy lets this role do everything, and the others are there for roles that it is not for: the OR folds
    to true (eval_const_expressions), so nothing is paid for them, and no TO could leave out who inherits them."""
    return any(
        is_true(one.stored.expr)
        and all(_is_for_more(facts, other.policy, one.policy) for other in clauses if other.policy is not one.policy)
        and (one.policy.polcmd == "*" or not any(is_true(other.stored.expr) for other in clauses if other is not one))
        for one in clauses
    )


def _is_for_more(facts: Facts, policy: Policy, other: Policy) -> bool:
    """Whether it applies to a role that the other does not apply to."""
    return any(
        not any(has_privs_of_role(facts.catalog, role, named) for named in other.polroles) for role in policy.polroles
    )


def _needs(facts: Facts, groups: _Groups) -> tuple[Need, ...]:
    """Policies of one set of roles may become one a command, those of others one a command and role."""
    alike: dict[frozenset[Oid], dict[Policy, None]] = {}
    for policies in groups:
        for policy in policies:
            beside = [one for one in policies if frozenset(one.polroles) == frozenset(policy.polroles)]
            if len(beside) > 1:
                alike.setdefault(frozenset(policy.polroles), {}).update(dict.fromkeys(beside))
    needs = [NeedMerge(tuple(same)) for same in alike.values()]
    every = tuple(dict.fromkeys(policy for policies in groups for policy in policies))
    relation = facts.catalog.relations[every[0].polrelid]
    holders = facts.holders(relation)
    if holders and bypasses(facts.catalog, relation, relation.relowner) is None:
        holders = tuple(sorted({*holders, relation.relowner}))
    named = {role for policy in every for role in policy.polroles}
    advice = _UNKNOWN if PUBLIC in named and not holders else _INHERITED if _inherit(facts, named) else _ADVICE
    return (*needs, NeedRegroup(every, holders), NeedNote(advice, unless_cured=True))


def _inherit(facts: Facts, roles: Collection[Oid]) -> bool:
    """Whether one of the roles has the privileges of another."""
    return any(one != other and has_privs_of_role(facts.catalog, one, other) for one in roles for other in roles)


_ADVICE: Final = "name in TO whom each is meant for, and split FOR ALL into its commands, so that fewer apply at once"
_UNKNOWN: Final = (
    "policies that differ in their roles can only be merged for known roles, and nothing here grants the table to any: "
    f"{_ADVICE}"
)
_INHERITED: Final = (
    "no TO leaves out a role that has the privileges of one that it names: what applies to the roles above needs no policy "
    "that only says it again"
)
