"""A repository in, a first configuration out, with entries for pre-commit and CI where they are asked for."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rlslint import __version__
from rlslint.records import dataclass
from rlslint.settings import SETTINGS
from rlslint.source.discover import hint, search
from rlslint.source.layouts.detect import POSSIBLE

_POLICY: Final = re.compile(rb"\bcreate\s+policy\b|\brow\s+level\s+security\b", re.IGNORECASE)
_HOME: Final = "https://github.com/rlslint/rlslint"


@dataclass(frozen=True, slots=True)
class Place:
    """A migration folder that was found."""

    folder: str
    """Relative to the repository, with forward slashes; ``.`` for the repository itself."""
    layout: str
    files: int
    policies: bool
    """Whether a file speaks of policies or row security."""
    homes: tuple[str, ...] = ()
    """Folders that its files lie in; below them are its files and no other database's."""
    sure: bool = True
    """Whether it is a migration folder rather than some SQL that lies about."""


def places(root: Path) -> list[Place]:
    """Every database's folder, those that speak of row security first; ``rlslint check`` alone reads the surest kind."""
    result = search(root, "auto")
    including = [one.folder for one in result.databases if one.layout == "psql"]
    others = [one for one in result.others if not one.side and not any(map(one.folder.is_relative_to, including))]
    found = []
    for one in (*result.databases, *others):
        # a psql script names the files that it reads, which lie below it
        files = sorted(one.folder.rglob("*.sql")) if one.layout == "psql" else list(map(Path, one.listing.files))
        folder = Path(os.path.relpath(one.folder, root)).as_posix()
        inside = sorted({Path(os.path.relpath(file.parent, root)).as_posix() for file in files})
        found.append(
            Place(
                folder,
                one.layout,
                len(files),
                any(_POLICY.search(_start(file)) for file in files),
                # of a database that was put together from several folders, or whose files own all below theirs
                tuple(inside) if folder == "." else (folder,),
                one in result.databases or one.sure > POSSIBLE,
            )
        )
    return sorted(found, key=lambda place: (not place.policies, -place.files, place.folder))


def chosen(found: Sequence[Place]) -> list[Place]:
    """The databases that are worth checking: those that speak of row security, or the largest where none does."""
    return [place for place in found if place.policies and place.sure] or list(found[:1])


def told(found: Sequence[Place], root: Path) -> Iterator[str]:
    """What was found, in lines for people."""
    if not found:
        yield f"no SQL migrations found here: name their folder in rlslint.toml ({hint(root)})"
        return
    taken = chosen(found)
    for place in found:
        where = "in " + " and ".join("this folder" if home == "." else home for home in place.homes)
        if place in taken:
            yield f"found {where}: {_told(place)}"
        else:
            why = "some SQL, no migration folder" if place.policies else "no row security"
            yield f"left out {where}: {_told(place)}: {why}"


def default_branch(root: Path) -> str:
    """The branch that pull requests go to: the remote's, else the one that is checked out, if it is called as such."""
    remote, own = (_reference(root / ".git" / name) for name in ("refs/remotes/origin/HEAD", "HEAD"))
    return remote or (own if own in ("master", "trunk", "develop") else "main")


