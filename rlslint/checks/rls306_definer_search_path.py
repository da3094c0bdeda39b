"""RLS306: a SECURITY DEFINER function that a policy calls looks names up where its caller says."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.exposure import policy_functions, signature
from rlslint.checks.model import Facts, Match, NeedNote


def check(facts: Facts, *, trusted_schemas: tuple[str, ...]) -> Iterator[Match]:
    """One match a function. A BEGIN ATOMIC or RETURN body is resolved when the function is created: not found here."""
    for proc, clause, roles in policy_functions(facts):
        if not proc.prosecdef or proc.prosqlbody:
            continue
        path = dict(proc.proconfig).get("search_path")
        strangers = [] if path is None or not trusted_schemas else _others(path, trusted_schemas)
        if path is not None and not strangers:
            continue
        if proc.origin is None or proc.prolang not in ("sql", "plpgsql"):
            continue
        relation = facts.catalog.relations[clause.policy.polrelid]
        yield Match(
            span=proc.origin,
            relation=relation,
            policy=clause.policy,
            roles=roles,
            message="path" if strangers else None,
            facts={
                "table": facts.name(relation.oid),
                "function": signature(facts, proc),
                "owner": facts.catalog.rolname(proc.proowner),
                **({"schemas": strangers} if strangers else {}),
            },
            related=((clause.stored.span, "the policy that calls it"),),
            needs=(NeedNote("add SET search_path = '' and write every name in it with its schema"),),
        )


def _others(path: str, trusted: tuple[str, ...]) -> list[str]:
    """Schemas of the path that are not trusted, as they are written there."""
    names = [name.strip().strip('"') for name in path.split(",")]
    return [name for name in names if name and name not in (*trusted, "pg_catalog", "pg_temp")]
