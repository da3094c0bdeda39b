"""The catalog against a server: the same statements on both, the same schema, and SQL that makes it again unchanged."""

from __future__ import annotations

from copy import deepcopy

import pytest

from rlslint.report.catalog import catalog_json
from rlslint.report.catalog_sql import catalog_sql
from rlslint.verify.compare import apply, differences, wording_differences
from rlslint.verify.introspect import introspect
from tests.catalog_oracle import disagreements, project, replayed
from tests.conftest import Server

pytestmark = pytest.mark.server

RENAMES = """
CREATE SCHEMA app;
CREATE TYPE app.kind AS ENUM ('owner', 'guest');
CREATE TABLE app.members (user_id int NOT NULL, team_id int, k app.kind, PRIMARY KEY (user_id, team_id));
CREATE FUNCTION app.uid() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION app.teams(int) RETURNS SETOF int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS 'SELECT team_id FROM app.members WHERE user_id = $1';
CREATE TABLE docs (id bigserial PRIMARY KEY, team_id int, owner int, state text DEFAULT 'new', "Odd Name" text);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
SET search_path = app, public;
CREATE POLICY in_list ON docs USING (team_id IN (SELECT team_id FROM members WHERE user_id = uid()));
CREATE POLICY starred ON docs FOR SELECT USING (EXISTS (SELECT * FROM members m WHERE m.user_id = owner AND m.k = 'owner'::kind));
CREATE POLICY qualified ON docs FOR UPDATE USING (docs.owner = uid()) WITH CHECK (public.docs.owner = app.uid());
CREATE POLICY captured ON docs FOR DELETE USING (EXISTS (SELECT 1 FROM members WHERE user_id = owner));
CREATE POLICY scalar ON docs FOR INSERT WITH CHECK ((SELECT k FROM members LIMIT 1) = 'guest');
CREATE POLICY from_function ON docs FOR SELECT USING (team_id IN (SELECT t FROM teams(uid()) t));
CREATE POLICY nested ON docs FOR SELECT USING (owner IN (
    SELECT x.user_id FROM (SELECT user_id, (team_id), upper(k::text) FROM members) x
    WHERE x.team_id = docs.team_id AND upper <> ''));
CREATE POLICY with_query ON docs FOR SELECT USING (owner = ANY (ARRAY(
    WITH mine AS (SELECT team_id FROM members), named (a) AS (SELECT team_id FROM mine) SELECT a FROM named)));
CREATE POLICY odd ON docs AS RESTRICTIVE USING ("Odd Name" IS DISTINCT FROM state OR owner BETWEEN 1 AND 9);
CREATE POLICY row_of ON docs FOR SELECT USING ((SELECT count(members.*) FROM members) > 0 AND docs IS NOT NULL);
CREATE POLICY joined ON docs FOR SELECT USING (EXISTS (
    SELECT FROM members JOIN app.members other USING (team_id) WHERE members.user_id = owner AND team_id = docs.team_id));
CREATE POLICY collides ON docs FOR SELECT USING (EXISTS (SELECT FROM docs memberships
    WHERE EXISTS (SELECT FROM members WHERE members.user_id = memberships.owner AND members.team_id = docs.team_id)));
CREATE POLICY tested ON docs FOR SELECT USING (state IS NOT NULL AND state COLLATE "C" > 'a' AND docs IS NOT NULL);
CREATE POLICY union_of ON docs FOR SELECT USING (owner IN (SELECT user_id FROM members UNION SELECT team_id FROM members));
CREATE INDEX ON docs (lower(state), owner DESC) INCLUDE (team_id) WHERE owner > 0;
ALTER TABLE docs ADD CHECK (owner <> team_id), ADD UNIQUE (team_id, owner);
RESET search_path;
ALTER TABLE docs RENAME COLUMN owner TO owner_id;
ALTER TABLE docs RENAME TO documents;
ALTER TABLE app.members RENAME COLUMN team_id TO tid;
ALTER TABLE app.members RENAME TO memberships;
ALTER FUNCTION app.uid() RENAME TO current_uid;
ALTER FUNCTION app.teams(int) SET SCHEMA public;
ALTER TYPE app.kind RENAME TO sort;
ALTER SCHEMA app RENAME TO core;
ALTER TABLE core.memberships ADD COLUMN owner_id int, ADD note text;
ALTER TABLE documents RENAME "Odd Name" TO "select";
ALTER POLICY odd ON documents RENAME TO "still odd";
"""

