"""Paths in, the project out: every migration of one database, read, cut to what runs, parsed, in order."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from rlslint.source.layouts.folders import IGNORED_FOLDERS, folder_layout
from rlslint.source.layouts.sections import sections
from rlslint.source.model import InputError, Migration, Problem, Project, SourceFile, Span, Statement
from rlslint.source.parse import parse_script
from rlslint.source.suppress import suppressions

_KNOWN_PLACES = (
    "supabase/migrations",
    "supabase/schemas",
    "db/migrations",
    "db/migrate",
    "database/migrations",
    "prisma/migrations",
    "drizzle",
    "src/main/resources/db/migration",
    "migrations",
    "migration",
    "sql/migrations",
    "sql",
    "db",
    "schema",
)


def load_project(
    paths: Sequence[str],
    *,
    layout: str = "auto",
    cwd: Path,
    stdin: str | None = None,
    stdin_filename: str = "<stdin>",
) -> Project:
    """Read and parse what ``paths`` name (``-`` is ``stdin``); no path means the migration folders found under ``cwd``.

    A file inside a migration folder brings its siblings with it, and `Project.reported` names what was asked for.
    Raises InputError for what cannot be used at all.
    """
    if stdin is not None and list(paths) == ["-"]:
        return Project("stdin", (_migration(SourceFile(stdin_filename, stdin)),))
    layouts: dict[str, None] = {}
    files: dict[Path, None] = {}
    reported: set[Path] = set()
    whole = not paths
    for path in [Path(given) for given in paths] or [cwd]:
        _require_readable(path)
        if path.is_dir():
            name, found = _folder(path, layout)
            whole = True
        else:
            name, found = _siblings(path, layout)
            reported.add(path.resolve())
        layouts[name] = None
        files.update(dict.fromkeys(file.resolve() for file in found))
    if not files:
        raise InputError(f"no SQL migrations found in {', '.join(paths) or 'the working directory'}")
    only = None if whole or len(files) == len(reported) else frozenset(shown_path(path, cwd) for path in reported)
    return Project("+".join(layouts), tuple(_read(path, cwd) for path in files), only)


def _folder(path: Path, layout: str) -> tuple[str, tuple[Path, ...]]:
    if layout != "auto":
        return folder_layout(path, layout)
    for place in _KNOWN_PLACES:
        nested = path / place
        if nested.is_dir():
            name, files = folder_layout(nested)
            if files:
                return name, files
    name, files = folder_layout(path)
    if files:
        return name, files
    return _search(path)


def _search(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The folder below with the most SQL files that its layout runs; the first by name of equal ones."""
    best: tuple[str, tuple[Path, ...]] = ("numbered", ())
    for folder, names, _ in os.walk(path):
        names[:] = sorted(name for name in names if name not in IGNORED_FOLDERS and not name.startswith("."))
        name, files = folder_layout(Path(folder))
        if len(files) > len(best[1]):
            best = (name, files)
    return best


def _siblings(path: Path, layout: str) -> tuple[str, tuple[Path, ...]]:
    """The whole migration folder that a file belongs to; the file alone when it belongs to none."""
    for folder in (path.parent, path.parent.parent):
        name, files = folder_layout(folder, layout)
        if layout == "auto" and name == "numbered" and not path.name[:1].isdigit():
            continue
        if path.resolve() in {file.resolve() for file in files}:
            return name, files
        if folder.name in ("deploy", "committed"):
            continue
        if name in ("numbered", "golang-migrate", "flyway"):
            break
    return "file", (path,)


def _require_readable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path}: neither a file nor a folder")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: permission denied")


def _read(path: Path, cwd: Path) -> Migration:
    shown = shown_path(path, cwd)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{shown}: {error.strerror or error}") from None
    if data[:5] == b"PGDMP":
        raise InputError(f"{shown}: a dump in pg_dump's custom format; make it SQL first: pg_restore -f - {shown}")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _migration(SourceFile(shown, data.decode("utf-16", "replace")))
    if b"\0" in data[:8192]:
        raise InputError(f"{shown}: a binary file, not SQL")
    try:
        return _migration(SourceFile(shown, data.decode("utf-8")))
    except UnicodeDecodeError as error:
        source = SourceFile(shown, data.decode("utf-8", "replace"))
        start = len(data[: error.start].decode("utf-8", "replace"))
        problem = Problem("RLS001", Span(source, start, start + 1), "invalid byte sequence for encoding UTF8")
        return _migration(source, (problem,))


def _migration(source: SourceFile, problems: tuple[Problem, ...] = ()) -> Migration:
    parts = sections(source.text)
    statements: list[Statement] = []
    found: list[Problem] = list(problems)
    for start, end in parts.ranges:
        # a byte-order mark is white space to nobody but us
        start += source.text.startswith("\ufeff", start, end)
        parsed, broken = parse_script(source, start, end)
        statements += parsed
        found += broken
    return Migration(
        source, tuple(statements), tuple(found), suppressions(source, statements), transactional=parts.transactional
    )


def shown_path(path: Path, cwd: Path) -> str:
    """The path as users see it: relative to the working directory, with forward slashes."""
    try:
        return Path(os.path.relpath(path, cwd.resolve())).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()
