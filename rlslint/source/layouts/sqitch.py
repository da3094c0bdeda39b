"""A Sqitch project in, its deploy scripts in the order of the plan, and what it depends on, out (App::Sqitch::Plan)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rlslint.records import dataclass
from rlslint.source.layouts.listing import Listing, entries, head, is_file, sql_files_below

_CHANGE: Final = re.compile(r"^[ \t]*(?P<operator>[+-]?)[ \t]*(?P<name>[^\s@#%\[\]:\\+-][^\s\[\]:#]*)(?P<rest>.*)$")
_TAG: Final = re.compile(r"^[ \t]*@(?P<name>[^\s#]+)")
_PROJECT: Final = re.compile(r"^[ \t]*%project[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_DEPENDENCIES: Final = re.compile(r"\[([^\]]*)\]")
_SECTION: Final = re.compile(r'^\s*\[([^\]"]+?)\s*(?:"[^"]*")?\]\s*$')
_SETTING: Final = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$")
_REQUIRES: Final = re.compile(r"^[ \t]*requires[ \t]*=[ \t]*'([^'\n]*)'", re.MULTILINE)
_LONGEST_PLAN: Final = 16_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan file."""

    project: str
    """``%project``; empty when the plan names none."""
    changes: tuple[tuple[str, tuple[str, ...]], ...]
    """Name of each change, with the tags at which it was reworked (empty for the newest)."""
    requires: frozenset[str]
    """Other projects whose changes it depends on."""


def plan_file(folder: Path) -> Path | None:
    """``sqitch.plan``, or another ``*.plan`` that is one in a folder with ``deploy``."""
    named = folder / _settings(folder).get("core.plan_file", "sqitch.plan")
    if is_file(named):
        return named
    for name in sorted(entry.name for entry in entries(folder) if entry.name.endswith(".plan")):
        if is_file(folder / name) and _PROJECT.search(head(folder / name)) and (folder / "deploy").is_dir():
            return folder / name
    return None


def sqitch(folder: Path) -> Listing:
    """Deploy scripts in the plan's order; of a reworked change the script as it was at the tag."""
    path = plan_file(folder)
    if path is None:
        return Listing(())
    settings = _settings(folder)
    top = folder / settings.get("core.top_dir", ".")
    deploy = folder / settings["deploy.dir"] if "deploy.dir" in settings else top / "deploy"
    extension = settings.get("core.extension", "sql")
    files: list[Path] = []
    for name, tags in read_plan(path).changes:
        if ".." in Path(name).parts:
            continue
        candidates = [deploy / f"{name}@{tag}.{extension}" for tag in reversed(tags)]
        candidates.append(deploy / f"{name}.{extension}")
        script = next((one for one in candidates if is_file(one)), None)
        if script is not None:
            files.append(script)
    known = set(files)
    others = [one for one in sql_files_below(deploy) if one not in known]
    return Listing(tuple(files), tuple((one, f"not in the plan ({path.name})") for one in others))


def read_plan(path: Path) -> Plan:
    """The plan's changes in order; a change taken back (``-name``) is left out."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_PLAN).decode("utf-8", "replace")
    except OSError:
        text = ""
    found: list[tuple[str, int]] = []
    tags: list[tuple[int, str]] = []
    requires: set[str] = set()
    for line in text.splitlines():
        tag = _TAG.match(line)
        if tag is not None:
            tags.append((len(found), tag["name"]))
            continue
        change = _CHANGE.match(line.split("#", 1)[0])
        if change is None:
            continue
        if change["operator"] == "-":
            found = [item for item in found if item[0] != change["name"]]
            continue
        found.append((change["name"], len(found)))
        for group in _DEPENDENCIES.findall(change["rest"]):
            requires |= {word.split(":", 1)[0].lstrip("!") for word in group.split() if ":" in word}
    project = _PROJECT.search(text)
    name = project[1] if project else ""
    return Plan(name, _reworked(found, tags), frozenset(requires - {name, ""}) | _control(path.parent))


def _reworked(found: list[tuple[str, int]], tags: list[tuple[int, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    later: dict[str, int] = {}
    changes: list[tuple[str, tuple[str, ...]]] = []
    for name, index in reversed(found):
        upto = later.get(name)
        between = tuple(tag for position, tag in tags if upto is not None and index < position <= upto)
        changes.append((name, between))
        later[name] = index
    return tuple(reversed(changes))


def _control(folder: Path) -> frozenset[str]:
    """What an extension's control file beside the plan requires."""
    names: set[str] = set()
    for entry in entries(folder):
        if entry.name.endswith(".control") and is_file(folder / entry.name):
            for match in _REQUIRES.finditer(head(folder / entry.name)):
                names |= {name.strip() for name in match[1].split(",")}
    return frozenset(names - {""})


def _settings(folder: Path) -> dict[str, str]:
    """``section.key`` of sqitch.conf, which is written like git's configuration."""
    settings: dict[str, str] = {}
    section = ""
    for line in head(folder / "sqitch.conf").splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        if match := _SECTION.match(line):
            section = match[1].strip().lower()
        elif match := _SETTING.match(line):
            settings[f"{section}.{match[1].lower()}"] = match[2].strip('"')
    return settings
