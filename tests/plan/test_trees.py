"""Partitions and tables that inherit, predicted and put to the server: indexes that each partition has by itself, partitions
that are left out by the value of their key, a child without its parent's index."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Server
from tests.plan.predicted import predict

ME = "00000000-0000-0000-0000-000000000007"
COLUMNS = "(id bigint, tenant uuid NOT NULL, owner uuid, body text)"


def partitioned(by: str, *bounds: str) -> str:
    """docs with partitions docs_0, docs_1 ..., row security and a reader."""
    made = [f"CREATE TABLE docs_{n} PARTITION OF docs {bound};" for n, bound in enumerate(bounds)]
    return "\n".join([f"CREATE TABLE docs {COLUMNS} PARTITION BY {by};", *made])


HASHED = partitioned(
    "HASH (id)",
    *(f"FOR VALUES WITH (MODULUS 3, REMAINDER {n})" for n in range(2)),
    "FOR VALUES WITH (MODULUS 3, REMAINDER 2)",
)
LISTED = partitioned("LIST (tenant)", f"FOR VALUES IN ('{ME}')", "DEFAULT")
EACH = "".join(f"CREATE INDEX docs_{n}_own ON docs_{n} (owner);" for n in range(3))
# columns in another order than the table's
ATTACHED = f"""CREATE TABLE docs {COLUMNS} PARTITION BY RANGE (id);
CREATE TABLE docs_0 (body text, owner uuid, tenant uuid NOT NULL, id bigint);
ALTER TABLE docs ATTACH PARTITION docs_0 FOR VALUES FROM (MINVALUE) TO (10000);
CREATE TABLE docs_1 PARTITION OF docs DEFAULT;
"""
CASES = {
    "of the whole": (HASHED + "CREATE INDEX docs_own ON docs (owner);", "owner", "index_scan"),
    "of each": (HASHED + EACH, "owner", "index_scan"),
    "not of the last": (HASHED + EACH.replace("docs_2 (owner)", "docs_2 (tenant)"), "owner", "seq_scan"),
    "another method": (HASHED + EACH.replace("docs_2 (owner)", "docs_2 USING brin (owner)"), "owner", "seq_scan"),
    "partial in one": (HASHED + EACH.replace("docs_2 (owner)", "docs_2 (owner) WHERE body = ''"), "owner", "seq_scan"),
    "of none": (HASHED, "owner", "seq_scan"),
    "in another order": (ATTACHED + EACH[: EACH.rindex("CREATE")], "owner", "index_scan"),
    "of the other column": (
        ATTACHED + "CREATE INDEX a ON docs_0 (tenant); CREATE INDEX b ON docs_1 (owner);",
        "owner",
        "seq_scan",
    ),
    "on the root only": (HASHED + "CREATE INDEX docs_own ON ONLY docs (owner);", "owner", "seq_scan"),
    "by the list": (LISTED, "tenant", "seq_scan"),
}
SECURED = """
CREATE ROLE reader; GRANT SELECT ON {table} TO reader; ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON {table} TO reader USING ({column} = (SELECT current_setting('app.me')::uuid));
"""
ROWS = """INSERT INTO docs SELECT i, ('00000000-0000-0000-0000-' || lpad((i % 2000)::text, 12, '0'))::uuid,
  ('00000000-0000-0000-0000-' || lpad((i * 7919 % 2000)::text, 12, '0'))::uuid, repeat('x', 40)
  FROM generate_series(1::bigint, 20000) i; ANALYZE docs;"""


@pytest.mark.server
@pytest.mark.parametrize("name", CASES)
def test_partitions(server: Server, name: str) -> None:
    schema, column, method = CASES[name]
    sql = schema + SECURED.format(table="docs", column=column)
    plan, _ = predict(sql, "docs")
    assert plan.scan.method == method
    with server.database() as connection:
        connection.execute((sql + ROWS).encode())
        connection.execute(f"SET app.me = '{ME}'; SET ROLE reader".encode())
        lines = [row[0] for row in connection.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM docs")]
    scans = [line for line in lines if re.search(r"(Seq|Index|Bitmap Heap) Scan (using \w+ )?on docs", line)]
    by_index = [line for line in scans if "Seq" not in line]
    assert scans
    # one partition without an index is a scan of rows that grow with the table
    assert (len(by_index) == len(scans)) == (method == "index_scan"), lines
    left_out = [line for line in scans if "never executed" in line]
    assert bool(left_out) == any("only the partitions" in text for text in plan.assumptions), lines


@pytest.mark.server
@pytest.mark.parametrize("indexed", [False, True])
def test_a_child_without_the_index_is_said(server: Server, indexed: bool) -> None:
    sql = (
        f"CREATE TABLE docs {COLUMNS}; CREATE TABLE child (more int) INHERITS (docs); CREATE INDEX own ON docs (owner);"
    )
    sql += "CREATE INDEX child_own ON child (owner);" if indexed else ""
    sql += SECURED.format(table="docs", column="owner")
    plan, _ = predict(sql, "docs")
    assert plan.scan.method == "index_scan"
    with server.database() as connection:
        connection.execute(
            (sql + ROWS + ROWS.replace("INTO docs", "INTO child").replace("ANALYZE docs", "ANALYZE child")).encode()
        )
        connection.execute(f"SET app.me = '{ME}'; SET ROLE reader".encode())
        text = "\n".join(row[0] for row in connection.execute("EXPLAIN (COSTS OFF) SELECT * FROM docs"))
    assert ("Seq Scan on child" in text) == any(text.startswith("child inherits") for text in plan.assumptions)
    assert ("Seq Scan on child" in text) != indexed
