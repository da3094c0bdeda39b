"""Findings as a Markdown comment for a pull request: a summary, then what folds open, within the size a comment may have."""

from __future__ import annotations

from typing import Final

from rlslint.findings import SEVERITIES, Finding, Suggestion
from rlslint.report.escape import code, fenced, markdown
from rlslint.report.model import Result
from rlslint.report.summary import by_rule, worst_first
from rlslint.report.words import count

MARK: Final = "<!-- rlslint -->"
"""Stands in every comment, so that the next run finds the comment to replace."""
_LARGEST: Final = 60_000
"""Characters; GitHub takes 65,536."""
_MANY: Final = 10
"""Findings that are counted by rule first."""
_ICONS: Final = {"error": "\U0001f534", "warning": "\U0001f7e0", "info": "\U0001f535"}


def render(result: Result) -> str:
    """The comment; findings that do not fit are counted at its end."""
    text = f"{MARK}\n### rlslint: {_headline(result)}\n"
    ordered = worst_first(result.findings)
    if len(ordered) > _MANY:
        rows = [
            f"| {_ICONS[one.severity]} {one.rule.code} {one.rule.name} | {one.number} |"
            for one in by_rule(ordered, apart=True)
        ]
        text += "\n" + "\n".join(["| rule | findings |", "|---|---|", *rows]) + "\n"
    for shown, finding in enumerate(ordered):
        block = _finding(result, finding)
        if len(text) + len(block) > _LARGEST:
            text += f"\n{count(len(ordered) - shown, 'more finding')}: run `rlslint check` to see them all.\n"
            break
        text += block
    for path, reason in result.unread:
        text += f"\nNot read: {code(result.in_repository(path))}: {markdown(reason)}\n"
    if result.cured:
        text += "\nNo longer there: " + ", ".join(sorted(_cured(finding) for finding in result.cured[:20]))
        text += f" and {count(len(result.cured) - 20, 'other')}\n" if len(result.cured) > 20 else "\n"
    return text


def _headline(result: Result) -> str:
    found = [count(result.count(one), one) for one in reversed(SEVERITIES) if result.count(one)]
    words = ", ".join(found) or "nothing found"
    cures = f", cures {len(result.cured)}" if result.cured else ""
    checked = f"{count(result.policies, 'policy')} on {count(result.tables, 'table')}"
    return f"{words}{cures} ({checked} checked)"


def _finding(result: Result, finding: Finding) -> str:
    path, line, _ = finding.place
    subject = ".".join(one for one in (finding.schema, finding.table) if one is not None)
    if finding.policy is not None:
        subject += f", policy “{finding.policy}”"
    place = f"{result.in_repository(path)}:{line}"
    parts = [
        "<details>",
        f"<summary>{_ICONS[finding.severity]} {finding.rule.code} {finding.rule.name}: {_html(subject)} "
        f"({_html(place)})</summary>",
        "",
        markdown(finding.message) + ".",
        "",
        code(place) + _cause(result, finding),
        "",
        fenced(_lines(finding)),
        *(one for suggestion in finding.suggestions for one in _suggestion(suggestion)),
        "</details>",
    ]
    return "\n" + "\n".join(parts) + "\n"


def _cause(result: Result, finding: Finding) -> str:
    """The statement that a reviewer sees in the change."""
    if finding.cause is None:
        return ""
    source = finding.cause.source
    return f", caused by {code(f'{result.in_repository(source.path)}:{source.position(finding.cause.start)[0]}')}"


def _html(text: str) -> str:
    """Markdown is not read inside a summary, but mentions are."""
    return markdown(text).replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;").replace("\\", "")


def _lines(finding: Finding) -> str:
    """The lines that the finding stands on, ten at most."""
    source = finding.span.source
    first, last = source.position(finding.span.start)[0], source.position(finding.span.end)[0]
    return "\n".join(source.line(number)[:400] for number in range(first, min(last, first + 9) + 1))


def _suggestion(suggestion: Suggestion) -> list[str]:
    lines = ["", markdown(suggestion.title[:1].upper() + suggestion.title[1:])]
    if suggestion.applicability != "safe" and suggestion.up:
        lines[-1] += f" ({suggestion.applicability})"
    lines += [f"- assumes: {markdown(one)}" for one in suggestion.assumes]
    return [*lines, "", fenced(suggestion.up)] if suggestion.up else lines


def _cured(finding: Finding) -> str:
    return f"{finding.rule.code} on {code(finding.table or finding.span.source.path)}"
