"""The order in which the conditions of a scan are asked, predicted and read off the server's Filter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Const, Expr
from tests.conftest import Server
from tests.plan.predicted import install, predict

SCHEMA = """CREATE ROLE reader;
CREATE FUNCTION dear(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION plain(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + 1';
CREATE FUNCTION asked() RETURNS int LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.n', true), '')::int $$;
CREATE FUNCTION cheap(int) RETURNS int LANGUAGE plpgsql STABLE COST 1 AS 'BEGIN RETURN $1; END';
CREATE FUNCTION asks(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
ALTER FUNCTION asks(int) COST 5;
CREATE TABLE items (a int, b int, t text, n numeric);
CREATE TABLE others (c int PRIMARY KEY);
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON items, others TO reader;
"""
FORMS = (
    "a > {0}",
    "a + b > {0}",
    "a + b + a + b > {0}",
    "dear(a) > {0}",
    "dear(a) + dear(b) > {0}",
    "plain(b) > {0}",
    "cheap(a) > {0}",
    "asks(b) > {0}",
    "a + {0} IN (SELECT c FROM others)",
    "EXISTS (SELECT FROM others WHERE c = items.a + {0})",
    "b <> {0}",
    "lower(t) = '{0}'",
    "n > {0}",
    "a + {0} = asked()",
    "(a > {0} OR dear(b) > 9)",
    "(a > {0} AND b > 9 OR a < 3)",
    "coalesce(a, {0}) > 9",
)


def _marks(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"\b1\d\d\b", text)]


def _mark_of(expr: Expr) -> int:
    """The number between 100 and 199 that a condition holds."""
    texts = [node.value for node, _ in walk_deep(expr) if isinstance(node, Const) and node.value is not None]
    found = [int(text) for text in texts if re.fullmatch(r"1\d\d", text)]
    return found[0]


@pytest.mark.server
@given(forms=st.lists(st.sampled_from(FORMS), min_size=1, max_size=6, unique=True), restrictive=st.integers(0, 2))
def test_the_conditions_are_asked_in_the_server_s_order(server: Server, forms: list[str], restrictive: int) -> None:
    numbered = [form.format(101 + i) for i, form in enumerate(forms)]
    own = max(1, len(forms) - restrictive)
    policies = [f"CREATE POLICY p ON items TO reader USING ({' AND '.join(numbered[:own])});"]
    for i, condition in enumerate(numbered[own:]):
        policies.append(f"CREATE POLICY r{i} ON items AS RESTRICTIVE TO reader USING ({condition});")
    sql = SCHEMA + "\n".join(policies)
    plan, _ = predict(sql)
    predicted = [_mark_of(expr) for expr in plan.scan.filters]
    with server.database() as connection, connection.transaction(force_rollback=True):
        install(connection, sql, "")
        connection.execute(b"SET LOCAL ROLE reader")
        text = "\n".join(row[0] for row in connection.execute(b"EXPLAIN SELECT * FROM items"))
    # a condition inside a subquery stands in a plan of its own
    filter_, _, _ = text.partition("Filter: ")[2].partition("SubPlan 1\n")
    seen = [mark for mark in _marks(filter_) if mark in predicted]
    assert [mark for mark in predicted if mark in seen] == seen, text
