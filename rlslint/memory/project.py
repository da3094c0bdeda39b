"""A project's first migrations as a run left them in, for the next run: the session behind them, and what was found.

What is kept holds for those migrations as they were, whatever comes behind them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from rlslint.config import Options
from rlslint.memory.codec import Decoder, Encoder
from rlslint.memory.files import Entry, digest, version
from rlslint.recall import Looked
from rlslint.records import dataclass, replace
from rlslint.registry import Rule
from rlslint.replay.snapshot import Snapshot
from rlslint.source.model import Migration, Project, SourceFile

_MADE_BY: Final = "rlslint project 2"
_ENTRIES: Final = 32
_NOT_ASKED: Final = frozenset({
    "paths", "home", "fail_on", "since", "baseline", "per_file_ignores", "per_object_ignores", "severities", "databases",
    "database", "root", "file",
})  # fmt: skip
"""Options on which nothing that is kept hangs."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The first ``first`` migrations of a project."""

    first: int
    snapshot: Snapshot
    looked: Looked


class ProjectMemory:
    """What runs over one project, asked alike, leave for one another."""

    def __init__(self, folder: Path, project: Project, options: Options) -> None:
        asked = [(one.name, getattr(options, one.name)) for one in fields(Options) if one.name not in _NOT_ASKED]
        about = (project.folder, project.layout, project.variables, project.search_path)
        self._project = project
        key = json.dumps([_MADE_BY, version(), os.getcwd(), repr(asked), repr(about)])
        self._entry = Entry(folder, key, kind="project", most=_ENTRIES)
        self.shared = 0
        """How many of the first migrations are as they were in the run that left what is kept."""

    def recall(self, rules: Mapping[str, Rule], most: int) -> Remembered | None:
        """What is known of the first migrations, of at most so many; None where nothing is."""
        said = self._entry.read()
        if said is None:
            return None
        try:
            known: list[str] = said["migrations"]
            first = int(said["first"])
            pairs = list(zip(known, self._marks, strict=False))
            self.shared = next((n for n, (was, is_) in enumerate(pairs) if was != is_), len(pairs))
            if self.shared < first or first > most:
                return None
            decoder = Decoder(said["shapes"], _sources(self._project.migrations[:first]), rules)
            taken, looked = decoder.value(said["state"])
            if not isinstance(taken, Snapshot) or not isinstance(looked, Looked):
                return None
            return Remembered(first, taken, looked)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            return None

    @cached_property
    def _marks(self) -> list[str]:
        """What stands for each migration as it is now."""
        return [_mark(one) for one in self._project.migrations]

    def keep(self, first: int, taken: Snapshot, looked: Looked) -> None:
        """Leave it for the next run."""
        migrations = self._project.migrations[:first]
        encoder = Encoder(_sources(migrations), {id(one) for one in self._project.sources})
        try:
            state = encoder.value((taken, replace(looked, plans=())))
        except (TypeError, RecursionError):
            self._entry.forget()
            return
        self._entry.write(
            {
                "migrations": self._marks,
                "first": first,
                "shapes": encoder.shapes,
                "state": state,
            }
        )


def _sources(migrations: Sequence[Migration]) -> tuple[SourceFile, ...]:
    return tuple({id(one.source): one.source for one in migrations}.values())


def _mark(migration: Migration) -> str:
    """What stands for a migration: its file, and what of it runs."""
    source = migration.source
    said: list[Any] = [source.path, source.text, source.cuts, migration.transactional, migration.continues]
    said += [(one.kind, one.span.start, one.span.end) for one in migration.statements]
    said += [one.text for one in migration.statements if one.edits]
    said += [(one.code, one.span.start, one.span.end, one.reason) for one in migration.problems]
    return digest(repr(said).encode("utf-8", "surrogatepass"))[:24]
