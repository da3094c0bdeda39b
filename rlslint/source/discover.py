"""A folder in, the databases whose SQL lies in it or below out: each a layout and its files in order.

Marks of a tool count most, then numbered files and folders called migrations, then other SQL. Folders of the best
kind found are read, each as a database of its own unless something says that two are one; what was left is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rlslint.records import dataclass, replace
from rlslint.source.layouts import sqitch
from rlslint.source.layouts.detect import CERTAIN, LIKELY, POSSIBLE, folder_layout, other_database
from rlslint.source.layouts.graphile import migrations_folder
from rlslint.source.layouts.listing import (
    IGNORED_FOLDERS,
    Listing,
    entries,
    head,
    is_file,
    is_regular,
    is_sql,
    leading_number,
    natural,
    sql_files,
    subfolders,
    undoes,
)

_WHOLE_TREE: Final = frozenset({"sqitch", "prisma", "hasura", "graphile-migrate", "drizzle", "flyway", "declarative"})
"""Layouts that own the folders below theirs."""
_SIDE: Final = re.compile(
    r"^(?:_?archived?|backups?|bak|legacy|legacy_.*|old|deprecated|docs?|documentation|examples?|samples?|tests?|__tests__"
    r"|test[-_]?data|spec|specs|e2e|fixtures?|seeds?|seed[-_]data|sample[-_]data|demo|tmp|temp|playground|snippets"
    r"|benchmarks?|\..*)$",
    re.IGNORECASE,
)
_OTHER_DATABASE: Final = re.compile(
    r"^(?:mysql|mariadb|sqlite3?|h2|hsqldb|oracle|mssql|sqlserver|clickhouse|snowflake|bigquery|db2|d1|cassandra|duckdb)$",
    re.IGNORECASE,
)
_DDL: Final = re.compile(r"\b(?:CREATE|ALTER)\s+(?:\w+\s+){0,3}(?:TABLE|POLICY|SCHEMA|VIEW|TYPE)\b", re.IGNORECASE)
_INCLUDE: Final = re.compile(r"^[ \t]*\\(ir?|include|include_relative)[ \t]+(?P<name>[^\s:'\"`]+)", re.MULTILINE)
_DUMPS: Final = frozenset({"structure.sql", "pgsql-schema.sql"})
"""Rails, Ecto and Laravel keep the schema in one dump."""


@dataclass(frozen=True, slots=True)
class Found:
    """One database's files."""

    folder: Path
    layout: str
    sure: int
    listing: Listing
    side: bool = False
    """Whether it lies in a folder of old, example or test files."""
    note: str = ""
    """What a user should know about how it was put together."""

    @property
    def rank(self) -> tuple[bool, int]:
        """Smaller is better."""
        return self.side, -self.sure


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found."""

    databases: tuple[Found, ...]
    others: tuple[Found, ...] = ()
    """Folders with SQL that were left."""


def search(root: Path, layout: str = "auto") -> Search:
    """The databases of a folder. Raises InputError for an unknown layout."""
    own = _here(root, root, layout)
    if own is not None and own.sure >= LIKELY and not _is_project(root):
        return Search((own,))
    candidates = list(_candidates(root, root, layout))
    if not candidates:
        return Search(())
    best = min(one.rank for one in candidates)
    if best[1] == -POSSIBLE:
        scripts = _scripts(root, candidates)
        candidates = [*scripts, *candidates]
        best = min(one.rank for one in candidates)
    chosen = [one for one in candidates if one.rank == best]
    databases = _as_trees(root, chosen) if best[1] == -POSSIBLE else _joined(chosen)
    read = {path for one in databases for path in one.listing.files}
    others = [one for one in candidates if one not in chosen and not read.issuperset(one.listing.files)]
    return Search(tuple(databases), tuple(others))


def hint(root: Path) -> str:
    """What to do when no SQL was found: how the migration tool that is there prints SQL; empty when none is known."""
    for folder in _walk(root):
        names = {entry.name for entry in entries(folder)}
        if "alembic.ini" in names:
            return "Alembic's migrations are Python: alembic upgrade head --sql | rlslint check -"
        if folder.name == "migrations" and any(re.match(r"0001_.*\.py$", name) for name in names):
            return "Django's migrations are Python: python manage.py sqlmigrate APP NAME for each, piped to rlslint check -"
        if folder.name == "migrate" and any(name.endswith(".rb") for name in names):
            return (
                "Rails' migrations are Ruby: set config.active_record.schema_format = :sql and check db/structure.sql"
            )
        if folder.name == "migrations" and any(name.endswith((".ts", ".js", ".mjs", ".cjs")) for name in names):
            return "the migrations are no SQL files: pg_dump --schema-only of a migrated database | rlslint check -"
        if folder.name == "migrations" and any(name.endswith((".py", ".exs", ".php", ".cs")) for name in names):
            return "the migrations are no SQL files: pg_dump --schema-only of a migrated database | rlslint check -"
    return "name files or folders, or pipe SQL: pg_dump --schema-only ... | rlslint check -"


def not_regular(folder: Path) -> list[Path]:
    """What is called .sql in a folder and is neither a file nor a folder: pipes, devices, links to nothing."""
    found = []
    for entry in entries(folder):
        if is_sql(entry.name) and not is_regular(entry) and not (folder / entry.name).is_dir():
            found.append(folder / entry.name)
    return sorted(found)


def _is_project(folder: Path) -> bool:
    """Whether a folder is a whole project rather than a place for SQL."""
    names = {entry.name for entry in entries(folder)}
    return not names.isdisjoint(
        (".git", "package.json", "go.mod", "Cargo.toml", "pom.xml", "pyproject.toml", "Gemfile")
    )


def _walk(root: Path) -> Iterator[Path]:
    pending = [(root, 0)]
    while pending:
        folder, depth = pending.pop()
        yield folder
        if depth < _DEEPEST:
            pending += [(folder / name, depth + 1) for name in reversed(subfolders(folder))]


_DEEPEST: Final = 24
"""Folders inside each other that are looked into."""


def _candidates(root: Path, folder: Path, layout: str) -> Iterator[Found]:
    pending = [(folder, 0)]
    while pending:
        folder, depth = pending.pop()
        if _OTHER_DATABASE.match(folder.name) and folder != root:
            continue
        found = _here(root, folder, layout)
        if found is not None:
            yield found
            if found.layout in _WHOLE_TREE or (found.layout == "liquibase" and found.sure == CERTAIN):
                continue
        if depth < _DEEPEST:
            pending += [(folder / name, depth + 1) for name in reversed(subfolders(folder))]


def _here(root: Path, folder: Path, layout: str) -> Found | None:
    """What a folder itself holds; None for nothing."""
    if layout == "auto":
        special = _by_configuration(folder)
        if special is not None:
            return replace(special, side=_is_side(root, special.folder))
        if other_database(folder) is not None:
            return None
    detected = folder_layout(folder, layout)
    if not detected.listing.files:
        return None
    sure = detected.sure
    if layout != "auto" and sum(leading_number(path.name) is not None for path in detected.listing.files) == 0:
        sure = LIKELY
    return Found(folder, detected.layout, sure, detected.listing, _is_side(root, folder))


def _by_configuration(folder: Path) -> Found | None:
    """Folders that a configuration file, not their contents, makes something of."""
    target = migrations_folder(folder)
    if target is not None and (target / "committed").is_dir():
        detected = folder_layout(target, "graphile-migrate")
        if detected.listing.files:
            return Found(target, detected.layout, CERTAIN, detected.listing)
    if folder.name == "schemas" and folder.parent.name == "supabase" and not sql_files(folder.parent / "migrations"):
        detected = folder_layout(folder, "supabase")
        return Found(folder, "supabase", CERTAIN, detected.listing) if detected.listing.files else None
    for path in sql_files(folder):
        if path.name in _DUMPS:
            others = tuple((one, f"{path.name} is the whole schema") for one in sql_files(folder) if one != path)
            return Found(folder, "dump", CERTAIN, Listing((path,), others))
    return None


def is_aside(root: Path, path: Path) -> bool:
    """Whether a file lies among old, example or test files, other people's, or those that undo migrations."""
    folder = path.parent
    inside = folder.relative_to(root).parts if folder.is_relative_to(root) else ()
    return undoes(path) or _is_side(root, folder) or not IGNORED_FOLDERS.isdisjoint(inside)


