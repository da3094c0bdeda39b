"""Options with several databases in; the options of each run out: one a database, as its migrations are a world of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rlslint.config import ConfigError, Options
from rlslint.records import replace


def each(options: Options, cwd: Path) -> list[Options]:
    """The options of every run. Named paths go to the database whose folders hold them, the rest stays as it is.

    Raises ConfigError for a database that is not configured or has no paths.
    """
    if options.database:
        return [_of(options, options.database)]
    if not options.databases or options.paths == ("-",):
        return [options]
    if not options.paths:
        return [_of(options, name) for name, _ in options.databases]
    groups: dict[str, list[str]] = {}
    for path in options.paths:
        groups.setdefault(_home(options, cwd, path), []).append(path)
    return [
        _of(replace(options, paths=tuple(paths)), name) if name else replace(options, paths=tuple(paths), databases=())
        for name, paths in sorted(groups.items())
    ]


def single(options: Options, cwd: Path) -> Options:
    """The options of the one run. Raises ConfigError when there are several."""
    found = each(options, cwd)
    if len(found) > 1:
        names = ", ".join(name for name, _ in options.databases)
        raise ConfigError(f"several databases are configured: choose one with --database: {names}")
    return found[0]


def narrowed(options: Options, cwd: Path, changed: Iterable[Path]) -> Options:
    """The options for the one configured database that the changed files lie in; as they are where there is no such."""
    if options.database or options.paths:
        return options
    names = {_home(options, cwd, str(path)) for path in changed} - {""}
    return replace(options, database=names.pop()) if len(names) == 1 else options


def _of(options: Options, name: str) -> Options:
    tables: Mapping[str, Mapping[str, Any]] = dict(options.databases)
    if name not in tables:
        close = get_close_matches(name, tables, n=1)
        raise ConfigError(f"no database {name!r} is configured" + (f": did you mean {close[0]!r}?" if close else ""))
    if not tables[name].get("paths"):
        raise ConfigError(f"'databases.{name}' has no paths")
    configured = tables[name]["paths"]
    own = {**tables[name], "paths": options.paths or configured, "home": configured if options.paths else ()}
    return replace(options, **own, databases=(), database="")


def _home(options: Options, cwd: Path, path: str) -> str:
    given = (cwd / path).resolve()
    for name, table in options.databases:
        if any(given.is_relative_to((cwd / folder).resolve()) for folder in table.get("paths", ())):
            return name
    return ""
