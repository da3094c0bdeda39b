"""One migration replayed, out of which it can be had again without being replayed: what it read, changed and noted.

As long as nothing that it read is another one, replaying it would change the same rows and note the same things. An edit
of an old migration so costs that migration, and those after it that have to do with what it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.store import Read
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field
from rlslint.replay.session import Session
from rlslint.source.model import Migration

Place = tuple[int, Oid]
"""A store's number and a row's OID."""
State = tuple[Any, ...]


@dataclass(slots=True)
class Trace:
    """A migration as it ran."""

    migration: Migration
    before: State
    """What the session held beside the catalog's rows."""
    reads: set[Read] = field(default_factory=set)
    was: dict[Place, Any] = field(default_factory=dict)
    """Rows that it changes, as they were; None for one that there was not."""
    rows: dict[Place, Any] = field(default_factory=dict)
    """The same afterwards; None for one that is gone."""
    notes: tuple[tuple[Any, ...], ...] = ()
    """What it added to each of the session's lists."""
    after: State = ()
    transaction: int = 0
    lasting: bool = True
    """Not what begins or ends within a transaction: what undoes that is bound to its own replay."""

    def holds(self, session: Session, migration: Migration, changed: set[Read]) -> bool:
        """Whether replaying it now, with these answers changed since it ran, would come to the same."""
        return (
            self.lasting
            and migration is self.migration
            and self.reads.isdisjoint(changed)
            and self.before == state(session)
        )

    def apply(self, session: Session, number: int) -> None:
        """Come to the same."""
        stores = session.catalog.stores
        for (store, oid), row in self.rows.items():
            if row is not None:
                stores[store].put(row)
            else:
                stores[store].remove(oid)
        for kept, added in zip(_lists(session), self.notes, strict=True):
            kept.extend(added)
        _set_state(session, self.after)
        session.migration = number
        session.transaction = self.transaction


@contextmanager
def traced(session: Session, migration: Migration) -> Iterator[Trace]:
    """Watch what replaying a migration reads and changes."""
    catalog = session.catalog
    trace = Trace(migration, state(session))
    lengths = [len(kept) for kept in _lists(session)]
    for store in catalog.stores:
        store.reads, store.before = trace.reads, {}
    try:
        yield trace
    finally:
        for store in catalog.stores:
            now = store.rows() if store.before else {}
            for oid, row in (store.before or {}).items():
                if row is not None or oid in now:
                    trace.was[store.number, oid] = row
                    trace.rows[store.number, oid] = now.get(oid)
            store.reads = store.before = None
    trace.notes = tuple(tuple(kept[start:]) for kept, start in zip(_lists(session), lengths, strict=True))
    trace.after = state(session)
    trace.transaction = session.transaction
    trace.lasting = all((*trace.before[-2:], *trace.after[-2:]))


def differences(catalog: Catalog, old: Trace | None, new: Trace | None) -> set[Read]:
    """What is answered otherwise after the one than after the other; None: after nothing."""
    found: set[Read] = set()
    places = {*(old.rows if old else ()), *(new.rows if new else ())}
    for place in places:
        was = old.rows.get(place) if old else None
        is_ = new.rows.get(place) if new else None
        if was is is_ and was is not None:
            continue
        store, oid = place
        before = (trace.was.get(place) for trace in (old, new) if trace is not None)
        for row in {id(row): row for row in (was, is_, *before)}.values():
            found.update(catalog.stores[store].keys_of(oid, row))
    return found


def state(session: Session) -> State:
    """What a session holds beside the catalog's rows and what it has noted."""
    catalog = session.catalog
    return (
        tuple(catalog.default_acls),
        tuple(catalog.extensions.items()),
        frozenset(catalog.unknown_schemas),
        session.search_path_setting,
        session.search_path,
        session.role,
        session.login_role,
        tuple(session.settings.items()),
        frozenset(session.dropped_roles),
        session.unfollowed,
        session.start_role,
        session.start_search_path,
        session.local_settings is None,
        not session.savepoints,
    )


def _set_state(session: Session, given: State) -> None:
    catalog = session.catalog
    catalog.default_acls[:] = given[0]
    for held, value in ((catalog.extensions, given[1]), (session.settings, given[7])):
        held.clear()
        held.update(value)
    for names, value in ((catalog.unknown_schemas, given[2]), (session.dropped_roles, given[8])):
        names.clear()
        names.update(value)
    session.search_path_setting, session.search_path, session.role, session.login_role = given[3:7]
    session.unfollowed, session.start_role, session.start_search_path = given[9:12]
    session.local_settings = None


def _lists(session: Session) -> tuple[list[Any], ...]:
    return session.problems, session.steps, session.rejected_policies, session.policy_changes, session.events
