"""A graphile-migrate folder in, its committed and current migrations, and the schema they start from, out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from rlslint.source.layouts.listing import Listing, head, is_file, natural, sql_files

_COMMITTED: Final = re.compile(r"^[0-9]{6,}(?:-[^/]*)?\.sql$")
_JSON5: Final = re.compile(
    r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*(?:(?://[^\n]*|/\*.*?\*/)\s*)*[\]}])', re.DOTALL
)
CONFIGURATION: Final = (".gmrc", ".gmrc.json")


def graphile(folder: Path) -> Listing:
    """afterReset scripts of .gmrc, committed migrations by number, then current.sql or the files of current/."""
    found = sql_files(folder / "committed")
    committed = [path for path in found if _COMMITTED.match(path.name)] or found
    files = sorted(committed, key=natural)
    current = folder / "current.sql"
    if is_file(current):
        files.append(current)
    files += sorted(sql_files(folder / "current"), key=natural)
    before = _after_reset(folder)
    known = {*files, *before, current}
    skipped = [(path, "not a migration of graphile-migrate") for path in found if path not in known]
    return Listing((*before, *files), tuple(skipped), before=before)


def migrations_folder(folder: Path) -> Path | None:
    """The folder that a .gmrc names, beside it by default; None without one."""
    settings = _settings(folder)
    if settings is None:
        return None
    named = settings.get("migrationsFolder", "migrations")
    return folder / named if isinstance(named, str) else None


def _after_reset(folder: Path) -> tuple[Path, ...]:
    """SQL files that ``reset`` runs into the empty database, before any migration."""
    for above in (folder, folder.parent, folder.parent.parent):
        settings = _settings(above)
        if settings is None:
            continue
        entries = settings.get("afterReset", [])
        names = [entry for entry in (entries if isinstance(entries, list) else [entries]) if isinstance(entry, str)]
        root = folder.resolve()
        paths = [folder / name.removeprefix("!") for name in names]
        return tuple(path for path in paths if is_file(path) and path.resolve().is_relative_to(root))
    return ()


def _settings(folder: Path) -> dict[str, Any] | None:
    """The .gmrc of a folder, which is JSON with comments and trailing commas; None when there is none to read."""
    for name in CONFIGURATION:
        text = head(folder / name)
        if not text:
            continue
        try:
            found = json.loads(_JSON5.sub(lambda match: match[1] or "", text))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    return {} if is_file(folder / ".gmrc.js") else None
