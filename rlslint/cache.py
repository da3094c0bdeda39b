"""What ``check`` printed, kept for the next run over the same files; what was read is told from what Python opened.

An entry is found by what was asked (command line, folder, version of rlslint) and holds only while every file that was
read and every folder that was listed is as it was. It is text, checked before it is believed, and never executed.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rlslint.memory.files import Entry, digest, version
from rlslint.records import dataclass, field

_ENTRIES: Final = 64
"""Entries that are kept, the newest."""
_LARGEST: Final = 16_000_000
"""Bytes of an entry that is kept."""
_RACY: Final = 2_000_000_000
"""Nanoseconds: a file that changed so shortly before it was read may change again and look the same."""
_LOOKED_FOR: Final = ("rlslint.toml", "pyproject.toml", ".git")
"""What is looked for in the folders above."""
_PACKAGE: Final = Path(__file__).parent
_MADE_BY: Final = "rlslint 1"
# what is imported while the work is done: `version` stands for it
_CODE: Final = (".py", ".pyc", ".so", ".pyd", ".pth")
_OF_PYTHON: Final = (f"{_PACKAGE}{os.sep}", os.path.dirname(os.__file__))
_INSTALLED: Final = re.compile(r"[\\/](site|dist)-packages([\\/]|$)")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run said."""

    output: str
    remarks: tuple[str, ...]
    """Lines for standard error."""
    status: int


@dataclass(slots=True)
class _Record:
    """What a run read."""

    apart: str
    """The folder of what runs leave for one another: no input."""
    files: dict[str, tuple[int, ...] | None] = field(default_factory=dict)
    """State before the file was opened; None where there was none."""
    folders: set[str] = field(default_factory=set)
    whole: bool = True
    """False where something was read that cannot be looked at again."""


_record: _Record | None = None
_hooked = False


class Cache:
    """Of one question: ``asked`` is everything but files that the answer hangs on."""

    def __init__(self, asked: str, folder: Path) -> None:
        key = json.dumps([_MADE_BY, version(), os.getcwd(), asked])
        self._entry = Entry(folder, key, kind="json", most=_ENTRIES, largest=_LARGEST)
        self._own = os.path.abspath(folder)
        self._record: _Record | None = None

    def recall(self) -> Kept | None:
        """What was said when the files were as they are now; None where that is not known."""
        entry = self._entry.read()
        try:
            if entry is None or not _holds(entry):
                return None
            return Kept(str(entry["output"]), tuple(map(str, entry["remarks"])), int(entry["status"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
            return None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Take note of what is read."""
        global _record, _hooked
        if not _hooked:
            # there is no taking it away again: it does nothing while nobody takes note
            sys.addaudithook(_heard)
            _hooked = True
        self._record = _record = _Record(self._own)
        try:
            yield
        finally:
            _record = None

    def keep(self, kept: Kept) -> None:
        """Remember it; where that is impossible, nothing is lost but time."""
        entry = None if self._record is None else _entry(self._record)
        if entry is None:
            return
        self._entry.write(entry | {"output": kept.output, "remarks": kept.remarks, "status": kept.status})


def home() -> Path | None:
    """The user's folder for what can be made again. None where the user has none: a number without a name and without
    HOME, as containers are run."""
    import platformdirs

    try:
        return Path(os.environ.get("RLSLINT_CACHE_DIR") or platformdirs.user_cache_dir("rlslint"))
    except RuntimeError:
        return None


def _heard(event: str, args: tuple[Any, ...]) -> None:
    """The audit hook: files and folders as they are opened (sys.audit events of the interpreter)."""
    if _record is None or event not in ("open", "os.listdir", "os.scandir", "subprocess.Popen"):
        return
    if event == "subprocess.Popen" or isinstance(args[0], int):
        _record.whole = _record.whole and event == "open"
        return
    path = os.path.abspath(os.fsdecode(args[0] if args[0] is not None else "."))
    own = os.path.dirname(path) == _record.apart or path == _record.apart
    if own or path.endswith(_CODE) or path.startswith(_OF_PYTHON) or _INSTALLED.search(path):
        return
    if event == "open":
        if not (args[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            _record.files.setdefault(path, _state(path))
    else:
        _record.folders.add(path)


def _state(path: str) -> tuple[int, ...] | None:
    """What changes when a regular file does; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino) if stat.S_ISREG(found.st_mode) else (-1,)


def _entry(record: _Record) -> dict[str, Any] | None:
    """What was read, with its state; None where it is no longer so, or cannot be told."""
    if not record.whole or (-1,) in record.files.values():
        return None
    files: dict[str, list[object]] = {}
    for path, before in record.files.items():
        text = None if before is None else digest(Path(path).read_bytes()) if os.access(path, os.R_OK) else ""
        if _state(path) != before or text == "":
            return None
        files[path] = [None if before is None else list(before), text]
    above = {str(folder) for folder in (Path.cwd(), *Path.cwd().parents)}
    return {
        "made": time.time_ns(),
        "files": files,
        "folders": {folder: _listing(folder) for folder in sorted(record.folders)},
        "above": {folder: _found(folder) for folder in sorted(above)},
    }


def _holds(entry: dict[str, Any]) -> bool:
    """Whether everything that was read is as it was."""
    if any(_found(folder) != names for folder, names in entry["above"].items()):
        return False
    if any(_listing(folder) != names for folder, names in entry["folders"].items()):
        return False
    return all(_unchanged(path, known[0], known[1], entry["made"]) for path, known in entry["files"].items())


def _unchanged(path: str, before: list[int] | None, text: str | None, made: int) -> bool:
    now = _state(path)
    if now is None or before is None:
        return now is None and before is None
    if list(now) == before and before[1] + _RACY < made:
        return True
    return now[0] == before[0] and digest(Path(path).read_bytes()) == text


def _found(folder: str) -> list[str]:
    return [name for name in _LOOKED_FOR if os.path.exists(f"{folder}/{name}")]


def _listing(folder: str) -> str:
    """What stands for the names in a folder."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(f"{entry.name}\0{entry.is_dir()}" for entry in entries)
    except OSError:
        return ""
    return digest("\n".join(names).encode("utf-8", "surrogateescape"))
