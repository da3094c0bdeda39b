"""A database's migrations in, its catalog with one of them edited out, at the price of that file and what hangs on it.

The replay keeps a checkpoint before every migration. An edit goes back to the one before its file and replays it; those
after it are replayed, too, where they read what it changes, and taken from their traces where they do not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.store import Read
from rlslint.config import Options, limits
from rlslint.lsp.trace import Trace, differences, traced
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field, replace
from rlslint.replay.checkpoint import Checkpoint, checkpoint, rewind
from rlslint.replay.presets.presets import choose_preset
from rlslint.replay.replay import Replayed, begin, finish, run_migration
from rlslint.replay.session import Session
from rlslint.source.model import Migration, Project, Statement
from rlslint.source.read import read_again, shown_path
from rlslint.touched import Causes, Dependents, Notes, Touched


@dataclass(frozen=True, slots=True)
class Edited:
    """The catalog with a file as it stands in the editor."""

    project: Project
    replayed: Replayed
    """The history's own: it holds until the next edit."""
    paths: frozenset[str]
    """The edited file, as findings name it."""
    affected: frozenset[Oid]
    """Tables whose statements may run otherwise for it."""
    causes: Causes
    """The file's statements that changed something, in order."""


@dataclass(slots=True)
class History:
    """One database, replayed."""

    project: Project
    options: Options
    cwd: Path
    preset: str
    session: Session
    replayed: Replayed
    dependents: Dependents
    checkpoints: list[Checkpoint] = field(default_factory=list)
    """Before each migration that is replayed, and behind the last of them: what the session can go back to."""
    traces: list[Trace] = field(default_factory=list)
    """How each migration ran when all were last replayed, up to the first that never was."""
    pending: dict[int, set[Read]] = field(default_factory=dict)
    """What is answered otherwise, before a migration, than when it and those after it ran."""
    oids: dict[int, Oid] = field(default_factory=dict)
    """The OID that each migration gives next."""
    room: int = 1 << 20
    """OIDs that are set aside for a migration, and more transactions than it has."""
    settled: bool = False
    """Whether it has been replayed as a whole."""
    worn: bool = False
    """Whether a migration has used up half of its OIDs."""

    @classmethod
    def of(cls, project: Project, options: Options, cwd: Path) -> History:
        """The history of a project, nothing of it replayed yet."""
        preset = choose_preset(project) if options.preset == "auto" else options.preset
        session, replayed = begin(preset, pg_version=options.pg_version, search_path=project.search_path)
        history = cls(
            project, options, cwd, preset, session, replayed, Dependents(session.catalog, session.policy_changes)
        )
        history.checkpoints.append(checkpoint(session))
        # so many again may come
        history.room = min(history.room, _LAST // (2 * len(project.migrations) + 64))
        return history

    def path(self, file: Path) -> str:
        """The file as findings name it."""
        return shown_path(file, self.cwd)

    def holds(self, file: Path) -> bool:
        """Whether the file is one of the migrations."""
        shown = self.path(file)
        return any(migration.source.path == shown for migration in self.project.migrations)

    def change(self, file: Path, data: bytes) -> None:
        """Take over a file's new text; nothing is replayed. A file that is new comes last. Raises InputError."""
        made = read_again(self.project, file, data, cwd=self.cwd, limits=limits(self.options))
        own = {one.source.path for one in made}
        places = [n for n, one in enumerate(self.project.migrations) if one.source.path in own]
        first = places[0] if places else len(self.project.migrations)
        rest = [one for one in self.project.migrations[first:] if one.source.path not in own]
        if len(places) != len(made):
            # another number of parts: those after it are no longer where they were
            del self.traces[first:]
            self.pending = {number: reads for number, reads in self.pending.items() if number <= first}
        self.project = replace(self.project, migrations=(*self.project.migrations[:first], *made, *rest))
        del self.checkpoints[first + 1 :]

    def suits(self) -> bool:
        """Whether the preset is still the one that the files ask for, and there are OIDs left."""
        if self.worn:
            return False
        return self.options.preset != "auto" or choose_preset(self.project) == self.preset

    def edited(self, file: Path) -> Edited:
        """Replay everything, watching what the file's statements change."""
        shown = self.path(file)
        mine = [n for n, one in enumerate(self.project.migrations) if one.source.path == shown]
        notes: Notes | None = None
        if mine:
            self._go_to(mine[0])
            notes = Notes(self.session.catalog)
            for number in range(mine[0], mine[-1] + 1):
                if number in mine:
                    notes.resume()
                self._step(number, notes.note if number in mine else None)
        self._go_on(len(self.project.migrations))
        finish(self.session)
        affected = self.dependents.affected(Touched() if notes is None else notes.touched)
        return Edited(self.project, self.replayed, frozenset({shown}), affected, () if notes is None else notes.causes)

    def without(self, file: Path) -> tuple[Project, Replayed]:
        """The catalog as it is without the file; it holds until the next edit."""
        shown = self.path(file)
        migrations = self.project.migrations
        mine = [n for n, one in enumerate(migrations) if one.source.path == shown]
        first = mine[0] if mine else len(migrations)
        self._go_to(first)
        changed: set[Read] = set()
        for number, migration in enumerate(migrations[first:], start=first):
            trace = self._trace(number)
            changed |= self.pending.get(number, set())
            if number in mine:
                changed |= differences(self.session.catalog, trace, None)
            elif trace is not None and trace.holds(self.session, migration, changed):
                trace.apply(self.session, number)
            else:
                changed |= differences(self.session.catalog, trace, self._run(number, None))
        finish(self.session)
        return replace(
            self.project, migrations=tuple(one for one in migrations if one.source.path != shown)
        ), self.replayed

    def _go_to(self, number: int) -> None:
        """The state before the ``number``-th migration."""
        # what was replayed behind a checkpoint cannot be had back: those after it go
        del self.checkpoints[number + 1 :]
        self._go_on(number)

    def _go_on(self, number: int) -> None:
        """From the last checkpoint to the state before the ``number``-th migration."""
        rewind(self.session, self.checkpoints[-1])
        for next_number in range(len(self.checkpoints) - 1, number):
            changed = self.pending.get(next_number, set())
            trace = self._trace(next_number)
            if trace is not None and trace.holds(self.session, self.project.migrations[next_number], changed):
                trace.apply(self.session, next_number)
                self._arrive(next_number, trace, set())
            else:
                self._step(next_number, None)

    def _step(self, number: int, after: Callable[[Statement], None] | None) -> None:
        """Replay the ``number``-th migration, which stands next, and remember how that went."""
        old = self._trace(number)
        new = self._run(number, after)
        self._arrive(number, new, differences(self.session.catalog, old, new))

    def _arrive(self, number: int, trace: Trace, changed: set[Read]) -> None:
        """Behind the ``number``-th migration: what is answered otherwise than when the next ones ran goes on to them."""
        self.traces[number : number + 1] = [trace]
        changed |= self.pending.pop(number, set())
        if changed and number + 1 < len(self.traces):
            self.pending[number + 1] = self.pending.get(number + 1, set()) | changed
        self.checkpoints.append(checkpoint(self.session))

    def _trace(self, number: int) -> Trace | None:
        return self.traces[number] if number < len(self.traces) else None

    def _run(self, number: int, after: Callable[[Statement], None] | None) -> Trace:
        """Replay the ``number``-th migration. It has OIDs and transaction numbers of its own, so that what it makes is
        newer than what those before it make, whatever was replayed last; none is given again."""
        migration: Migration = self.project.migrations[number]
        catalog = self.session.catalog
        start = FIRST_NORMAL_OID + (number + 1) * self.room
        catalog.give_oids_from(self.oids.get(number, start))
        self.session.transaction = number * self.room
        with traced(self.session, migration) as trace:
            run_migration(self.session, self.replayed, number, migration, after)
        self.oids[number] = catalog.newest_oid + 1
        self.worn = self.worn or catalog.newest_oid >= min(start + self.room // 2, _LAST)
        return trace


_LAST: Final = 1 << 31
"""OIDs have 32 bits, and not all are used up."""
