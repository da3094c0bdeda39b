"""A Flyway folder in, its versioned, baseline and repeatable files, in order, and its placeholders, out."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Final

from rlslint.source.layouts.listing import Listing, head, is_file, numbers, sql_files_below

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAME: Final = re.compile(r"^(?P<kind>[VRUB])(?P<version>[0-9._]*)__(?P<name>.*)\.sql$")
_CALLBACK: Final = re.compile(
    r"^(?:before|after|create|drop|undo)(?:Each)?[A-Za-z]*(?:__.*)?\.sql$",
)
_SETTING: Final = re.compile(r"^[ \t]*flyway\.placeholders\.([\w.-]+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_NOT_TRANSACTIONAL: Final = re.compile(r"^[ \t]*executeInTransaction[ \t]*=[ \t]*false\b", re.MULTILINE | re.IGNORECASE)
_BUILT_IN: Final = (("flyway:defaultSchema", "public"),)
_CONFIGURATION: Final = ("flyway.toml", "flyway.conf", "conf/flyway.toml", "conf/flyway.conf")


def flyway(folder: Path) -> Listing:
    """Versions by their numbers, the newest baseline for those it covers, then repeatable ones by description.

    Folders below are read as well. Undo files and callbacks are left out.
    """
    versioned: list[tuple[list[int], str, Path]] = []
    baselines: list[tuple[list[int], str, Path]] = []
    repeatable: list[tuple[str, str, Path]] = []
    skipped: list[tuple[Path, str]] = []
    for path in sql_files_below(folder):
        match = NAME.match(path.name)
        version = numbers(match["version"]) if match else []
        while len(version) > 1 and version[-1] == 0:
            # 1.0 is version 1
            version.pop()
        if match is None or (match["kind"] in "VB" and not version):
            kind = "a callback" if _CALLBACK.match(path.name) else "no name that Flyway runs (V1__name.sql)"
            skipped.append((path, kind))
        elif match["kind"] == "R":
            repeatable.append((match["name"], str(path), path))
        elif match["kind"] == "V":
            versioned.append((version, str(path), path))
        elif match["kind"] == "B":
            baselines.append((version, str(path), path))
    baselines.sort()
    if baselines:
        start = baselines[-1]
        covered = [item for item in versioned if item[0] <= start[0]]
        skipped += [(path, f"replaced by the baseline {start[2].name}") for *_, path in covered]
        versioned = [start, *(item for item in versioned if item[0] > start[0])]
    files = [path for *_, path in sorted(versioned)] + [path for *_, path in sorted(repeatable)]
    return Listing(tuple(files), tuple(skipped), variables=_placeholders(folder))


def transactional(path: Path) -> bool:
    """Whether Flyway runs the file in a transaction: its ``.conf`` file says when not."""
    return not _NOT_TRANSACTIONAL.search(head(path.with_name(path.name + ".conf")))


def _placeholders(folder: Path) -> tuple[tuple[str, str], ...]:
    """Flyway's own placeholders and those of the nearest configuration file above the folder."""
    for above in (folder, *folder.parents[:6]):
        for name in _CONFIGURATION:
            if is_file(above / name):
                return (*_BUILT_IN, *_configured(above / name))
        if (above / ".git").exists():
            break
    return _BUILT_IN


def _configured(path: Path) -> list[tuple[str, str]]:
    text = head(path)
    if path.suffix == ".conf":
        return [(match[1], match[2]) for match in _SETTING.finditer(text)]
    try:
        table: Any = tomllib.loads(text).get("flyway", {}).get("placeholders", {})
        return sorted((str(key), value) for key, value in table.items() if isinstance(value, str))
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return []
