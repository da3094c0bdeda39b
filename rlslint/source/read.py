"""Paths in, the projects out: every migration of each database, read, cut to what runs, parsed, in order."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from rlslint.records import dataclass, field, replace
from rlslint.source.decode import BLOCK, read_source
from rlslint.source.discover import Found, Search, hint, not_regular, search
from rlslint.source.layouts import flyway
from rlslint.source.layouts.changelog import readable
from rlslint.source.layouts.detect import CERTAIN, POSSIBLE, folder_layout
from rlslint.source.layouts.listing import Listing, undoes
from rlslint.source.model import InputError, Limits, Migration, Problem, Project, SourceFile, Span
from rlslint.source.outline import Outlines
from rlslint.source.script import Part, Scripts

Stdin = str | bytes | BinaryIO | None
"""Standard input: its text, its bytes, or the stream to read them from."""
_CLUSTER: Final = frozenset({"AlterRoleSetStmt", "AlterRoleStmt", "CreateRoleStmt", "DropRoleStmt", "GrantRoleStmt"})
"""Statements about what all databases of a server share."""
_EMPTY: Final = _CLUSTER | {
    "AlterDatabaseSetStmt", "AlterDatabaseStmt", "CommentStmt", "CreatedbStmt", "DropdbStmt", "SelectStmt",
    "TransactionStmt", "VariableSetStmt",
}  # fmt: skip
"""Statements that make nothing in a database."""
_DEFAULT_LIMITS: Final = Limits()
_UNDOES: Final = "it undoes a migration"


def load_projects(
    paths: Sequence[str],
    *,
    layout: str = "auto",
    cwd: Path,
    stdin: Stdin = None,
    stdin_filename: str = "<stdin>",
    limits: Limits = _DEFAULT_LIMITS,
    home: Sequence[str] = (),
    outlines: Outlines | None = None,
) -> tuple[Project, ...]:
    """Read and parse what ``paths`` name (``-`` is ``stdin``); no path means the migration folders found under ``cwd``.

    One project a database. Files and folders that are named are one database, in the order given, but a file inside a
    migration folder brings its siblings with it, or, where it lies in a database of ``home``, all of that; and
    `Project.reported` names what was asked for. A folder with several databases in it gives as many projects. Raises
    InputError for what cannot be used at all. ``outlines``: of files that were read before, those of others are added.
    """
    reader = _Reader(cwd, limits, outlines)
    if stdin is not None and list(paths) == ["-"]:
        stream = (
            io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin)
            if isinstance(stdin, (str, bytes))
            else stdin
        )
        source, problems = read_source(stream, stdin_filename, limits)
        if not source.text.strip():
            # what should have written it failed: no news is no good news here
            raise InputError("standard input holds no SQL")
        parts = reader.scripts((cwd,)).run(source, problems, layout="stdin", path=None)
        return tuple(_databases("stdin", parts, stdin_filename))
    if paths:
        groups = _at_home(paths, home, layout) or _named(paths, layout)
    else:
        groups = [_Group(one) for one in _found(cwd, layout, "the working directory")]
    projects = [project for group in groups for project in reader.projects(group)]
    if not projects:
        raise InputError(f"no SQL migrations found in {', '.join(paths) or 'the working directory'}")
    return tuple(projects)


def read_again(
    project: Project, path: Path, data: bytes, *, cwd: Path, limits: Limits = _DEFAULT_LIMITS
) -> tuple[Migration, ...]:
    """One file of a project with other text than it was read with: what it runs now. Raises InputError."""
    reader = _Reader(cwd, limits)
    source, problems = read_source(io.BytesIO(data), reader.shown(path), limits)
    transactional = project.layout != "flyway" or flyway.transactional(path)
    scripts = reader.scripts({cwd, path.parent}, project.variables)
    parts = scripts.run(source, problems, layout=project.layout, path=path, transactional=transactional)
    return tuple(part.migration for part in parts)


@dataclass(slots=True)
class _Group:
    """The files of one database, and which of them were asked for."""

    found: Found
    reported: set[Path] = field(default_factory=set)
    passed_over: dict[Path, str] = field(default_factory=dict)
    """Files that were asked for and that the migration tool does not run, with the reason."""
    named: bool = False
    """Whether each file was named, so that one that cannot be read ends the run."""


def _found(folder: Path, layout: str, name: str) -> list[Found]:
    result: Search = search(folder, layout)
    if not result.databases:
        raise InputError(f"no SQL migrations found in {name}: {hint(folder)}")
    others = [one for one in result.others if one.sure > POSSIBLE or not one.side]
    if not others:
        return list(result.databases)
    left = tuple((one.folder, f"not read: {one.layout}, {len(one.listing.files)} files") for one in others)
    first, *rest = result.databases
    listing = replace(first.listing, skipped=(*first.listing.skipped, *left))
    return [replace(first, listing=listing), *rest]


def _named(paths: Sequence[str], layout: str) -> list[_Group]:
    """What was named: migration folders that files lie in each for itself, all else together in the order given."""
    groups: dict[tuple[Path, ...], _Group] = {}
    loose: list[Path] = []
    folders: list[Found] = []
    for given in paths:
        path = Path(given)
        _require_readable(path)
        if path.is_dir():
            folders += _found(path, layout, given)
            continue
        siblings = _siblings(path, layout)
        if siblings is None:
            left = _passed_over(path, layout)
            if left is None:
                loose.append(path)
            else:
                groups.setdefault(left[0].listing.files, _Group(left[0])).passed_over[path] = left[1]
            continue
        group = groups.setdefault(siblings.listing.files, _Group(siblings))
        group.reported.add(path)
    if len(paths) == 1:
        groups.update({one.listing.files: _Group(one) for one in folders})
    elif folders:
        loose = [*(file for one in folders for file in one.listing.files), *loose]
    if loose:
        files = tuple(dict.fromkeys(loose))
        layouts = "+".join(dict.fromkeys(one.layout for one in folders)) or "file"
        skipped = tuple(item for one in folders for item in one.listing.skipped)
        variables = tuple(item for one in folders for item in one.listing.variables)
        first = tuple(dict.fromkeys(name for one in folders for name in one.listing.search_path))
        found = Found(
            files[0].parent, layouts, POSSIBLE, Listing(files, skipped, variables=variables, search_path=first)
        )
        if folders and len(paths) > 1:
            found = replace(found, note=f"{len(paths)} paths read as one database, in the order given")
        groups[files] = _Group(found, named=not folders)
    return list(groups.values())


def _at_home(paths: Sequence[str], home: Sequence[str], layout: str) -> list[_Group]:
    """The databases of ``home`` that hold the files that were named; none where one is a folder or lies elsewhere."""
    files = [Path(given) for given in paths]
    if not home or not all(file.is_file() for file in files):
        return []
    groups = _named([one for one in home if Path(one).exists()], layout)
    for file in files:
        left = _passed_over(file, layout)
        wanted = {file.resolve()} if left is None else {one.resolve() for one in left[0].listing.files}
        holders = [group for group in groups if wanted <= {one.resolve() for one in group.found.listing.files}]
        if not holders:
            return []
        if left is None:
            holders[0].reported.add(file)
        else:
            holders[0].passed_over[file] = left[1]
    return [group for group in groups if group.reported or group.passed_over]


def _siblings(path: Path, layout: str) -> Found | None:
    """The whole migration folder that a file belongs to; None when it belongs to none."""
    target = path.resolve()
    for folder in (path.parent, path.parent.parent):
        detected = folder_layout(folder, layout)
        if layout == "auto" and detected.layout == "numbered" and not path.name[:1].isdigit():
            continue
        if target in {file.resolve() for file in detected.listing.files}:
            return Found(folder, detected.layout, detected.sure, detected.listing)
        if folder.name in ("deploy", "committed", "current"):
            continue
        if detected.layout in ("numbered", "golang-migrate", "flyway"):
            break
    return None


def _passed_over(path: Path, layout: str) -> tuple[Found, str] | None:
    """The migration folder that a file lies in which its tool does not run, and why not; None where it runs it, or where
    there is no such folder."""
    target = path.resolve()
    for folder in (path.parent, path.parent.parent):
        detected = folder_layout(folder, layout)
        files = {file.resolve() for file in detected.listing.files}
        if not files or detected.sure == POSSIBLE:
            continue
        if target in files:
            return None
        reasons = (
            {file.resolve(): reason for file, reason in detected.listing.skipped} if detected.sure == CERTAIN else {}
        )
        down = flyway.undoes(path) if detected.layout == "flyway" else undoes(path)
        reason = reasons.get(target) or (_UNDOES if down else None)
        if reason is not None:
            return Found(folder, detected.layout, detected.sure, detected.listing), reason
    return None


def _require_readable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{path}: no such file or folder") from None
    except ValueError:
        raise InputError(f"{str(path)!r}: no such file or folder") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path}: neither a file nor a folder")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: permission denied")


@dataclass(slots=True)
class _Reader:
    """Reads files, each once."""

    cwd: Path
    limits: Limits
    outlines: Outlines | None = None
    read: dict[str, tuple[SourceFile, list[Problem]]] = field(default_factory=dict)
    folders: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of folders with files: where each lies, links followed, and as it is shown."""

    def scripts(self, roots: Iterable[Path], variables: Iterable[tuple[str, str]] = ()) -> Scripts:
        return Scripts(self.load, tuple(root.resolve() for root in roots), self.limits, dict(variables), self.outlines)

    def projects(self, group: _Group) -> list[Project]:
        """One group's files as the database, or databases, they run in."""
        found = group.found
        layout = found.layout
        scripts = self.scripts(
            {self.cwd, found.folder, *(file.parent for file in found.listing.before)}, found.listing.variables
        )
        parts: list[Part] = []
        for path in found.listing.files:
            try:
                source, problems = self.load(path)
            except InputError as error:
                if group.named or self.shown(path) in {self.shown(one) for one in group.reported}:
                    raise
                # one file of a folder: told with the rest, which is read all the same
                source = SourceFile(self.shown(path), "")
                reason = str(error).removeprefix(f"{source.path}: ")
                problems = [Problem("RLS001", Span(source, 0, 0), f"cannot be read: {reason}")]
            transactional = layout != "flyway" or flyway.transactional(path)
            own = "included" if path in found.listing.before else layout
            parts += scripts.run(source, problems, layout=own, path=path, transactional=transactional)
        names = {self.shown(path) for path in group.reported}
        reported = None
        if (names or group.passed_over) and names != {self.shown(path) for path in found.listing.files}:
            reported = frozenset(names)
        # what undoes a migration comes with it, and is worth a word only where nothing else was asked for
        told = {path: reason for path, reason in group.passed_over.items() if reason != _UNDOES or not group.reported}
        left = dict((*found.listing.skipped, *told.items()))
        skipped = [(self.shown(path), reason) for path, reason in left.items()]
        if not group.named:
            skipped += [(self.shown(path), "neither a file nor a folder") for path in not_regular(found.folder)]
        return [
            replace(
                project,
                reported=reported,
                skipped=tuple(skipped),
                note=found.note or found.listing.note,
                variables=found.listing.variables,
                search_path=found.listing.search_path,
            )
            for project in _databases(layout, parts, self.shown(found.folder))
        ]

    def load(self, path: Path) -> tuple[SourceFile, list[Problem]]:
        """Open and read a file. Raises InputError."""
        key = self.real(path)
        if key not in self.read:
            shown = self.shown(path)
            try:
                # a pipe that took the file's place must not hold the run up
                descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
                with os.fdopen(descriptor, "rb") as file:
                    state = os.fstat(descriptor)
                    if not stat.S_ISREG(state.st_mode):
                        raise InputError(f"{shown}: neither a file nor a folder")
                    self.read[key] = _as_sent(read_source(file, shown, self.limits, state.st_size or BLOCK))
            except OSError as error:
                raise InputError(f"{shown}: {(error.strerror or str(error)).lower()}") from None
        return self.read[key]

    def shown(self, path: Path) -> str:
        """`shown_path`, for many files of one folder."""
        if path.name in ("", ".."):
            return shown_path(path, self.cwd)
        _, folder = self.folder(path)
        return path.name if folder == "." else f"{folder}/{path.name}"

    def real(self, path: Path) -> str:
        """The file, links followed."""
        if path.name in ("", "..") or os.path.islink(path):
            return str(path.resolve())
        return os.path.join(self.folder(path)[0], path.name)

    def folder(self, path: Path) -> tuple[str, str]:
        """The folder of a file, links followed, and as it is shown."""
        # text is its own key at once, a path has to be taken apart for it
        key = os.path.dirname(path)
        known = self.folders.get(key)
        if known is None:
            real = path.parent.resolve()
            known = self.folders[key] = str(real), shown_path(real, self.cwd)
        return known


