"""Findings as text for people: the place, a code frame with a caret, one line on what PostgreSQL does, the cure.

An info is said briefly, without the frame and the cure's SQL, so that a first run stays readable; the JSON has all of it.
"""

from __future__ import annotations

import unicodedata

from rlslint.findings import SEVERITIES, Finding, Suggestion
from rlslint.report.escape import printable
from rlslint.report.model import Result
from rlslint.report.summary import OfRule, by_rule
from rlslint.report.words import count

_COLOURS = {"error": "31", "warning": "33", "info": "36", "bold": "1", "dim": "2", "green": "32"}
_MANY = 20
"""Findings that scroll away: they are counted by rule at the end."""
_WIDEST = 160
"""A longer source line is cut around the finding."""


def render(result: Result, *, colour: bool = False, quiet: bool = False) -> str:
    """The text, with a line end; empty when there is nothing to say and ``quiet``."""
    paint = _Paint(colour)
    blocks = [_finding(finding, paint) for finding in result.findings]
    if not quiet:
        if result.cured:
            blocks.append("".join(_cured(finding, paint) for finding in result.cured))
        blocks.append(_summary(result, paint))
    return "\n".join(blocks)


class _Paint:
    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, style: str) -> str:
        return f"\033[{_COLOURS[style]}m{text}\033[0m" if self._on else text


_NOTES = 8
"""Other places that are listed with a finding."""


def _finding(finding: Finding, paint: _Paint) -> str:
    path, line, column = finding.place
    head = f"{paint(f'{finding.severity}[{finding.rule.code}]', finding.severity)} {paint(finding.rule.name, 'bold')}"
    lines = [f"{head}: {printable(finding.message)}"]
    lines.append(f"  {paint('-->', 'dim')} {printable(path)}:{line}:{column}" + _subject(finding))
    if finding.cause is not None:
        row, col = finding.cause.source.position(finding.cause.start)
        lines.append(f"  {paint('cause:', 'bold')} {printable(finding.cause.source.path)}:{row}:{col}")
    if finding.severity != "info":
        lines += _frame(finding, paint)
    if finding.cost:
        each, so_far = finding.facts["row_visits"], finding.facts["row_visits_so_far"]
        lines.append(f"  {paint('cost:', 'dim')} {each:,} row visits a statement" + _so_far(each, so_far))
    for span, text in finding.related[:_NOTES]:
        row, col = span.source.position(span.start)
        lines.append(f"  {paint('note:', 'dim')} {printable(text)}: {printable(span.source.path)}:{row}:{col}")
    if len(finding.related) > _NOTES:
        lines.append(
            f"  {paint('note:', 'dim')} and {len(finding.related) - _NOTES} more places (--format json has all)"
        )
    for suggestion in finding.suggestions:
        lines += _suggestion(suggestion, paint)[: 1 if finding.severity == "info" else None]
    return "\n".join(lines) + "\n"


def _cured(finding: Finding, paint: _Paint) -> str:
    path, line, _ = finding.place
    head = f"{paint(f'cured[{finding.rule.code}]', 'green')} {paint(finding.rule.name, 'bold')}"
    return f"{head}: {printable(path)}:{line}{_subject(finding)}\n"


def _so_far(each: object, total: object) -> str:
    return f", {total:,} for all rows inserted so far" if total != each else ""


def _subject(finding: Finding) -> str:
    parts = []
    if finding.table is not None:
        parts.append(finding.table if finding.schema in (None, "public") else f"{finding.schema}.{finding.table}")
    if finding.policy is not None:
        parts.append(f'policy "{finding.policy}"')
    return f"  ({printable(', '.join(parts))})" if parts else ""


def _frame(finding: Finding, paint: _Paint) -> list[str]:
    source = finding.span.source
    line, column = source.position(finding.span.start)
    end_line, end_column = source.position(max(finding.span.start, finding.span.end))
    text = source.line(line)
    stop = end_column if end_line == line else len(text.rstrip()) + 1
    first = max(0, column - 1 - 60) if len(text) > _WIDEST else 0
    shown = printable(text[first : first + _WIDEST].replace("\t", " "))
    marks = max(1, min(stop, first + len(shown) + 1) - column)
    gutter = len(str(line))
    indent = " " * _width(shown[: column - 1 - first])
    carets = "^" * max(1, _width(shown[column - 1 - first : column - 1 - first + marks]))
    bar = paint("|", "dim")
    return [
        f"{' ' * gutter} {bar}",
        f"{paint(str(line), 'dim')} {bar} {shown}",
        f"{' ' * gutter} {bar} {indent}{paint(carets, finding.severity)}" + (" ..." if end_line > line else ""),
    ]


def _width(text: str) -> int:
    """Columns on a terminal: wide East Asian characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _suggestion(suggestion: Suggestion, paint: _Paint) -> list[str]:
    note = "" if suggestion.applicability == "safe" or not suggestion.up else f" [{suggestion.applicability}]"
    lines = [f"  {paint('help:', 'green')} {printable(suggestion.title)}{note}"]
    lines += [f"        assumes: {printable(one)}" for one in suggestion.assumes]
    # the sign in front keeps a line of the SQL from being taken for a workflow command
    lines += [f"      + {paint(printable(row), 'green')}" for row in suggestion.up.splitlines()]
    return lines


def _of_rule(one: OfRule, paint: _Paint) -> str:
    return f"{one.number:>5} {paint(f'{one.severity}[{one.rule.code}]', one.severity)} {one.rule.name}\n"


def _summary(result: Result, paint: _Paint) -> str:
    counts = [count(result.count(severity), severity) for severity in reversed(SEVERITIES) if result.count(severity)]
    found = ", ".join(counts) if counts else "no findings"
    read = ", ".join((count(result.files, "file"), count(result.statements, "statement")))
    held = f"{count(result.policies, 'policy')} on {count(result.tables, 'table')}"
    if result.cured is not None:
        found = f"the change causes {found}" + (f" and cures {len(result.cured)}" if result.cured else "")
    text = f"{paint(found, 'bold')} in {read}, {held}\n"
    if len(result.findings) > _MANY:
        text = "".join(_of_rule(one, paint) for one in by_rule(result.findings, apart=True)) + "\n" + text
    if result.ratchet is not None and result.ratchet.held:
        text += f"{count(result.ratchet.held, 'finding')} held by the baseline\n"
    if len(result.findings) > _MANY and result.cured is None:
        text += "--format html shows them by table, --baseline FILE records them and reports what is new from then on\n"
    if result.not_analysed:
        text += f"{count(len(result.not_analysed), 'statement')} not followed: --format json lists them\n"
    return text
