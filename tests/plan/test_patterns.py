"""Which index serves LIKE, ILIKE, ^@ and regular expressions with a constant pattern: predicted and put to the server."""

from __future__ import annotations

import pytest

from rlslint.plan.patterns import Kind, fixed_prefix
from tests.conftest import Server
from tests.plan.predicted import READING, differing, install

SCHEMA = """CREATE ROLE reader;
CREATE TABLE items (id int PRIMARY KEY, t text, p text, s text, c text COLLATE "C", h text, v varchar(40), b char(8), n name,
  ci text, body text);
CREATE INDEX items_t ON items (t); CREATE INDEX items_p ON items (p text_pattern_ops);
CREATE INDEX items_s ON items USING spgist (s); CREATE INDEX items_c ON items (c); CREATE INDEX items_h ON items USING hash (h);
CREATE INDEX items_v ON items (v varchar_pattern_ops); CREATE INDEX items_b ON items (b bpchar_pattern_ops);
CREATE INDEX items_n ON items (n); CREATE INDEX items_lower ON items (lower(t) text_pattern_ops);
CREATE INDEX items_two ON items (ci text_pattern_ops, id);
GRANT SELECT ON items TO reader; ALTER TABLE items ENABLE ROW LEVEL SECURITY;"""
ROWS = """INSERT INTO items SELECT i, k, k, k, k, k, k, left(k, 8), k, k, k
  FROM generate_series(1, 100000) i CROSS JOIN LATERAL (SELECT md5(i::text)) AS m (k);
VACUUM ANALYZE items; SET max_parallel_workers_per_gather = 0"""
TESTS = (
    *("LIKE 'u7ab%'", "LIKE 'u7ab'", "LIKE '%u7ab'", "LIKE '_u7ab%'", "LIKE ''", "LIKE 'u7a\\_b'", "LIKE 'u7a\\_b%'"),
    *(
        "NOT LIKE 'u7ab%'",
        "LIKE 'u7ab' || '%'",
        "LIKE current_setting('app.x', true) || '%'",
        "LIKE lower('U7AB%')",
        "LIKE NULL",
    ),
    *("ILIKE 'u7ab%'", "ILIKE '77.7%'", "ILIKE '77a7%'", "ILIKE '7777'", "ILIKE '%7'"),
    *("~ '^u7ab'", "~ '^u7ab$'", "~ 'u7ab'", "~ '^u7abc*'", "~ '^u7ab|^v'", "~ '^'", "~ '^.u7ab'", "~ '^u7ab.*x'"),
    *("~ '^u7abc+d'", "~ '^[ab]cd'", "~ '^u7ab(c|d)'", "!~ '^u7ab'", "~* '^u7ab'", "~ '^u7abc{2}'"),
)
CONDITIONS = (
    *(f"{column} {test}" for column in ("t", "p", "s", "c", "h", "v", "n", "lower(t)") for test in TESTS),
    *(f"{column} ^@ 'u7ab'" for column in ("t", "p", "s", "c", "v", "n", "lower(t)")),
    *(f"starts_with({column}, 'u7ab')" for column in ("t", "p", "s", "c", "v", "n")),
    *(f"b {test}" for test in ("LIKE 'u7ab%'", "LIKE 'u7abcdef'", "~ '^u7ab'")),
    "'u7ab%' LIKE t",
    "p LIKE 'u7ab%' OR s LIKE 'u7ab%'",
    "p LIKE 'u7ab%' OR body = 'x'",
    "p LIKE ANY (ARRAY['u7ab%', 'u8ab%'])",
    "ci LIKE 'u7ab' AND id < 50",
    "ci LIKE 'u7ab%' AND id = 50",
)


@pytest.mark.server
def test_the_server_uses_the_same_index(server: Server) -> None:
    with server.database() as connection:
        install(connection, SCHEMA, ROWS)
        assert differing(connection, SCHEMA, CONDITIONS, {"select": READING["select"]}) == []


@pytest.mark.parametrize(
    ("kind", "pattern", "prefix"),
    [
        ("like", "a\\%b%", ("a%b", False)),
        ("like", "abc\\", ("abc", True)),
        ("ilike", "7é%", ("7", False)),
        ("regex", "^ab{2}", ("a", False)),
        ("regex", "^*ab", ("", False)),
        ("prefix", "a%", ("a%", False)),
    ],
)
def test_the_prefix(kind: Kind, pattern: str, prefix: tuple[str, bool]) -> None:
    assert fixed_prefix(pattern, kind) == prefix
