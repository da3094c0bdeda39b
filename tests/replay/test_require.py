"""Files that lean on what no file creates: with nothing assumed, replay rejects what the server rejects."""

from __future__ import annotations

import psycopg
import pytest

from rlslint.replay.replay import Replayed, replay
from rlslint.report.catalog import catalog_json
from rlslint.verify.compare import apply, differences
from rlslint.verify.introspect import introspect
from tests.catalog_oracle import project
from tests.conftest import Server

SCRIPT = """
CREATE TABLE own (id int PRIMARY KEY, note text);
CREATE TABLE refers (id int PRIMARY KEY, other int REFERENCES absent (id));
CREATE INDEX ON refers (other);
CREATE TABLE IF NOT EXISTS refers (id int PRIMARY KEY, note text);
ALTER TABLE own ADD COLUMN more int, ADD FOREIGN KEY (id) REFERENCES absent;
CREATE POLICY looks ON own USING (id IN (SELECT id FROM absent));
CREATE POLICY calls ON own USING (absent_check(id));
CREATE POLICY casts ON own USING (note::absent_type IS NULL);
CREATE POLICY stays ON own USING (id IN (SELECT id FROM refers));
CREATE INDEX calls ON own (absent_key(note));
CREATE TABLE typed (id int, kind absent_kind);
CREATE TABLE defaulted (id int DEFAULT absent_id());
CREATE TABLE checked (id int CHECK (absent_check(id)));
CREATE TABLE absent_schema.kept (id int);
CREATE VIEW over AS SELECT * FROM absent;
CREATE VIEW over AS SELECT own.id, refers.note FROM own JOIN refers USING (id);
CREATE FUNCTION takes(absent_kind) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION reads() RETURNS int LANGUAGE sql AS 'SELECT id FROM absent';
CREATE FUNCTION wrong() RETURNS int LANGUAGE sql AS 'SELECT no_such FROM own';
CREATE FUNCTION right_one() RETURNS int LANGUAGE sql AS 'SELECT id FROM own';
SET check_function_bodies = off;
CREATE FUNCTION reads() RETURNS int LANGUAGE sql AS 'SELECT id FROM absent';
CREATE TRIGGER fires BEFORE INSERT ON absent FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
DO $$ BEGIN
    CREATE TABLE undone (id int);
    ALTER TABLE absent ENABLE ROW LEVEL SECURITY;
END $$;
DO $$ BEGIN
    CREATE POLICY looks ON own USING (id IN (SELECT id FROM absent));
EXCEPTION WHEN undefined_table THEN
    CREATE POLICY instead ON own USING (false);
END $$;
DO $$ BEGIN
    ALTER TABLE own ADD CONSTRAINT far FOREIGN KEY (id) REFERENCES absent;
EXCEPTION WHEN OTHERS THEN
    ALTER TABLE own ADD CONSTRAINT near CHECK (id > 0);
END $$;
"""


def _replayed(*, assume_missing: bool) -> Replayed:
    return replay(project([SCRIPT]), preset="none", pg_version=18, assume_missing=assume_missing)


@pytest.mark.server
def test_rejected_alike(server: Server) -> None:
    replayed = _replayed(assume_missing=False)
    with server.database() as connection:
        connection.execute("SET client_min_messages = error")
        rejected = apply(connection, project([SCRIPT]).migrations[0].statements)
        refused = [(step.statement.text, step.error) for step in replayed.steps if step.error is not None]
        assert refused == [(statement.text, sqlstate) for statement, sqlstate, _ in rejected]
        assert differences(introspect(connection), catalog_json(replayed)) == []


@pytest.mark.server
def test_what_is_made_by_an_extension_is_not_missing(server: Server) -> None:
    script = "CREATE EXTENSION citext; CREATE TABLE t (a citext DEFAULT citext('x'), CHECK (a <> 'y'));"
    replayed = replay(project([script]), preset="none", pg_version=18, assume_missing=False)
    with server.database() as connection:
        _run(connection, script)
        assert differences(introspect(connection), catalog_json(replayed)) == []


def _run(connection: psycopg.Connection[tuple[object, ...]], script: str) -> None:
    assert apply(connection, project([script]).migrations[0].statements) == []


def test_assumed_to_exist_elsewhere() -> None:
    shown = catalog_json(_replayed(assume_missing=True))
    refers = next(one for one in shown["tables"] if one["name"] == "refers")
    assert [column["name"] for column in refers["columns"]] == ["id", "other"]
    assert [one["name"] for one in shown["constraints"] if one["table"] == "refers"] == ["refers_pkey"]
