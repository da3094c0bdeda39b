"""The faster form of oracle.py: over few rows and with sequential scans disabled, is an index used exactly where the
prediction says that one can serve the policy?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from rlslint.plan.predict import Predictor
from tests.conftest import Server
from tests.plan.composed import Case, plain_cases
from tests.plan.observed import explain
from tests.plan.oracle import load, only, predictions


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with server.database() as scratch:
        load(scratch, 4_000, 1_000, 1_000)
        scratch.execute("SET enable_seqscan = off")
        yield scratch


@pytest.mark.search
@pytest.mark.server
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(case=plain_cases())
def test_an_index_serves_what_is_said(connection: psycopg.Connection[Any], case: Case) -> None:
    with connection.transaction(force_rollback=True):
        try:
            only(connection, case)
        except psycopg.errors.UndefinedFunction:
            return
        seen = explain(connection, "app_user", "SELECT * FROM items", "items")
    catalog, plans = predictions(case)
    select = plans["select"]
    ways = Predictor(catalog).ways(select.relid, select.role, "select")
    served = any(way.method != "seq_scan" for way in ways)
    assert served == (seen["scan"][0] in ("index_scan", "bitmap_or")), (seen, ways)