def _is_side(root: Path, folder: Path) -> bool:
    return any(_SIDE.match(part) for part in folder.relative_to(root).parts) if folder.is_relative_to(root) else False


def _scripts(root: Path, candidates: Sequence[Found]) -> list[Found]:
    """psql scripts that include others and are included by none: the way into a tree of SQL files."""
    texts = {path: head(path) for one in candidates for path in one.listing.files}
    includes: dict[Path, set[Path]] = {}
    for path, text in texts.items():
        for match in _INCLUDE.finditer(text):
            targets = [folder / match["name"] for folder in (path.parent, *path.parent.parents)]
            target = next((one for one in targets if is_file(one)), None)
            if target is not None:
                includes.setdefault(path, set()).add(target.resolve())
    included = {target for targets in includes.values() for target in targets}
    roots = [path for path in includes if path.resolve() not in included]
    return [Found(path.parent, "psql", LIKELY, Listing((path,)), _is_side(root, path.parent)) for path in sorted(roots)]


def _as_trees(root: Path, chosen: Sequence[Found]) -> list[Found]:
    """SQL files of no known kind: what lies below one folder of the root is one database, read by path."""
    with_ddl = [
        one for one in chosen if one.folder == root or any(_DDL.search(head(path)) for path in one.listing.files)
    ]
    groups: dict[str, list[Found]] = {}
    for one in with_ddl:
        parts = one.folder.relative_to(root).parts if one.folder.is_relative_to(root) else ()
        groups.setdefault(parts[0] if parts else "", []).append(one)
    trees: list[Found] = []
    for group in groups.values():
        if len(group) == 1:
            trees.append(group[0])
            continue
        files = tuple(path for one in group for path in one.listing.files)
        note = (
            f"{len(files)} SQL files in {len(group)} folders read as one database, by path: name files to say otherwise"
        )
        trees.append(Found(_common(group), "files", POSSIBLE, Listing(files), group[0].side, note))
    return trees


