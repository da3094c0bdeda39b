"""Generated pairs of policies: what is proved about them is never contradicted by rows on a server."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlslint.implication.compare import Condition, Verdict, compare
from tests.conftest import Server
from tests.implication.conditions import ROWS, SCHEMA, pairs
from tests.replay.both import replayed

BATCH = 20
USERS = ("ann", "bob", "cid", "")


def verdicts(found: list[tuple[str, str]]) -> list[Verdict]:
    sql = SCHEMA + "".join(
        f"CREATE POLICY old{i} ON t FOR SELECT USING ({old});\nCREATE POLICY new{i} ON t FOR SELECT USING ({new});\n"
        for i, (old, new) in enumerate(found)
    )
    result = replayed(sql)
    assert [problem.reason for problem in result.problems] == []
    catalog = result.catalog
    stored = {policy.polname: policy.polqual for policy in catalog.policies}
    relation = next(row for row in catalog.relations if row.relname == "t")
    role = catalog.find_role("app")
    assert role is not None

    def condition(name: str) -> Condition:
        qual = stored[name]
        assert qual is not None
        return Condition((qual,))

    return [
        compare(catalog, relation.oid, role.oid, condition(f"old{i}"), condition(f"new{i}"), stored=True)
        for i in range(len(found))
    ]


def rows(connection: psycopg.Connection[Any], condition: str) -> list[set[int]]:
    """The rows that a policy with the condition shows to each user."""
    connection.execute(f"CREATE POLICY p ON t FOR SELECT TO app USING ({condition})".encode())
    shown = []
    for user in USERS:
        with connection.transaction(force_rollback=True):
            connection.execute("SELECT set_config('app.user', %s, true)", (user,))
            connection.execute("SET LOCAL ROLE app")
            shown.append({row[0] for row in connection.execute("SELECT id FROM t").fetchall()})
    connection.execute("DROP POLICY p ON t")
    return shown


@pytest.mark.server
def test_no_proof_is_contradicted_by_rows(server: Server) -> None:
    counts: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    with server.database() as connection:
        connection.execute((SCHEMA + ROWS).encode())

        @settings(
            max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(st.lists(pairs(), min_size=BATCH, max_size=BATCH))
        def batch(found: list[tuple[str, str]]) -> None:
            for (old, new), verdict in zip(found, verdicts(found), strict=True):
                before, after = rows(connection, old), rows(connection, new)
                grown = any(not now <= then for then, now in zip(before, after, strict=True))
                assert not (verdict.kind in ("equal", "narrower") and grown), (old, new)
                assert not (verdict.kind == "equal" and before != after), (old, new)
                counts[verdict.kind] += 1
                shown[verdict.kind] += grown

        batch()
    total = sum(counts.values())
    assert total >= 1000
    assert counts["unknown"] <= 0.15 * total, counts
    # of what is called wider, the rows that happen to be there show most
    assert shown["wider"] >= 0.6 * counts["wider"], (counts, shown)
    assert min(counts[kind] for kind in ("equal", "narrower", "wider")) >= 50, counts


SETTINGS = [
    "current_setting('app.gone') IS NULL",
    "current_setting('app.gone') IS NOT NULL",
    "current_setting('app.gone', false) IS NULL",
    "current_setting('app.gone', true) IS NULL",
    "current_setting('app.gone', true) IS NOT NULL",
    "NOT (current_setting('app.gone') IS NOT NULL)",
    "nullif(current_setting('app.gone'), '') IS NULL",
    "nullif(current_setting('app.gone', true), '') IS NULL",
    "current_setting('app.gone') IS DISTINCT FROM owner",
    "current_setting('app.gone', true) IS DISTINCT FROM owner",
    "(owner = current_setting('app.gone')) IS NOT TRUE",
    "(owner = current_setting('app.gone', true)) IS NOT TRUE",
    "coalesce(current_setting('app.gone'), owner) = owner",
    "coalesce(current_setting('app.gone', true), owner) = owner",
    "coalesce(owner = current_setting('app.gone'), true)",
    "coalesce(owner = current_setting('app.gone', true), true)",
    "CASE WHEN current_setting('app.gone') = 'ann' THEN false ELSE true END",
    "CASE WHEN current_setting('app.gone', true) = 'ann' THEN false ELSE true END",
    "owner = current_setting('app.gone')",
    "owner = current_setting('app.gone', true)",
    "current_setting(NULL) IS NULL",
    "true",
    "false",
]


@pytest.mark.server
def test_a_setting_that_raises_where_it_is_missing(server: Server) -> None:
    """Every pair, in sessions with the setting, with an empty one and without: a statement that fails lets nothing pass."""
    with server.database() as connection:
        connection.execute((SCHEMA + ROWS + "INSERT INTO t (id, owner, m, task_id) VALUES (0, '', 1, 1);").encode())
        shown = [with_setting(connection, condition) for condition in SETTINGS]
    every = [(i, j) for i in range(len(SETTINGS)) for j in range(len(SETTINGS))]
    found = verdicts([(SETTINGS[i], SETTINGS[j]) for i, j in every])
    unknown = 0
    for (i, j), verdict in zip(every, found, strict=True):
        grown = any(not now <= then for then, now in zip(shown[i], shown[j], strict=True))
        expected = "wider" if grown else "equal" if shown[i] == shown[j] else "narrower"
        unknown += verdict.kind == "unknown"
        assert verdict.kind in (expected, "unknown"), (SETTINGS[i], SETTINGS[j])
    assert unknown <= 0.02 * len(every)


def with_setting(connection: psycopg.Connection[Any], condition: str) -> list[set[int]]:
    """The rows that a policy with the condition shows: the setting missing, empty, and of somebody."""
    connection.execute(f"CREATE POLICY p ON t FOR SELECT TO app USING ({condition})".encode())
    shown = []
    for value in (None, "", "ann", "bob"):
        with psycopg.connect(connection.info.dsn, autocommit=True) as own:
            if value is not None:
                own.execute("SELECT set_config('app.gone', %s, false)", (value,))
            own.execute("SET ROLE app")
            try:
                shown.append({row[0] for row in own.execute("SELECT id FROM t").fetchall()})
            except psycopg.errors.UndefinedObject:
                shown.append(set())
    connection.execute("DROP POLICY p ON t")
    return shown
