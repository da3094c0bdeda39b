"""The first migrations of a project, replayed once, and from there on what comes behind them, in one way or another."""

from __future__ import annotations

from rlslint.config import Options
from rlslint.recall import Growth
from rlslint.records import dataclass, replace
from rlslint.replay.checkpoint import checkpoint, rewind
from rlslint.replay.replay import Replayed, begin, finish, run_migration
from rlslint.replay.session import DATA_ACTIONS, Session
from rlslint.replay.snapshot import Snapshot, resume, snapshot
from rlslint.source.model import Project, Tell
from rlslint.touched import Causes, Notes, Touched, Watch


@dataclass(frozen=True, slots=True)
class Grown:
    """A project replayed to its end. It holds until its stem grows another way."""

    replayed: Replayed
    causes: Causes
    """What the statements of the watched files change."""
    growth: Growth
    """What was done behind the stem."""
    whole: Growth
    """The same, behind the migrations that the stem was resumed from."""

    def since(self, first: int) -> Growth:
        """What was done behind so many migrations, or fewer."""
        return self.growth if first >= self.growth.first else self.whole


class Stem:
    """The first ``first`` migrations of a project; ``resumed``: how many of them a snapshot holds, and the snapshot."""

    def __init__(
        self, project: Project, first: int, options: Options, tell: Tell, resumed: tuple[int, Snapshot] | None
    ) -> None:
        if resumed is None:
            start = 0
            self._session, self._replayed = begin(
                options.preset, pg_version=options.pg_version, search_path=project.search_path
            )
        else:
            start = resumed[0]
            self._session, self._replayed = resume(resumed[1])
        self.first = first
        self._tell = tell
        self._later = Growth(
            start,
            Touched(),
            frozenset(id(one.source) for one in project.migrations[start:first]),
            self._session.catalog.newest_oid,
        )
        behind = _Behind(self._session)
        self._run(project, start, first, frozenset())
        self._later = replace(self._later, touched=behind.touched())
        self._place = checkpoint(self._session)

    def taken(self) -> Snapshot | None:
        """A snapshot of the stem, before anything grows out of it."""
        return snapshot(self._session, self._replayed)

    def grow(self, project: Project, watched: frozenset[str] = frozenset()) -> Grown:
        """Replay what a project with the same first migrations has behind them. What grew before is undone."""
        rewind(self._session, self._place)
        newest, behind = self._session.catalog.newest_oid, _Behind(self._session)
        causes = self._run(project, self.first, len(project.migrations), watched)
        finish(self._session)
        files = frozenset(id(one.source) for one in project.migrations[self.first :])
        growth = Growth(self.first, behind.touched(), files, newest)
        return Grown(self._replayed, causes, growth, _both(self._later, growth))

    def _run(self, project: Project, start: int, end: int, watched: frozenset[str]) -> Causes:
        notes = Notes(self._session.catalog) if watched else None
        for number, migration in enumerate(project.migrations[start:end], start=start):
            self._tell("replaying migrations", number, len(project.migrations))
            if notes is not None and migration.source.path in watched:
                notes.resume()
                run_migration(self._session, self._replayed, number, migration, notes.note)
            else:
                run_migration(self._session, self._replayed, number, migration)
        return () if notes is None else notes.causes


class _Behind:
    """What is done in a session from here on: to rows, and what leaves them as they were and is spoken of all the same."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._watch = Watch(session.catalog)
        self._changes, self._events = len(session.policy_changes), len(session.events)

    def touched(self) -> Touched:
        """What was."""
        touched = self._watch.changes()
        touched.tables.update(one.relid for one in self._session.policy_changes[self._changes :])
        events = self._session.events[self._events :]
        touched.tables.update(one.relation.oid for one in events if one.action not in DATA_ACTIONS)
        return touched


def _both(earlier: Growth, later: Growth) -> Growth:
    touched = Touched()
    touched.add(earlier.touched)
    touched.add(later.touched)
    return Growth(earlier.first, touched, earlier.files | later.files, earlier.newest)
