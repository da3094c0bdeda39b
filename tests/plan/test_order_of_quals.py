"""The order in which the conditions of a scan are asked, predicted and read off the server's Filter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlslint.nodes.primnodes import Const, Expr, walk
from tests.conftest import Server
from tests.plan.predicted import install, predict

SCHEMA = """CREATE ROLE reader;
CREATE FUNCTION dear(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION plain(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + 1';
CREATE FUNCTION asked() RETURNS int LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.n', true), '')::int $$;
CREATE TABLE items (a int, b int, t text, n numeric);
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON items TO reader;
"""
FORMS = (
    "a > {0}",
    "a + b > {0}",
    "a + b + a + b > {0}",
    "dear(a) > {0}",
    "dear(a) + dear(b) > {0}",
    "plain(b) > {0}",
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
    texts = [node.value for node in walk(expr) if isinstance(node, Const) and node.value is not None]
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
    assert predicted == _marks(text.partition("Filter: ")[2]), text
