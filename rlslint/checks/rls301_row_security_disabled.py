"""RLS301: a table that an API serves, and no row security on it."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.exposure import clients_with, exposed
from rlslint.checks.globs import means_table
from rlslint.checks.model import Facts, Match, NeedNote

_WRITES = ("insert", "update", "delete")


def check(facts: Facts, *, public_tables: tuple[str, ...]) -> Iterator[Match]:
    """One match a table in an exposed schema that some client role has a privilege on.

    A partition is named with its partitioned table where that is open as well; where only the partition is, it is
    RLS311's business.
    """
    for relation in facts.tables:
        if relation.relrowsecurity or not exposed(facts, relation.relnamespace) or relation.inhparents:
            continue
        public = means_table(facts, public_tables, relation)
        roles = clients_with(facts, relation, *_WRITES, *(() if public else ("select",)))
        span = relation.rls_origin or relation.origin
        if not roles or span is None:
            continue
        below = facts.catalog.descendants_of(relation.oid)
        yield Match(
            span=span,
            relation=relation,
            roles=roles,
            message="public" if public else None,
            facts={
                "table": facts.name(relation.oid),
                "schema": facts.catalog.nspname(relation.relnamespace),
                "children": [facts.name(child.oid) for child in below if not child.relrowsecurity],
            },
            needs=(NeedNote(_cure(facts.name(relation.oid), public)),),
        )


def _cure(table: str, public: bool) -> str:
    if public:
        return (
            f"REVOKE INSERT, UPDATE, DELETE ON {table} from them, or row security and a policy FOR SELECT USING (true)"
        )
    return f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, then its policies"
