"""RLS208: row security is on and there is no policy."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote


def check(facts: Facts) -> Iterator[Match]:
    """One match a table. A partition is left out: whoever goes through its parent meets the parent's policies, and
    closing the direct way is what row security on it is for."""
    for relation in facts.tables:
        if not relation.relrowsecurity or relation.relispartition or facts.catalog.policies_of(relation.oid):
            continue
        span = relation.rls_origin or relation.origin
        if span is None:
            continue
        holders = facts.role_names(facts.holders(relation))
        yield Match(
            span=span,
            relation=relation,
            statements=("select", "insert", "update", "delete"),
            message="forced" if relation.relforcerowsecurity else None,
            facts={"table": facts.name(relation.oid), "holders": holders, "who": ", ".join(holders) or "every role"},
            needs=(
                NeedNote(f"CREATE POLICY ... ON {facts.name(relation.oid)} for the roles that are meant to use it"),
            ),
        )
