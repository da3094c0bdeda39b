"""A file in, what runs of it out: its up sections, psql's commands obeyed, included files in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rlslint.records import dataclass, field
from rlslint.source import psql
from rlslint.source.layouts.changelog import xml_sections, yaml_sections
from rlslint.source.layouts.sections import Sections, sections
from rlslint.source.model import Edit, InputError, Limits, Migration, Problem, SourceFile, Span, Statement
from rlslint.source.outline import Outline, Outlines, mark, outline
from rlslint.source.parse import parse_piece
from rlslint.source.split import Piece, pieces
from rlslint.source.suppress import suppressions
from rlslint.source.templates import known_placeholders

MAX_INCLUDES: Final = 2_000
"""Files that scripts of one project may include, counted each time."""
MAX_INCLUDE_DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one file that runs without a break, in one database."""

    migration: Migration
    database: str | None
    """The database it says it connects to; None for the one it is run in."""


@dataclass(slots=True)
class Scripts:
    """Runs the files of one project, each in a session of its own."""

    load: Callable[[Path], tuple[SourceFile, list[Problem]]]
    """Reads a file. Raises InputError."""
    roots: tuple[Path, ...]
    """Folders, resolved, that included files must lie in."""
    limits: Limits
    variables: dict[str, str] = field(default_factory=dict)
    outlines: Outlines | None = None
    """Outlines of files that were read before, for those that stand alone."""
    includes: int = 0

    def run(
        self, source: SourceFile, problems: list[Problem], *, layout: str, path: Path | None, transactional: bool = True
    ) -> list[Part]:
        """All that a file runs; ``path`` is where it lies, None for standard input."""
        run = _Run(self, psql.Psql())
        run.problems += problems
        outlines = None if problems or self.variables or layout == "liquibase" else self.outlines
        if outlines is None:
            run.file(source, layout, path, transactional=transactional)
            return run.parts()
        key = mark(source, layout)
        known = outlines.get(key)
        if known is not None:
            run.outlined(source, known, transactional=transactional)
            return run.parts()
        run.file(source, layout, path, transactional=transactional)
        parts = run.parts()
        made = run.outline(source, transactional=transactional)
        if made is not None:
            outlines.add(key, made)
        return parts


