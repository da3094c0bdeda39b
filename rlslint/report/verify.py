"""Claims that were put to a server in, a table out: text, JSON, Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlslint.verify.request import TIMED_OUT

if TYPE_CHECKING:
    from rlslint.verify.claims import Claim
    from rlslint.verify.measure import Measured


def shown_time(one: Measured) -> str:
    """Milliseconds, an SQLSTATE, or more than the time limit."""
    if one.error == TIMED_OUT:
        return f"> {one.milliseconds / 1000:g} s"
    return one.error or f"{one.milliseconds:.2f} ms"


def _factor(claim: Claim) -> str:
    if claim.factor is None:
        return "-"
    return f"{'> ' if claim.before.error == TIMED_OUT else ''}{claim.factor:.1f}x"


def _same(claim: Claim) -> str:
    if not claim.shown:
        return "refused"
    if not claim.compared:
        return "not in time"
    return "yes" if claim.same_rows else "no, as said" if claim.changes_rows else "NO"


def _plan(claim: Claim) -> str:
    if claim.plan_as_predicted is None:
        return "-" if claim.enough else "too few rows"
    return "yes" if claim.plan_as_predicted else f"NO ({claim.before.scan} -> {claim.after.scan})"


def _cells(claim: Claim) -> list[str]:
    return [
        claim.code,
        claim.table,
        claim.statement,
        claim.role,
        shown_time(claim.before),
        shown_time(claim.after),
        _factor(claim),
        _same(claim),
        _plan(claim),
    ]


_HEAD = ["rule", "table", "statement", "role", "before", "after", "factor", "same rows", "plan as predicted"]


def render_text(claims: Sequence[Claim]) -> str:
    """Aligned columns and one line that says how it went."""
    if not claims:
        return "no finding has a suggestion to be tried\n"
    rows = [_HEAD, *(_cells(one) for one in claims)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    shown = [one for one in claims if one.shown]
    said = f"{sum(one.holds for one in shown)} of {len(shown)} claims hold"
    if len(shown) < len(claims):
        said += f"; {len(claims) - len(shown)} more are refused before and after, which shows nothing"
    return "\n".join([*lines, "", said]) + "\n"


def render_markdown(claims: Sequence[Claim]) -> str:
    """The same as a Markdown table."""
    rows = [_HEAD, ["---"] * len(_HEAD), *(_cells(one) for one in claims)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def render_json(claims: Sequence[Claim]) -> str:
    """Version 1."""
    entries = [
        {
            "code": one.code,
            "table": one.table,
            "policy": one.policy,
            "statement": one.statement,
            "role": one.role,
            "before": _run(one.before, one.predicted_before),
            "after": _run(one.after, one.predicted_after),
            "factor": one.factor,
            "same_rows": one.same_rows,
            "compared_users": one.compared,
            "plan_as_predicted": one.plan_as_predicted,
            "holds": one.holds,
        }
        for one in claims
    ]
    return json.dumps({"version": 1, "claims": entries}, indent=1, ensure_ascii=False) + "\n"


def _run(one: Measured, predicted: str) -> dict[str, object]:
    return {
        "ms": round(one.milliseconds, 3),
        "buffers": one.buffers,
        "scan": one.scan,
        "predicted_scan": predicted,
        "error": one.error or None,
    }
