"""A session between two migrations in, a place to go back to out: what was replayed since is undone, and can be again.

`Session.savepoint` knows what a transaction may undo; this knows the rest: what was noted, and what a session keeps.
"""

from __future__ import annotations

from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass
from rlslint.replay.session import Savepoint, Session


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state of a session and of what it notes."""

    savepoint: Savepoint
    problems: int
    steps: int
    rejected: int
    migration: int
    transaction: int
    unfollowed: Oid
    start_role: Oid
    start_search_path: tuple[str, ...]
    savepoints: tuple[tuple[str, Savepoint], ...]
    local_settings: Savepoint | None


def checkpoint(session: Session) -> Checkpoint:
    """The state now, for `rewind`."""
    return Checkpoint(
        session.savepoint(),
        len(session.problems),
        len(session.steps),
        len(session.rejected_policies),
        session.migration,
        session.transaction,
        session.unfollowed,
        session.start_role,
        session.start_search_path,
        tuple(session.savepoints),
        session.local_settings,
    )


def rewind(session: Session, place: Checkpoint) -> None:
    """Undo everything since. OIDs are not given again: what was remembered of an undone object stays wrong for none."""
    session.restore(place.savepoint)
    del session.problems[place.problems :]
    del session.steps[place.steps :]
    del session.rejected_policies[place.rejected :]
    session.migration = place.migration
    session.transaction = place.transaction
    session.unfollowed = place.unfollowed
    session.start_role = place.start_role
    session.start_search_path = place.start_search_path
    session.savepoints[:] = place.savepoints
    session.local_settings = place.local_settings
