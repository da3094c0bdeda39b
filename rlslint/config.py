"""[tool.rlslint] of pyproject.toml, or rlslint.toml, in; the options it sets out. Found upwards from the working folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from rlslint.records import dataclass, field
from rlslint.settings import RULE_SETTINGS, SETTINGS, SettingError, validate
from rlslint.source.model import Limits, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class ConfigError(Exception):
    """The configuration cannot be used; the message is one line with the file's name. Exit status 2."""


Codes = tuple[str, ...]


FailOn = Literal["error", "warning", "info", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything a run can be told. The command line wins over the configuration."""

    paths: tuple[str, ...] = ()
    home: tuple[str, ...] = ()
    """The configured paths, where the command line names others: what files that lie there are read with."""
    layout: str = "auto"
    preset: str = "auto"
    pg_version: int = 17
    select: Codes = ()
    ignore: Codes = ()
    fail_on: FailOn = "warning"
    hot: tuple[str, ...] = ()
    exposed_schemas: tuple[str, ...] = ()
    """Schemas that an API serves; empty: what the preset says."""
    anonymous_roles: tuple[str, ...] = ("anon", "web_anon")
    """What an API's requests without a user run as."""
    signed_in_roles: tuple[str, ...] = ("authenticated",)
    """What those with one run as."""
    connects_as_owner: bool = False
    """The application connects as the role that owns the tables (RLS309)."""
    user_editable_claims: tuple[str, ...] = ("user_metadata", "raw_user_meta_data", "unsafe_metadata")
    """Claims and columns that users can change themselves (RLS304)."""
    since: str = ""
    """A git reference: report only what changed since."""
    stats: str = ""
    """A file of row counts and inserts (`source/stats.py`)."""
    small_rows: int = 1000
    """A table of fewer rows, by ``stats``, is small."""
    hot_inserts: int = 100_000
    """A table of as many inserts, by ``stats``, is hot."""
    baseline: str = ""
    """A file of findings that are known and not reported."""
    per_file_ignores: tuple[tuple[str, Codes], ...] = ()
    per_object_ignores: tuple[tuple[str, Codes], ...] = ()
    severities: tuple[tuple[str, str], ...] = ()
    """Code or prefix, and the severity of its findings; the longest prefix wins."""
    rule_options: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Codes, and what their own options are set to."""
    own_rules: tuple[str, ...] = ()
    max_file_size: int = 256_000_000
    max_statement_size: int = 4_000_000
    databases: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Name, and the fields it has other values for."""
    database: str = ""
    """The one of them to look at; empty: all."""
    root: str = field(default="", compare=False)
    """The configuration's folder; globs of paths are relative to it."""
    file: str = field(default="", compare=False)
    """The configuration itself."""


def limits(options: Options) -> Limits:
    """How much of a file and of a statement is read."""
    return Limits(options.max_file_size, options.max_statement_size)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Options and where they come from."""

    options: Options
    values: Mapping[str, Any]
    """Every key that is set, as TOML has it."""
    origins: Mapping[str, Path]
    """The file that sets a key."""


_OWN_FILE: Final = "rlslint.toml"


def load_options(cwd: Path, given: Path | None = None) -> Options:
    """The options of `load_configuration`."""
    return load_configuration(cwd, given).options


def load_configuration(cwd: Path, given: Path | None = None) -> Configuration:
    """The configuration named by ``--config``, or the nearest above ``cwd``, or the defaults. Raises ConfigError."""
    path = given if given is not None else _nearest(cwd)
    if path is None:
        return Configuration(Options(), {}, {})
    values: dict[str, Any] = {}
    origins: dict[str, Path] = {}
    for file, table in reversed(_chain(path)):
        for key, value in table.items():
            values[key] = _placed(key, value, file.parent)
            origins[key] = file
    options = Options(root=str(path.parent.absolute()), file=str(path), **_fields(values))
    if options.rule_options:
        _require_options(options, values["rules"], origins["rules"])
    return Configuration(options, values, origins)


def _require_options(options: Options, tables: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    """Raises ConfigError for an option that no rule has, or a value that it cannot have."""
    # reading the rules takes longer than everything else here, and few configurations set an option of one
    from rlslint.registry import load_rules, require_options

    try:
        require_options(load_rules(options.own_rules), tables)
    except (SettingError, UsageError) as error:
        raise ConfigError(f"{file}: {error}") from None


def _placed(key: str, value: Any, folder: Path) -> Any:
    """The value with paths relative to the file's folder made paths from here."""
    if key == "databases":
        return {
            name: {inner: _placed(inner, one, folder) for inner, one in table.items()} for name, table in value.items()
        }
    if not SETTINGS[key].is_path:
        return value
    return [str(folder / item) for item in value] if isinstance(value, list) else str(folder / value)


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        match SETTINGS[key].kind:
            case "texts":
                fields[name] = tuple(value)
            case "codes by pattern":
                fields[name] = tuple((pattern, tuple(codes)) for pattern, codes in value.items())
            case "rules":
                fields["severities"] = tuple(
                    (code.upper(), table["severity"]) for code, table in value.items() if "severity" in table
                )
                own = {
                    code.upper(): {option: one for option, one in table.items() if option not in RULE_SETTINGS}
                    for code, table in value.items()
                }
                fields["rule_options"] = tuple((code, table) for code, table in own.items() if table)
            case "databases":
                fields[name] = tuple((database, _fields(table)) for database, table in value.items())
            case _:
                fields[name] = value
    return fields


def _nearest(cwd: Path) -> Path | None:
    for folder in (cwd, *cwd.parents):
        own = folder / _OWN_FILE
        if own.is_file():
            return own
        project = folder / "pyproject.toml"
        if project.is_file() and "rlslint" in _read(project).get("tool", {}):
            return project
        if (folder / ".git").exists():
            return None
    return None


def _chain(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The file's table, then those it extends, each without ``extend``."""
    chain: list[tuple[Path, dict[str, Any]]] = []
    seen: list[Path] = []
    while True:
        resolved = path.resolve()
        if resolved in seen:
            ring = " -> ".join(one.name for one in (*seen, resolved))
            raise ConfigError(f"{path}: extends itself: {ring}")
        seen.append(resolved)
        data = _read(path)
        table = data.get("tool", {}).get("rlslint", {}) if path.name == "pyproject.toml" else data
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: tool.rlslint is not a table")
        if path.name != "pyproject.toml" and "rlslint" in table.get("tool", ()):
            raise ConfigError(f"{path}: its keys stand alone here: [tool.rlslint] is for pyproject.toml")
        try:
            validate(table)
        except SettingError as error:
            raise ConfigError(f"{path}: {error}") from None
        base = table.pop("extend", None)
        chain.append((path, table))
        if base is None:
            return chain
        path = path.parent / base


def _read(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    return data
