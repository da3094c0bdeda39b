"""A folder with Liquibase changelogs in, what holds SQL of them and of the files they include, in the root's order, out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rlslint.source.layouts.changelog import INLINE
from rlslint.source.layouts.listing import HEAD, Listing, entries, head, is_file, sql_files_below

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FORMATTED: Final = re.compile(r"^\s*--[ \t]*liquibase[ \t]+formatted[ \t]+sql", re.IGNORECASE)
_PROPERTY: Final = re.compile(
    r"^\s*--[ \t]*property[ \t]+name[:=](\S+)[ \t]+value[:=]\"?([^\s\"]+)", re.IGNORECASE | re.MULTILINE
)
INLINE_SUFFIXES: Final = (".xml", ".yaml", ".yml")
"""Changelogs whose own SQL is read."""
_SUFFIXES: Final = (".xml", ".yaml", ".yml", ".json")
_ROOT_NAMES: Final = re.compile(r"master|root|main|^(?:db\.)?changelog\.", re.IGNORECASE)
_LONGEST: Final = 16_000_000

_Entry = tuple[str, str, bool]
"""``include``, ``includeAll``, ``inline`` (SQL in the changelog itself) or ``other``; a path; whether relative to the
changelog."""


def liquibase(folder: Path) -> Listing:
    """What the root changelog includes; without one, every formatted SQL file below, by path, as includeAll does."""
    root = root_changelog(folder)
    if root is None:
        found = sql_files_below(folder)
        formatted = [path for path in found if FORMATTED.match(head(path))]
        skipped = [
            (path, "no '--liquibase formatted sql' in the first line") for path in found if path not in formatted
        ]
        variables = {name: value for path in formatted for name, value in _written_properties(path)}
        return Listing(tuple(formatted), tuple(skipped), variables=tuple(variables.items()))
    walk = _Walk(folder)
    walk.follow(root)
    return Listing(tuple(walk.files), tuple(walk.skipped), variables=tuple(walk.variables.items()))


def root_changelog(folder: Path) -> Path | None:
    """The changelog (XML, YAML, JSON) of a folder that no other one includes."""
    names = sorted(entry.name for entry in entries(folder) if entry.name.lower().endswith(_SUFFIXES))
    found = [folder / name for name in names if "databaseChangeLog" in head(folder / name)[:HEAD]]
    included = {Path(path).name for one in found for kind, path, _ in _entries_of(one) if kind == "include"}
    roots = [path for path in found if path.name not in included]
    return min(roots, key=lambda path: (not _ROOT_NAMES.search(path.name), path.name), default=None)


class _Walk:
    """Follows includes; each file once, so that a ring of them ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[Path, None] = {}
        self.skipped: list[tuple[Path, str]] = []
        self.variables: dict[str, str] = {}
        self._seen: set[Path] = set()

    def follow(self, changelog: Path) -> None:
        pending = [(changelog, False)]
        while pending:
            path, inline = pending.pop()
            if inline:
                # all of a changelog's own SQL runs where the first of it stands
                self.files[path] = None
                continue
            if path in self._seen:
                continue
            self._seen.add(path)
            if path.suffix.lower() not in _SUFFIXES:
                self.files[path] = None
                self.variables.update(_written_properties(path))
                continue
            self.variables.update(_properties(path))
            found: list[tuple[Path, bool]] = []
            for kind, name, relative in _entries_of(path):
                if kind == "inline" and path.suffix.lower() in INLINE_SUFFIXES:
                    found.append((path, True))
                else:
                    found += [(one, False) for one in self._target(path, kind, name, relative=relative)]
            pending += reversed(found)

    def _target(self, changelog: Path, kind: str, name: str, *, relative: bool) -> list[Path]:
        if kind in ("other", "inline"):
            self.skipped.append((changelog, f"its change {name!r} is not SQL in a file"))
            return []
        base = self._resolve(changelog, name, relative=relative, folder=kind == "includeAll")
        if base is None:
            self.skipped.append((changelog, f"{kind} {name!r}: no such file in the project"))
            return []
        if kind != "includeAll":
            return [base]
        return sorted(
            path for path in _all_below(base) if path.suffix.lower() in (".sql", *_SUFFIXES) and path != changelog
        )

    def _resolve(self, changelog: Path, name: str, *, relative: bool, folder: bool) -> Path | None:
        name = re.sub(r"^(?:classpath\*?:|file:)", "", name).lstrip("/")
        if not name or "\0" in name:
            return None
        top = self.folder
        bases = [changelog.parent] if relative else [top, *top.parents[:6], changelog.parent]
        # "." has no parents of its own
        above = (top.resolve(), *top.resolve().parents)[:7][-1]
        for base in bases:
            path = base / name
            inside = path.resolve().is_relative_to(above)
            if inside and (path.is_dir() if folder else is_file(path)):
                return path
        return None