def _common(group: Sequence[Found]) -> Path:
    parts = group[0].folder.parts
    for one in group[1:]:
        same = [a == b for a, b in zip(parts, one.folder.parts, strict=False)]
        parts = parts[: same.index(False) if False in same else len(same)]
    return Path(*parts)


def _joined(chosen: Sequence[Found]) -> list[Found]:
    """Sqitch projects that depend on each other, and folders whose numbers continue, are one database."""
    plans = [one for one in chosen if one.layout == "sqitch"]
    plain = [one for one in chosen if one.layout == "numbered" and one.sure == LIKELY]
    rest = [one for one in chosen if one not in plans and one not in plain]
    return sorted((*rest, *_sqitch_groups(plans), *_continued(plain)), key=lambda one: one.folder)


def _continued(found: list[Found]) -> list[Found]:
    numbers: set[int] = set()
    count = 0
    for one in found:
        for path in one.listing.files:
            number = leading_number(path.name)
            if number is None:
                return found
            numbers.add(number)
        count += len({leading_number(path.name) for path in one.listing.files})
    if len(found) < 2 or count != len(numbers) or max(numbers) - min(numbers) + 1 != count:
        return found
    files = sorted((path for one in found for path in one.listing.files), key=natural)
    skipped = tuple(item for one in found for item in one.listing.skipped)
    top = _common(found)
    folders = ", ".join(one.folder.relative_to(top).as_posix() for one in found)
    note = f"{len(found)} folders ({folders}) whose numbers continue each other read as one database"
    return [Found(top, "numbered", LIKELY, Listing(tuple(files), skipped), found[0].side, note)]


def _sqitch_groups(found: list[Found]) -> list[Found]:
    plans: dict[str, tuple[Found, frozenset[str]]] = {}
    for one in found:
        path = sqitch.plan_file(one.folder)
        assert path is not None
        plan = sqitch.read_plan(path)
        plans[plan.project or str(one.folder)] = (one, plan.requires)
    groups: list[list[str]] = []
    placed: set[str] = set()
    for name in plans:
        if name not in placed:
            group = _connected(name, plans)
            placed.update(group)
            groups.append(_in_order(group, plans))
    return [_one_sqitch([plans[name][0] for name in group]) for group in groups]


def _connected(name: str, plans: dict[str, tuple[Found, frozenset[str]]]) -> list[str]:
    group = {name}
    size = 0
    while size != len(group):
        size = len(group)
        for other, (_, requires) in plans.items():
            if other in group or not requires.isdisjoint(group):
                group |= {other, *(one for one in requires if one in plans)}
    return [one for one in plans if one in group]


def _in_order(group: list[str], plans: dict[str, tuple[Found, frozenset[str]]]) -> list[str]:
    """Required projects first; by folder where nothing decides, or where they require each other in a ring."""
    ordered: list[str] = []
    left = list(group)
    while left:
        ready = [name for name in left if plans[name][1].isdisjoint(set(left) - {name})] or left[:1]
        ordered.append(ready[0])
        left.remove(ready[0])
    return ordered


def _one_sqitch(group: list[Found]) -> Found:
    if len(group) == 1:
        return group[0]
    files = tuple(path for one in group for path in one.listing.files)
    skipped = tuple(item for one in group for item in one.listing.skipped)
    note = f"{len(group)} Sqitch projects that require each other read as one database"
    return Found(_common(group), "sqitch", CERTAIN, Listing(files, skipped), group[0].side, note)
