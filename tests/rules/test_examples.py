"""Every example of every rule, three times: linted, cured by its suggestion, and put to a real server."""

from __future__ import annotations

import psycopg
import pytest

from tests.conftest import Server
from tests.rules.examples import MARK, Case, apply, cases, lint, missing, outcome, plan_nodes

CASES = cases()
CURED = [case for case in CASES if not case.example.advice]
SERVER = [case for case in CASES if case.example.probes or case.example.plans or case.example.fails]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_linter_finds_the_marks_and_nothing_else(case: Case) -> None:
    result = lint(case.bad, case.example.options)
    lines = case.bad.splitlines()
    marked = [line for line in lines if MARK.search(line)]
    assert marked, "an example marks what it finds"
    found = [
        (finding.rule.code, finding.place[1]) for finding in result.findings if finding.rule.code == case.rule.code
    ]
    assert found == case.expected()
    said = [finding.message for finding in result.findings if finding.rule.code == case.rule.code]
    assert any(case.example.says in one for one in said), said
    if not case.example.options.get("only"):
        assert {finding.rule.code for finding in result.findings} <= {case.rule.code}


@pytest.mark.parametrize("case", [case for case in CASES if case.example.good], ids=str)
def test_the_good_form_has_no_finding_of_the_rule(case: Case) -> None:
    result = lint(case.good, case.example.options)
    assert [finding.message for finding in result.findings if finding.rule.code == case.rule.code] == []


@pytest.mark.parametrize("case", [case for case in CASES if case.example.advice], ids=str)
def test_advice_carries_no_sql(case: Case) -> None:
    result = lint(case.bad, case.example.options)
    found = [finding for finding in result.findings if finding.rule.code == case.rule.code]
    assert [one.up for finding in found for one in finding.suggestions if one.up] == []


@pytest.mark.parametrize("case", CURED, ids=str)
def test_the_suggestion_cures_the_finding(case: Case) -> None:
    result = lint(case.bad, case.example.options)
    found = [finding for finding in result.findings if finding.rule.code == case.rule.code]
    changes = [one.up for finding in found for one in finding.suggestions if one.up]
    assert changes
    cured = lint("\n".join([case.bad, *dict.fromkeys(changes)]), case.example.options)
    assert [finding.message for finding in cured.findings if finding.rule.code == case.rule.code] == []


@pytest.mark.parametrize("case", CURED, ids=str)
def test_no_suggestion_lets_more_through_as_a_later_migration(case: Case) -> None:
    result = lint(case.bad, case.example.options)
    found = [finding for finding in result.findings if finding.rule.code == case.rule.code]
    changes = [one.up for finding in found for one in finding.suggestions if one.up and one.applicability != "unsafe"]
    later = lint(
        "\n".join([case.bad, "-- next migration", *dict.fromkeys(changes)]),
        {**case.example.options, "only": ["RLS307"]},
    )
    assert [finding.message for finding in later.findings if finding.severity != "info"] == []


@pytest.mark.server
@pytest.mark.parametrize("case", SERVER, ids=str)
def test_the_server_agrees(case: Case, server: Server) -> None:
    for form in ("bad", "good"):
        if form == "good" and case.example.good is None:
            continue
        with server.database() as connection:
            fails = case.example.fails
            met = apply(connection, case.bad if form == "bad" else case.good, fails)
            assert (fails in met) == (bool(fails) and form == "bad"), (form, met)
            apply(connection, case.example.rows)
            for probe in case.example.probes:
                assert str(probe[form]) in outcome(connection, probe), (form, probe)
            for plan in case.example.plans:
                labels = plan_nodes(connection, plan)
                assert missing(labels, plan[form]) == [], (form, labels)


@pytest.mark.server
@pytest.mark.parametrize("case", CURED, ids=str)
def test_the_server_takes_the_suggestion_up_and_down(case: Case, server: Server) -> None:
    result = lint(case.bad, case.example.options)
    found = [finding for finding in result.findings if finding.rule.code == case.rule.code]
    changes = dict.fromkeys((one.up, one.down) for finding in found for one in finding.suggestions if one.up)
    assert changes
    with server.database() as connection:
        apply(connection, case.bad)
        before = _state(connection)
        for up, _ in changes:
            connection.execute(up.encode())
        assert _state(connection) != before
        for _, down in reversed(changes):
            connection.execute(down.encode())
        assert _state(connection) == before


def _state(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    policies = connection.execute("SELECT * FROM pg_policies ORDER BY 1, 2, 3").fetchall()
    indexes = connection.execute("SELECT * FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2, 3").fetchall()
    functions = connection.execute(
        "SELECT oid::regprocedure::text, provolatile FROM pg_proc WHERE oid >= 16384 ORDER BY 1"
    ).fetchall()
    views = connection.execute(
        "SELECT oid::regclass::text, reloptions FROM pg_class WHERE relkind = 'v' AND oid >= 16384 ORDER BY 1"
    ).fetchall()
    return [*policies, *indexes, *functions, *views]
