"""What every report is made from."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import normpath

from rlslint.baseline import Ratchet
from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import Severity
from rlslint.findings import SEVERITIES, Finding
from rlslint.plan.model import AccessPlan
from rlslint.registry import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one check."""

    findings: tuple[Finding, ...]
    files: int
    statements: int
    tables: int
    policies: int
    layout: str
    preset: str
    not_analysed: tuple[tuple[str, int, str], ...]
    """Path, line, reason."""
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
    catalog: Catalog | None = None
    plans: tuple[AccessPlan, ...] = ()
    """Of the tables that the files make."""

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
