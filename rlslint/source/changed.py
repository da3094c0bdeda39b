"""A git reference in, what changed since out: the files added and altered, and the files as they were.

git's own commands answer; nothing of the repository is written or run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from rlslint.records import dataclass
from rlslint.source.model import InputError

_LARGEST_MARKER: Final = 8 * 1024 * 1024
"""Bytes of a file beside the SQL that layouts are told by (a journal, a plan, a configuration)."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What the working tree, uncommitted files included, adds to a commit."""

    root: Path
    """The repository's folder."""
    commit: str
    """The merge base of the reference and HEAD."""
    added: frozenset[Path]
    altered: frozenset[Path]
    """Changed, renamed or copied; under the new name."""
    removed: frozenset[Path]

    @property
    def any(self) -> bool:
        """Whether there is a difference at all."""
        return bool(self.added or self.altered or self.removed)


def changes_since(reference: str, cwd: Path) -> Changes:
    """What the working tree changed since it left ``reference``. Raises InputError."""
    root = Path(_git(cwd, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    try:
        commit = (
            _git(cwd, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
            .decode()
            .strip()
        )
    except InputError:
        raise InputError(
            f"--since {reference}: git knows no such commit (a shallow clone may lack it: fetch it first)"
        ) from None
    try:
        commit = _git(cwd, "merge-base", commit, "HEAD").decode().split()[0]
    except InputError:
        raise InputError(
            f"--since {reference}: no common ancestor with HEAD (a shallow clone may lack it: fetch the history first)"
        ) from None
    added: set[Path] = set()
    altered: set[Path] = set()
    removed: set[Path] = set()
    fields = iter(_names(_git(root, "diff", "--name-status", "--no-ext-diff", "-z", "-M", commit, "--")))
    for status in fields:
        name = root / next(fields)
        match status[0]:
            case "A":
                added.add(name)
            case "D":
                removed.add(name)
            case "R" | "C":
                altered.add(root / next(fields))
            case _:
                altered.add(name)
    added.update(root / name for name in _names(_git(root, "ls-files", "--others", "--exclude-standard", "-z")))
    return Changes(root, commit, frozenset(added - altered), frozenset(altered), frozenset(removed))


@contextmanager
def tree_at(changes: Changes) -> Iterator[Path]:
    """A folder that holds the SQL files of the commit and what lies beside them, for the time of the ``with`` block."""
    with TemporaryDirectory(prefix="rlslint-") as folder:
        root = Path(folder).resolve()
        entries = [entry for entry in _entries(changes) if _is_wanted(entry)]
        homes = {parent for _, _, path in entries if path.suffix == ".sql" for parent in path.parents}
        wanted = [(name, path) for name, _, path in entries if {path.parent, path.parent.parent} & homes]
        for path, data in zip((path for _, path in wanted), _blobs(changes, [name for name, _ in wanted]), strict=True):
            target = root.joinpath(*path.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        yield root


Entry = tuple[str, int, PurePosixPath]
"""Object name, size in bytes, path of a file in a commit."""


def _entries(changes: Changes) -> Iterator[Entry]:
    for line in _names(_git(changes.root, "ls-tree", "-r", "-l", "-z", "--full-tree", changes.commit)):
        head, _, path = line.partition("\t")
        mode, kind, name, size = head.split()
        # no symbolic links, no submodules: what they name may lie anywhere
        if kind == "blob" and mode != "120000":
            yield name, int(size), PurePosixPath(path)


def _is_wanted(entry: Entry) -> bool:
    _, size, path = entry
    return ".." not in path.parts and (path.suffix == ".sql" or size <= _LARGEST_MARKER)


def _blobs(changes: Changes, names: Sequence[str]) -> Iterator[bytes]:
    output = _git(changes.root, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode())
    position = 0
    for _ in names:
        end = output.index(b"\n", position)
        size = int(output[position:end].split()[2])
        yield output[end + 1 : end + 1 + size]
        position = end + size + 2


def _names(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Standard output of one git command. Raises InputError with git's own first line."""
    # only --since asks git
    import subprocess

    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
        )
    except FileNotFoundError:
        raise InputError("--since needs git, which is not installed") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"--since: git {arguments[0]}: {said[0] if said else f'exit status {done.returncode}'}")
    return done.stdout
