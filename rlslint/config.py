"""[tool.rlslint] of pyproject.toml, or rlslint.toml, in; the options it sets out. Found upwards from the working folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class ConfigError(Exception):
    """The configuration cannot be used; the message is one line with the file's name. Exit status 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything a run can be told. The command line wins over the configuration."""

    paths: tuple[str, ...] = ()
    layout: str = "auto"
    preset: str = "auto"
    pg_version: int = 17
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "warning"
    hot: tuple[str, ...] = ()
    since: str = ""
    """A git reference: report only what changed since."""
    baseline: str = ""
    """A file of findings that are known and not reported."""


_KINDS: Final[Mapping[str, type]] = {
    "extend": str,
    "paths": list,
    "layout": str,
    "preset": str,
    "pg-version": int,
    "select": list,
    "ignore": list,
    "fail-on": str,
    "hot": list,
    "baseline": str,
}
_CHOICES: Final[Mapping[str, tuple[Any, ...]]] = {
    "preset": ("auto", "supabase", "postgrest", "none"),
    "pg-version": (14, 15, 16, 17, 18),
    "fail-on": ("error", "warning", "info", "never"),
}


def load_options(cwd: Path, given: Path | None = None) -> Options:
    """The configuration named by ``--config``, or the nearest above ``cwd``, or the defaults. Raises ConfigError."""
    path = given if given is not None else _nearest(cwd)
    if path is None:
        return Options()
    settings = _settings(path, ())
    values: dict[str, Any] = {
        key.replace("-", "_"): tuple(value) if isinstance(value, list) else value for key, value in settings.items()
    }
    if "paths" in values:
        values["paths"] = tuple(str(path.parent / item) for item in values["paths"])
    if "baseline" in values:
        values["baseline"] = str(path.parent / values["baseline"])
    return Options(**values)


def _nearest(cwd: Path) -> Path | None:
    for folder in (cwd, *cwd.parents):
        own = folder / "rlslint.toml"
        if own.is_file():
            return own
        project = folder / "pyproject.toml"
        if project.is_file() and "rlslint" in _read(project).get("tool", {}):
            return project
        if (folder / ".git").exists():
            return None
    return None


def _settings(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """The file's table over those it extends."""
    resolved = path.resolve()
    if resolved in seen:
        ring = " -> ".join(one.name for one in (*seen, resolved))
        raise ConfigError(f"{path}: extends itself: {ring}")
    data = _read(path)
    table = data.get("tool", {}).get("rlslint", {}) if path.name == "pyproject.toml" else data
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: tool.rlslint is not a table")
    _validate(path, table)
    base = table.pop("extend", None)
    if base is None:
        return table
    return {**_settings(path.parent / base, (*seen, resolved)), **table}


def _read(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    return data


def _validate(path: Path, table: dict[str, Any]) -> None:
    for key, value in table.items():
        if key not in _KINDS:
            close = get_close_matches(key, _KINDS, n=1)
            hint = f": did you mean {close[0]!r}?" if close else ""
            raise ConfigError(f"{path}: unknown key {key!r}{hint}")
        kind = _KINDS[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(f"{path}: {key!r} must be a {kind.__name__}, not {value!r}")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{path}: {key!r} must be a list of strings")
        if key in _CHOICES and value not in _CHOICES[key]:
            allowed = ", ".join(str(choice) for choice in _CHOICES[key])
            raise ConfigError(f"{path}: {key!r} is {value!r}, not one of {allowed}")
