"""The result of a check as the JSON of the public contract: the same bytes for the same input on every machine."""

from __future__ import annotations

from typing import Any

from rlslint.findings import Finding
from rlslint.report.escape import json_text
from rlslint.report.model import Result


def render(result: Result) -> str:
    """The JSON text, with a line end."""
    data: dict[str, Any] = {
        "version": 1,
        "findings": [finding_json(finding) for finding in result.findings],
        "summary": {
            "files": result.files,
            "statements": result.statements,
            "tables": result.tables,
            "policies": result.policies,
            "errors": result.count("error"),
            "warnings": result.count("warning"),
            "infos": result.count("info"),
        },
        "not_analysed": [{"path": path, "line": line, "reason": reason} for path, line, reason in result.not_analysed],
    }
    if result.cured is not None:
        data["cured"] = [finding_json(finding) for finding in result.cured]
    return json_text(data)


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding."""
    path, line, column = finding.place
    end_line, end_column = finding.span.source.position(finding.span.end)
    return {
        "code": finding.rule.code,
        "name": finding.rule.name,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "message": finding.message,
        "path": path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "schema": finding.schema,
        "table": finding.table,
        "policy": finding.policy,
        "statements": list(finding.statements),
        "roles": list(finding.roles),
        "facts": {**finding.facts, **_beside(finding)},
        "suggestions": [
            {
                "kind": one.kind,
                "title": one.title,
                "applicability": one.applicability,
                "assumes": list(one.assumes),
                "up": one.up,
                "down": one.down,
            }
            for one in finding.suggestions
        ],
        "fingerprint": finding.fingerprint,
    }


def _beside(finding: Finding) -> dict[str, Any]:
    """What a finding knows beside its rule's facts."""
    said: dict[str, Any] = {"includes": list(finding.includes)} if finding.includes else {}
    if finding.cause is not None:
        line, column = finding.cause.source.position(finding.cause.start)
        said["cause"] = {"path": finding.cause.source.path, "line": line, "column": column}
    return said
