"""Which partial indexes the server takes for which conditions, over every pair of the lists below.

The index does not hold the condition's column, and sequential scans are disabled: it is used exactly where its predicate
is proved.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.config import Options
from rlslint.plan.indexes import index_infos
from rlslint.plan.predicates import implied_by
from rlslint.plan.simplify import Simplifier
from tests.conftest import Server

TABLE = """CREATE TABLE g (id int NOT NULL, flag boolean, other boolean, n int, big bigint, t text, v varchar(20), u uuid,
  d date, num numeric)"""
PREDICATES = (
    "flag",
    "flag IS TRUE",
    "flag IS NOT FALSE",
    "flag = false",
    "flag IS NOT NULL",
    "flag OR other",
    "NOT (flag AND other)",
    "n > 5",
    "n <= 5",
    "n <> 5",
    "n IS NULL OR n > 5",
    "n > 5 OR flag",
    "n IN (1, 2, 3)",
    "n NOT IN (1, 2)",
    "n IS NOT NULL",
    "n IS NOT NULL AND t IS NOT NULL",
    "n BETWEEN 1 AND 10",
    "num >= 5.5",
    "t IN ('a', 'b')",
    "t <> 'a'",
    "t > 'm'",
    "v IN ('a', 'b')",
    "u IS NOT NULL",
    "d > '2020-01-01'",
    "id >= n",
)
CONDITIONS = (
    "flag",
    "NOT flag",
    "flag IS TRUE",
    "flag IS FALSE",
    "flag IS NOT UNKNOWN",
    "flag <> false",
    "flag = true AND n = 1",
    "flag AND (n > 6 OR n > 7)",
    "n = 5",
    "n >= 6",
    "6 < n",
    "n = 5::bigint",
    "n > 5.5",
    "n IN (6, 7)",
    "n = ANY ('{6,7}')",
    "n = ANY (ARRAY[1, NULL])",
    "n = 1 OR n = 2",
    "n NOT IN (1, 2, 5)",
    "n <> 1 AND n <> 2",
    "(n = 6) IS TRUE",
    "n + 1 = 7",
    "coalesce(n, 0) = 6",
    "n = id",
    "n < id",
    "n = current_setting('app.n', true)::int",
    "n = ANY (current_setting('app.n', true)::int[])",
    "num = 6",
    "num > 5.5",
    "t = 'a'",
    "t = 'b' AND n = 7",
    "t IN ('a', 'b')",
    "t > 'z'",
    "t::varchar = 'a'",
    "t = current_setting('app.t', true)",
    "v = 'a'",
    "v = ANY (ARRAY['a', 'b'])",
    "u = current_setting('app.u', true)::uuid",
    "u = ANY (ARRAY[current_setting('app.u', true)::uuid])",
    "u <> ALL (current_setting('app.u', true)::uuid[])",
    "u IS NOT DISTINCT FROM current_setting('app.u', true)::uuid",
    "d > '2021-01-01'",
    "d = '2019-01-01'",
)


@pytest.mark.server
def test_a_predicate_is_proved_where_the_server_proves_it(server: Server) -> None:
    lines = [TABLE, "CREATE ROLE reader", "ALTER TABLE g ENABLE ROW LEVEL SECURITY"]
    lines += [f"CREATE INDEX i{number} ON g (id) WHERE {text}" for number, text in enumerate(PREDICATES)]
    lines += [f"CREATE POLICY p{number} ON g USING ({text})" for number, text in enumerate(CONDITIONS)]
    options = Options(paths=("-",), preset="none", pg_version=18)
    catalog = pipeline.load(options, cwd=Path.cwd(), stdin=";\n".join([*lines, ""]))[1].catalog
    table = catalog.find_relation(None, "g", ("public",))
    role = catalog.find_role("reader")
    assert table is not None
    assert role is not None
    simplifier = Simplifier(catalog, role.oid)
    infos = {info.index.relname: info for info in index_infos(catalog, simplifier, table.oid, 1)}
    given = {}
    for policy in catalog.policies_of(table.oid):
        assert policy.polqual is not None
        given[policy.polname] = simplifier.qual(policy.polqual.expr)
    expected, actual = set(), set()
    with server.database() as connection:
        connection.execute(TABLE.encode())
        connection.execute("SET enable_seqscan = off")
        for number, predicate in enumerate(PREDICATES):
            connection.execute(f"CREATE INDEX i ON g (id) WHERE {predicate}".encode())
            for position, condition in enumerate(CONDITIONS):
                plan = connection.execute(f"EXPLAIN SELECT * FROM g WHERE {condition}".encode()).fetchall()
                if " i " in str(plan):
                    expected.add((condition, predicate))
                if implied_by(catalog, infos[f"i{number}"].predicate, given[f"p{position}"]):
                    actual.add((condition, predicate))
            connection.execute("DROP INDEX i")
    assert actual == expected
