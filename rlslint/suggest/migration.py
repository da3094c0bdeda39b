"""Changes in, the files of a new migration out: named, cut into sections and kept out of transactions as the layout's
tool wants it. Nothing that exists is edited but a tool's own list of migrations (Drizzle's journal, sqitch's plan).

CREATE INDEX CONCURRENTLY cannot run in a transaction block, nor beside other statements in one query string, which
golang-migrate and Prisma send a file as: there each index is a migration of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from rlslint.records import dataclass
from rlslint.source.model import InputError, Project
from rlslint.suggest.cure import Change
from rlslint.suggest.versions import next_numbers, next_versions

NAME: Final = "rlslint_fix"


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be written. ``replaces``: it exists already and is the tool's own list."""

    path: Path
    text: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """What becomes one migration: changes that run in one transaction, or indexes that run in none."""

    changes: tuple[Change, ...]
    name: str
    transactional: bool

    def up(self) -> str:
        return _script(self.changes, "up")

    def down(self) -> str:
        return _script(tuple(reversed(self.changes)), "down")


@dataclass(frozen=True, slots=True)
class _Place:
    folder: Path
    names: tuple[str, ...]
    """Names of the migrations there are, in order."""
    now: datetime


Writer = Callable[[_Place, Sequence[_Part]], Iterator[NewFile]]


def new_migration(project: Project, changes: Sequence[Change], *, cwd: Path, now: datetime) -> list[NewFile]:
    """The files to be written. Raises InputError for input that is no folder of migrations."""
    layout = project.layout
    if layout not in _LAYOUTS or not project.migrations:
        shown = {"stdin": "standard input", "file": "a single file"}.get(layout, layout)
        raise InputError(f"fix needs a folder of migrations, not {shown}; --dry-run prints the SQL")
    newest = cwd / project.migrations[-1].source.path
    nested = layout in _NESTED or (layout == "graphile-migrate")
    folder = newest.parent.parent if nested else newest.parent
    if layout == "graphile-migrate" and newest.name == "current.sql":
        folder = newest.parent
    style, writer = _LAYOUTS[layout]
    names = _names(layout, project, cwd, folder)
    return list(writer(_Place(folder, names, now), _parts(changes, style)))


def write_files(files: Sequence[NewFile]) -> None:
    """Write them; one that exists and is not the tool's own list is never touched. Raises InputError, OSError."""
    for file in files:
        if file.path.exists() and not file.replaces:
            raise InputError(f"{file.path}: exists already; nothing was written")
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text(file.text, encoding="utf-8")


def script(changes: Sequence[Change], way: str) -> str:
    """All statements of one way, with their comments."""
    ordered = tuple(changes) if way == "up" else tuple(reversed(changes))
    return _script(ordered, way)


def _names(layout: str, project: Project, cwd: Path, folder: Path) -> tuple[str, ...]:
    """Names that carry the versions: of files, or of their folders."""
    files = [cwd / migration.source.path for migration in project.migrations]
    if layout in ("prisma", "hasura"):
        return tuple(path.parent.name for path in files)
    if layout == "sqitch":
        return tuple(path.stem for path in files)
    listed = {path.name for path in files} | {path.name for path in folder.glob("*.sql")}
    return tuple(sorted(listed))


def _parts(changes: Sequence[Change], style: str) -> list[_Part]:
    """``plain``: no index is built concurrently, since the tool knows no way; ``apart``: indexes are a migration of
    their own; ``single``: each index is one."""
    if style == "plain":
        return [_Part(tuple(_plain(change) for change in changes), NAME, True)]
    policies = tuple(change for change in changes if not change.concurrent)
    indexes = tuple(change for change in changes if change.concurrent)
    parts = [_Part(policies, NAME, True)] if policies else []
    if indexes and style == "apart":
        parts.append(_Part(indexes, f"{NAME}_indexes", False))
    elif style == "single":
        numbered = len(indexes) > 1
        parts += [
            _Part((one,), f"{NAME}_index_{i}" if numbered else f"{NAME}_index", False)
            for i, one in enumerate(indexes, 1)
        ]
    return parts


def _plain(change: Change) -> Change:
    if not change.concurrent:
        return change
    return Change(
        [text.replace(" CONCURRENTLY", "", 1) for text in change.up],
        [text.replace(" CONCURRENTLY", "", 1) for text in change.down],
        change.codes,
        change.titles,
        change.assumes,
        False,
        [
            *change.notes,
            "holds up writers while it builds: on a large table in use, first run by hand",
            *(f"  {text}" for text in change.up),
            "and this finds the index there",
        ],
    )


def _script(changes: Sequence[Change], way: str) -> str:
    """The statements, each under a comment that says why."""
    parts = []
    for change in changes:
        lines = [f"-- {', '.join(change.codes)}: {'; '.join(change.titles)}"]
        if way == "up":
            lines += [f"-- assumes: {text}" for text in change.assumes]
            lines += [f"-- {text}" for text in change.notes]
        else:
            lines = [f"-- back from {lines[0][3:]}"]
        parts.append("\n".join([*(" ".join(line.split("\n")) for line in lines), *getattr(change, way)]))
    return "\n\n".join(parts) + "\n"


