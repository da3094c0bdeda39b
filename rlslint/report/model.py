"""What every report is made from."""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import normpath

from rlslint.baseline import Ratchet
from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import Severity
from rlslint.findings import SEVERITIES, Finding, order, place_order, told_apart
from rlslint.plan.model import AccessPlan
from rlslint.records import dataclass
from rlslint.registry import Rule
from rlslint.report.inputs import Input


@dataclass(frozen=True, slots=True)
class Database:
    """One database as it was predicted."""

    name: str
    catalog: Catalog
    plans: tuple[AccessPlan, ...]
    """Of the tables that the files make."""
    files: frozenset[str]
    """Paths of the files that make it, as findings name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one check."""

    findings: tuple[Finding, ...]
    """The costliest first where statistics tell, then by place."""
    files: int
    statements: int
    tables: int
    policies: int
    not_analysed: tuple[tuple[str, int, str], ...]
    """Path, line, reason."""
    inputs: tuple[Input, ...] = ()
    """What each database was read from."""
    unread: tuple[tuple[str, str], ...] = ()
    """SQL files that were named, or that a change brings, and that are not read, with the reason: nothing is said of
    them."""
    cured: tuple[Finding, ...] | None = None
    """Where only a change is reported: what was found before it and is no more. None in a run over everything."""
    ratchet: Ratchet | None = None
    """What the baseline did, if there is one."""
    paths: tuple[str, ...] = ()
    """Files that were reported on, in the order they run."""
    rules: tuple[Rule, ...] = ()
    """Rules that were looked for."""
    prefix: str = ""
    """From the repository's folder to the working directory, with a slash at its end."""
    databases: tuple[Database, ...] = ()
    """What was predicted for each."""

    @property
    def plans(self) -> tuple[AccessPlan, ...]:
        """Of the tables that the files make, of all databases."""
        return tuple(plan for one in self.databases for plan in one.plans)

    def in_repository(self, path: str) -> str:
        """A finding's path as the repository's host knows it."""
        return normpath(self.prefix + path)

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def worst_at_least(self, severity: Severity) -> bool:
        """Whether a finding is at least as severe."""
        limit = SEVERITIES.index(severity)
        return any(SEVERITIES.index(finding.severity) >= limit for finding in self.findings)


def together(results: Sequence[Result]) -> Result:
    """The outcome for several databases as one."""
    if len(results) == 1:
        return results[0]
    cured = [finding for one in results for finding in one.cured or ()]
    findings = told_apart(sorted((finding for one in results for finding in one.findings), key=place_order))
    return Result(
        findings=tuple(sorted(findings, key=order)),
        files=sum(one.files for one in results),
        statements=sum(one.statements for one in results),
        tables=sum(one.tables for one in results),
        policies=sum(one.policies for one in results),
        not_analysed=tuple(sorted({item for one in results for item in one.not_analysed})),
        inputs=tuple(item for one in results for item in one.inputs),
        unread=tuple(dict.fromkeys(item for one in results for item in one.unread)),
        cured=None if all(one.cured is None for one in results) else tuple(cured),
        ratchet=results[0].ratchet,
        paths=tuple(dict.fromkeys(path for one in results for path in one.paths)),
        databases=tuple(item for one in results for item in one.databases),
    )
