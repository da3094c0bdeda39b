"""The live oracle: composed policies over 100,000 rows, predicted and put to EXPLAIN on the embedded server.

``python -m tests.plan.oracle SEED CASES`` makes the server, loads the rows, and prints every disagreement. Where two
plans cost about the same the prediction says so in ``assumptions``, naming both; such a case counts apart when the server
took the other one. test_oracle.py runs a faster form.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import psycopg
from hypothesis import HealthCheck, Phase, given, seed, settings

from rlslint import pipeline
from rlslint.catalog.catalog import Catalog
from rlslint.config import Options
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import Predictor
from rlslint.report.plan import plan_json
from rlslint.rewrite.model import StatementName
from tests.plan.composed import CONTEXT, INDEXES, SCHEMA, Case, cases, rows
from tests.plan.observed import Compact, compact_prediction, explain, same

_INSERT: Final = "INSERT INTO items (id, owner, team, flag) VALUES (0, app.uid(), 1, false)"
STATEMENTS: Final[dict[StatementName, str]] = {
    "select": "SELECT * FROM items",
    "select_by_key": "SELECT * FROM items WHERE id = 5",
    "insert": _INSERT,
    "insert_returning": f"{_INSERT} RETURNING *",
    "upsert": f"{_INSERT} ON CONFLICT (id) DO UPDATE SET body = 'y'",
    "update": "UPDATE items SET body = 'y'",
    "delete": "DELETE FROM items",
}


_UNSURE: Final = (
    "cost about the same",
    "from end to end",
    "for each value",
    "to fit in memory",
    "lie in the range",
    "holds the literal",
    "of one size",
)
"""What is said of two plans of which statistics choose one."""


def load(connection: psycopg.Connection[Any], items: int, members: int, teams: int) -> None:
    """The schema with rows, every index and statistics."""
    for sql in (SCHEMA, rows(items, members, teams), *INDEXES, CONTEXT, "SET max_parallel_workers_per_gather = 0"):
        connection.execute(sql.encode())
    for table in ("items", "members", "teams"):
        connection.execute(f"VACUUM ANALYZE {table}".encode())


def predictions(case: Case) -> tuple[Catalog, dict[StatementName, AccessPlan]]:
    """What is predicted for the role that asks."""
    options = Options(paths=("-",), preset="none", pg_version=18)
    catalog = pipeline.load(options, cwd=Path.cwd(), stdin=SCHEMA + case.sql())[1].catalog
    table = catalog.find_relation(None, "items", ("public",))
    role = catalog.find_role(case.role)
    assert table is not None
    assert role is not None
    predictor = Predictor(catalog)
    return catalog, {statement: predictor.predict(table.oid, role.oid, statement) for statement in STATEMENTS}


def only(connection: psycopg.Connection[Any], case: Case) -> None:
    """Leaves the case's indexes alone and makes its policies, in the transaction that is open.

    The planner passes over an index that is not valid (get_relation_info of plancat.c), and marking takes a tenth of the
    time that dropping does.
    """
    kept = [_name(index) for index in case.indexes]
    others = [name for name in map(_name, INDEXES) if name not in kept]
    connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = ANY (%s::regclass[])", [others])
    for statement in case.statements:
        connection.execute(statement.encode())


def _name(index: str) -> str:
    return index.split()[2]


def observations(connection: psycopg.Connection[Any], case: Case) -> dict[StatementName, Compact] | None:
    """What the server does; None when it rejects a policy."""
    with connection.transaction(force_rollback=True):
        try:
            only(connection, case)
        except psycopg.errors.UndefinedFunction:
            return None
        return {statement: explain(connection, case.role, sql, "items") for statement, sql in STATEMENTS.items()}


def judge(connection: psycopg.Connection[Any], case: Case, counts: Counter[str]) -> list[str]:
    """Compares one case; counts what it found and returns disagreements."""
    seen = observations(connection, case)
    catalog, plans = predictions(case)
    if seen is None:
        counts["policy rejected"] += 1
        return [] if plans["select"].scan.method == "no_rows" or len(case.statements) > 1 else [f"{case}: not rejected"]
    found: list[str] = []
    for statement, observed in seen.items():
        entry = plan_json(catalog, plans[statement])
        predicted = compact_prediction(entry)
        if predicted.get("error") == "42501" and "error" not in observed:
            # EXPLAIN does not run the check
            counts["never passes"] += 1
        elif same(observed, predicted):
            counts["same"] += 1
        elif any(words in text for text in entry["assumptions"] for words in _UNSURE):
            counts["about the same"] += 1
        else:
            counts["different"] += 1
            found.append(
                f"{statement} {case.role} {list(case.indexes)}\n  {case.statements}\n  server  {json.dumps(observed)}\n"
                f"  predict {json.dumps(predicted)} {entry['assumptions']}"
            )
    return found


def main() -> None:
    """SEED CASES: the whole run."""
    from rlslint.verify.server import EmbeddedServer

    number, count = int(sys.argv[1]), int(sys.argv[2])
    counts: Counter[str] = Counter()
    with EmbeddedServer() as server, server.scratch_database() as connection:
        load(connection, 100_000, 60_000, 20_000)

        @seed(number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases())
        def run(case: Case) -> None:
            counts["cases"] += 1
            for text in judge(connection, case, counts):
                print(text, flush=True)

        run()
    print(dict(counts))
    sys.exit(1 if counts["different"] else 0)


if __name__ == "__main__":
    main()
