"""What PostgreSQL rejects because a result would not last, or because code reads what is not there; both sides agree."""

from __future__ import annotations

import pytest

from rlslint.replay.replay import replay
from rlslint.report.catalog import catalog_json
from rlslint.verify.compare import apply, differences
from rlslint.verify.introspect import introspect
from tests.catalog_oracle import project
from tests.conftest import Server

pytestmark = pytest.mark.server

IMMUTABLE = """
CREATE TYPE state AS ENUM ('open', 'done');
CREATE DOMAIN day AS date;
CREATE TABLE jobs (id int PRIMARY KEY, due timestamptz, on_day day, s state, tags text[], data jsonb, note text);
CREATE FUNCTION soon() RETURNS timestamptz LANGUAGE plpgsql STABLE AS 'BEGIN RETURN now(); END';
CREATE FUNCTION inlined(text) RETURNS text LANGUAGE sql AS 'SELECT lower($1)';
CREATE FUNCTION fixed(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE INDEX late ON jobs (id) WHERE due < now();
CREATE INDEX late ON jobs (id) WHERE due < CURRENT_TIMESTAMP;
CREATE INDEX late ON jobs (id) WHERE due < soon();
CREATE INDEX late ON jobs (id) WHERE due < '2024-01-01' OR note = 'x';
CREATE INDEX by_day ON jobs (date(due));
CREATE INDEX by_day ON jobs ((due::date));
CREATE INDEX by_day ON jobs (date(due AT TIME ZONE 'UTC'));
CREATE INDEX by_state ON jobs (lower(s::text));
CREATE INDEX by_text ON jobs ((due::text));
CREATE INDEX by_domain ON jobs ((on_day::text));
CREATE INDEX by_tags ON jobs (array_to_string(tags, ' '));
CREATE INDEX by_data ON jobs ((data ->> 'k'), (data::text));
CREATE INDEX by_inlined ON jobs (inlined(note));
CREATE INDEX by_fixed ON jobs (fixed(note)) WHERE s = 'open';
ALTER TABLE jobs ADD COLUMN age interval GENERATED ALWAYS AS (now() - due) STORED;
ALTER TABLE jobs ADD COLUMN low text GENERATED ALWAYS AS (lower(note)) STORED;
ALTER TABLE jobs ADD COLUMN shown text GENERATED ALWAYS AS (s::text) STORED;
ALTER TABLE jobs ADD COLUMN kind nowhere;
ALTER TABLE jobs ADD CHECK (due > now());
"""
READS = """
CREATE TABLE t (id int PRIMARY KEY, note text);
DROP FUNCTION nowhere(int);
DROP FUNCTION IF EXISTS nowhere(int);
ALTER FUNCTION nowhere() STABLE;
CREATE FUNCTION here(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
DROP FUNCTION here(nowhere);
DROP FUNCTION IF EXISTS here(nowhere);
REVOKE EXECUTE ON FUNCTION here(nowhere) FROM public;
ALTER FUNCTION nowhere() RENAME TO here;
ALTER TYPE nowhere ADD VALUE 'x';
DROP TYPE nowhere;
DROP TYPE IF EXISTS nowhere;
ALTER DOMAIN nowhere SET NOT NULL;
GRANT SELECT ON nowhere TO public;
REVOKE EXECUTE ON FUNCTION nowhere() FROM public;
UPDATE nowhere SET id = 1;
CREATE TRIGGER fires BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nowhere();
CREATE TRIGGER fires BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE FUNCTION broken() RETURNS int LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN
    DELETE FROM t; GET DIAGNOSTICS n = ROW_COUNT > 0; RETURN n; END $$;
CREATE FUNCTION broken() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT 1 UNION); END $$;
CREATE FUNCTION whole() RETURNS int LANGUAGE plpgsql AS $$ DECLARE r t%ROWTYPE; n t.id%TYPE; BEGIN
    SELECT * INTO r FROM t; r.note := 'x'; n := r.id; RETURN n; END $$;
SET check_function_bodies = off;
CREATE FUNCTION later() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1 +; END $$;
DO $$ BEGIN CREATE TABLE a0 (); SELECT FROM FROM t; END $$;
DO $$ BEGIN CREATE TABLE a1 (); INSERT INTO nowhere VALUES (1); END $$;
DO $$ BEGIN CREATE TABLE a2 (); INSERT INTO t (id, missing) VALUES (1, 2); END $$;
DO $$ BEGIN CREATE TABLE a3 (); UPDATE t SET missing = 1; END $$;
DO $$ BEGIN CREATE TABLE a4 (); UPDATE t SET note = missing; END $$;
DO $$ BEGIN CREATE TABLE a5 (); DELETE FROM t WHERE id IN (SELECT id FROM nowhere); END $$;
DO $$ DECLARE v int; BEGIN CREATE TABLE a6 (); SELECT count(*) INTO v FROM nowhere; END $$;
DO $$ DECLARE v int; BEGIN CREATE TABLE a7 (); SELECT id INTO v FROM t WHERE missing = 1; END $$;
DO $$ DECLARE v int := 1; BEGIN
    CREATE TABLE kept ();
    INSERT INTO t (id, note) SELECT v, 'x' WHERE NOT EXISTS (SELECT FROM t WHERE id = v);
    UPDATE t SET note = note || v WHERE ctid IS NOT NULL;
    WITH gone AS (DELETE FROM t WHERE id = v RETURNING id AS was) SELECT count(*) INTO v FROM gone;
    DELETE FROM t USING pg_class c WHERE c.relname = note;
END $$;
DO $$ BEGIN
    BEGIN
        CREATE TABLE undone ();
        UPDATE nowhere SET id = 1;
    EXCEPTION WHEN undefined_table THEN
        CREATE TABLE instead ();
    END;
END $$;
"""


@pytest.mark.parametrize("script", [IMMUTABLE, READS])
def test_both_reject_the_same(server: Server, script: str) -> None:
    given = project([script])
    result = replay(given, preset="none", pg_version=18, assume_missing=False)
    refused = [(one.statement.text, one.error) for one in result.steps if one.error is not None]
    with server.database() as connection:
        connection.execute("SET client_min_messages = error")
        rejected = [(one.text, code) for one, code, _ in apply(connection, given.migrations[0].statements)]
        assert refused == rejected
        assert differences(introspect(connection), catalog_json(result)) == []
