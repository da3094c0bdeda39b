"""Findings as one line each, as compilers write them: editors and grep read it."""

from __future__ import annotations

from rlslint.report.escape import printable
from rlslint.report.model import Result


def render(result: Result) -> str:
    """``path:line:column: severity: message [code name]``; nothing where nothing was found."""
    lines = []
    for finding in result.findings:
        path, line, column = finding.place
        message = f"{printable(finding.message)} [{finding.rule.code} {finding.rule.name}]"
        lines.append(f"{printable(path)}:{line}:{column}: {finding.severity}: {message}\n")
    return "".join(lines)
