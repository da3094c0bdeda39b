"""Findings before and after a change in; what the change caused and what it cured out.

A finding is the change's doing when it was not there before, or was less severe, or stands in a file that the change
brings. So an index that a new migration drops is reported at the old policy that it served.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.findings import SEVERITIES, Finding
from rlslint.records import dataclass, replace
from rlslint.source.changed import Changes, tree_at
from rlslint.source.discover import is_aside
from rlslint.source.model import InputError, Limits, Project
from rlslint.source.read import load_projects, shown_path
from rlslint.touched import Causes, Dependents, Origins

_POLICY: Final = re.compile(
    rb"\b(create|alter|drop)\s+policy\b|\b(enable|disable|force)\s+row\s+level\s+security\b", re.IGNORECASE
)
_START: Final = 1_000_000
"""Bytes of a file that are looked at for that."""

Look = Callable[[Project], list[Finding]]
"""Another state of a project in, its findings out."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a project's files were asked for."""

    paths: tuple[str, ...]
    layout: str
    limits: Limits


def since(
    changes: Changes, findings: list[Finding], project: Project, reading: Reading, look: Look, cwd: Path
) -> tuple[list[Finding], list[Finding]]:
    """What the working tree causes and cures beside the commit that it left."""
    before = before_change(changes, project, reading, look, cwd)
    if before is None:
        # nothing that could be read was there
        return findings, []
    added = {shown_path(path, cwd) for path in changes.added}
    return caused(before, findings, lambda finding: finding.span.source.path in added)


def before_change(changes: Changes, project: Project, reading: Reading, look: Look, cwd: Path) -> list[Finding] | None:
    """The findings of the commit that the working tree left; None where nothing was there that could be read."""
    with tree_at(changes) as root:
        here = root / os.path.relpath(cwd.resolve(), changes.root)
        paths = tuple(os.path.relpath((cwd / path).resolve(), cwd.resolve()) for path in reading.paths)
        try:
            found = load_projects(
                tuple(str(here / path) for path in paths) or (str(here),),
                layout=reading.layout,
                cwd=here,
                limits=reading.limits,
            )
            earlier = next(one for one in found if one.folder == project.folder or len(found) == 1)
        except (InputError, StopIteration):
            return None
        return look(earlier)


def concerns(changes: Changes, project: Project, cwd: Path) -> bool:
    """Whether a change can bear on the project: it is SQL, or lies where the migrations do."""
    files = [(cwd / migration.source.path).resolve() for migration in project.migrations]
    homes = {folder for file in files for folder in file.parents[:2]}
    touched = changes.added | changes.altered | changes.removed
    return any(path.suffix == ".sql" or not homes.isdisjoint(path.parents[:2]) for path in touched)


def outside(changes: Changes, read: Container[str], cwd: Path) -> list[tuple[str, str]]:
    """Of the changed files that speak of policies and that nothing read, the first, with the reason and how many more
    there are. A project may hold SQL of many kinds: what makes no policy is passed over, and so are tests and rollbacks."""
    found = [
        shown_path(path, cwd)
        for path in sorted(changes.added | changes.altered)
        if path.suffix == ".sql"
        and shown_path(path, cwd) not in read
        and path.is_file()
        and not is_aside(changes.root, path)
        and _speaks(path)
    ]
    others = f" (and {len(found) - 1} more like it)" if found[1:] else ""
    return [(path, f"it speaks of policies, and lies outside of what is read{others}") for path in found[:1]]


def _speaks(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _POLICY.search(file.read(_START)) is not None
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Without:
    """A project without the files that were asked for."""

    findings: list[Finding]
    tables: frozenset[tuple[str, str]]
    """Schema and name of every table that is there without them."""
    policies: frozenset[tuple[str, str, str]]
    """The same, and the name of each of its policies."""

    @classmethod
    def of(cls, catalog: Catalog, findings: list[Finding]) -> Without:
        """What is found in the catalog, and what is in it."""
        tables = {row.oid: (catalog.nspname(row.relnamespace), row.relname) for row in catalog.relations}
        policies = ((*tables[row.polrelid], row.polname) for row in catalog.policies if row.polrelid in tables)
        return cls(findings, frozenset(tables.values()), frozenset(policies))

    def has(self, finding: Finding) -> bool:
        """Whether what a finding is about is there: its policy, or its table where it names no policy.

        Without some files, those after them may make less: a policy of a later file whose table an earlier one makes is
        not the earlier file's doing.
        """
        if finding.schema is None or finding.table is None:
            return False
        table = (finding.schema, finding.table)
        return table in self.tables if finding.policy is None else (*table, finding.policy) in self.policies


def named(findings: list[Finding], reported: frozenset[str], rest: Without) -> tuple[list[Finding], list[Finding]]:
    """What the ``reported`` files, named on the command line, cause and cure, beside the project without them."""
    new, cured = caused(rest.findings, findings, lambda finding: finding.span.source.path in reported)
    theirs = [one for one in new if one.span.source.path in reported or rest.has(one)]
    return theirs, [one for one in cured if one.table is not None]


def without(project: Project) -> Project:
    """The project without the files that were asked for."""
    reported = project.reported or frozenset()
    rest = tuple(one for one in project.migrations if one.source.path not in reported)
    return replace(project, migrations=rest, reported=None)


def caused(
    before: Sequence[Finding], after: Sequence[Finding], is_brought: Callable[[Finding], bool]
) -> tuple[list[Finding], list[Finding]]:
    """What the change caused, and what it cured, each in its order.

    ``is_brought`` says of a finding whether the change brings the file it stands in.
    """
    severity = {finding.fingerprint: SEVERITIES.index(finding.severity) for finding in before}
    there = {finding.fingerprint for finding in after}
    new = [
        finding
        for finding in after
        if severity.get(finding.fingerprint, -1) < SEVERITIES.index(finding.severity) or is_brought(finding)
    ]
    return new, [finding for finding in before if finding.fingerprint not in there]


def at_cause(findings: Sequence[Finding], paths: frozenset[str], causes: Causes, catalog: Catalog) -> list[Finding]:
    """Findings in files other than ``paths``, each with the statement of the change that it comes from."""
    origins = Origins(causes, Dependents(catalog))
    return [
        one
        if one.span.source.path in paths or (statement := origins.cause(one.relid)) is None
        else replace(one, cause=statement.span)
        for one in findings
    ]
