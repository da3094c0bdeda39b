"""An export of pg_stat_user_tables in, rows and inserts of each table out.

CSV with a header line, or JSON: a list of objects, as ``json_agg`` gives it. ``schemaname``, ``relname``, ``n_tup_ins`` and
``n_live_tup`` are read, other columns left alone.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rlslint.records import dataclass
from rlslint.source.model import InputError

_KEYS: Final = ("schemaname", "relname", "n_tup_ins", "n_live_tup")


@dataclass(frozen=True, slots=True)
class TableStats:
    """What the statistics say of one table."""

    inserted: int
    """n_tup_ins: rows inserted since the statistics were last reset."""
    live: int
    """n_live_tup: rows in the table, as estimated by the server."""


def load_stats(path: Path) -> dict[tuple[str, str], TableStats]:
    """By schema and table. Raises InputError with one line that names the file and, for CSV, the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8") from None
    found: dict[tuple[str, str], TableStats] = {}
    for place, row in _rows(path, text):
        missing = [key for key in _KEYS if row.get(key) is None]
        if missing:
            raise InputError(f"{place}: no {', '.join(missing)}")
        schema, name = str(row["schemaname"]), str(row["relname"])
        found[schema, name] = TableStats(_count(place, row, "n_tup_ins"), _count(place, row, "n_live_tup"))
    return found


def _rows(path: Path, text: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if text.lstrip().startswith(("[", "{")):
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            raise InputError(f"{path}: not a list of objects")
        return [(f"{path}: row {number}", row) for number, row in enumerate(data, 1)]
    reader = csv.DictReader(io.StringIO(text))
    missing = [key for key in _KEYS if key not in (reader.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}: export schemaname, relname, n_tup_ins and n_live_tup"
        )
    return [(f"{path}:{reader.line_num}", row) for row in reader]


def _count(place: str, row: Mapping[str, Any], key: str) -> int:
    value = row[key]
    text = str(value).strip()
    if isinstance(value, bool) or not text.isascii() or not text.isdigit():
        raise InputError(f"{place}: {key} is {value!r}, not a count")
    return int(text)
