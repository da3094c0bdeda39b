"""Findings as GitHub workflow commands, which become annotations of a pull request.

GitHub shows ten of a severity a step; the most severe come first, the log has them all.
"""

from __future__ import annotations

from typing import Final

from rlslint.findings import SEVERITIES, Finding
from rlslint.report.escape import workflow_data, workflow_property
from rlslint.report.model import Result

_COMMANDS: Final = {"error": "error", "warning": "warning", "info": "notice"}


def render(result: Result) -> str:
    """One command a line."""
    ordered = sorted(result.findings, key=lambda finding: -SEVERITIES.index(finding.severity))
    return "".join(_command(result, finding) for finding in ordered)


def _command(result: Result, finding: Finding) -> str:
    source, start, end = finding.anchor.source, finding.anchor.start, finding.anchor.end
    line, column = source.position(start)
    end_line, end_column = source.position(end)
    properties = {
        "file": result.in_repository(source.path),
        "line": str(line),
        "endLine": str(end_line),
        "title": f"{finding.rule.code} {finding.rule.name}",
    }
    if end_line == line:
        properties |= {"col": str(column), "endColumn": str(end_column)}
    given = ",".join(f"{key}={workflow_property(value)}" for key, value in properties.items())
    about = "" if finding.cause is None else f"about {result.in_repository(finding.place[0])}:{finding.place[1]}"
    lines = [finding.message, *([about] if about else []), *(one.up or one.title for one in finding.suggestions)]
    return f"::{_COMMANDS[finding.severity]} {given}::{workflow_data(chr(10).join(lines))}\n"
