"""RLS308: the condition holds when there is nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlslint.catalog.rows import Relation
from rlslint.checks.exposure import live_clauses
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Expr, NullTest, Oid, Var
from rlslint.plan.clauses import is_true
from rlslint.plan.nosession import without_session
from rlslint.rewrite.model import StatementName
from rlslint.rewrite.rowsecurity import applicable_quals


def check(facts: Facts) -> Iterator[Match]:
    """One match a permissive condition that is true for every row once the session's settings are NULL or empty, for
    roles that requests without a user have."""
    for clause, applied in live_clauses(facts).items():
        policy = clause.policy
        relation = facts.catalog.relations[policy.polrelid]
        roles = tuple(role for role in applied if facts.catalog.rolname(role) != "authenticated")
        if policy.origin is None or not policy.polpermissive or not roles:
            continue
        role = roles[0]
        if is_true(facts.simplifier(role).qual_expr(clause.expr)) or _restricted(facts, policy.polrelid, role):
            continue
        for value in (None, ""):
            left = without_session(facts.catalog, role, clause.expr, value)
            if left is not None and _holds(left, relation):
                yield Match(
                    span=clause.stored.span,
                    relation=relation,
                    policy=policy,
                    statements=_STATEMENTS[policy.polcmd],
                    roles=roles,
                    facts={"table": facts.name(relation.oid)},
                    needs=(
                        NeedNote("deny where there is no user: col = the user is NULL, and so not true, without one"),
                    ),
                )
                break


_STATEMENTS: Final[dict[str, tuple[StatementName, ...]]] = {
    "*": ("select", "insert", "update", "delete"),
    "r": ("select",),
    "a": ("insert",),
    "w": ("update",),
    "d": ("delete",),
}


def _holds(left: Expr, relation: Relation) -> bool:
    if isinstance(left, NullTest) and not left.is_null and isinstance(left.arg, Var) and left.arg.attnum > 0:
        return relation.column(left.arg.attnum).attnotnull
    return is_true(left)


def _restricted(facts: Facts, relid: Oid, role: Oid) -> bool:
    return any(applicable_quals(facts.catalog, relid, role, "r", check=False).restrictive)