def _all_below(folder: Path) -> Iterator[Path]:
    for entry in entries(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _all_below(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def _entries_of(path: Path) -> list[_Entry]:
    text = _text(path)
    if path.suffix.lower() == ".xml":
        return list(_from_xml(text))
    return list(_from_tree(_tree(path, text)))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _from_xml(text: str) -> Iterator[_Entry]:
    for element in _elements(text):
        tag = _tag(element)
        if tag in ("include", "includeAll"):
            yield tag, element.get("file") or element.get("path") or "", _true(element.get("relativeToChangelogFile"))
        elif tag == "changeSet":
            for change in element:
                kind = _tag(change)
                if kind == "sqlFile":
                    yield "include", change.get("path") or "", _true(change.get("relativeToChangelogFile"))
                elif kind in INLINE:
                    yield "inline", kind, False
                elif kind not in ("comment", "rollback", "preConditions", "validCheckSum", "tagDatabase"):
                    yield "other", kind, False


def _elements(text: str) -> list[Element]:
    if "<!ENTITY" in text:
        # nothing a changelog needs, and a way to make a small file big
        return []
    # few projects have any
    from xml.etree import ElementTree

    try:
        return list(ElementTree.fromstring(text))
    except (ElementTree.ParseError, ValueError, RecursionError):
        return []


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "comment"


def _tree(path: Path, text: str) -> Any:
    if path.suffix.lower() == ".json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None
    return yaml_tree(text)


def yaml_tree(text: str) -> Any:
    """What a YAML text holds; an empty mapping where it cannot be read or holds none."""
    import yaml

    try:
        tree = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _from_tree(tree: Any) -> Iterator[_Entry]:
    for item in _list(_dict(tree).get("databaseChangeLog")):
        for tag, fields in _dict(item).items():
            values = _dict(fields)
            if tag in ("include", "includeAll"):
                yield (
                    tag,
                    str(values.get("file") or values.get("path") or ""),
                    _true(values.get("relativeToChangelogFile")),
                )
            elif tag == "changeSet":
                for change in _list(values.get("changes")):
                    for kind, what in _dict(change).items():
                        if kind == "sqlFile":
                            given = _dict(what)
                            yield "include", str(given.get("path", "")), _true(given.get("relativeToChangelogFile"))
                        else:
                            yield ("inline" if kind in INLINE else "other"), str(kind), False


def _properties(path: Path) -> dict[str, str]:
    text = _text(path)
    if path.suffix.lower() == ".xml":
        found = [element.attrib for element in _elements(text) if _tag(element) == "property"]
    else:
        items = _list(_dict(_tree(path, text)).get("databaseChangeLog"))
        found = [_dict(item["property"]) for item in items if "property" in _dict(item)]
    return {str(one["name"]): str(one["value"]) for one in found if "name" in one and "value" in one}


def _written_properties(path: Path) -> list[tuple[str, str]]:
    """``--property name:schema value:app`` of a formatted SQL file."""
    return [(match[1], match[2]) for match in _PROPERTY.finditer(head(path))]


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _true(value: object) -> bool:
    return str(value).lower() == "true"