def _as_sent(read: tuple[SourceFile, list[Problem]]) -> tuple[SourceFile, list[Problem]]:
    """A changelog in XML with the signs that its SQL is sent with."""
    source, problems = read
    return (replace(source, text=readable(source.text)), problems) if source.path.lower().endswith(".xml") else read


def shown_path(path: Path, cwd: Path) -> str:
    """The path as users see it: relative to the working directory, with forward slashes. A link keeps its own name."""
    try:
        return Path(os.path.relpath(path.parent.resolve() / path.name, cwd.resolve())).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()


def _databases(layout: str, parts: Sequence[Part], folder: str) -> list[Project]:
    """A project for each database that the scripts connect to and make something in; one when they stay in one."""
    made = dict.fromkeys(
        part.database for part in parts if any(one.kind not in _EMPTY for one in part.migration.statements)
    )
    if len(made) < 2:
        return [Project(layout, tuple(part.migration for part in parts), folder=folder)] if parts else []
    projects: list[Project] = []
    for database in made:
        migrations = [
            part.migration if part.database == database else _shared(part.migration)
            for part in parts
            if part.database == database or any(one.kind in _CLUSTER for one in part.migration.statements)
        ]
        name = "the first database" if database is None else f"database {database}"
        projects.append(Project(layout, tuple(migrations), folder=f"{folder} ({name})"))
    return projects


def _shared(migration: Migration) -> Migration:
    """What a file says about roles, which every database of the server has."""
    statements = tuple(one for one in migration.statements if one.kind in _CLUSTER)
    return Migration(migration.source, statements, (), migration.suppressions, transactional=migration.transactional)
