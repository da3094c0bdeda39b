"""What was read in, for people: the layout, the files in their order, what was passed over and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlslint.records import dataclass
from rlslint.source.model import Project


@dataclass(frozen=True, slots=True)
class Input:
    """What one database was read from."""

    folder: str
    layout: str
    preset: str
    files: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    note: str


def input_of(project: Project, preset: str) -> Input:
    """What a project was read from."""
    files = tuple(source.path for source in project.sources)
    return Input(project.folder, project.layout, preset, files, project.skipped, project.note)


def verbose(inputs: Sequence[Input]) -> Iterator[str]:
    """Every file in the order it ran, and what was passed over."""
    for one in inputs:
        yield f"{one.folder}: layout {one.layout}, preset {one.preset}, {_files(len(one.files))}"
        if one.note:
            yield f"  {one.note}"
        yield from (f"  {number:>4}  {path}" for number, path in enumerate(one.files, 1))
        yield from (f"     -  {path}: {reason}" for path, reason in one.skipped)


def notes(inputs: Sequence[Input], *, settled: bool = False) -> Iterator[str]:
    """What a user should know without asking: that files were put together, or databases told apart, by a guess;
    ``settled``: the configuration says where they lie, so that it is none."""
    if settled:
        return
    if len(inputs) > 1:
        yield f"{len(inputs)} databases, each checked for itself: {', '.join(one.folder for one in inputs)}"
    yield from (f"{one.folder}: {one.note}" for one in inputs if one.note)


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
