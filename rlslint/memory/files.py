"""Entries of the user's cache folder: JSON under a name that stands for what was asked, written whole or not at all.

An entry is believed where it is the user's own, says what was asked, and is as it was written; all else is no entry.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rlslint import __version__

_LARGEST: Final = 64_000_000
"""Bytes of an entry that is kept."""
_PACKAGE: Final = Path(__file__).parent.parent


def digest(data: bytes) -> str:
    """What stands for the data."""
    return hashlib.sha256(data).hexdigest()


@cache
def version() -> list[object]:
    """What stands for the code that runs: the version, the parser's, and in a checkout the state of every file of it."""
    parser = find_spec("pglast")
    installed = "" if parser is None or parser.origin is None else os.stat(parser.origin).st_mtime_ns
    code: list[object] = [__version__, sys.version_info[:3], installed]
    if (_PACKAGE.parent / "pyproject.toml").exists():
        for top in (_PACKAGE, _PACKAGE.parent / "rules"):
            for folder, _, names in os.walk(top):
                if not folder.endswith("__pycache__"):
                    code += [(name, os.stat(f"{folder}/{name}").st_mtime_ns) for name in sorted(names)]
    return code


class Entry:
    """One entry of ``folder``, for what was ``asked``; ``most`` of its ``kind`` are kept, the newest."""

    def __init__(self, folder: Path, asked: str, *, kind: str, most: int, largest: int = _LARGEST) -> None:
        self._folder = folder
        self._asked = asked
        self._kind = kind
        self._most = most
        self._largest = largest
        self._path = folder / f"{digest(asked.encode())[:32]}.{kind}"

    def read(self) -> Any:
        """What was written; None where there is nothing to be believed."""
        try:
            found = os.stat(self._path)
            if found.st_uid != _uid() or found.st_size > self._largest:
                return None
            head, _, body = self._path.read_bytes().partition(b"\n")
            if json.loads(head) != [self._asked, digest(body)]:
                return None
            said = json.loads(body)
            with suppress(OSError):
                os.utime(self._path)
        except (OSError, ValueError, RecursionError):
            return None
        return said

    def write(self, said: Any) -> None:
        """Keep it; where that is impossible, nothing is lost but time."""
        body = json.dumps(said, separators=(",", ":")).encode()
        if len(body) > self._largest:
            return
        beside = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # it holds what the files do, which may be nobody else's business
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(json.dumps([self._asked, digest(body)]).encode() + b"\n" + body)
            os.replace(beside, self._path)
            self._forget_oldest()
        except OSError:
            with suppress(OSError):
                beside.unlink()

    def forget(self) -> None:
        """Keep nothing."""
        with suppress(OSError):
            self._path.unlink()

    def _forget_oldest(self) -> None:
        entries = sorted(self._folder.glob(f"*.{self._kind}"), key=lambda path: path.stat().st_mtime_ns)
        for path in entries[: -self._most]:
            with suppress(OSError):
                path.unlink()


def _uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
