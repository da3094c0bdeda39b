"""The measured shapes: what PostgreSQL 15 chose for eight statements under 94 policies, and what is predicted.

shapes/measured.json holds, for each shape, its SQL over shapes/schema.sql and what EXPLAIN showed:
``scan`` is [method, indexes] of the policy's table, ``subqueries`` a list of [evaluation, [[table, method, indexes], ...]]
in which ``any`` stands where EXPLAIN does not tell a hashed subplan from another (WITH CHECK).
A statement is left out where it failed on the rows it was tried with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlslint.config import Options
from rlslint.pipeline import plan
from rlslint.report.plan import plan_json

HERE = Path(__file__).parent / "shapes"
SCHEMA = (HERE / "schema.sql").read_text()
SHAPES: list[dict[str, Any]] = json.loads((HERE / "measured.json").read_text())
DEPENDS_ON_ROWS = frozenset({"69b", "77b", "79b", "87"})
"""Shapes whose INSERT was refused because the row that was tried did not satisfy the policy."""


def predicted(shape: dict[str, Any], pg_version: int = 15) -> dict[str, dict[str, Any]]:
    sql = SCHEMA + ";\n".join([*shape["setup"], *shape["policies"], ""])
    catalog, plans = plan(Options(paths=("-",), preset="none", pg_version=pg_version), cwd=Path.cwd(), stdin=sql)
    found = [plan_json(catalog, one) for one in plans]
    return {one["statement"]: one for one in found if one["table"] == "docs" and one["role"] == "authenticated"}


def compact(entry: dict[str, Any]) -> dict[str, Any]:
    """A prediction in the fixture's form."""
    if entry["error"]:
        return {"error": entry["error"]}
    subqueries = [
        [
            one["evaluation"],
            sorted([r["table"], r["method"], [r["index"]] if r["index"] else []] for r in one["relations"]),
        ]
        for one in entry["subqueries"]
    ]
    return {
        "scan": [entry["scan"]["method"], sorted(entry["scan"]["indexes"])],
        "subqueries": sorted(subqueries),
    }


def same(expected: dict[str, Any], actual: dict[str, Any]) -> bool:
    if "error" in expected or "error" in actual:
        return expected == actual
    if expected["scan"] != actual["scan"] or len(expected["subqueries"]) != len(actual["subqueries"]):
        return False
    left = list(actual["subqueries"])
    # those that are known first, so that ``any`` takes what remains
    for evaluation, relations in sorted(expected["subqueries"], key=lambda one: one[0] == "any"):
        for one in left:
            if one[1] == relations and (
                one[0] == evaluation or (evaluation == "any" and one[0] in ("hashed_subplan", "subplan"))
            ):
                left.remove(one)
                break
        else:
            return False
    return True


def differences(shape: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    plans = predicted(shape)
    found = {}
    for statement, expected in shape["plans"].items():
        if expected.get("error") == "42501" and shape["id"] in DEPENDS_ON_ROWS:
            continue
        actual = compact(plans[statement])
        if not same(expected, actual):
            found[statement] = (expected, actual)
    return found


# the two ways to run the EXISTS cost about the same here, and PostgreSQL 15 took the other one
CLOSE = {
    "49": {"select_by_key"},
    "53": {"select_by_key", "insert", "insert_many", "insert_returning", "upsert", "update"},
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["id"])
def test_plans_are_those_measured(shape: dict[str, Any]) -> None:
    if "rejected" in shape:
        # the policy does not come to be, and row security without one lets nothing through
        plans = predicted(shape)
        assert plans["select"]["scan"]["method"] == "no_rows"
        assert plans["insert"]["error"] == "42501"
        return
    found = differences(shape)
    assert set(found) <= CLOSE.get(shape["id"], set()), found
    plans = predicted(shape)
    for statement in found:
        assert any("cost about the same" in text for text in plans[statement]["assumptions"])
