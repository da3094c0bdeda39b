"""RLS309: the role that the policies are for owns the table, and row security does not bind owners."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.rewrite.rowsecurity import bypasses


def check(facts: Facts) -> Iterator[Match]:
    """One match a table without FORCE whose owner the configuration calls the application's role, or whose owner one of
    its own policies names."""
    for relation in facts.tables:
        if not relation.relrowsecurity or relation.relforcerowsecurity:
            continue
        policies = facts.catalog.policies_of(relation.oid)
        for policy in policies:
            named = [
                role
                for role in policy.polroles
                if role and bypasses(facts.catalog, relation, role) == "owner" and policy.origin is not None
            ]
            if named and policy.origin is not None:
                yield Match(
                    span=policy.origin,
                    relation=relation,
                    policy=policy,
                    roles=tuple(named),
                    facts={"table": facts.name(relation.oid)},
                    needs=(_note(facts, relation.oid),),
                )
        span = relation.rls_origin or relation.origin
        if facts.connects_as_owner and policies and span is not None:
            yield Match(
                span=span,
                relation=relation,
                roles=(relation.relowner,),
                message="configured",
                facts={"table": facts.name(relation.oid), "owner": facts.catalog.rolname(relation.relowner)},
                needs=(_note(facts, relation.oid),),
            )


def _note(facts: Facts, relid: int) -> NeedNote:
    return NeedNote(
        f"ALTER TABLE {facts.name(relid)} FORCE ROW LEVEL SECURITY, or let the application connect as a role that owns "
        "nothing"
    )
