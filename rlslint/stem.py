"""The first migrations of a project, replayed once, and from there on what comes behind them, in one way or another."""

from __future__ import annotations

from rlslint.recall import Growth
from rlslint.records import dataclass, replace
from rlslint.replay.checkpoint import checkpoint, rewind
from rlslint.replay.replay import Replayed, begin, finish, run_migration
from rlslint.replay.session import Session
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
        self,
        project: Project,
        first: int,
        *,
        preset: str,
        pg_version: int,
        tell: Tell,
        resumed: tuple[int, Snapshot] | None = None,
    ) -> None:
        start = 0
        if resumed is None:
            self._session, self._replayed = begin(preset, pg_version=pg_version, search_path=project.search_path)
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
        watch = Watch(self._session.catalog)
        self._run(project, start, first, frozenset())
        self._later = replace(self._later, touched=watch.changes())
        self._place = checkpoint(self._session)

    @property
    def session(self) -> Session:
        """The session, wherever it has come to."""
        return self._session

    def taken(self) -> Snapshot | None:
        """A snapshot of the stem, before anything grows out of it."""
        return snapshot(self._session, self._replayed)

    def grow(self, project: Project, watched: frozenset[str] = frozenset()) -> Grown:
        """Replay what a project with the same first migrations has behind them. What grew before is undone."""
        rewind(self._session, self._place)
        catalog = self._session.catalog
        newest, watch = catalog.newest_oid, Watch(catalog)
        causes = self._run(project, self.first, len(project.migrations), watched)
        finish(self._session)
        files = frozenset(id(one.source) for one in project.migrations[self.first :])
        growth = Growth(self.first, watch.changes(), files, newest)
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


def _both(earlier: Growth, later: Growth) -> Growth:
    touched = Touched(
        tables=earlier.touched.tables | later.touched.tables,
        functions=earlier.touched.functions | later.touched.functions,
        everything=earlier.touched.everything or later.touched.everything,
    )
    return Growth(earlier.first, touched, earlier.files | later.files, earlier.newest)
