"""Findings as JUnit XML: a suite a file, a failed case a finding; a file without findings is one passed case."""

from __future__ import annotations

from rlslint.findings import Finding
from rlslint.report.escape import xml
from rlslint.report.model import Result


def render(result: Result) -> str:
    """The XML text, with a line end."""
    by_path: dict[str, list[Finding]] = {path: [] for path in result.paths}
    for finding in result.findings:
        by_path.setdefault(finding.span.source.path, []).append(finding)
    tests = sum(max(1, len(findings)) for findings in by_path.values())
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="rlslint" tests="{tests}" failures="{len(result.findings)}">',
    ]
    for path, findings in by_path.items():
        lines.append(f'<testsuite name="{xml(path)}" tests="{max(1, len(findings))}" failures="{len(findings)}">')
        lines += [_case(finding) for finding in findings] or [f'<testcase name="rlslint" classname="{xml(path)}"/>']
        lines.append("</testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _case(finding: Finding) -> str:
    path, line, column = finding.place
    name = f"{finding.rule.code} {finding.rule.name}"
    cause = finding.cause
    caused = [] if cause is None else [f"caused by {cause.source.path}:{cause.source.position(cause.start)[0]}"]
    details = [f"{path}:{line}:{column}", *caused, *(one.up or one.title for one in finding.suggestions)]
    text = "\n".join(details)
    return (
        f'<testcase name="{xml(f"{name} {line}:{column}")}" classname="{xml(path)}" file="{xml(path)}" line="{line}">'
        f'<failure type="{finding.severity}" message="{xml(finding.message)}">{xml(text)}</failure></testcase>'
    )
