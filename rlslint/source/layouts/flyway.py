"""A Flyway folder in, its versioned, baseline and repeatable files, in order, and its placeholders, out."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rlslint.records import dataclass
from rlslint.source.layouts.liquibase import yaml_tree
from rlslint.source.layouts.listing import Listing, head, is_file, numbers, sql_files_below

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAME: Final = re.compile(r"^(?P<kind>[VRUB])(?P<version>[0-9._]*)__(?P<name>.*)\.sql$")
_CALLBACK: Final = re.compile(
    r"^(?:before|after|create|drop|undo)(?:Each)?[A-Za-z]*(?:__.*)?\.sql$",
)
_PLACEHOLDER: Final = re.compile(
    r"^[ \t]*(?:spring\.)?flyway\.placeholders\.([\w.-]+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE
)
_SETTING: Final = re.compile(r"^[ \t]*(?:spring\.)?flyway\.([\w-]+)[\w.-]*[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_SPRING_DEFAULT: Final = re.compile(r"\$\{[\w.-]+:(.*)\}")
_NOT_TRANSACTIONAL: Final = re.compile(r"^[ \t]*executeInTransaction[ \t]*=[ \t]*false\b", re.MULTILINE | re.IGNORECASE)
_CONFIGURATION: Final = ("flyway.toml", "flyway.conf", "conf/flyway.toml", "conf/flyway.conf")
_SPRING: Final = tuple(
    f"{folder}application.{suffix}"
    for folder in ("", "src/main/resources/")
    for suffix in ("yml", "yaml", "properties")
)


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
    configured = _configured(folder)
    return Listing(tuple(files), tuple(skipped), variables=configured.variables(), search_path=configured.search_path())


def undoes(path: Path) -> bool:
    """Whether the file undoes a version."""
    match = NAME.match(path.name)
    return match is not None and match["kind"] == "U"


def transactional(path: Path) -> bool:
    """Whether Flyway runs the file in a transaction: its ``.conf`` file says when not."""
    return not _NOT_TRANSACTIONAL.search(head(path.with_name(path.name + ".conf")))


@dataclass(frozen=True, slots=True)
class _Configuration:
    """What a configuration file says of placeholders."""

    placeholders: dict[str, str]
    replaced: bool = True
    prefix: str = "${"
    suffix: str = "}"
    schema: str = ""

    def search_path(self) -> tuple[str, ...]:
        """The default schema, which Flyway makes and puts first (changeCurrentSchemaTo of PostgreSQLConnection)."""
        return (self.schema,) if self.schema else ()

    def variables(self) -> tuple[tuple[str, str], ...]:
        """Names with their values; a name in other brackets than Flyway's own stands with them."""
        if not self.replaced:
            return ()
        values = {"flyway:defaultSchema": self.schema or "public", **dict(sorted(self.placeholders.items()))}
        if (self.prefix, self.suffix) == ("${", "}"):
            return tuple(values.items())
        return tuple((f"{self.prefix}{name}{self.suffix}", value) for name, value in values.items())


def _configured(folder: Path) -> _Configuration:
    """What the nearest configuration file above the folder says of Flyway; Spring's counts too."""
    for above in (folder, *folder.parents[:6]):
        for name in (*_CONFIGURATION, *_SPRING):
            if is_file(above / name):
                found = _configuration(above / name)
                if found is not None:
                    return found
        if (above / ".git").exists():
            break
    return _Configuration({})


def _configuration(path: Path) -> _Configuration | None:
    """None where the file says nothing of Flyway."""
    text = head(path)
    if path.suffix in (".conf", ".properties"):
        found = {match[1].replace("-", "").lower(): match[2] for match in _SETTING.finditer(text)}
        named = {match[1]: match[2] for match in _PLACEHOLDER.finditer(text)}
        return _made(found, named) if found or path.suffix == ".conf" else None
    tree: Any
    try:
        tree = tomllib.loads(text) if path.suffix == ".toml" else yaml_tree(text).get("spring", {})
        flat = tree.get("flyway", {} if path.suffix == ".toml" else None)
        if flat is None:
            return None
        given = {str(key).replace("-", "").lower(): value for key, value in flat.items()}
        named = {str(key): value for key, value in given.get("placeholders", {}).items()}
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return _Configuration({})
    return _made(given, {name: _spring_default(value) for name, value in named.items() if isinstance(value, str)})


def _made(given: Mapping[str, Any], placeholders: dict[str, str]) -> _Configuration:
    schemas = given.get("schemas", "")
    first = schemas[0] if isinstance(schemas, list) and schemas else str(schemas or "").split(",")[0].strip()
    schema = _spring_default(str(given.get("defaultschema") or first or ""))
    return _Configuration(
        placeholders,
        replaced=str(given.get("placeholderreplacement", True)).lower() != "false",
        prefix=str(given.get("placeholderprefix", "${")),
        suffix=str(given.get("placeholdersuffix", "}")),
        schema="" if "${" in schema else schema,
    )


def _spring_default(value: str) -> str:
    """``${NAME:default}`` of Spring is its default."""
    match = _SPRING_DEFAULT.fullmatch(value)
    return match[1] if match else value