DROPS = """
CREATE ROLE reader;
CREATE TABLE teams (id int PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE people (id int PRIMARY KEY, team_id int REFERENCES teams ON DELETE CASCADE, mail text UNIQUE, age numeric(5, 2));
CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY, person int, body text, CONSTRAINT owned FOREIGN KEY (person)
    REFERENCES people (id) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX notes_body ON notes USING gin (to_tsvector('english', body));
CREATE FUNCTION old_enough(int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 > 17';
CREATE FUNCTION old_enough(numeric, strict_age int DEFAULT 18) RETURNS boolean LANGUAGE sql AS 'SELECT $1 > $2';
ALTER TABLE people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY adults ON people TO reader USING (old_enough(age));
CREATE POLICY of_team ON notes USING (person IN (SELECT p.id FROM people p JOIN teams t ON t.id = p.team_id));
CREATE POLICY own ON notes FOR SELECT TO reader, CURRENT_USER USING (person = 1);
CREATE POLICY own ON notes USING (true);
CREATE POLICY bad ON notes USING (no_such_column = 1);
DROP TABLE teams;
DROP TABLE teams CASCADE;
DROP FUNCTION old_enough(numeric, int);
DROP POLICY adults ON people;
DROP FUNCTION old_enough(numeric, int);
ALTER TABLE people DROP COLUMN team_id, ADD COLUMN born date, ALTER COLUMN mail SET NOT NULL;
ALTER TABLE people ALTER COLUMN age TYPE int USING age::int;
DROP POLICY IF EXISTS own ON notes;
CREATE POLICY own ON notes FOR SELECT USING (person = (SELECT id FROM people WHERE mail = current_user));
ALTER TABLE people DROP COLUMN mail;
ALTER TABLE people DROP COLUMN mail CASCADE;
ALTER TABLE notes DROP CONSTRAINT owned, ALTER person SET DEFAULT 1;
CREATE VIEW bodies AS SELECT id, body FROM notes;
DROP TABLE notes;
ALTER TABLE people RENAME TO persons;
"""

DYNAMIC = """
CREATE TABLE a (id int PRIMARY KEY, owner text);
CREATE TABLE b (id int PRIMARY KEY, owner text, a_id int REFERENCES a);
CREATE TABLE c (LIKE b INCLUDING ALL);
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['a', 'b', 'c'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I FOR ALL USING (owner = current_user)', t || '_owner', t);
    END LOOP;
END $$;
DO $$ BEGIN CREATE TYPE mood AS ENUM ('good', 'bad'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE TYPE mood AS ENUM ('good', 'bad'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
ALTER TABLE a ADD COLUMN feeling mood NOT NULL DEFAULT 'good';
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE tablename = 'a' AND policyname = 'moody') THEN
        CREATE POLICY moody ON a FOR SELECT USING (feeling = 'good' OR feeling IN ('bad'));
    END IF;
END $$;
BEGIN;
CREATE TABLE gone (id int);
SAVEPOINT here;
DROP TABLE c;
ROLLBACK TO here;
CREATE POLICY gone ON gone USING (true);
ROLLBACK;
CREATE TABLE readings (at timestamptz NOT NULL, sensor int, value float8) PARTITION BY RANGE (at);
CREATE INDEX ON readings (sensor, at DESC);
CREATE TABLE readings_2025 PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
ALTER TABLE readings ADD PRIMARY KEY (at, sensor);
CREATE POLICY recent ON readings FOR SELECT USING (at > now() - interval '1 day');
ALTER TABLE b ALTER COLUMN id TYPE bigint, ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;
CREATE UNIQUE INDEX b_owner ON b (owner) WHERE a_id IS NULL;
DROP INDEX b_owner;
ALTER TABLE b RENAME CONSTRAINT positive TO not_negative;
"""

