"""Three states of a schema side by side in, tables out: text, JSON, Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlslint.report.verify import shown_time

if TYPE_CHECKING:
    from rlslint.verify.against import Comparison


def _rows(one: Comparison) -> list[list[str]]:
    head = ["statement", "role", *one.states]
    return [head, *([timed.statement, timed.role, *map(shown_time, timed.runs)] for timed in one.timed)]


def _differences(one: Comparison) -> list[str]:
    lines = []
    for passing in one.passing:
        each = (f"{state}: {outcome}" for state, outcome in zip(one.states, passing.outcomes, strict=True))
        lines.append(f"{passing.what}: {', '.join(each)}")
    return lines or ["every row that was tried passes, or is refused, alike"]


def render_text(found: Sequence[Comparison]) -> str:
    """For each table aligned columns, then the rows that not every state treats alike."""
    lines: list[str] = []
    for one in found:
        rows = _rows(one)
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines.append(one.table)
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines += ["", *(f"  {text}" for text in _differences(one)), ""]
    return "\n".join(lines or ["nothing to compare: neither cure changes a statement of a table with row security", ""])


def render_markdown(found: Sequence[Comparison]) -> str:
    """The same as Markdown tables."""
    parts = []
    for one in found:
        head, *rows = _rows(one)
        table = [head, ["---"] * len(head), *rows]
        parts.append(f"**{one.table}**\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in table))
        parts.append("".join(f"- {text}\n" for text in _differences(one)))
    return "\n".join(parts)


def render_json(found: Sequence[Comparison]) -> str:
    """Version 1."""
    tables = [
        {
            "table": one.table,
            "states": list(one.states),
            "statements": [
                {
                    "statement": timed.statement,
                    "role": timed.role,
                    "runs": [
                        {"ms": round(run.milliseconds, 3), "buffers": run.buffers, "error": run.error or None}
                        for run in timed.runs
                    ],
                }
                for timed in one.timed
            ],
            "differences": [{"what": each.what, "outcomes": list(each.outcomes)} for each in one.passing],
            "holds": one.holds,
        }
        for one in found
    ]
    return json.dumps({"version": 1, "tables": tables}, indent=1, ensure_ascii=False) + "\n"
