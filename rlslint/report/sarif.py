"""Findings as SARIF 2.1.0, with what GitHub code scanning reads: fingerprints, precision, tags, help in Markdown."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from rlslint import __version__
from rlslint.findings import Finding
from rlslint.registry import Rule
from rlslint.report.escape import json_text
from rlslint.report.model import Result
from rlslint.report.rules import markdown, page, summary
from rlslint.source.model import Span

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}
_PROBLEMS: Final = {"error": "error", "warning": "warning", "info": "recommendation"}
_SECURITY: Final = {"error": "8.0", "warning": "5.0", "info": "2.0"}
_FAMILIES: Final = {"0": "analysis", "1": "performance", "2": "correctness", "3": "security", "4": "migration"}
_LONGEST: Final = 1024
"""Characters that GitHub takes of a description."""


def render(result: Result) -> str:
    """The JSON text, with a line end."""
    rules = list(result.rules)
    numbers = {rule.code: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "rlslint",
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {
                        "level": "note",
                        "message": {"text": _plain(reason)},
                        "locations": [{"physicalLocation": {**_artifact(result, path), "region": {"startLine": line}}}],
                    }
                    for path, line, reason in result.not_analysed
                ],
            }
        ],
        "results": [_result(result, finding, numbers[finding.rule.code]) for finding in result.findings],
    }
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: Rule) -> dict[str, Any]:
    family = _FAMILIES.get(rule.code[3:4], "own")
    properties: dict[str, Any] = {
        "tags": [family, "postgresql", "row-level-security"],
        "precision": rule.confidence,
        "problem.severity": _PROBLEMS[rule.severity],
    }
    if family == "security":
        properties["security-severity"] = _SECURITY[rule.severity]
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": _cut(f"{rule.name}: {summary(rule)}")},
        "fullDescription": {"text": _cut(" ".join(rule.rationale.split()))},
        "help": {"text": page(rule), "markdown": markdown(rule)},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": properties,
    }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _result(result: Result, finding: Finding, number: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "ruleId": finding.rule.code,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [_location(result, finding.anchor)],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
            "rlslint/v1": finding.fingerprint,
        },
        "properties": {
            "confidence": finding.confidence,
            "schema": finding.schema,
            "table": finding.table,
            "policy": finding.policy,
            "statements": list(finding.statements),
            "roles": list(finding.roles),
        },
    }
    related = _related(finding)
    if related:
        entry["relatedLocations"] = [
            {"id": index, **_location(result, span), "message": {"text": _plain(text)}}
            for index, (span, text) in enumerate(related, 1)
        ]
    return entry


def _related(finding: Finding) -> list[tuple[Span, str]]:
    """An alert shows on a pull request where the lines are that it adds: what is old is linked from there."""
    moved = [] if finding.cause is None else [(finding.span, f"{finding.rule.code} is about this")]
    return [*moved, *finding.related]


def _message(finding: Finding) -> str:
    parts = [f"{_plain(finding.message)}."]
    parts += [_plain(one.up or one.title) for one in finding.suggestions]
    parts += [f"[{_plain(text)}]({index})" for index, (_, text) in enumerate(_related(finding), 1)]
    return "\n".join(parts)


def _plain(text: str) -> str:
    """Brackets in a SARIF message make links: those of names must not."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _location(result: Result, span: Span) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {"physicalLocation": {**_artifact(result, span.source.path), "region": region}}


def _artifact(result: Result, path: str) -> dict[str, Any]:
    return {"artifactLocation": {"uri": quote(result.in_repository(path)), "uriBaseId": "%SRCROOT%"}}
