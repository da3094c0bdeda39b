"""Migrations as one text in, what is predicted for a role that reads a table out, and what the server does otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg

from rlslint import pipeline
from rlslint.config import Options
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import Predictor
from rlslint.report.plan import plan_json
from rlslint.rewrite.model import StatementName
from tests.plan.observed import Compact, compact_prediction, explain, same

READING: dict[StatementName, str] = {
    "select": "SELECT * FROM items",
    "select_by_key": "SELECT * FROM items WHERE id = 5",
}
_ROLE = "reader"


def predict(sql: str, table: str = "items", statement: StatementName = "select") -> tuple[AccessPlan, Compact]:
    """The prediction for the role ``reader``, whole and in the form of `observed`."""
    options = Options(paths=("-",), preset="none", pg_version=18)
    catalog = pipeline.load(options, cwd=Path.cwd(), stdin=sql)[1].catalog
    relation, role = catalog.find_relation(None, table, ("public",)), catalog.find_role(_ROLE)
    assert relation is not None
    assert role is not None
    plan = Predictor(catalog).predict(relation.oid, role.oid, statement)
    return plan, compact_prediction(plan_json(catalog, plan))


def policy(condition: str) -> str:
    """A policy of items."""
    return f"CREATE POLICY p ON items TO {_ROLE} USING ({condition});"


def install(connection: psycopg.Connection[Any], schema: str, rows: str) -> None:
    """The schema and, a statement after the other as VACUUM wants it, its rows."""
    for sql in (schema, *rows.split(";")):
        connection.execute(sql.encode())


def differing(
    connection: psycopg.Connection[Any],
    schema: str,
    conditions: Iterable[str],
    statements: Mapping[StatementName, str] = READING,
) -> list[tuple[str, str, Compact, Compact]]:
    """(condition, statement, what the server does, what is predicted) where these are not the same."""
    found: list[tuple[str, str, Compact, Compact]] = []
    for condition in conditions:
        for name, statement in statements.items():
            _, predicted = predict(schema + policy(condition), statement=name)
            with connection.transaction(force_rollback=True):
                connection.execute(policy(condition).encode())
                observed = explain(connection, _ROLE, statement, "items")
            if not same(observed, predicted):
                found.append((condition, name, observed, predicted))
    return found
