"""A session between two migrations in, plain data out from which a session can be made anew: for a later run.

`checkpoint` goes back in one run and keeps everything; this leaves out what no rule asks about old migrations: what each
step did, and the tables as they were before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rlslint.catalog.catalog import Catalog, Extension
from rlslint.catalog.rows import DefaultAcl
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass
from rlslint.replay import history
from rlslint.replay.replay import Replayed, handlers
from rlslint.replay.session import Event, PolicyChange, RejectedPolicy, Session
from rlslint.source.model import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a session holds that later statements, or rules, may ask for."""

    pg_version: int
    preset: str
    stores: tuple[tuple[Any, ...], ...]
    """The rows that replay made, store by store."""
    newest_oid: Oid
    default_acls: tuple[DefaultAcl, ...]
    extensions: tuple[Extension, ...]
    preset_extensions: frozenset[str]
    unknown_schemas: frozenset[str]
    search_path: tuple[str, ...]
    search_path_setting: tuple[str, ...]
    role: Oid
    login_role: Oid
    start_role: Oid
    start_search_path: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    dropped_roles: frozenset[str]
    unfollowed: Oid
    transaction: int
    migration: int
    problems: tuple[Problem, ...]
    rejected: tuple[RejectedPolicy, ...]
    policy_changes: tuple[PolicyChange, ...]
    events: tuple[Event, ...]
    """What rules about a later step may come back to (`_open_events`)."""
    acted: tuple[Oid, ...]
    """Roles that did something to tables with row security before."""


def snapshot(session: Session, replayed: Replayed) -> Snapshot | None:
    """The session now; None within a transaction, or where a file is still to end: what that undoes is not kept."""
    if session.savepoints or session.local_settings is not None or session.require_known is not None:
        return None
    catalog = session.catalog
    return Snapshot(
        pg_version=catalog.pg_version,
        preset=replayed.preset,
        stores=tuple(tuple(store.rows().values()) for store in catalog.stores),
        newest_oid=catalog.newest_oid,
        default_acls=tuple(catalog.default_acls),
        extensions=tuple(catalog.extensions.values()),
        preset_extensions=session.preset_extensions,
        unknown_schemas=frozenset(catalog.unknown_schemas),
        search_path=session.search_path,
        search_path_setting=session.search_path_setting,
        role=session.role,
        login_role=session.login_role,
        start_role=session.start_role,
        start_search_path=session.start_search_path,
        settings=tuple(session.settings.items()),
        dropped_roles=frozenset(session.dropped_roles),
        unfollowed=session.unfollowed,
        transaction=session.transaction,
        migration=session.migration,
        problems=tuple(session.problems),
        rejected=tuple(session.rejected_policies),
        policy_changes=tuple(session.policy_changes),
        events=tuple(_open_events(session)),
        acted=tuple(dict.fromkeys((*replayed.acted, *(event.role for event in session.events)))),
    )


def _open_events(session: Session) -> Iterator[Event]:
    """What the last migration did, which RLS403 compares with the next one, and where row security was switched on for a
    table that waits for its first policy (RLS404)."""
    for event in session.events:
        waits = event.action == "enable" and not event.policies and history.first_policy(event, session.events) is None
        if waits or event.migration == session.migration:
            yield event


def resume(taken: Snapshot) -> tuple[Session, Replayed]:
    """A session like the one that it was taken of, and what it fills: all of it but the steps and most events."""
    catalog = Catalog(taken.pg_version)
    for store, rows in zip(catalog.stores, taken.stores, strict=True):
        store.load(rows)
    catalog.give_oids_from(taken.newest_oid + 1)
    catalog.default_acls[:] = taken.default_acls
    catalog.extensions.update((one.extname, one) for one in taken.extensions)
    catalog.unknown_schemas.update(taken.unknown_schemas)
    session = Session(
        catalog,
        search_path=taken.search_path,
        role=taken.role,
        login_role=taken.login_role,
        settings=dict(taken.settings),
        problems=list(taken.problems),
        transaction=taken.transaction,
        migration=taken.migration,
        search_path_setting=taken.search_path_setting,
        handlers=handlers(),
        rejected_policies=list(taken.rejected),
        policy_changes=list(taken.policy_changes),
        events=list(taken.events),
        unfollowed=taken.unfollowed,
        dropped_roles=set(taken.dropped_roles),
        preset_extensions=taken.preset_extensions,
        start_role=taken.start_role,
        start_search_path=taken.start_search_path,
    )
    session.observe = history.observe
    replayed = Replayed(
        catalog,
        session.problems,
        session.steps,
        session.rejected_policies,
        session.policy_changes,
        session.events,
        preset=taken.preset,
        acted=taken.acted,
    )
    return session, replayed
