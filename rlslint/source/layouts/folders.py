"""A folder in, its layout and the files that run, in order, out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from rlslint.source.model import InputError

IGNORED_FOLDERS = frozenset(
    {".git", "node_modules", ".venv", "venv", "vendor", "dist", "build", "target", "__pycache__", ".next", ".tox"}
)
_FLYWAY = re.compile(r"^(?P<kind>[VRUB])(?P<version>[\d._]*)__(?P<name>.*)\.sql$")
_UP_DOWN = re.compile(r"^(?P<version>\d+)_.*\.(?P<way>up|down)\.sql$")
_NUMBER = re.compile(r"^[Vv]?(\d+(?:[._-]\d+)*)")
_SQITCH_CHANGE = re.compile(r"^(?P<name>[^\s%@#\[+-][^\s\[]*)")
_DOWN_NAME = re.compile(r"(?:^|[._-])(?:down|rollback|revert|undo)\.sql$", re.IGNORECASE)


def folder_layout(folder: Path, layout: str = "auto") -> tuple[str, tuple[Path, ...]]:
    """The layout (detected when ``auto``) and the files of a migration folder in the order its tool runs them."""
    if layout != "auto":
        if layout not in LAYOUTS:
            raise InputError(f"unknown layout {layout!r}: one of {', '.join(sorted(LAYOUTS))}")
        return layout, tuple(LAYOUTS[layout](folder))
    name = detect(folder)
    return name, tuple(LAYOUTS[name](folder))


def detect(folder: Path) -> str:
    """The layout of a folder, by its marker files and file names."""
    names = sorted(path.name for path in folder.iterdir())
    sql = [name for name in names if name.endswith(".sql")]
    if "sqitch.plan" in names:
        return "sqitch"
    if (folder / "meta" / "_journal.json").is_file():
        return "drizzle"
    if "migration_lock.toml" in names or (
        not sql and any((folder / name / "migration.sql").is_file() for name in names)
    ):
        return "prisma"
    if not sql and any((folder / name / "up.sql").is_file() for name in names):
        return "hasura"
    if "committed" in names and (folder / "committed").is_dir():
        return "graphile-migrate"
    if any((match := _UP_DOWN.match(name)) and match["way"] == "up" for name in sql):
        return "golang-migrate"
    if any((match := _FLYWAY.match(name)) and (match["version"] or match["kind"] == "R") for name in sql):
        return "flyway"
    if folder.name == "migrations" and folder.parent.name == "supabase":
        return "supabase"
    if "atlas.sum" in names:
        return "atlas"
    for name in sql[:3]:
        head = _head(folder / name)
        for marker, found in (("migrate:up", "dbmate"), ("+goose", "goose"), ("+migrate", "sql-migrate")):
            if marker in head.lower():
                return found
        if "liquibase formatted sql" in head.lower():
            return "liquibase"
    return "numbered"


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(4096).decode("utf-8", "replace")


def _sql(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".sql") and path.is_file()]


def _natural(path: Path) -> tuple[bool, list[int], str]:
    match = _NUMBER.match(path.name)
    numbers = [int(part) for part in re.split(r"[._-]", match[1])] if match else []
    return not numbers, numbers, path.name


def _supabase(folder: Path) -> list[Path]:
    """What the CLI would run; in a folder where it would run nothing, every file by name (a linter still helps)."""
    named = [path for path in _sql(folder) if re.match(r"^\d+_.*\.sql$", path.name)]
    return sorted(named or _sql(folder), key=lambda path: path.name)


def _golang_migrate(folder: Path) -> list[Path]:
    files = []
    for path in _sql(folder):
        match = _UP_DOWN.match(path.name)
        if match and match["way"] == "up":
            files.append((int(match["version"]), path.name, path))
    return [path for _, _, path in sorted(files)]


def _flyway(folder: Path) -> list[Path]:
    versioned: list[tuple[list[int], str, Path]] = []
    baselines: list[tuple[list[int], str, Path]] = []
    repeatable: list[tuple[str, Path]] = []
    for path in _deep(folder):
        match = _FLYWAY.match(path.name)
        if match is None or match["kind"] == "U":
            continue
        version = [int(part) for part in re.split(r"[._]", match["version"]) if part]
        if match["kind"] == "R":
            repeatable.append((match["name"], path))
        elif version:
            (baselines if match["kind"] == "B" else versioned).append((version, path.name, path))
    start = max(baselines, default=None)
    if start is not None:
        versioned = [item for item in versioned if item[0] > start[0]]
        versioned.append(start)
    return [path for *_, path in sorted(versioned)] + [path for _, path in sorted(repeatable)]


def _numbered(folder: Path) -> list[Path]:
    files = [path for path in _sql(folder) if not _DOWN_NAME.search(path.name)]
    return sorted(files, key=_natural)


def _by_name(folder: Path) -> list[Path]:
    return sorted(_sql(folder), key=lambda path: path.name)


def _prisma(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/migration.sql"))


def _hasura(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/up.sql"), key=lambda path: _natural(path.parent))


def _drizzle(folder: Path) -> list[Path]:
    journal = folder / "meta" / "_journal.json"
    try:
        entries = json.loads(journal.read_text(encoding="utf-8-sig"))["entries"]
        tags = [str(entry["tag"]) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return _numbered(folder)
    return [path for tag in tags if (path := folder / f"{tag}.sql").is_file()]


def _sqitch(folder: Path) -> list[Path]:
    plan = (folder / "sqitch.plan").read_text(encoding="utf-8", errors="replace")
    names = [match["name"] for line in plan.splitlines() if (match := _SQITCH_CHANGE.match(line))]
    files: list[Path] = []
    for name in dict.fromkeys(names):
        path = folder / "deploy" / f"{name}.sql"
        if path.is_file():
            files.append(path)
    return files


def _graphile(folder: Path) -> list[Path]:
    files = sorted((folder / "committed").glob("*.sql"), key=_natural)
    current = folder / "current.sql"
    if current.is_file():
        files.append(current)
    files += sorted((folder / "current").glob("*.sql"), key=_natural)
    return files


def _deep(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.sql") if not IGNORED_FOLDERS.intersection(path.parts))


LAYOUTS: dict[str, Callable[[Path], list[Path]]] = {
    "supabase": _supabase,
    "flyway": _flyway,
    "golang-migrate": _golang_migrate,
    "dbmate": _by_name,
    "goose": _numbered,
    "sql-migrate": _numbered,
    "prisma": _prisma,
    "drizzle": _drizzle,
    "hasura": _hasura,
    "sqitch": _sqitch,
    "graphile-migrate": _graphile,
    "node-pg-migrate": _numbered,
    "liquibase": _numbered,
    "atlas": _by_name,
    "numbered": _numbered,
}
