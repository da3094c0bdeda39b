"""RLS404: row security is switched on for a table in use, and its first policy comes in a later migration."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.replay.history import first_policy


def check(facts: Facts) -> Iterator[Match]:
    """One match an ENABLE on a table that was there before its file, when no policy was there or made in that file."""
    for event in facts.events:
        if event.action != "enable" or not event.existed or event.policies:
            continue
        first = first_policy(event, facts.events)
        if first is None or first.migration == event.migration:
            continue
        if not facts.newest & {event.migration, first.migration}:
            continue
        yield Match(
            span=event.statement.span,
            relation=facts.catalog.relations.get(event.relation.oid) or event.relation,
            facts={
                "table": facts.name_of(event.relation),
                "later": first.statement.span.source.path,
                "name": first.polname,
                "files_between": first.migration - event.migration,
            },
            related=((first.statement.span, "the first policy"),),
            needs=(NeedNote("enable row security and create the policies in one migration, in one transaction"),),
        )
