"""RLS308: the condition holds when there is nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlslint.catalog.rows import Relation
from rlslint.checks.exposure import live_clauses, restrictions
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Expr, NullTest, Oid, Var
from rlslint.plan.clauses import is_true
from rlslint.plan.nosession import without_session
from rlslint.rewrite.model import STATEMENTS_OF, PolicyClause
from rlslint.rewrite.rowsecurity import PolCmd


def check(facts: Facts) -> Iterator[Match]:
    """One match a permissive condition that is true for every row once the session's settings are NULL or empty, for
    roles that requests without a user have."""
    for clause, applied in live_clauses(facts).items():
        policy = clause.policy
        relation = facts.catalog.relations[policy.polrelid]
        if policy.origin is None or not policy.polpermissive:
            continue
        open_to = {
            role: commands
            for role in applied
            if facts.catalog.rolname(role) not in facts.signed_in_roles
            and not is_true(facts.simplifier(role).qual_expr(clause.expr))
            and (commands := tuple(one for one in _commands(clause) if _open(facts, clause, role, one)))
        }
        if open_to:
            yield Match(
                span=clause.stored.span,
                relation=relation,
                policy=policy,
                statements=tuple(
                    dict.fromkeys(
                        name for commands in open_to.values() for one in commands for name in STATEMENTS_OF[one]
                    )
                ),
                roles=tuple(open_to),
                facts={"table": facts.name(relation.oid)},
                needs=(NeedNote("deny where there is no user: col = the user is NULL, and so not true, without one"),),
            )


_USES: Final[dict[str, tuple[PolCmd, ...]]] = {"using": ("r", "a", "w", "d"), "check": ("a", "w")}


def _commands(clause: PolicyClause) -> tuple[PolCmd, ...]:
    """Those for which the policy asks the condition: WITH CHECK for new rows, USING else, and where there is no WITH
    CHECK."""
    policy = clause.policy
    uses = tuple(one for one in _USES[clause.clause] if policy.polcmd in ("*", one))
    return tuple(one for one in uses if one != "a" or clause.clause == "check" or policy.polwithcheck is None)


def _open(facts: Facts, clause: PolicyClause, role: Oid, command: PolCmd) -> bool:
    """Whether the condition and whatever stands beside it let a session without a user through: restrictive policies,
    and where the command is UPDATE the policy's other condition."""
    policy = clause.policy
    asked = [clause, *restrictions(facts, policy.polrelid, role, command)]
    if command == "w" and policy.polwithcheck is not None and policy.polqual is not None:
        asked += [PolicyClause(policy, "using", policy.polqual), PolicyClause(policy, "check", policy.polwithcheck)]
    return any(all(_holds_for_nobody(facts, one, role, value) for one in dict.fromkeys(asked)) for value in (None, ""))


def _holds_for_nobody(facts: Facts, clause: PolicyClause, role: Oid, value: str | None) -> bool:
    left = without_session(facts.catalog, role, clause.expr, value)
    if left is None:
        return is_true(facts.simplifier(role).qual_expr(clause.expr))
    return _holds(left, facts.catalog.relations[clause.policy.polrelid])


def _holds(left: Expr, relation: Relation) -> bool:
    if isinstance(left, NullTest) and not left.is_null and isinstance(left.arg, Var) and left.arg.attnum > 0:
        return relation.column(left.arg.attnum).attnotnull
    return is_true(left)