@dataclass(slots=True)
class _Stretch:
    source: SourceFile
    database: str | None
    continues: bool
    transactional: bool
    statements: list[Statement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    scripts: Scripts
    state: psql.Psql
    stretches: list[_Stretch] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    database: str | None = None
    new_session: bool = True
    stack: list[Path] = field(default_factory=list)
    commands: bool = False
    """Whether there was a command of psql's."""

    def file(self, source: SourceFile, layout: str, path: Path | None, *, transactional: bool) -> None:
        """Run a file; its statements go to stretches of their own."""
        parts = _sections(source, layout)
        transactional = transactional and parts.transactional
        if path is not None:
            self.stack.append(path)
        stretch = self._open(source, transactional)
        last: Span | None = None
        for start, end in parts.ranges:
            for piece in pieces(source.text, start, end):
                span = Span(source, piece.start, piece.end)
                events, statements = self._piece(piece, span, stretch)
                if statements:
                    last = span
                for event in events:
                    if isinstance(event, psql.Quit):
                        self._close(path)
                        return
                    if isinstance(event, psql.Note):
                        where = last if event.reason.startswith("\\gexec") and last is not None else span
                        stretch.problems.append(Problem("RLS002", where, event.reason))
                    elif isinstance(event, psql.Connect):
                        self.database = event.database or self.database
                        self.new_session = True
                        stretch = self._open(source, transactional)
                    elif isinstance(event, psql.Include):
                        reason = self._include(event, path, transactional)
                        if reason is not None:
                            stretch.problems.append(Problem("RLS002", span, reason))
                        else:
                            stretch = self._open(source, transactional)
        self._close(path)

    def outlined(self, source: SourceFile, known: Outline, *, transactional: bool) -> None:
        """Run a file whose outline is known."""
        self._open(source, transactional and known.transactional).statements += known.statements(source)

    def outline(self, source: SourceFile, *, transactional: bool) -> Outline | None:
        """The outline of the file that was run, where it has one."""
        if len(self.stretches) != 1 or self.commands or self.stretches[0].problems or not transactional:
            return None
        (stretch,) = self.stretches
        return outline(source, stretch.statements, transactional=stretch.transactional)

    def parts(self) -> list[Part]:
        """The stretches as migrations, each with all of its file's suppressions."""
        by_source: dict[int, list[Statement]] = {}
        for stretch in self.stretches:
            by_source.setdefault(id(stretch.source), []).extend(stretch.statements)
        sources = {id(stretch.source): stretch.source for stretch in self.stretches}
        ignored = {key: suppressions(source, by_source[key]) for key, source in sources.items()}
        self.stretches[0].problems[:0] = self.problems
        shown: set[int] = set()
        parts: list[Part] = []
        for one in self.stretches:
            if not one.statements and not one.problems and id(one.source) in shown:
                continue
            shown.add(id(one.source))
            migration = Migration(
                one.source,
                tuple(one.statements),
                tuple(one.problems),
                ignored[id(one.source)],
                transactional=one.transactional,
                continues=one.continues,
            )
            parts.append(Part(migration, one.database))
        return parts

    def _open(self, source: SourceFile, transactional: bool) -> _Stretch:
        stretch = _Stretch(source, self.database, not self.new_session, transactional)
        self.stretches.append(stretch)
        self.new_session = False
        return stretch

    def _close(self, path: Path | None) -> None:
        if path is not None:
            self.stack.pop()

    def _piece(self, piece: Piece, span: Span, stretch: _Stretch) -> tuple[list[psql.Event], bool]:
        if piece.command:
            self.commands = True
            return list(self.state.obey(span.text)), False
        if not self.state.active:
            return [], False
        text: str | None = None
        edits: tuple[Edit, ...] = ()
        events: list[psql.Event] = []
        if self.scripts.variables:
            text, edits = self._replaced(span)
        if text is None and (piece.holes or self.state.variables):
            text, edits, events = self.state.statement(span, piece.holes)
        statements, problems = parse_piece(span, text, edits, self.scripts.limits)
        stretch.statements += statements
        stretch.problems += problems
        return events, True

    def _replaced(self, span: Span) -> tuple[str | None, tuple[Edit, ...]]:
        """The statement with the placeholders that the tool's configuration sets; None when it holds none."""
        text = span.text
        found = known_placeholders(text, self.scripts.variables)
        if not found:
            return None, ()
        parts: list[str] = []
        edits: list[Edit] = []
        position = length = 0
        for start, end, value in found:
            parts += (text[position:start], value)
            length += start - position
            edits.append(Edit(length, len(value), start, end - start))
            length += len(value)
            position = end
        return "".join((*parts, text[position:])), tuple(edits)

    def _include(self, event: psql.Include, path: Path | None, transactional: bool) -> str | None:
        """Run an included file; the reason when it is not followed."""
        command = "\\ir" if event.relative else "\\i"
        if path is None:
            return f"{command} {event.name}: not followed, standard input lies in no folder"
        target = self._find(event, path)
        if target is None:
            return f"{command} {event.name}: no such file in the project's folder"
        resolved = target.resolve()
        if any(resolved == one.resolve() for one in self.stack):
            return f"{command} {event.name}: includes itself"
        self.scripts.includes += 1
        if self.scripts.includes > MAX_INCLUDES or len(self.stack) > MAX_INCLUDE_DEPTH:
            return (
                f"{command} {event.name}: not followed, more than {MAX_INCLUDES:,} includes or {MAX_INCLUDE_DEPTH} deep"
            )
        try:
            source, problems = self.scripts.load(target)
        except InputError as error:
            return f"{command} {event.name}: {error}"
        opened = len(self.stretches)
        self.file(source, "included", target, transactional=transactional)
        self.stretches[opened].problems[:0] = problems
        return None

    def _find(self, event: psql.Include, path: Path) -> Path | None:
        """``\\ir`` is relative to the script; ``\\i`` to wherever psql runs: the script's folder or one above it."""
        if "\0" in event.name:
            return None
        for folder in self._bases(event, path):
            target = folder / event.name
            try:
                inside = any(target.resolve().is_relative_to(root) for root in self.scripts.roots)
                if inside and target.is_file():
                    return target
            except (OSError, RuntimeError):
                # a ring of links
                continue
        return None

    def _bases(self, event: psql.Include, path: Path) -> Iterator[Path]:
        yield path.parent
        if not event.relative:
            for folder in path.resolve().parents:
                if any(folder.is_relative_to(root) for root in self.scripts.roots):
                    yield folder


def _sections(source: SourceFile, layout: str) -> Sections:
    """What of a file runs: of a changelog the SQL in it."""
    if layout == "liquibase" and source.path.lower().endswith(".xml"):
        return xml_sections(source.text)
    if layout == "liquibase" and source.path.lower().endswith((".yaml", ".yml")):
        return yaml_sections(source.text)
    return sections(source.text, layout)
