"""RLS311: a partition or child table that clients can read directly, past its parent's policies."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import Relation
from rlslint.checks.exposure import clients_with, reachable
from rlslint.checks.model import Facts, Match, NeedNote

_PRIVILEGES = ("select", "insert", "update", "delete")


def check(facts: Facts) -> Iterator[Match]:
    """One match a child without row security of a table that has it, where some client role has a privilege on the child
    itself."""
    for relation in facts.tables:
        if relation.relrowsecurity or not reachable(facts, relation.relnamespace):
            continue
        parent = _protected(facts, relation)
        roles = clients_with(facts, relation, *_PRIVILEGES) if parent is not None else ()
        if parent is None or not roles or relation.origin is None:
            continue
        yield Match(
            span=relation.origin,
            relation=relation,
            roles=roles,
            facts={
                "table": facts.name(relation.oid),
                "parent": facts.name(parent.oid),
                "kind": "partition" if relation.relispartition else "child table",
            },
            needs=(
                NeedNote(
                    f"ALTER TABLE {facts.name(relation.oid)} ENABLE ROW LEVEL SECURITY (queries of the parent need no policy "
                    "on it), or revoke the privileges on it"
                ),
            ),
        )


def _protected(facts: Facts, relation: Relation) -> Relation | None:
    """The nearest table above it that has row security."""
    for oid in relation.inhparents:
        parent = facts.catalog.relations.get(oid)
        if parent is None:
            continue
        if parent.relrowsecurity:
            return parent
        above = _protected(facts, parent)
        if above is not None:
            return above
    return None
