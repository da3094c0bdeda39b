"""What fix found to change in, text and JSON out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import unified_diff

from rlslint.report.words import count
from rlslint.suggest.cure import Change, Cure
from rlslint.suggest.migration import NewFile, script


def render_sql(cure: Cure) -> str:
    """The statements, runnable as they stand; the rollback follows as a comment."""
    if not cure.changes:
        return ""
    down = script(cure.changes, "down").rstrip("\n").replace("\n", "\n-- ")
    return f"{script(cure.changes, 'up')}\n-- Rollback:\n-- {down}\n"


def render_diff(cure: Cure) -> str:
    """Every changed policy before and after, new indexes as added lines."""
    return "\n".join(line for change in cure.changes for line in _difference(change))


def _difference(change: Change) -> Iterator[str]:
    if not change.before and not change.after:
        yield from (f"+{line}" for text in change.up for line in text.split("\n"))
        yield ""
        return
    head = (change.before or change.after).split("\n")[0]
    before, after = change.before.split("\n"), change.after.split("\n")
    lines = list(unified_diff(before if change.before else [], after if change.after else [], lineterm="", n=99))
    yield f"--- {head}"
    yield f"+++ {head}"
    yield from lines[3:]
    yield ""


def render_json(cure: Cure, files: Sequence[NewFile]) -> str:
    """Version 1: files to write, changes with both ways, findings that stay."""
    data = {
        "version": 1,
        "files": [{"path": one.path.as_posix(), "replaces": one.replaces, "text": one.text} for one in files],
        "changes": [
            {
                "codes": change.codes,
                "titles": change.titles,
                "assumes": change.assumes,
                "up": "\n".join(change.up),
                "down": "\n".join(change.down),
            }
            for change in cure.changes
        ],
        "cured": cure.cured,
        "hidden": cure.hidden,
        "left": [
            {
                "code": finding.rule.code,
                "path": finding.span.source.path,
                "message": finding.message,
                "unsafe": None if refused is None else refused.up,
            }
            for finding, refused in cure.left
        ],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def summary(cure: Cure, *, unsafe: bool) -> str:
    """One line: how much is cured, how much is not, and why not."""
    refused = sum(1 for _, one in cure.left if one is not None)
    parts = [f"{cure.cured} cured by {count(len(cure.changes), 'change')}" if cure.changes else "nothing to change"]
    if cure.hidden:
        parts.append(f"{cure.hidden} not cured, and no longer shown beside a heavier finding on the same place")
    if refused and not unsafe:
        parts.append(f"{refused} could be cured by changing who passes (--unsafe, shown by check)")
    if len(cure.left) > refused:
        rest = len(cure.left) - refused
        parts.append(f"{rest} need{'s' if rest == 1 else ''} a decision that SQL cannot take")
    return "; ".join(parts)
