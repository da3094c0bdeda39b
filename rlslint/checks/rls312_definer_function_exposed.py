"""RLS312: a helper with its owner's rights that anybody may call through the API, about anybody."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.acl import has_privilege
from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.rows import Proc
from rlslint.checks.exposure import enters, exposed, policy_functions, signature
from rlslint.checks.globs import means_function
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Oid
from rlslint.rewrite.functions import body_tables, calls_closure, session_reads

_TRIGGERS = frozenset({2279, 3838})


def check(facts: Facts, *, allowed_functions: tuple[str, ...]) -> Iterator[Match]:
    """One match a SECURITY DEFINER function in a served schema that a policy calls, that anonymous callers may execute,
    and that reads tables without asking who calls: it answers about anybody.

    One that compares with the session's user tells an anonymous caller nothing, and is none.
    """
    for proc, clause, _ in policy_functions(facts):
        if not proc.prosecdef or not exposed(facts, proc.pronamespace) or proc.prorettype in _TRIGGERS:
            continue
        if means_function(facts, allowed_functions, proc):
            continue
        callers = _anonymous(facts, proc)
        tables = sorted(
            {
                facts.name(relid)
                for row in calls_closure(facts.catalog, proc)
                for relid in body_tables(facts.catalog, row)
            }
        )
        if not callers or not tables or proc.origin is None or session_reads(facts.catalog, proc) is not None:
            continue
        yield Match(
            span=proc.origin,
            relation=facts.catalog.relations[clause.policy.polrelid],
            policy=clause.policy,
            roles=callers,
            facts={
                "function": signature(facts, proc),
                "schema": facts.catalog.nspname(proc.pronamespace),
                "owner": facts.catalog.rolname(proc.proowner),
                "tables": tables,
                "table": facts.name(clause.policy.polrelid),
            },
            related=((clause.stored.span, "the policy that calls it"),),
            needs=(NeedNote("move it to a schema that is not served; policies go on calling it there"),),
        )


def _anonymous(facts: Facts, proc: Proc) -> tuple[Oid, ...]:
    """Roles of requests without a user that may execute it."""
    catalog = facts.catalog
    names = (role for role in catalog.roles if role.rolname in facts.anonymous_roles)
    roles = [role.oid for role in names] or [PUBLIC]
    return tuple(
        role
        for role in roles
        if has_privilege(catalog, role, proc, "execute") and enters(facts, role, proc.pronamespace)
    )