def _reference(path: Path) -> str:
    """The branch that a symbolic reference of git names; empty where there is none."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    name = text.removeprefix("ref: refs/").removeprefix("remotes/origin/").removeprefix("heads/")
    # it is written into a list of YAML
    return name if text.startswith("ref: ") and re.fullmatch(r"[\w./-]+", name) else ""


def repository_above(root: Path) -> Path | None:
    """The repository that a folder lies in, where it is not its own folder."""
    if (root / ".git").exists():
        return None
    return next((folder for folder in root.parents if (folder / ".git").exists()), None)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1_000_000)


def files(root: Path, found: Sequence[Place], *, with_hook: bool, ci: str | None) -> dict[str, str]:
    """What is to be written, by path: the configuration, and what was asked for."""
    made = {"rlslint.toml": configuration(found)}
    if with_hook:
        made[".pre-commit-config.yaml"] = pre_commit(found)
    if ci == "github":
        made[".github/workflows/rlslint.yml"] = github(default_branch(root))
    elif ci == "gitlab":
        made[".gitlab-ci.yml"] = gitlab()
    return made


def configuration(found: Sequence[Place]) -> str:
    """A commented rlslint.toml for the folders that speak of row security, or for the largest where none does."""
    taken = chosen(found)
    lines = [f"# rlslint {__version__}: rlslint config --show tells what holds, rlslint rules what is looked for"]
    if len(taken) == 1:
        lines += ["", f"# {_told(taken[0])}", f"paths = {json.dumps([taken[0].folder])}"]
    elif not taken:
        lines += ["", "# no migration folder was found: name it here", '# paths = ["migrations"]']
    for key in ("pg-version", "preset", "hot", "exposed-schemas", "ignore", "fail-on", "baseline"):
        setting = SETTINGS[key]
        value = {
            "hot": ["metrics"],
            "exposed-schemas": ["public"],
            "ignore": ["RLS113"],
            "baseline": "rlslint-baseline.json",
        }
        lines += ["", f"# {setting.help}", f"# {key} = {json.dumps(value.get(key, setting.default))}"]
    lines += [
        "",
        "# [per-file-ignores]",
        '# "migrations/2019*" = ["RLS1"]',
        "",
        "# [per-object-ignores]",
        '# "public.audit_log" = ["RLS209"]',
        "",
        "# rlslint explain RLS109 tells what a rule lets you set",
        "# [rules.RLS109]",
        '# severity = "warning"',
        "# max-policies = 2",
    ]
    if len(taken) > 1:
        lines += ["", "# Several folders hold migrations: each is taken for a database of its own."]
        for label, place in zip(_names([place.folder for place in taken]), taken, strict=True):
            lines += [
                f"# {_told(place)}",
                f"[databases.{json.dumps(label)}]",
                f"paths = {json.dumps([place.folder])}",
                "",
            ]
    return "\n".join(lines).rstrip() + "\n"


def _told(place: Place) -> str:
    return f"{place.layout} layout, {place.files} file{'' if place.files == 1 else 's'}"


def _names(folders: Sequence[str]) -> list[str]:
    """For each the nearest folder that says more than that it holds migrations, and is no other's; where there is none, its
    path, or main."""
    telling = [[part for part in reversed(folder.split("/")) if part.lower() not in _PLAIN] for folder in folders]
    own = [next((part for part in parts if sum(part in others for others in telling) == 1), "") for parts in telling]
    nameless = "main" if own.count("") == 1 and "main" not in own else ""
    return [name or nameless or folder for name, folder in zip(own, folders, strict=True)]


_PLAIN: Final = frozenset(
    {"migrations", "migration", "sql", "db", "database", "supabase", "prisma", "schema", "deploy", "."}
)


def pre_commit(found: Sequence[Place]) -> str:
    """.pre-commit-config.yaml with the hook."""
    homes = list(dict.fromkeys(folder for place in chosen(found) for folder in place.homes))
    # a hyphen means nothing outside brackets, and is more easily read; what lies in the repository's own folder may be any
    folders = [] if "." in homes else [re.escape(folder).replace("\\-", "-") + "/" for folder in homes]
    pattern = folders[0] if len(folders) == 1 else f"({'|'.join(folders)})"
    files = f"        files: ^{pattern}\n" if folders else ""
    return f"repos:\n  - repo: {_HOME}\n    rev: v{__version__}\n    hooks:\n      - id: rlslint\n{files}"


def github(branch: str) -> str:
    """.github/workflows/rlslint.yml; ``branch`` is the one that pull requests go to."""
    return f"""name: rlslint
on:
  pull_request:
  push:
    branches: [{branch}]

permissions:
  contents: read
  security-events: write # the SARIF upload
  pull-requests: write # the comment

jobs:
  rlslint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
        with:
          fetch-depth: 0 # --since needs the history
      - uses: rlslint/rlslint@v{__version__}
"""


def gitlab() -> str:
    """.gitlab-ci.yml with one job."""
    return f"""include:
  - remote: {_HOME}/raw/v{__version__}/docs/gitlab-ci.yml
"""


def write(root: Path, files: Mapping[str, str], *, dry_run: bool) -> Iterator[tuple[str, str]]:
    """Write what is not there yet. Yields for each file what to say, and the text of one that was not written."""
    for name, text in files.items():
        path = root / name
        if dry_run:
            yield "", f"# {name}\n{text}"
        elif path.exists():
            yield f"{name} is there already and left alone; this is what it would hold", f"# {name}\n{text}"
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            yield f"wrote {name}", ""
