"""The incident that rlslint exists for, in variants: the findings tell the truth about each, as the server does."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from rlslint.config import Options
from rlslint.pipeline import check
from tests.conftest import Server

PROJECTS = Path(__file__).parent / "projects" / "training_metrics"

# in a Supabase project every table in public is served by the API
OPEN_JOBS = ("RLS301", None)
# the second file locks the metrics, whose name and shape tell of many inserts
LOCK = ("RLS402", None)

EXPECTED = {
    "as_published": [
        OPEN_JOBS,
        LOCK,
        ("RLS201", "Allow insert metrics optimized"),
        ("RLS307", "Allow insert metrics optimized"),
    ],
    "exists_with_primary_key": [OPEN_JOBS, LOCK],
    "exists_without_primary_key": [OPEN_JOBS, ("RLS101", "Allow insert metrics with valid job token"), LOCK],
    "jobs_with_row_security": [("RLS202", "Allow insert metrics with valid job token"), LOCK],
    "jobs_with_job_id": [OPEN_JOBS, ("RLS203", "Allow insert metrics with valid job token"), LOCK],
    "slow_select_policy": [
        OPEN_JOBS,
        ("RLS113", "Owners read their metrics"),
        LOCK,
        ("RLS104", "Owners read their metrics"),
        ("RLS105", "Owners read their metrics"),
    ],
}

# what a client of role anon meets, said once and asked of the server below: (plain INSERT, INSERT ... RETURNING)
OUTCOMES = {
    "as_published": ("ok", "42501"),
    "exists_with_primary_key": ("ok", "ok"),
    "exists_without_primary_key": ("ok", "ok"),
    "jobs_with_row_security": ("42501", "42501"),
    "jobs_with_job_id": ("42501", "42501"),
    "slow_select_policy": ("ok", "42501"),
}

# the part of a Supabase project that the migrations stand on, for a bare server
BASE = """
CREATE ROLE anon NOLOGIN;
CREATE ROLE authenticated NOLOGIN;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO anon, authenticated;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated;
"""
JOB = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize("variant", EXPECTED)
def test_findings(variant: str) -> None:
    result = check(Options(paths=(str(PROJECTS / variant),)), cwd=PROJECTS)
    assert result.inputs[0].preset == "supabase"
    assert result.not_analysed == ()
    found = [(finding.rule.code, finding.policy) for finding in result.findings]
    assert found == EXPECTED[variant]


def test_the_scan_is_an_error_because_the_table_is_hot() -> None:
    result = check(Options(paths=(str(PROJECTS / "exists_without_primary_key"),)), cwd=PROJECTS)
    (finding,) = (finding for finding in result.findings if finding.rule.code == "RLS101")
    assert finding.severity == "error"
    assert finding.facts["relation"] == "local_training_jobs"
    assert "its name ends in metrics" in str(finding.facts["hot"])


@pytest.mark.server
@pytest.mark.parametrize("variant", OUTCOMES)
def test_the_server_agrees(variant: str, server: Server) -> None:
    with server.database() as connection:
        connection.execute(BASE.encode())
        for path in sorted((PROJECTS / variant).rglob("*.sql")):
            connection.execute(path.read_bytes())
        connection.execute(f"INSERT INTO local_training_jobs (id, owner_id) VALUES ('{JOB}', '{JOB}')".encode())
        insert = f"INSERT INTO local_training_metrics (job_id, step) VALUES ('{JOB}', 1)"
        assert (_as_anon(connection, insert), _as_anon(connection, insert + " RETURNING id")) == OUTCOMES[variant]


def _as_anon(connection: psycopg.Connection[tuple[object, ...]], sql: str) -> str:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL ROLE anon")
            connection.execute(sql.encode())
            return "ok"
    except psycopg.Error as error:
        return str(error.sqlstate)
