"""RLS201: a role may insert rows that no SELECT policy lets it see."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, Need, NeedNote, NeedSelectPolicy
from rlslint.nodes.primnodes import Oid
from rlslint.rewrite.model import PolicyClause, StatementName
from rlslint.rewrite.rowsecurity import applicable_quals


def check(facts: Facts) -> Iterator[Match]:
    """One match an INSERT policy and role whose new rows must pass a SELECT policy that there is none of.

    Where the role has an UPDATE policy too, upsert is RLS214's business. Where the files grant INSERT and withhold
    SELECT, writing only is what the author meant: said all the same, as information.
    """
    for plan in facts.plans:
        if plan.statement != "insert_returning" or plan.row_security.bypass is not None:
            continue
        inserting = applicable_quals(facts.catalog, plan.relid, plan.role, "a", check=True)
        insert = facts.passing(plan.role, inserting.permissive)
        if not insert or not facts.blind(plan.relid, plan.role):
            continue
        relation = facts.catalog.relations[plan.relid]
        if not facts.granted(plan.role, relation, "insert"):
            continue
        readable = facts.granted(plan.role, relation, "select")
        updating = applicable_quals(facts.catalog, plan.relid, plan.role, "w", check=False)
        update = facts.passing(plan.role, updating.permissive)
        upserts = readable and update and facts.granted(plan.role, relation, "update")
        statements: tuple[StatementName, ...] = ("insert_returning",) if upserts else ("insert_returning", "upsert")
        clause = insert[-1]
        yield Match(
            span=clause.policy.origin or clause.stored.span,
            relation=relation,
            policy=clause.policy,
            statements=statements,
            roles=(plan.role,),
            severity=None if readable else "info",
            message=None if readable else "no_privilege",
            facts={"table": facts.name(plan.relid), "relname": relation.relname, "sqlstate": "42501"},
            needs=_needs(facts, plan.relid, plan.role, clause) if readable else (_GRANT,),
        )


def _needs(facts: Facts, relid: Oid, role: Oid, clause: PolicyClause) -> tuple[Need, ...]:
    """A SELECT policy, unless there is one: that it is constantly false is somebody's decision."""
    closed = applicable_quals(facts.catalog, relid, role, "r", check=False).permissive
    return (_CLOSED,) if closed else (NeedSelectPolicy(relid, (role,), clause),)


_CLOSED = NeedNote(
    "leave it so if the SELECT policies that are false are meant so, and ask for no row back (return=minimal); else give the "
    "role one that shows it what it wrote"
)
_GRANT = NeedNote(
    "leave it so if the role is meant to write only; else give it the SELECT privilege and a SELECT policy"
)