_UP_ONLY = "-- Written by rlslint fix. Its rollback is {down}.\n"
_HEAD = "-- Written by rlslint fix.\n"


def _supabase(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    """The rollback lies in a folder beside, where the CLI runs nothing."""
    versions = next_numbers(place.names, place.now, default=place.now.strftime("%Y%m%d%H%M%S"))
    for part, version in zip(parts, versions, strict=False):
        stem = f"{version}_{part.name}"
        down = place.folder.parent / "rollbacks" / f"{stem}.sql"
        note = (
            ""
            if part.transactional
            else "-- The Supabase CLI runs CONCURRENTLY outside of a transaction from 2.109 on.\n"
        )
        head = _UP_ONLY.format(down=f"../rollbacks/{stem}.sql") + note
        yield NewFile(place.folder / f"{stem}.sql", f"{head}\n{part.up()}")
        yield NewFile(down, f"{_HEAD}\n{part.down()}")


def _flat(place: _Place, parts: Sequence[_Part], head: str = "") -> Iterator[NewFile]:
    """Numbered files, the rollback beside them under a name that says so."""
    if not any(char.isdigit() for name in place.names for char in name[:2]):
        first = next(iter(place.names), "what is there")
        raise InputError(f"fix needs numbered migrations, and {first} has no number; --dry-run prints the SQL")
    separator = _separator(place.names)
    versions = next_numbers(place.names, place.now, default="1")
    for part, version in zip(parts, versions, strict=False):
        stem = f"{_prefix(place.names)}{version}{separator}{part.name}"
        note = head if not part.transactional else ""
        yield NewFile(
            place.folder / f"{stem}.sql", f"{note}{_UP_ONLY.format(down=f'rollback/{stem}.sql')}\n{part.up()}"
        )
        yield NewFile(place.folder / "rollback" / f"{stem}.sql", f"{_HEAD}\n{part.down()}")


def _atlas(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    yield from _flat(place, parts, "-- atlas:txmode none\n\n")


def _golang_migrate(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    versions = next_numbers(place.names, place.now, default="1")
    for part, version in zip(parts, versions, strict=False):
        stem = f"{version}_{part.name}"
        yield NewFile(place.folder / f"{stem}.up.sql", f"{_HEAD}\n{part.up()}")
        yield NewFile(place.folder / f"{stem}.down.sql", f"{_HEAD}\n{part.down()}")


def _flyway(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    """V and U files; a script configuration beside those that must run without a transaction."""
    versions = next_versions(place.names, place.now)
    for part, version in zip(parts, versions, strict=False):
        for letter, text in (("V", part.up()), ("U", part.down())):
            path = place.folder / f"{letter}{version}__{part.name}.sql"
            yield NewFile(path, f"{_HEAD}\n{text}")
            if not part.transactional:
                yield NewFile(Path(f"{path}.conf"), "executeInTransaction=false\n")


def _sections(up: str, down: str, up_bare: str, down_bare: str, *, before: str = "") -> Writer:
    """One file with two sections; ``*_bare`` are their marks where the part must run without a transaction."""

    def write(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
        separator = _separator(place.names)
        versions = next_numbers(place.names, place.now, default="1")
        for part, version in zip(parts, versions, strict=False):
            marks = (up, down) if part.transactional else (up_bare, down_bare)
            head = before if not part.transactional else ""
            text = f"{head}{marks[0]}\n{_HEAD}\n{part.up()}\n{marks[1]}\n{part.down()}"
            yield NewFile(place.folder / f"{version}{separator}{part.name}.sql", text)

    return write


def _prisma(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    versions = next_numbers(place.names, place.now, default=place.now.strftime("%Y%m%d%H%M%S"))
    for part, version in zip(parts, versions, strict=False):
        folder = place.folder / f"{version}_{part.name}"
        yield NewFile(folder / "migration.sql", f"{_UP_ONLY.format(down='down.sql')}\n{part.up()}")
        yield NewFile(folder / "down.sql", f"{_HEAD}\n{part.down()}")


def _hasura(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    versions = next_numbers(place.names, place.now, default=str(int(place.now.timestamp()) * 1000))
    for part, version in zip(parts, versions, strict=False):
        folder = place.folder / f"{version}_{part.name}"
        yield NewFile(folder / "up.sql", f"{_HEAD}\n{part.up()}")
        yield NewFile(folder / "down.sql", f"{_HEAD}\n{part.down()}")


def _drizzle(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    """The migrator runs what its journal lists, later ones by their ``when``."""
    path = place.folder / "meta" / "_journal.json"
    try:
        journal = json.loads(path.read_text(encoding="utf-8-sig"))
        entries = journal["entries"]
        newest = max((entry["when"] for entry in entries), default=0)
        index = max((entry["idx"] for entry in entries), default=-1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a journal that fix could add to: {error}") from None
    when = max(int(place.now.replace(tzinfo=place.now.tzinfo or timezone.utc).timestamp() * 1000), newest + 1)
    versions = next_numbers(place.names, place.now, default="0")
    for part, version in zip(parts, versions, strict=False):
        index += 1
        tag = f"{version}_{part.name}"
        entry = {
            "idx": index,
            "version": str(journal.get("version", "7")),
            "when": when,
            "tag": tag,
            "breakpoints": True,
        }
        entries.append(entry)
        when += 1
        text = part.up().replace("\n\n--", "\n--> statement-breakpoint\n--")
        yield NewFile(place.folder / f"{tag}.sql", f"{_UP_ONLY.format(down=f'rollback/{tag}.sql')}\n{text}")
        yield NewFile(place.folder / "rollback" / f"{tag}.sql", f"{_HEAD}\n{part.down()}")
    yield NewFile(path, json.dumps(journal, indent=2, ensure_ascii=False) + "\n", replaces=True)


def _sqitch(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    """deploy, revert and verify scripts, and a line of the plan."""
    plan = place.folder / "sqitch.plan"
    text = plan.read_text(encoding="utf-8").rstrip("\n") + "\n"
    stamp = place.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    for part in parts:
        name = part.name
        number = 1
        while name in place.names:
            number += 1
            name = f"{part.name}_{number}"
        begin, commit = ("BEGIN;\n\n", "\nCOMMIT;\n") if part.transactional else ("", "")
        yield NewFile(place.folder / "deploy" / f"{name}.sql", f"{_HEAD}\n{begin}{part.up()}{commit}")
        yield NewFile(place.folder / "revert" / f"{name}.sql", f"{_HEAD}\n{begin}{part.down()}{commit}")
        yield NewFile(place.folder / "verify" / f"{name}.sql", f"{_HEAD}\nBEGIN;\nROLLBACK;\n")
        text += f"{name} {stamp} rlslint <rlslint@localhost> # Cure what rlslint finds\n"
    yield NewFile(plan, text, replaces=True)


def _graphile(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    """The current migration, which the tool signs when it commits it."""
    path = place.folder / "current.sql"
    if (place.folder / "current").is_dir() or (path.is_file() and path.read_text(encoding="utf-8").strip()):
        raise InputError(f"{path}: commit the current migration first (graphile-migrate commit)")
    (part,) = parts
    yield NewFile(path, f"{_UP_ONLY.format(down='rollback/rlslint_fix.sql')}\n{part.up()}", replaces=path.exists())
    yield NewFile(place.folder / "rollback" / "rlslint_fix.sql", f"{_HEAD}\n{part.down()}")


def _liquibase(place: _Place, parts: Sequence[_Part]) -> Iterator[NewFile]:
    separator = _separator(place.names)
    versions = next_numbers(place.names, place.now, default="1")
    for part, version in zip(parts, versions, strict=False):
        name = f"{version}{separator}{part.name}"
        blocks = ["-- liquibase formatted sql\n"]
        for number, change in enumerate(part.changes, 1):
            bare = "" if part.transactional else " runInTransaction:false"
            undo = "\n".join(f"-- rollback {line}" for text in change.down for line in text.split("\n"))
            blocks.append(f"-- changeset rlslint:{name}-{number}{bare}\n{_script((change,), 'up')}{undo}\n")
        yield NewFile(place.folder / f"{name}.sql", "\n".join(blocks))


def _separator(names: Sequence[str]) -> str:
    """What stands between number and name in the newest file."""
    for name in reversed(names):
        digits = name[len(_prefix([name])) :].lstrip("0123456789")
        if digits != name and digits[:1] in ("-", "_"):
            return "__" if digits.startswith("__") else digits[0]
    return "_"


def _prefix(names: Sequence[str]) -> str:
    """A letter before the number, as in V1."""
    for name in reversed(names):
        if name[:1] in ("V", "v") and name[1:2].isdigit():
            return name[0]
    return ""


_NESTED: Final = frozenset({"prisma", "hasura", "sqitch"})
_LAYOUTS: Final[dict[str, tuple[str, Writer]]] = {
    "supabase": ("apart", _supabase),
    "flyway": ("apart", _flyway),
    "golang-migrate": ("single", _golang_migrate),
    "dbmate": (
        "apart",
        _sections(
            "-- migrate:up", "-- migrate:down", "-- migrate:up transaction:false", "-- migrate:down transaction:false"
        ),
    ),
    "goose": (
        "apart",
        _sections(
            "-- +goose Up", "-- +goose Down", "-- +goose Up", "-- +goose Down", before="-- +goose NO TRANSACTION\n"
        ),
    ),
    "sql-migrate": (
        "apart",
        _sections(
            "-- +migrate Up", "-- +migrate Down", "-- +migrate Up notransaction", "-- +migrate Down notransaction"
        ),
    ),
    "prisma": ("single", _prisma),
    "drizzle": ("plain", _drizzle),
    "hasura": ("plain", _hasura),
    "sqitch": ("apart", _sqitch),
    "graphile-migrate": ("plain", _graphile),
    "node-pg-migrate": ("plain", _sections("-- Up Migration", "-- Down Migration", "", "")),
    "liquibase": ("apart", _liquibase),
    "atlas": ("apart", _atlas),
    "numbered": ("apart", _flat),
}
