"""verify: rows are made, claims are measured, the database is as before, and the exit status tells how it went."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rlslint.cli import main
from rlslint.source.model import UsageError
from rlslint.verify.database import own_database
from rlslint.verify.request import Request
from tests.conftest import Server

SCHEMA = """
CREATE ROLE app NOLOGIN;
CREATE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;
CREATE TABLE teams (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(20) NOT NULL);
CREATE TABLE members (team_id bigint NOT NULL REFERENCES teams (id), user_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'guest')));
CREATE TABLE notes (id uuid PRIMARY KEY, user_id uuid NOT NULL, body text, stars int CHECK (stars > 0));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON notes FOR SELECT TO app USING (user_id = current_user_id());
GRANT SELECT ON notes TO app;
"""


@pytest.mark.server
def test_a_claim_is_measured(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "schema.sql"
    path.write_text(SCHEMA, encoding="utf-8")
    arguments = [
        "verify",
        str(path),
        "--rows",
        "20000",
        "--format",
        "json",
        "--database-url",
        server.uri,
        "--select",
        "RLS106",
    ]
    result = CliRunner().invoke(main, arguments)
    claims = json.loads(result.stdout)["claims"]
    assert [(one["statement"], one["before"]["scan"], one["after"]["scan"]) for one in claims] == [
        ("select", "seq_scan", "index_scan")
    ]
    assert claims[0]["same_rows"]
    assert claims[0]["before"]["buffers"] > claims[0]["after"]["buffers"]
    assert result.exit_code == 0
    for table in ("teams", "members", "notes"):
        assert f"public.{table}: 20000 rows" in result.stderr


@pytest.mark.server
def test_a_database_that_holds_tables_is_refused(server: Server) -> None:
    with server.database() as connection:
        connection.execute(b"CREATE TABLE t (a int)")
        name = connection.info.dbname
        url = server.uri.replace("/postgres?", f"/{name}?")
        with pytest.raises(UsageError, match="holds tables"), own_database(Request(database_url=url)):
            pass


def test_a_server_elsewhere_needs_yes() -> None:
    request = Request(database_url="postgresql://db.example.com/x")
    with pytest.raises(UsageError, match="not local"), own_database(request):
        pass


@pytest.mark.server
def test_another_cure_is_shown_beside_ours(tmp_path: Path, server: Server) -> None:
    path, theirs = tmp_path / "schema.sql", tmp_path / "01_everybody.sql"
    path.write_text(SCHEMA, encoding="utf-8")
    theirs.write_text("ALTER POLICY mine ON notes USING (user_id IS NOT NULL);", encoding="utf-8")
    arguments = ["verify", str(path), "--against", str(theirs), "--rows", "2000", "--format", "json", "--quiet"]
    result = CliRunner().invoke(main, [*arguments, "--database-url", server.uri])
    (table,) = json.loads(result.stdout)["tables"]
    assert table["states"] == ["as it is", "everybody", "rlslint"]
    assert [(one["statement"], one["role"], one["runs"][0]["error"]) for one in table["statements"]] == [
        ("INSERT", "app", "42501"),
        ("10 INSERTs at once", "app", "42501"),
        ("INSERT ... RETURNING", "app", "42501"),
        ("count(*)", "app", None),
    ]
    shown = [one["outcomes"] for one in table["differences"]]
    assert shown
    assert all(before == ours != everybody for before, everybody, ours in shown)
    assert result.exit_code == 0


@pytest.mark.server
def test_a_cure_that_cannot_be_run_is_one_line(tmp_path: Path, server: Server) -> None:
    path, theirs = tmp_path / "schema.sql", tmp_path / "cure.sql"
    path.write_text(SCHEMA, encoding="utf-8")
    theirs.write_text("ALTER POLICY nobody ON notes USING (true);", encoding="utf-8")
    arguments = ["verify", str(path), "--against", str(theirs), "--rows", "10", "--quiet"]
    result = CliRunner().invoke(main, [*arguments, "--database-url", server.uri])
    assert result.exit_code == 2
    assert 'cure: policy "nobody" for table "notes" does not exist' in result.stderr
