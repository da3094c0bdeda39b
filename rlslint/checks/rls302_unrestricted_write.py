"""RLS302: a policy lets clients write every row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.rows import Policy, Relation, StoredExpr
from rlslint.checks.exposure import api_roles, clients_with, reachable, restrictions
from rlslint.checks.globs import means_table
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Oid
from rlslint.plan.clauses import is_true
from rlslint.rewrite.model import StatementName

_COMMANDS: Final[dict[Literal["a", "w", "d"], tuple[StatementName, str]]] = {
    "a": ("insert", "insert"),
    "w": ("update", "update"),
    "d": ("delete", "delete"),
}


def check(facts: Facts, *, public_inserts: tuple[str, ...]) -> Iterator[Match]:
    """One match a permissive policy whose condition for a write is the constant true for anon, authenticated or PUBLIC.

    A restrictive policy that is not constant itself, a missing privilege and a schema that is not served each keep the
    write from being unrestricted. FOR SELECT USING (true) is how a table is made public on purpose.
    """
    for policy in facts.policies:
        relation = facts.catalog.relations[policy.polrelid]
        if policy.origin is None or not policy.polpermissive or not relation.relrowsecurity:
            continue
        if not reachable(facts, relation.relnamespace):
            continue
        open_to: dict[StatementName, tuple[Oid, ...]] = {}
        for command, (statement, privilege) in _COMMANDS.items():
            if command == "a" and means_table(facts, public_inserts, relation):
                continue
            if policy.polcmd in ("*", command):
                roles = _roles(facts, policy, relation, command, privilege)
                if roles:
                    open_to[statement] = roles
        if open_to:
            yield Match(
                span=policy.origin,
                relation=relation,
                policy=policy,
                statements=tuple(open_to),
                roles=tuple(dict.fromkeys(role for roles in open_to.values() for role in roles)),
                severity="warning" if tuple(open_to) == ("insert",) else "error",
                message="insert" if tuple(open_to) == ("insert",) else None,
                facts={"table": facts.name(relation.oid)},
                needs=(NeedNote("say whose rows these are: compare a column with the current user"),),
            )


def _roles(
    facts: Facts, policy: Policy, relation: Relation, command: Literal["a", "w", "d"], privilege: str
) -> tuple[Oid, ...]:
    """Client roles for which the policy leaves the command open."""
    condition = _condition(policy, command)
    if condition is None:
        return ()
    named, api = set(policy.polroles), api_roles(facts)
    clients = clients_with(facts, relation, privilege)
    if not relation.relacl and not clients:
        # grants are made elsewhere: whom the policy names is all that is known
        clients = tuple(named)
    elif PUBLIC not in named:
        clients = tuple(role for role in clients if role in named)
    allowed = {facts.catalog.rolname(role): role for role in clients}
    return tuple(
        role
        for name, role in allowed.items()
        if (PUBLIC in named or name in api)
        and is_true(facts.simplifier(role).qual_expr(condition.expr))
        and not restrictions(facts, relation.oid, role, command)
    )


def _condition(policy: Policy, command: Literal["a", "w", "d"]) -> StoredExpr | None:
    """What decides which rows the command may touch: existing ones for UPDATE and DELETE, new ones for INSERT."""
    if command == "a":
        return policy.polwithcheck or policy.polqual
    return policy.polqual
