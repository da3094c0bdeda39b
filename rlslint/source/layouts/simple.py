"""A folder of a tool that keeps one file (or one folder) a migration in, the files it runs, in order, out.

Each function follows its tool's own code: which names it accepts, what it sorts by, what it passes over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rlslint.records import replace
from rlslint.source.layouts.listing import (
    Listing,
    head,
    is_file,
    leading_number,
    natural,
    sql_files,
    sql_files_below,
    subfolders,
    without_down_files,
)

SUPABASE: Final = re.compile(r"^[0-9]+_.*\.sql$")
_SUPABASE_INIT: Final = re.compile(r"^([0-9]{14})_init\.sql$")
_SUPABASE_FIRST: Final = "20211209000000"
UP_DOWN: Final = re.compile(r"^(?P<version>[0-9]+)_.*\.(?P<way>up|down)\.sql$")
_CHECKPOINT: Final = re.compile(r"^--[ \t]*atlas:checkpoint\b", re.MULTILINE)
_ATLAS_IGNORED: Final = re.compile(r"^--[ \t]*atlas:sum[ \t]+ignore\b", re.MULTILINE)


def supabase(folder: Path) -> Listing:
    """By name; ``digits_name.sql`` only, and not the init file of the CLI's first releases (pkg/migration/list.go).

    In a folder where the CLI would run nothing, every file by name: a linter still helps. ``007_x_rollback.sql`` beside
    ``007_x.sql`` is run by hand, if ever: the CLI records versions, and a second one of a number ends it with 23505.
    """
    found = sql_files(folder)
    named = [path for path in found if SUPABASE.match(path.name)]
    if not named:
        return Listing(tuple(found))
    known = set(named)
    skipped = [
        (path, "the Supabase CLI runs only files named <digits>_<name>.sql") for path in found if path not in known
    ]
    up = {path.name for path in without_down_files(named)}
    numbers = {leading_number(name) for name in up}
    named = [path for path in named if path.name in up or leading_number(path.name) not in numbers]
    first = _SUPABASE_INIT.match(named[0].name)
    if first and first[1] < _SUPABASE_FIRST:
        skipped.append((named.pop(0), "the Supabase CLI passes over an init file older than 2021-12-09"))
    return Listing(tuple(named), tuple(skipped))


def golang_migrate(folder: Path) -> Listing:
    """``version_name.up.sql`` by version (source/parse.go)."""
    found = [(path, match) for path in sql_files(folder) if (match := UP_DOWN.match(path.name))]
    up = [(int(match["version"][:30]), path.name, path) for path, match in found if match["way"] == "up"]
    known = {path for path, _ in found}
    skipped = _others(folder, known, "golang-migrate runs only files named <version>_<name>.up.sql")
    return Listing(tuple(path for *_, path in sorted(up)), skipped)


def dbmate(folder: Path) -> Listing:
    """``digits*.sql`` by name (pkg/dbmate/db.go)."""
    found = [path for path in sql_files(folder) if path.name[:1].isdigit()]
    return Listing(tuple(found), _others(folder, set(found), "dbmate runs only files whose name starts with digits"))


def goose(folder: Path) -> Listing:
    """By the number in front (NumericComponent)."""
    found = [path for path in sql_files(folder) if leading_number(path.name) is not None]
    files = sorted(found, key=lambda path: (leading_number(path.name) or 0, path.name))
    return Listing(tuple(files), _others(folder, set(found), "goose runs only files named <number>_<name>.sql"))


def sql_migrate(folder: Path) -> Listing:
    """By the number in front, then by name (Migration.Less)."""
    return Listing(tuple(sorted(sql_files(folder), key=natural)))


def numbered(folder: Path) -> Listing:
    """By the number in front, then by name; what undoes a migration left out."""
    return Listing(tuple(sorted(without_down_files(sql_files(folder)), key=natural)))


def prisma(folder: Path) -> Listing:
    """``name/migration.sql`` by the folder's name."""
    return _in_folders(folder, "migration.sql", lambda name: name)


def hasura(folder: Path) -> Listing:
    """``version_name/up.sql`` by version; Diesel lays its migrations out in the same way."""
    return _in_folders(folder, "up.sql", lambda name: natural(Path(name)))


def _in_folders(folder: Path, name: str, key: Callable[[str], object]) -> Listing:
    ordered = sorted(subfolders(folder), key=key)  # type: ignore[arg-type]
    return Listing(tuple(path for one in ordered if is_file(path := folder / one / name)))


def drizzle(folder: Path) -> Listing:
    """In the order of the journal's entries (drizzle-orm/src/migrator.ts); without a journal, as newer releases: by folder.

    Where more files stand beside the journal than in it, somebody runs them by hand, and a note says that they are left out.
    """
    journal = folder / "meta" / "_journal.json"
    if not is_file(journal):
        return prisma(folder)
    tags = journal_tags(journal)
    if tags is None:
        return numbered(folder)
    files = tuple(path for tag in tags if is_file(path := folder / f"{tag}.sql"))
    if not files:
        # a journal left behind by a project that runs its files by hand: a linter still helps
        return replace(numbered(folder), note="no file of Drizzle's journal is there: every file read, by number")
    others = _others(folder, set(files), "not in Drizzle's journal (meta/_journal.json)")
    note = ""
    if len(others) > len(files):
        those = f"{len(others)} files are" if len(others) > 1 else "a file is"
        note = f"{those} not in Drizzle's journal and not read (--layout numbered reads them)"
    return Listing(files, others, note=note)


def journal_tags(journal: Path) -> list[str] | None:
    """File names, without ``.sql``, of Drizzle's journal; None when it cannot be read."""
    try:
        tags = [str(entry["tag"]) for entry in json.loads(journal.read_bytes())["entries"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return [tag for tag in tags if "/" not in tag and "\\" not in tag and "\0" not in tag]


def atlas(folder: Path) -> Listing:
    """By name; the newest checkpoint stands for all files before it (sql/migrate/dir.go)."""
    files: list[Path] = []
    skipped: list[tuple[Path, str]] = []
    for path in sql_files(folder):
        top = head(path)
        if _ATLAS_IGNORED.search(top):
            skipped.append((path, "atlas:sum ignore"))
        elif _CHECKPOINT.search(top):
            skipped += [(one, f"replaced by the checkpoint {path.name}") for one in files]
            files = [path]
        else:
            files.append(path)
    return Listing(tuple(files), tuple(skipped))


def declarative(folder: Path) -> Listing:
    """A tree of schema files, by path."""
    return Listing(tuple(sql_files_below(folder)))


def _others(folder: Path, known: set[Path], reason: str) -> tuple[tuple[Path, str], ...]:
    return tuple((path, reason) for path in sql_files(folder) if path not in known)
