"""Composed cases in which the server, with its statistics, took the other of two plans that cost about the same: the
prediction says so."""

from __future__ import annotations

import pytest

from rlslint.rewrite.model import StatementName
from tests.plan.composed import Case
from tests.plan.oracle import predictions

FIRST_MATCH = Case(
    (),
    (
        "CREATE POLICY p0 ON items TO app_user USING (EXISTS (SELECT 1 FROM members m WHERE m.team = items.team "
        "AND (m.usr = app.uid() OR m.role = 'r1')) OR app.uid() IS NOT NULL)",
    ),
)
SECOND_COLUMN = Case(
    ("CREATE INDEX i_team_owner ON items (team, owner)",),
    ("CREATE POLICY p0 ON items TO app_user USING (owner IS NULL OR owner = (SELECT app.uid_volatile()))",),
)
FIRST_OF_FEW = Case(
    ("CREATE INDEX m_usr_team ON members (usr, team)",),
    (
        "CREATE POLICY p0 ON items TO app_user USING (team = (SELECT max(m.team) FROM members m WHERE m.usr = app.uid_plain() "
        "AND m.role = 'r1'))",
    ),
)
# two indexes that both leave a subquery to the filter, which costs a scan of members for each row
SUBPLAN_DECIDES = Case(
    ("CREATE INDEX i_owner_hash ON items USING hash (owner)", "CREATE INDEX i_team_owner ON items (team, owner)"),
    (
        "CREATE POLICY p0 ON items TO app_user USING (owner = ANY (ARRAY[(SELECT app.uid_volatile()), NULL]::uuid[]) AND "
        "EXISTS (SELECT 1 FROM members m WHERE m.team = items.team AND (m.usr = app.uid_plain() OR m.role = 'r1')))",
    ),
)
SMALLER_TABLE = Case(
    ("CREATE INDEX m_team ON members (team)",),
    (
        "CREATE POLICY p0 ON items TO app_user USING (EXISTS (SELECT 1 FROM members m, teams t WHERE m.team = t.id AND "
        "t.owner = items.owner AND t.org = (SELECT app.uid()) AND m.usr = app.uid() AND m.role = 'r1'))",
    ),
)
ROWS_OF_A_RANGE = Case(
    ("CREATE INDEX m_usr ON members (usr)", "CREATE INDEX m_team ON members (team)"),
    (
        "CREATE POLICY p0 ON items TO app_user USING (team BETWEEN current_setting('app.team')::bigint AND 9 AND EXISTS "
        "(SELECT 1 FROM teams t WHERE t.id = items.team AND EXISTS (SELECT 1 FROM members m WHERE m.team = t.id "
        "AND m.usr = (SELECT app.uid()))))",
    ),
)


@pytest.mark.parametrize(
    ("case", "statement", "words"),
    [
        (FIRST_MATCH, "select_by_key", "a hash table and a search per row cost about the same"),
        (SECOND_COLUMN, "delete", "i_team_owner is read from end to end"),
        (SMALLER_TABLE, "select", "while the tables are of one size, seq_scan when it is much smaller"),
        (
            ROWS_OF_A_RANGE,
            "select",
            "subplan while few rows lie in the range that is asked for, hashed_subplan when most do",
        ),
        (FIRST_OF_FEW, "select", "the rows themselves when few rows do"),
        (SUBPLAN_DECIDES, "delete", "index_scan (i_owner_hash) and index_scan (i_team_owner) cost about the same"),
    ],
)
def test_it_is_said(case: Case, statement: StatementName, words: str) -> None:
    _, plans = predictions(case)
    assert [text for text in plans[statement].assumptions if words in text]
