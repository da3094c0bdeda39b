"""What every report is made from."""

from __future__ import annotations

from dataclasses import dataclass

from rlslint.baseline import Ratchet
from rlslint.checks.model import Severity
from rlslint.findings import SEVERITIES, Finding


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

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def worst_at_least(self, severity: Severity) -> bool:
        """Whether a finding is at least as severe."""
        limit = SEVERITIES.index(severity)
        return any(SEVERITIES.index(finding.severity) >= limit for finding in self.findings)
