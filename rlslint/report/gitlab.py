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
    anchor = finding.anchor
    about = "" if finding.cause is None else f" ({finding.place[0]}:{finding.place[1]})"
    return {
        "description": f"{finding.rule.code}: {finding.message}{about}",
        "check_name": finding.rule.name,
        # of two entries with one fingerprint GitLab shows one; ours are told apart already
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": result.in_repository(anchor.source.path),
            "lines": {"begin": anchor.source.position(anchor.start)[0], "end": anchor.source.position(anchor.end)[0]},
        },
    }
