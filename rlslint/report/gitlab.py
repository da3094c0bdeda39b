"""Findings as a GitLab code quality report."""

from __future__ import annotations

from typing import Any, Final

from rlslint.findings import Finding
from rlslint.report.escape import json_text
from rlslint.report.model import Result

_SEVERITIES: Final = {"error": "critical", "warning": "major", "info": "minor"}


def render(result: Result) -> str:
    """The JSON text, with a line end."""
    return json_text([_entry(result, finding) for finding in result.findings])


def _entry(result: Result, finding: Finding) -> dict[str, Any]:
    path, line, _ = finding.place
    return {
        "description": f"{finding.rule.code}: {finding.message}",
        "check_name": finding.rule.name,
        # of two entries with one fingerprint GitLab shows one; ours are told apart already
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": result.in_repository(path),
            "lines": {"begin": line, "end": finding.span.source.position(finding.span.end)[0]},
        },
    }
