"""The measured shapes: what PostgreSQL 15 chose for eight statements under 94 policies, and what is predicted.

shapes/measured.json holds, for each shape, its SQL over shapes/schema.sql and what EXPLAIN showed, as observed.py has it.
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
from tests.plan.observed import compact_prediction, same

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


def differences(shape: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    plans = predicted(shape)
    found = {}
    for statement, expected in shape["plans"].items():
        if expected.get("error") == "42501" and shape["id"] in DEPENDS_ON_ROWS:
            continue
        actual = compact_prediction(plans[statement])
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
