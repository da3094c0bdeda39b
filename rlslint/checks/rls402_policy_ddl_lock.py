"""RLS402: a statement about policies waits for, and then holds up, everybody who uses a busy table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Oid
from rlslint.replay.session import Event

_DDL = {
    "create_policy": "CREATE POLICY",
    "alter_policy": "ALTER POLICY",
    "drop_policy": "DROP POLICY",
    "enable": "ENABLE ROW LEVEL SECURITY",
    "disable": "DISABLE ROW LEVEL SECURITY",
    "force": "FORCE ROW LEVEL SECURITY",
    "no_force": "NO FORCE ROW LEVEL SECURITY",
}


def check(facts: Facts, *, max_lock_timeout: int) -> Iterator[Match]:
    """One match a hot table and migration, at the first such statement; a table that the file itself makes is not yet
    in use."""
    seen: set[tuple[int, Oid]] = set()
    for event in facts.events:
        key = (event.migration, event.relation.oid)
        evidence = facts.hot.get(event.relation.oid, ())
        if event.migration not in facts.newest or key in seen or not evidence:
            continue
        if event.action not in _DDL or not event.existed:
            continue
        wait = _lock_timeout(event)
        if wait and (not max_lock_timeout or wait <= max_lock_timeout):
            continue
        seen.add(key)
        yield Match(
            span=event.statement.span,
            relation=facts.catalog.relations.get(event.relation.oid) or event.relation,
            message="long" if wait else None,
            severity=None if event.relation.oid in facts.hot_told else "info",
            facts={
                "table": facts.name_of(event.relation),
                "command": _DDL[event.action],
                "hot": list(evidence),
                "lock": "AccessExclusiveLock",
                **({"lock_timeout": f"{wait} ms", "longest": f"{max_lock_timeout} ms"} if wait else {}),
            },
            needs=(
                NeedNote(
                    "SET LOCAL lock_timeout = '2s' before it, and run the migration again when it gives up (55P03)"
                ),
            ),
        )


_UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_VALUE = re.compile(r"([\d.]+)\s*([a-z]*)")


def _lock_timeout(event: Event) -> int:
    """Milliseconds after which a wait for locks ends by itself; 0 is PostgreSQL's word for never."""
    match = _VALUE.fullmatch(dict(event.settings).get("lock_timeout", "0").strip())
    if match is None or match[2] not in ("", *_UNITS):
        return 0
    return math.ceil(float(match[1]) * _UNITS.get(match[2], 1))