PATHS = """
CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE TABLE one.t (id int, label text);
CREATE TABLE two.t (id int, label text, extra int);
CREATE FUNCTION one.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION two.f(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + 1';
CREATE TABLE guarded (id int, label text);
SET search_path = one, public;
CREATE POLICY by_one ON guarded USING (id IN (SELECT f(id) FROM t WHERE t.label = guarded.label));
SET search_path = two, one, public;
CREATE POLICY by_two ON guarded USING (id IN (SELECT f(id) FROM t WHERE t.label = guarded.label));
CREATE TABLE two.landed (id int);
SET search_path = public;
CREATE POLICY full_names ON guarded USING (EXISTS (
    SELECT 1 FROM one.t JOIN two.t ON one.t.id = two.t.id WHERE one.t.label = guarded.label));
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 0';
CREATE TABLE t (id int);
CREATE TABLE one.guarded (id int);
CREATE POLICY unqualified ON guarded USING (EXISTS (SELECT 1 FROM one.t WHERE label = 'x' AND f(1) > 0));
CREATE POLICY shadow ON guarded FOR SELECT USING (EXISTS (SELECT 1 FROM one.t renamed WHERE renamed.id = guarded.id));
ALTER TABLE guarded RENAME TO renamed;
ALTER TABLE one.t SET SCHEMA public;
ALTER TABLE one.t RENAME TO t_one;
ALTER TABLE one.t_one SET SCHEMA public;
ALTER TABLE two.t RENAME COLUMN label TO title;
ALTER TABLE two.t ADD COLUMN label text;
CREATE VIEW seen WITH (security_invoker = true) AS SELECT id, label FROM t_one;
CREATE POLICY plain ON two.landed USING (true);
SET search_path = two;
CREATE POLICY through_view ON landed USING (id IN (SELECT id FROM public.seen));
RESET search_path;
ALTER VIEW seen RENAME COLUMN id TO number;
DROP FUNCTION one.f(int);
DROP FUNCTION one.f(int) CASCADE;
"""


@pytest.mark.parametrize("script", [RENAMES, DROPS, DYNAMIC, PATHS], ids=["renames", "drops", "dynamic", "paths"])
def test_server_and_replay_agree(server: Server, script: str) -> None:
    with server.database() as connection:
        assert disagreements(connection, [script]) == []


@pytest.mark.parametrize("script", [RENAMES, DROPS, PATHS], ids=["renames", "drops", "paths"])
def test_the_script_makes_the_schema_again(server: Server, script: str) -> None:
    result = replayed([script])
    ours = catalog_json(result)
    written = catalog_sql(result.catalog)
    with server.database() as connection:
        rejected = apply(connection, project([written]).migrations[0].statements)
        assert [(statement.text, message) for statement, _, message in rejected] == []
        assert differences(introspect(connection), ours) == []
        assert wording_differences(connection, ours) == []


def test_a_wrong_wording_is_seen(server: Server) -> None:
    with server.database() as connection:
        assert disagreements(connection, [PATHS]) == []
        ours = catalog_json(replayed([PATHS]))
        policy = next(one for one in ours["policies"] if one["name"] == "by_two")
        policy["using"] = policy["using"].replace("two.f", "f")
        (found,) = wording_differences(connection, ours)
        assert found.startswith("policy public.renamed.by_two: was")


def test_a_difference_is_seen() -> None:
    ours = catalog_json(replayed([RENAMES]))
    changed = deepcopy(ours)
    changed["tables"][0]["columns"][0]["not_null"] = False
    changed["policies"].pop()
    changed["policies"][0]["roles"] = ["nobody"]
    assert differences(changed, ours) == [
        "table core.memberships: columns ['user_id integer'] on the server, ['user_id integer not null'] in the replay",
        "policie public.documents.captured: roles is ['nobody'] on the server, ['public'] in the replay",
        "policie public.documents.with_query: only in the replay",
    ]
