"""An arm that is an OR itself: as many rows as the least selective of its own arms."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.config import Options
from tests.conftest import Server

SCHEMA = """CREATE ROLE member NOLOGIN;
CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('app.user', true), '')::uuid $$;
CREATE FUNCTION is_admin() RETURNS boolean LANGUAGE plpgsql STABLE
  AS $$ BEGIN RETURN current_setting('app.admin', true) = 'on'; END $$;
CREATE TABLE jobs (id bigint PRIMARY KEY, owner uuid NOT NULL);
CREATE TABLE events (id bigint PRIMARY KEY, kind text NOT NULL, entity bigint NOT NULL, owner uuid NOT NULL,
  editor uuid, deleted_at date);
CREATE INDEX events_kind_idx ON events (kind, entity);
CREATE INDEX events_owner_idx ON events (owner);
CREATE INDEX events_editor_idx ON events (editor) WHERE deleted_at IS NULL;
CREATE INDEX events_any_editor_idx ON events (editor);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON events, jobs TO member;
"""
ADMIN = " OR (SELECT is_admin())"
JOBS = "entity IN (SELECT id FROM jobs WHERE owner = (SELECT app_user()))"
RANGE = " OR id BETWEEN (SELECT CASE WHEN is_admin() THEN 0 END) AND (SELECT CASE WHEN is_admin() THEN 9223372036854775807 END)"
ARMS = [
    (f"(is_admin() IS NOT NULL AND (kind = 'job' AND {JOBS} OR kind = 'quote' AND {JOBS}))", False),
    (
        "(is_admin() IS NOT NULL AND (owner = (SELECT app_user()) OR kind = 'job' AND editor = (SELECT app_user())))",
        True,
    ),
    (
        "(is_admin() IS NOT NULL AND (owner = (SELECT app_user()) OR editor = (SELECT app_user()) AND kind = 'job'))",
        True,
    ),
    ("(kind = 'job' AND owner = (SELECT app_user()))", True),
    ("(owner = (SELECT app_user()) AND kind = 'job')", True),
    ("(deleted_at IS NULL AND editor = (SELECT app_user()))", True),
]


@pytest.mark.parametrize(("arm", "few"), ARMS)
def test_a_literal_in_an_inner_or_serves_nobody_well(tmp_path: Path, arm: str, *, few: bool) -> None:
    policy = f"CREATE POLICY p ON events FOR SELECT TO member USING ({arm}{ADMIN});"
    (tmp_path / "0001_events.sql").write_text(SCHEMA + policy, encoding="utf-8")
    options = Options(paths=(str(tmp_path),), preset="none", select=("RLS108",))
    assert bool(pipeline.check(options, cwd=tmp_path).findings) == few


@pytest.mark.server
@pytest.mark.parametrize(("arm", "few"), ARMS)
def test_the_server_visits_most_rows_all_the_same(server: Server, arm: str, *, few: bool) -> None:
    with server.database() as connection:
        connection.execute(SCHEMA.encode())
        connection.execute(b"""INSERT INTO events SELECT n, (ARRAY['job', 'quote', 'bid'])[1 + n % 3], n, gen_random_uuid(),
            gen_random_uuid() FROM generate_series(1, 20000) n""")
        connection.execute(b"INSERT INTO jobs SELECT n, gen_random_uuid() FROM generate_series(1, 20000) n")
        connection.execute(b"ANALYZE")
        connection.execute(f"CREATE POLICY p ON events FOR SELECT TO member USING ({arm}{RANGE})".encode())
        connection.execute(b"SET ROLE member")
        row = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM events").fetchone()
    assert row is not None
    scan = row[0][0]["Plan"]
    visited = scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0) + scan.get("Rows Removed by Index Recheck", 0)
    assert (visited < 1000) == few
    assert few or visited > 10_000
