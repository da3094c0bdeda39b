"""RLS401: a migration's own UPDATE, DELETE or INSERT ... SELECT is subject to forced row security and finds nothing."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import BOOTSTRAP_SUPERUSER
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.replay.session import Event
from rlslint.rewrite.model import Quals, StatementName
from rlslint.rewrite.rowsecurity import PolCmd, bypasses, quals_among
from rlslint.rewrite.truth import Environment, may_pass

_COMMANDS: dict[str, tuple[PolCmd, StatementName]] = {
    "update": ("w", "update"),
    "delete": ("d", "delete"),
    "insert": ("a", "insert"),
    "read": ("r", "select"),
}


def check(facts: Facts) -> Iterator[Match]:
    """One match a statement and table, where no policy that applies to the one who migrates could let a row through."""
    for event in facts.events:
        if event.migration not in facts.newest or event.action not in _COMMANDS or not _bound(facts, event):
            continue
        command, statement = _COMMANDS[event.action]
        needed = [_quals(facts, event, command, check=event.action == "insert")]
        if event.reads_columns:
            needed.append(_quals(facts, event, "r", check=False))
        environment = Environment(dict(event.settings), unset=True)
        if all(may_pass(facts.catalog, quals, environment) for quals in needed):
            continue
        read = {name for quals in needed for name in facts.settings_read(quals)}
        missing = sorted(read - environment.settings.keys())
        because = (
            f"its policies ask for {', '.join(missing)}, which is not set here" if missing else "no policy lets it"
        )
        yield Match(
            span=event.statement.span,
            relation=facts.catalog.relations.get(event.relation.oid) or event.relation,
            statements=(statement,),
            roles=(event.role,),
            message=event.action if event.action in ("insert", "read") else None,
            facts={
                "table": facts.name_of(event.relation),
                "action": event.action.upper(),
                "relname": event.relation.relname,
                "settings": missing,
                "because": because,
                "rows": 0,
            },
            needs=(NeedNote(_CURE),),
        )


_CURE = (
    "set what the policies ask for, or lift the force for this step in the same transaction (ALTER TABLE ... NO FORCE ROW "
    "LEVEL SECURITY, the change, FORCE again), or migrate as a role with BYPASSRLS; and check the count of rows"
)


def _bound(facts: Facts, event: Event) -> bool:
    """Whether row security applies to who runs the files. Nothing says who that is where no preset knows it: FORCE is
    there for an owner who is no superuser."""
    if not event.relation.relforcerowsecurity or not event.relation.relrowsecurity:
        return False
    if event.as_login and event.role == BOOTSTRAP_SUPERUSER:
        return True
    return bypasses(facts.catalog, event.relation, event.role) is None


def _quals(facts: Facts, event: Event, command: PolCmd, *, check: bool) -> Quals:
    return quals_among(facts.catalog, event.policies, event.role, command, check=check)
