"""A folder in, the layout of the migrations in it, and how sure that is, out: by marker files, names and contents."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from rlslint.records import dataclass
from rlslint.source.layouts import graphile, liquibase, sqitch
from rlslint.source.layouts.flyway import NAME as FLYWAY_NAME
from rlslint.source.layouts.flyway import flyway
from rlslint.source.layouts.listing import Listing, entries, head, is_file, leading_number, sql_files, subfolders
from rlslint.source.layouts.simple import (
    SUPABASE,
    UP_DOWN,
    atlas,
    dbmate,
    declarative,
    drizzle,
    golang_migrate,
    goose,
    hasura,
    numbered,
    prisma,
    sql_migrate,
    supabase,
)
from rlslint.source.model import InputError

LAYOUTS: Final[dict[str, Callable[[Path], Listing]]] = {
    "atlas": atlas,
    "dbmate": dbmate,
    "declarative": declarative,
    "drizzle": drizzle,
    "flyway": flyway,
    "golang-migrate": golang_migrate,
    "goose": goose,
    "graphile-migrate": graphile.graphile,
    "hasura": hasura,
    "liquibase": liquibase.liquibase,
    "node-pg-migrate": numbered,
    "numbered": numbered,
    "prisma": prisma,
    "sqitch": sqitch.sqitch,
    "sql-migrate": sql_migrate,
    "supabase": supabase,
}
CERTAIN, LIKELY, POSSIBLE = 3, 2, 1
"""A tool's own marks; a folder of numbered files, or one called migrations; SQL files of some kind."""
_OTHER_DATABASE: Final = re.compile(
    r'^[ \t]*provider[ \t]*=[ \t]*"(mysql|sqlite|sqlserver|mongodb)"|"dialect"[ \t]*:[ \t]*"(mysql|sqlite|singlestore)"',
    re.MULTILINE,
)
_MARKS: Final = (
    (re.compile(r"^[ \t]*--[ \t]*migrate:up\b", re.MULTILINE), "dbmate"),
    (re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]", re.MULTILINE | re.IGNORECASE), "goose"),
    (re.compile(r"^[ \t]*--[ \t]*\+migrate[ \t]", re.MULTILINE | re.IGNORECASE), "sql-migrate"),
    (re.compile(r"^\s*--[\s-]*up\s+migration", re.MULTILINE | re.IGNORECASE), "node-pg-migrate"),
    (liquibase.FORMATTED, "liquibase"),
)
_MIGRATIONS: Final = re.compile(
    r"migrat|^(?:changes|changelog|evolutions|schema_changes|patches|upgrades?)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Detected:
    """A folder's layout and what it runs."""

    layout: str
    sure: int
    listing: Listing


def folder_layout(folder: Path, layout: str = "auto") -> Detected:
    """The layout (detected when ``auto``) of a migration folder and its files. Raises InputError for an unknown one."""
    if layout == "auto":
        name, sure = detect(folder)
        return Detected(name, sure, LAYOUTS[name](folder))
    if layout not in LAYOUTS:
        near = get_close_matches(layout.lower(), LAYOUTS, n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(sorted(LAYOUTS))}"
        raise InputError(f"unknown layout {layout!r}: {meant}")
    return Detected(layout, CERTAIN, LAYOUTS[layout](folder))


def detect(folder: Path) -> tuple[str, int]:
    """The layout of a folder and how sure that is."""
    names = {entry.name for entry in entries(folder)}
    sql = [path.name for path in sql_files(folder)]
    of_supabase = folder.name == "migrations" and folder.parent.name == "supabase"
    if of_supabase and sql and all(SUPABASE.match(name) for name in sql) and not _is_marked(folder, sql):
        # Drizzle may write here as well: what runs is what the CLI runs
        return "supabase", CERTAIN
    marked = _by_marker_file(folder, names, sql)
    if marked is not None:
        return marked, CERTAIN
    if any((match := UP_DOWN.match(name)) and match["way"] == "up" for name in sql):
        return "golang-migrate", CERTAIN
    if any((match := FLYWAY_NAME.match(name)) and (match["version"] or match["kind"] == "R") for name in sql):
        return "flyway", CERTAIN
    marked = _is_marked(folder, sql)
    if marked is not None:
        return marked, CERTAIN
    if of_supabase:
        return "supabase", CERTAIN
    if "atlas.sum" in names:
        return "atlas", CERTAIN
    in_order = sum(leading_number(name) is not None for name in sql)
    if sql and (_MIGRATIONS.search(folder.name) or (in_order > 1 and 2 * in_order > len(sql))):
        return "numbered", LIKELY
    return "numbered", POSSIBLE


def _is_marked(folder: Path, sql: list[str]) -> str | None:
    """The layout whose marks stand in one of the first files."""
    for top in [head(folder / name) for name in sql[:3]]:
        for mark, layout in _MARKS:
            if mark.search(top):
                return layout
    return None


def _by_marker_file(folder: Path, names: set[str], sql: list[str]) -> str | None:
    if any(name.endswith(".plan") for name in names) and sqitch.plan_file(folder) is not None:
        return "sqitch"
    if is_file(folder / "meta" / "_journal.json"):
        return "drizzle"
    if "migration_lock.toml" in names:
        return "prisma"
    if "committed" in names and (folder / "committed").is_dir():
        return "graphile-migrate"
    if any("changelog" in name.lower() and not name.endswith(".sql") for name in names):
        if liquibase.root_changelog(folder) is not None:
            return "liquibase"
    if sql:
        return None
    for name in subfolders(folder):
        if is_file(folder / name / "migration.sql"):
            return "drizzle" if is_file(folder / name / "snapshot.json") else "prisma"
        if is_file(folder / name / "up.sql"):
            return "hasura"
    return None


def other_database(folder: Path) -> str | None:
    """The database that the folder's own marker files say the migrations are for, when it is not PostgreSQL."""
    for name in ("migration_lock.toml", "meta/_journal.json"):
        match = _OTHER_DATABASE.search(head(folder / name))
        if match:
            return match[1] or match[2]
    return None
