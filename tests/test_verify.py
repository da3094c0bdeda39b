"""verify: rows are made, claims are measured, the database is as before, and the exit status tells how it went."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from rlslint.cli import main
from rlslint.replay.replay import replay
from rlslint.source.model import Migration, Project, SourceFile, UsageError
from rlslint.source.parse import parse_script
from rlslint.verify.claims import session_settings
from rlslint.verify.database import SCRATCH, own_database
from rlslint.verify.install import install
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

# os.kill() and Popen.terminate() are TerminateProcess there: no handler runs that could tidy up
# these tests send SIGINT to a process of their own and read what it writes on the way out
INTERRUPTED = pytest.mark.skipif(os.name != "posix", reason="Windows ends a process without its knowing")


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
        ("count(*)", "app", None),
        ("INSERT", "app", "42501"),
        ("10 INSERTs at once", "app", "42501"),
        ("INSERT ... RETURNING", "app", "42501"),
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


@pytest.mark.server
@INTERRUPTED
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_takes_the_database_away(tmp_path: Path, server: Server, number: signal.Signals) -> None:
    (tmp_path / "schema.sql").write_text(SCHEMA.replace("ROLE app", "ROLE app_3").replace(" app;", " app_3;"), "utf-8")
    command = [
        sys.executable,
        "-m",
        "rlslint",
        "verify",
        "schema.sql",
        "--rows",
        "3000000",
        "--database-url",
        server.uri,
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with psycopg.connect(server.uri, autocommit=True) as connection:
        mine = f"{SCRATCH}%"
        before = connection.execute("SELECT count(*) FROM pg_database WHERE datname LIKE %s", (mine,)).fetchone()
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        filling = "SELECT FROM pg_stat_activity WHERE datname LIKE %s AND state = 'active' AND query LIKE 'INSERT INTO public%%'"
        for _ in range(300):
            if connection.execute(filling, (mine,)).fetchone() is not None:
                break
            time.sleep(0.1)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        assert said.splitlines()[-1] == "rlslint: interrupted"
        after = connection.execute("SELECT count(*) FROM pg_database WHERE datname LIKE %s", (mine,)).fetchone()
        assert after == before


@pytest.mark.server
@INTERRUPTED
def test_an_interrupt_keeps_what_was_measured(tmp_path: Path, server: Server) -> None:
    tables = "".join(
        f"""CREATE TABLE n{number} (id int PRIMARY KEY, owner uuid NOT NULL);
        ALTER TABLE n{number} ENABLE ROW LEVEL SECURITY; GRANT ALL ON n{number} TO app_9;
        CREATE POLICY own ON n{number} FOR SELECT TO app_9
          USING (owner = (SELECT nullif(current_setting('app.user', true), '')::uuid));"""
        for number in range(60)
    )
    (tmp_path / "schema.sql").write_text(f"CREATE ROLE app_9 NOLOGIN; {tables}", "utf-8")
    command = [sys.executable, "-m", "rlslint", "verify", "schema.sql", "--rows", "1000", "--select", "RLS106"]
    command += ["--format", "json", "--database-url", server.uri]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    measuring = "SELECT FROM pg_stat_activity WHERE datname LIKE %s AND query ~ '^(EXPLAIN|CREATE INDEX).*n[1-5][0-9]'"
    with psycopg.connect(server.uri, autocommit=True) as connection:
        for _ in range(6000):
            if connection.execute(measuring, (f"{SCRATCH}%",)).fetchone() is not None or process.poll() is not None:
                break
            time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    told, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.splitlines()[-1] == "rlslint: interrupted"
    assert 0 < len(json.loads(told)["claims"]) < 60


@pytest.mark.server
def test_the_time_limit_is_said_and_rows_follow_the_statistics(tmp_path: Path, server: Server) -> None:
    slow = "$$ BEGIN PERFORM pg_sleep(0.01); RETURN nullif(current_setting('app.user_id', true), '')::uuid; END $$;"
    schema = SCHEMA.replace("LANGUAGE sql STABLE", "LANGUAGE plpgsql").replace(
        "$$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;", slow
    )
    assert slow in schema
    (tmp_path / "schema.sql").write_text(schema, encoding="utf-8")
    (tmp_path / "stats.csv").write_text(
        "schemaname,relname,n_tup_ins,n_live_tup\npublic,notes,0,3000\n", encoding="utf-8"
    )
    arguments = ["verify", str(tmp_path / "schema.sql"), "--stats", str(tmp_path / "stats.csv"), "--time-limit", "0.5"]
    result = CliRunner().invoke(main, [*arguments, "--rows", "100", "--database-url", server.uri])
    assert "> 0.5 s" in result.stdout
    assert "not in time" in result.stdout
    assert "public.notes: 3000 rows" in result.stderr
    assert "public.teams: 100 rows" in result.stderr


@pytest.mark.server
def test_what_the_server_lacks_is_said(tmp_path: Path, server: Server) -> None:
    schema = SCHEMA.replace("CREATE TABLE notes (", "CREATE TABLE notes (place no_such_type, ")
    text = f'CREATE EXTENSION "uuid-ossp";\nCREATE TABLE made (id uuid DEFAULT uuid_generate_v4());\n{schema}'
    (tmp_path / "schema.sql").write_text(text, encoding="utf-8")
    arguments = ["verify", str(tmp_path / "schema.sql"), "--rows", "50", "--database-url", server.uri]
    result = CliRunner().invoke(main, [*arguments, "--select", "RLS106"])
    assert "public.made: 50 rows" in result.stderr
    assert "RLS106 is not tried: the server has no public.notes" in result.stderr
    assert result.stdout == "no finding has a suggestion to be tried\n"
    assert result.exit_code == 0


@pytest.mark.server
def test_public_is_bound_by_row_security(tmp_path: Path, server: Server) -> None:
    schema = (
        SCHEMA.replace(" TO app USING", " USING")
        .replace("CREATE ROLE app NOLOGIN;", "")
        .replace("GRANT SELECT ON notes TO app;", "GRANT SELECT, UPDATE ON notes TO PUBLIC;")
    )
    # a trigger that sets the time makes no other row of it
    schema += """
    ALTER TABLE notes ADD changed timestamptz;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN NEW.changed := clock_timestamp(); RETURN NEW; END $$;
    CREATE TRIGGER touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE POLICY change ON notes FOR UPDATE USING (user_id = current_user_id());
    """
    (tmp_path / "schema.sql").write_text(schema, encoding="utf-8")
    arguments = ["verify", str(tmp_path / "schema.sql"), "--rows", "20000", "--format", "json", "--select", "RLS106"]
    result = CliRunner().invoke(main, [*arguments, "--quiet", "--database-url", server.uri])
    claims = json.loads(result.stdout)["claims"]
    assert [(one["statement"], one["role"], one["after"]["scan"], one["same_rows"]) for one in claims] == [
        ("select", "public", "index_scan", True),
        ("update", "public", "index_scan", True),
    ]
    assert result.exit_code == 0


@pytest.mark.server
def test_ids_of_text_are_users_and_settings_no_values(tmp_path: Path, server: Server) -> None:
    text = """
    CREATE ROLE app NOLOGIN;
    CREATE TABLE files (id int PRIMARY KEY, tenant_id varchar(36) NOT NULL, state text NOT NULL);
    ALTER TABLE files ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON files FOR SELECT TO app
      USING (tenant_id = (SELECT current_setting('app.tenant', true)) AND state = 'open');
    GRANT SELECT ON files TO app;
    """
    (tmp_path / "schema.sql").write_text(text, encoding="utf-8")
    arguments = ["verify", str(tmp_path / "schema.sql"), "--rows", "20000", "--format", "json", "--select", "RLS106"]
    result = CliRunner().invoke(main, [*arguments, "--quiet", "--database-url", server.uri])
    (claim,) = json.loads(result.stdout)["claims"]
    assert claim["after"]["scan"] == "index_scan"
    assert claim["plan_as_predicted"]


@pytest.mark.server
def test_what_is_refused_shows_nothing_and_an_identity_is_not_written(tmp_path: Path, server: Server) -> None:
    text = """
    CREATE ROLE app NOLOGIN;
    CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner uuid NOT NULL, body text);
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY look ON notes FOR SELECT TO app USING (true);
    CREATE POLICY own ON notes FOR UPDATE TO app USING (owner = (SELECT nullif(current_setting('app.user', true), '')::uuid));
    CREATE TABLE links (note bigint REFERENCES notes, owner uuid);
    ALTER TABLE links ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON links FOR INSERT TO app WITH CHECK (EXISTS (SELECT FROM notes n WHERE n.owner = links.owner
      AND n.body = 'open'));
    CREATE POLICY none ON links AS RESTRICTIVE FOR INSERT TO app WITH CHECK (note < 0);
    GRANT ALL ON notes, links TO app;
    """
    (tmp_path / "schema.sql").write_text(text, encoding="utf-8")
    arguments = ["verify", str(tmp_path / "schema.sql"), "--rows", "5000", "--select", "RLS106,RLS101"]
    result = CliRunner().invoke(main, [*arguments, "--database-url", server.uri])
    update = next(line for line in result.stdout.splitlines() if "notes" in line and "update" in line)
    assert "428C9" not in update
    insert = next(line for line in result.stdout.splitlines() if "links" in line and "insert" in line)
    assert "refused" in insert
    assert "more are refused before and after" in result.stdout.splitlines()[-1]


def test_settings_are_given_what_they_are_cast_to() -> None:
    texts = {
        "app.number": "id = NULLIF(current_setting('app.number', true), ''::text)::integer",
        "app.uuid": "current_setting('app.uuid')::uuid = owner",
        "app.text": "x = current_setting('app.text', true) AND y::int = 3",
        "app.big": "CAST(current_setting('app.big', true) AS bigint) = id",
    }
    source = SourceFile(
        "schema.sql",
        "CREATE TABLE t (id bigint, owner uuid, x text, y text);"
        + "".join(f"CREATE POLICY p{i} ON t USING ({text});" for i, text in enumerate(texts.values())),
    )
    statements, _ = parse_script(source, 0, len(source.text))
    catalog = replay(Project("file", (Migration(source, tuple(statements), (), ()),)), preset="none").catalog
    assert session_settings(catalog) == {
        "app.big": "bigint",
        "app.number": "integer",
        "app.text": "",
        "app.uuid": "uuid",
    }


@pytest.mark.server
def test_what_a_transaction_loses_takes_nothing_else_with_it(server: Server) -> None:
    script = """
      BEGIN;
      CREATE TABLE given (id int);
      CREATE TABLE taken (id int REFERENCES elsewhere);
      CREATE EXTENSION "uuid-ossp";
      CREATE TABLE more (id uuid DEFAULT uuid_generate_v4());
      COMMIT;
      BEGIN;
      CREATE TABLE open (id int);
    """
    statements, _ = parse_script(SourceFile("a.sql", script), 0, len(script))
    with server.database() as connection:
        refused = [(one.kind, state) for one, state, _ in install(connection, statements)]
        assert refused == [("CreateStmt", "42P01")]
        tables = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND oid > 16384 ORDER BY 1")
        assert [name for (name,) in tables if name in ("given", "taken", "more", "open")] == ["given", "more", "open"]
