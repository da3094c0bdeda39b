"""RLS311: a partition or child table that clients can read directly, past its parent's policies."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import Relation
from rlslint.checks.exposure import clients_with, reachable
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Oid

_PRIVILEGES = ("select", "insert", "update", "delete")
_NAMED = 5
"""Children that are named; there may be one a day, of many years."""


def check(facts: Facts) -> Iterator[Match]:
    """One match a table with row security, at the first of its children without it on which some client role has a
    privilege."""
    open_to: dict[tuple[Oid, tuple[Oid, ...]], list[Relation]] = {}
    for relation in facts.tables:
        if relation.relrowsecurity or not reachable(facts, relation.relnamespace):
            continue
        parent = _protected(facts, relation)
        roles = clients_with(facts, relation, *_PRIVILEGES) if parent is not None else ()
        if parent is not None and roles and relation.origin is not None:
            open_to.setdefault((parent.oid, roles), []).append(relation)
    for (parent_oid, roles), children in open_to.items():
        first = children[0]
        assert first.origin is not None
        names = [facts.name(child.oid) for child in children]
        some = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        kind = "partition" if first.relispartition else "child table"
        yield Match(
            span=first.origin,
            relation=first,
            roles=roles,
            facts={
                "table": some,
                "parent": facts.name(parent_oid),
                "kind": kind if len(names) == 1 else f"{kind}s",
                "children": names,
            },
            related=tuple(
                (child.origin, f"{name} is another one")
                for child, name in zip(children[1:_NAMED], names[1:_NAMED], strict=True)
                if child.origin is not None
            ),
            needs=(
                NeedNote(
                    f"ALTER TABLE {names[0]} ENABLE ROW LEVEL SECURITY (queries of the parent need no policy on it), or "
                    "revoke the privileges on it"
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
