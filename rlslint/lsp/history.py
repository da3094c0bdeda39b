"""A database's migrations in, its catalog with one of them edited out, at the price of that file and those after it.

The replay keeps a checkpoint before every migration. An edit goes back to the one before its file and replays from there,
so that a keystroke in the newest migration, which is the one that is written, costs one file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from rlslint.config import Options
from rlslint.nodes.primnodes import Oid
from rlslint.pipeline import limits
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

    @classmethod
    def of(cls, project: Project, options: Options, cwd: Path) -> History:
        """The history of a project, nothing of it replayed yet."""
        preset = choose_preset(project) if options.preset == "auto" else options.preset
        session, replayed = begin(preset, pg_version=options.pg_version)
        history = cls(project, options, cwd, preset, session, replayed, Dependents(session.catalog))
        history.checkpoints.append(checkpoint(session))
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
        self.project = replace(self.project, migrations=(*self.project.migrations[:first], *made, *rest))
        del self.checkpoints[first + 1 :]

    def suits(self) -> bool:
        """Whether the preset is still the one that the files ask for."""
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
                self._run(number, notes.note if number in mine else None)
        self._go_to(len(self.project.migrations))
        finish(self.session)
        affected = self.dependents.affected(Touched() if notes is None else notes.touched)
        return Edited(self.project, self.replayed, frozenset({shown}), affected, () if notes is None else notes.causes)

    def without(self, file: Path) -> tuple[Project, Replayed]:
        """The catalog as it is without the file; it holds until the next edit."""
        shown = self.path(file)
        migrations = self.project.migrations
        first = next((n for n, one in enumerate(migrations) if one.source.path == shown), len(migrations))
        self._go_to(first)
        project = replace(self.project, migrations=tuple(one for one in migrations if one.source.path != shown))
        for number, migration in enumerate(project.migrations[first:], start=first):
            run_migration(self.session, self.replayed, number, migration)
        finish(self.session)
        return project, self.replayed

    def _go_to(self, number: int) -> None:
        """The state before the ``number``-th migration."""
        # what was replayed behind a checkpoint cannot be had back: those after it go
        del self.checkpoints[number + 1 :]
        rewind(self.session, self.checkpoints[-1])
        for next_number in range(len(self.checkpoints) - 1, number):
            self._run(next_number, None)

    def _run(self, number: int, after: Callable[[Statement], None] | None) -> None:
        """Replay the ``number``-th migration, which stands next."""
        migration: Migration = self.project.migrations[number]
        run_migration(self.session, self.replayed, number, migration, after)
        self.checkpoints.append(checkpoint(self.session))
