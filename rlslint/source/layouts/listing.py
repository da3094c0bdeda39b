"""A folder in, its SQL files out, as every layout wants them listed: regular files only, in a defined order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rlslint.records import dataclass

IGNORED_FOLDERS: Final = frozenset(
    {
        "node_modules",
        "venv",
        "vendor",
        "dist",
        "build",
        "target",
        "__pycache__",
        "site-packages",
        "bower_components",
        "rollback",
        "rollbacks",
    }
)
"""Folders that hold other people's files, built ones, or what undoes migrations (`rlslint fix` writes such); those with
a dot in front are left out as well."""
HEAD: Final = 65_536
"""Bytes of a file that are read to tell its layout."""
_NUMBER: Final = re.compile(r"^[Vv]?(\d+(?:[._-]\d+)*)")
_DOWN_NAME: Final = re.compile(r"[._-](?:down|rollback|revert|undo)\.sql$|^\d+\.(?:undo|down)\b", re.IGNORECASE)
_DOWN_WORD: Final = re.compile(r"^[Vv]?(?P<number>\d+)[._-]+(?:down|rollback|revert|undo)(?![a-z])", re.IGNORECASE)
_LEADING: Final = re.compile(r"^[Vv]?(\d+)[._-]")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a layout makes of a folder."""

    files: tuple[Path, ...]
    """In the order the tool runs them."""
    skipped: tuple[tuple[Path, str], ...] = ()
    """SQL files of the folder that the tool would not run, with the reason; down files are not among them."""
    before: tuple[Path, ...] = ()
    """Files of ``files`` that are run before the migrations, by the tool's configuration."""
    variables: tuple[tuple[str, str], ...] = ()
    """Placeholders the tool's configuration gives a value, name and text."""
    note: str = ""
    """What a user should know of the choice of files without asking."""
    search_path: tuple[str, ...] = ()
    """Schemas that the tool makes and puts in front of the search_path that its migrations run with."""


def sql_files(folder: Path) -> list[Path]:
    """The folder's own SQL files by name (bytes, as tools sort them); nothing when it cannot be read."""
    return sorted(
        (Path(entry.path) for entry in entries(folder) if is_sql(entry.name) and is_regular(entry)),
        key=lambda path: path.name,
    )


def sql_files_below(folder: Path) -> list[Path]:
    """All SQL files of the folder and those in it, by path; links to folders are not followed."""
    found = list(sql_files(folder))
    for name in subfolders(folder):
        found += sql_files_below(folder / name)
    return sorted(found)


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in it that may hold a project's own files, links left out."""
    return sorted(
        entry.name
        for entry in entries(folder)
        if not entry.name.startswith(".") and entry.name not in IGNORED_FOLDERS and _is_folder(entry)
    )


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What the folder holds; nothing when it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def is_sql(name: str) -> bool:
    """Whether a file's name says that it holds SQL."""
    return name[-4:].lower() == ".sql" and not name.startswith(".")


def is_regular(entry: os.DirEntry[str]) -> bool:
    """`is_file` of what a folder holds."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether a regular file stands there, or a link to one; False when nobody may look."""
    try:
        return path.is_file()
    except OSError:
        return False


def head(path: Path) -> str:
    """The beginning of a file as text, whatever its encoding; empty when it cannot be read."""
    if not is_file(path):
        return ""
    try:
        with path.open("rb") as file:
            data = file.read(HEAD)
    except OSError:
        return ""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def natural(path: Path) -> tuple[bool, list[int], str]:
    """Sort key: leading numbers by value, then the name; names without a number last."""
    match = _NUMBER.match(path.name)
    return match is None, numbers(match[1]) if match else [], path.name


def numbers(text: str) -> list[int]:
    """The parts of a dotted version. A run of digits too long for any version counts by its first 30."""
    return [int(part[:30]) for part in re.split(r"[._-]", text) if part.isascii() and part.isdigit()]


def leading_number(name: str) -> int | None:
    """The number in front of ``_``, ``-`` or ``.``; None when there is none."""
    match = _LEADING.match(name)
    return int(match[1][:30]) if match else None


def without_down_files(paths: list[Path]) -> list[Path]:
    """Files that undo a migration left out, told by their names.

    ``x.down.sql`` always is one; ``002_rollback_x.sql`` is where another file has the number too.
    """
    up = [path for path in paths if not _DOWN_NAME.search(path.name)]
    words = {path: match["number"] for path in up if (match := _DOWN_WORD.match(path.name))}
    others = {leading_number(path.name) for path in up if path not in words}
    return [path for path in up if path not in words or int(words[path][:30]) not in others]


def undoes(path: Path) -> bool:
    """Whether the file undoes a migration that lies beside it."""
    beside = sql_files(path.parent)
    names = {one.name for one in beside}
    return path.name in names - {one.name for one in without_down_files(beside)} or (
        path.name == "down.sql" and "up.sql" in names
    )


def walk(folder: Path, depth: int = 24) -> Iterator[Path]:
    """The folder and all below it, by path; links are not followed, nor what lies deeper than anybody nests."""
    yield folder
    if depth:
        for name in subfolders(folder):
            yield from walk(folder / name, depth - 1)
