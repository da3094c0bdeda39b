"""RLS307: a migration replaces a policy by one that lets more rows through."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.implication.history import weakenings


def check(facts: Facts, *, added: bool) -> Iterator[Match]:
    """One match a policy and kind of row. One that is added to others is information: that it lets more through is what
    permissive policies are for."""
    for weak in weakenings(facts.catalog, facts.changes, facts.newest):
        if weak.kind == "added" and not added:
            continue
        relation = facts.catalog.relations[weak.policy.polrelid]
        by_row: dict[str, list[int]] = {}
        for index, (_, _, row) in enumerate(weak.found):
            by_row.setdefault(row, []).append(index)
        for row, indexes in by_row.items():
            yield Match(
                span=weak.statement.span,
                relation=relation,
                policy=weak.policy,
                statements=tuple(dict.fromkeys(weak.found[index][0] for index in indexes)),
                roles=tuple(dict.fromkeys(weak.found[index][1] for index in indexes)),
                severity="info" if weak.kind == "added" else None,
                message="added" if weak.kind == "added" else None,
                facts={
                    "table": facts.name(relation.oid),
                    "previous": list(dict.fromkeys(f'"{one.polname}"' for one in weak.previous)),
                    "row": row,
                    "verdict": "wider",
                },
                related=tuple(
                    (one.origin, f'policy "{one.polname}" as it was') for one in weak.previous if one.origin is not None
                ),
                needs=(NeedNote("keep the condition that went, or say in a comment that more rows are meant to pass"),),
            )
