"""DO blocks followed statically against a server that runs them."""

from __future__ import annotations

from typing import Any

import pytest

from rlslint.report.catalog import catalog_json
from tests.replay.both import errors, policies, privileges, replayed, server_errors, server_policies, server_privileges

SETUP = """
CREATE ROLE app; CREATE ROLE other;
CREATE TABLE a (id int PRIMARY KEY, owner text, tenant_id int);
CREATE TABLE b (id int, owner text);
CREATE TABLE "Odd Name" (id int, owner text, tenant_id int);
CREATE SCHEMA s; CREATE TABLE s.c (id int, tenant_id int);
CREATE TYPE mood AS ENUM ('x');
"""
BLOCKS = {
    "tables made from variables": """
CREATE FUNCTION made(k int, text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v text := 'x'; r record;
BEGIN
  CREATE TEMP TABLE one AS SELECT id FROM a WHERE id = $1;
  CREATE TABLE two AS SELECT id, k AS named, v AS local FROM a WHERE owner = $2;
  FOR r IN SELECT 1 AS x LOOP CREATE TABLE three AS SELECT r.x AS y; END LOOP;
  CREATE POLICY p2 ON two USING (named = 1 AND local = 'a');
  CREATE POLICY p3 ON three USING (true);
END $$;
SELECT made(1, 'b');
""",
    "a view knows no variables": """
CREATE FUNCTION viewed(k int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CREATE VIEW v AS SELECT id FROM a WHERE id = $1;
END $$;
SELECT viewed(1);
""",
    "some columns of a row are not known": """
DO $$ DECLARE name text; words text; other text; BEGIN
  SELECT conname, pg_get_constraintdef(oid, true), random()::text INTO name, words, other FROM pg_constraint
    WHERE conrelid = 'a'::regclass AND contype = 'p';
  IF name IS NULL OR words <> 'PRIMARY KEY (id)' THEN
    CREATE POLICY bad ON a USING (true);
  ELSE
    CREATE POLICY good ON a USING (true);
  END IF;
  SELECT conname, random()::text INTO name, other FROM pg_constraint WHERE conrelid = 'b'::regclass AND contype = 'p';
  IF name IS NULL AND other IS NULL AND NOT FOUND THEN
    CREATE POLICY none ON b USING (true);
  END IF;
END $$;
""",
    "the same view asked with other columns": """
DO $$ BEGIN
  IF EXISTS (SELECT FROM information_schema.columns WHERE column_name = 'owner' AND table_name = 'b') THEN
    CREATE POLICY one ON b USING (true);
  END IF;
  IF EXISTS (SELECT FROM information_schema.columns WHERE column_name = 'tenant_id' AND table_name = 'a') THEN
    CREATE POLICY two ON a USING (true);
  END IF;
  IF EXISTS (SELECT FROM information_schema.columns WHERE table_name = 'a' AND column_name = 'id'
             AND table_schema = 'public') THEN
    CREATE POLICY three ON a USING (true);
  END IF;
END $$;
""",
    "if not exists": """
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE tablename = 'a' AND policyname = 'p') THEN
    CREATE POLICY p ON a USING (true);
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE tablename = 'a' AND policyname = 'p') THEN
    CREATE POLICY p ON a USING (true);
  ELSIF (SELECT count(*) FROM pg_policies) = 1 THEN
    CREATE POLICY q ON a FOR INSERT WITH CHECK (true);
  ELSE
    CREATE POLICY r ON a USING (true);
  END IF;
END $$;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'app') THEN CREATE ROLE app; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'newrole') THEN CREATE ROLE newrole; END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
                 WHERE t.typname = 'mood' AND n.nspname = 'public') THEN
    CREATE TYPE mood AS ENUM ('y');
  END IF;
  IF to_regclass('public.nope') IS NULL AND to_regclass('s.c') IS NOT NULL THEN
    CREATE POLICY reg ON s.c USING (true);
  END IF;
END $$;
""",
    "columns and constraints": """
DO $do$ BEGIN
  IF EXISTS (SELECT 1 FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = 'a' AND column_name = 'tenant_id') THEN
    CREATE POLICY by_tenant ON a USING (tenant_id = 1);
  END IF;
  IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'b' AND column_name = 'tenant_id') THEN
    CREATE POLICY by_tenant ON b USING (tenant_id = 1);
  END IF;
  IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'a_pkey' AND conrelid = 'public.a'::regclass) THEN
    CREATE POLICY has_key ON a USING (true);
  END IF;
  IF EXISTS (SELECT 1 FROM information_schema.table_constraints
             WHERE constraint_type = 'PRIMARY KEY' AND table_name IN ('b', 'c')) THEN
    CREATE POLICY has_key ON b USING (true);
  END IF;
  ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES a ON DELETE SET NULL;
  IF EXISTS (SELECT FROM pg_constraint WHERE conname = 'b_id_fkey' AND confdeltype = 'n' AND confupdtype = 'a') THEN
    CREATE POLICY set_null ON b USING (true);
  END IF;
  IF (SELECT relrowsecurity FROM pg_class WHERE oid = 'b'::regclass) IS NOT TRUE THEN
    CREATE POLICY off ON b USING (true);
  END IF;
END $do$;
""",
    "loops": """
DO $$
DECLARE
  t text;
  r record;
  tables text[] := ARRAY['a', 'b', 'Odd Name'];
  cmd text;
  n int := 0;
BEGIN
  FOREACH t IN ARRAY tables LOOP
    EXECUTE format('CREATE POLICY %I ON %I FOR SELECT TO app USING (owner = %L)', t || '_select', t, 'o''x');
  END LOOP;
  FOR r IN SELECT table_schema, table_name FROM information_schema.columns
           WHERE column_name = 'tenant_id' AND table_schema NOT IN ('pg_catalog', 'information_schema')
           ORDER BY table_name LOOP
    EXECUTE 'CREATE POLICY tenant ON ' || quote_ident(r.table_schema) || '.' || quote_ident(r.table_name)
        || ' AS RESTRICTIVE USING (tenant_id = 1)';
  END LOOP;
  FOR cmd IN SELECT unnest(ARRAY['select', 'insert', 'update', 'delete']) LOOP
    CONTINUE WHEN cmd = 'delete';
    IF cmd = 'insert' THEN
      EXECUTE format('CREATE POLICY %1$s_b ON b FOR %1$s WITH CHECK (true)', cmd);
    ELSE
      EXECUTE format('CREATE POLICY %1$s_b ON b FOR %1$s USING (true)', cmd);
    END IF;
  END LOOP;
  FOR i IN 1..3 LOOP
    n := n + i;
    EXIT WHEN i = 2;
  END LOOP;
  WHILE n > 1 LOOP n := n - 1; EXECUTE 'CREATE POLICY n' || n || ' ON a USING (id = ' || n || ')'; END LOOP;
  FOR r IN SELECT * FROM (VALUES ('a', 'v1'), ('b', 'v2')) AS v(tab, pol) LOOP
    EXECUTE format('CREATE POLICY %I ON %s USING (true)', r.pol, r.tab::regclass);
  END LOOP;
  CASE n WHEN 1 THEN CREATE POLICY one ON a USING (true); ELSE CREATE POLICY many ON a USING (true); END CASE;
END $$;
DO $$
DECLARE pol record;
BEGIN
  FOR pol IN SELECT schemaname, tablename, policyname FROM pg_policies
             WHERE tablename = 'a' AND policyname LIKE 'n%' LOOP
    EXECUTE format('DROP POLICY IF EXISTS %I ON %I.%I', pol.policyname, pol.schemaname, pol.tablename);
  END LOOP;
  EXECUTE (SELECT string_agg(format('GRANT SELECT ON %I TO other', tablename), '; ' ORDER BY tablename)
           FROM pg_tables WHERE schemaname = 'public');
END $$;
""",
    "exceptions": """
DO $$ BEGIN
  CREATE ROLE app;
EXCEPTION WHEN duplicate_object THEN
  RAISE NOTICE 'there: %', SQLERRM;
END $$;
DO $$ BEGIN
  CREATE POLICY before ON a USING (true);
  CREATE TYPE mood AS ENUM ('y');
EXCEPTION
  WHEN undefined_table THEN CREATE POLICY wrong ON a USING (true);
  WHEN duplicate_object OR duplicate_table THEN CREATE POLICY handled ON a USING (true);
END $$;
DO $$ BEGIN
  CREATE POLICY lost ON a USING (true);
  RAISE EXCEPTION 'stop %', 1 USING ERRCODE = '22023';
END $$;
DO $$ BEGIN
  BEGIN
    CREATE POLICY x ON a USING (nope);
  EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE = '42703' THEN CREATE POLICY caught ON a USING (true); END IF;
  END;
  BEGIN
    CREATE TYPE mood AS ENUM ('y');
  EXCEPTION WHEN SQLSTATE '42710' THEN RAISE;
  END;
END $$;
DO $$ BEGIN
  CREATE POLICY kept ON a USING (true);
  RETURN;
  CREATE POLICY never ON a USING (true);
END $$;
DO $$ BEGIN EXECUTE NULL; END $$;
DO $$ BEGIN EXECUTE 'CREATE POLICY'; END $$;
DO $$ BEGIN RAISE unique_violation; END $$;
""",
    "variables": """
DO $$
DECLARE
  name constant text := 'pol' || '_' || upper('x');
  r record;
  arr text[] := '{}';
  found_one boolean;
  n int;
  row1 a%ROWTYPE;
BEGIN
  SELECT tablename, rowsecurity INTO r FROM pg_tables WHERE tablename = 'a';
  IF FOUND AND NOT r.rowsecurity THEN EXECUTE format('CREATE POLICY %I ON %I USING (true)', name, r.tablename); END IF;
  SELECT EXISTS (SELECT 1 FROM pg_policies WHERE policyname = name) INTO found_one;
  IF found_one THEN CREATE POLICY second ON a USING (true); END IF;
  arr := array_append(arr, 'b'); arr := arr || 'a'::text;
  IF 'b' = ANY (arr) AND array_length(arr, 1) = 2 THEN
    EXECUTE concat('CREATE POLICY third ON ', arr[1], ' USING (', quote_literal('x'), ' = owner)');
  END IF;
  n := (SELECT count(*) FROM pg_policies WHERE tablename = 'a');
  EXECUTE replace('CREATE POLICY p_# ON a USING (true)', '#', n::text);
  PERFORM 1 FROM pg_policies WHERE policyname = 'third';
  IF FOUND THEN CREATE POLICY fourth ON a USING (true); END IF;
  PERFORM set_config('search_path', 's', true);
  CREATE POLICY in_s ON c USING (true);
  r.tablename := 'c';
  EXECUTE format('CREATE POLICY %I ON %I USING (true)', coalesce(NULL, 'co'), r.tablename);
END $$;
CREATE POLICY after ON a USING (true);
""",
    "constraint views": """
ALTER TABLE a ADD CONSTRAINT checked CHECK (owner <> '' AND tenant_id > 0), ADD CONSTRAINT plain CHECK (1 = 1);
ALTER TABLE b ADD CONSTRAINT to_a FOREIGN KEY (id) REFERENCES a ON DELETE CASCADE, ADD UNIQUE (owner, id);
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT table_name, column_name, constraint_name FROM information_schema.constraint_column_usage
           WHERE constraint_schema = 'public' AND constraint_name NOT LIKE '%not_null'
           ORDER BY constraint_name, column_name LOOP
    EXECUTE format('CREATE POLICY %I ON %I USING (true)', r.constraint_name || '/' || r.column_name, r.table_name);
  END LOOP;
  FOR r IN SELECT constraint_name, delete_rule, unique_constraint_name FROM information_schema.referential_constraints LOOP
    EXECUTE format('CREATE POLICY %I ON b USING (true)', r.delete_rule || ' ' || r.unique_constraint_name);
  END LOOP;
  IF EXISTS (SELECT FROM information_schema.check_constraints c JOIN information_schema.constraint_column_usage u
             USING (constraint_schema, constraint_name) WHERE u.table_name = 'a' AND c.constraint_name = 'checked') THEN
    CREATE POLICY found ON a USING (true);
  END IF;
END $$;
""",
    "functions": """
CREATE FUNCTION column_exists(tab text, col text DEFAULT 'owner') RETURNS boolean LANGUAGE plpgsql AS $f$
DECLARE there boolean;
BEGIN
  SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_name = tab AND column_name = $2) INTO there;
  RETURN there;
END $f$;
CREATE FUNCTION policy_name(tab text) RETURNS text LANGUAGE sql AS $$ SELECT tab || '_of_owner' $$;
CREATE FUNCTION guard(tab regclass, VARIADIC cols text[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION guard(tab text, cmd text, expr text = 'true') RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  IF NOT column_exists(tab) THEN
    RETURN 'none';
  END IF;
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
  EXECUTE format('CREATE POLICY %I ON %I FOR %s USING (%s)', policy_name(tab) || '_' || cmd, tab, cmd, expr);
  RETURN policy_name(tab);
END $f$;
SELECT guard('a', 'select');
SELECT guard('c', 'select'), guard('b', 'delete', 'owner = current_user');
SELECT guard(tab => 'b', cmd => 'select');
SELECT guard(t, 'update') FROM unnest(ARRAY['a', 'c', 'b']) AS t;
SELECT guard('a', 'select');
DO $$
DECLARE told text;
BEGIN
  PERFORM guard('Odd Name', 'select');
  told := guard('Odd Name', 'delete');
  IF told = 'Odd Name_of_owner' THEN CREATE POLICY told ON a USING (true); END IF;
  IF guard('c', 'select') = 'none' THEN CREATE POLICY untold ON a USING (true); END IF;
END $$;
CREATE FUNCTION in_s() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = s AS
$$ BEGIN CREATE TABLE made (id int); CREATE POLICY p ON made USING (true); PERFORM nothing_here(); END $$;
CREATE FUNCTION s.nothing_here() RETURNS void LANGUAGE sql AS 'SELECT';
SELECT in_s();
CREATE FUNCTION pairs() RETURNS TABLE (tab text, pol text) LANGUAGE plpgsql AS $$
BEGIN
  tab := 'a'; pol := 'first'; RETURN NEXT;
  RETURN QUERY SELECT tablename::text, 'on_' || tablename FROM pg_tables WHERE schemaname = 's' ORDER BY 1;
END $$;
CREATE FUNCTION names() RETURNS SETOF text LANGUAGE sql AS $$ SELECT 'n' || i FROM generate_series(1, 2) AS i $$;
DO $$
DECLARE r record; n text;
BEGIN
  FOR n IN SELECT * FROM names() LOOP EXECUTE format('CREATE POLICY %I ON b USING (true)', n); END LOOP;
END $$;
CREATE PROCEDURE add_policy(tab text, times int) LANGUAGE plpgsql AS $$
BEGIN
  IF times > 0 THEN
    EXECUTE format('CREATE POLICY %I ON %I USING (true)', 'times' || times, tab);
    CALL add_policy(tab, times - 1);
  END IF;
END $$;
CALL add_policy('a', 3);
CREATE FUNCTION fails() RETURNS void LANGUAGE plpgsql AS
$$ BEGIN CREATE POLICY lost ON a USING (true); RAISE EXCEPTION 'no' USING ERRCODE = '22012'; END $$;
SELECT fails();
DO $$ BEGIN PERFORM fails(); EXCEPTION WHEN division_by_zero THEN CREATE POLICY caught ON a USING (true); END $$;
CREATE FUNCTION forever() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM forever(); END $$;
CREATE FUNCTION add_two(OUT one text, OUT two text) LANGUAGE plpgsql AS
$$ BEGIN CREATE POLICY out ON b USING (true); one := 'x'; two := 'y'; END $$;
DO $$ DECLARE r record; BEGIN
  SELECT * INTO r FROM add_two();
  EXECUTE format('CREATE POLICY %I ON b USING (true)', 'got_' || coalesce(r.two, 'null'));
END $$;
""",
}


@pytest.mark.server
@pytest.mark.parametrize("name", BLOCKS)
def test_blocks(server: Any, name: str) -> None:
    sql = SETUP + BLOCKS[name]
    result = replayed(sql)
    with server.database() as connection:
        followed = [entry for entry in errors(result, sql) if entry[0] in {text for text, _ in top_level(sql)}]
        assert server_errors(connection, sql, followed) == followed
        assert server_policies(connection) == policies(result.catalog)
        assert server_privileges(connection) == privileges(result.catalog)
        assert [] == [problem.reason for problem in result.problems if "reject" not in problem.reason]


def top_level(sql: str) -> list[tuple[str, None]]:
    from tests.replay.both import statements_of

    return [(statement.text, None) for statement in statements_of(sql)[1]]


def test_what_depends_on_data_is_noted() -> None:
    result = replayed(
        "CREATE TABLE t (a int);\n"
        "DO $$ DECLARE r record; BEGIN\n"
        "  IF (SELECT count(*) FROM t) > 3 THEN\n"
        "    CREATE POLICY p ON t USING (true);\n"
        "    INSERT INTO t VALUES (1);\n"
        "  END IF;\n"
        "  FOR r IN SELECT a FROM t LOOP\n"
        "    EXECUTE format('CREATE POLICY %I ON t USING (a = %s)', 'p' || r.a, r.a);\n"
        "  END LOOP;\n"
        "  EXECUTE 'ALTER TABLE t ENABLE ROW LEVEL SECURITY' || current_setting('app.x');\n"
        "  EXECUTE 'SELECT ' || random();\n"
        "END $$;"
    )
    lines = [problem.span.source.position(problem.span.start)[0] for problem in result.problems]
    assert [4, 8, 10] == lines
    assert "ALTER TABLE t ENABLE ROW LEVEL SECURITY\N{HORIZONTAL ELLIPSIS}" in result.problems[2].reason


def test_static_statements_have_their_own_place() -> None:
    sql = "CREATE TABLE t (a int);\nDO $$ BEGIN\n  CREATE POLICY p\n    ON t USING (a = 1);\nEND $$;"
    (policy,) = replayed(sql).catalog.policies
    assert policy.polqual is not None
    assert ("a = 1", (4, 17)) == (
        policy.polqual.span.text,
        policy.polqual.span.source.position(policy.polqual.span.start),
    )


def test_executed_statements_stand_at_their_execute() -> None:
    sql = "CREATE TABLE t (a int);\nDO $$ BEGIN\n  EXECUTE 'CREATE POLICY p ON t USING (a = 1)';\nEND $$;"
    (policy,) = replayed(sql).catalog.policies
    assert policy.origin is not None
    assert "EXECUTE 'CREATE POLICY p ON t USING (a = 1)';" == policy.origin.text


def test_a_publication_is_no_table() -> None:
    result = replayed(
        "CREATE TABLE t (a int);\n"
        "DO $$ BEGIN\n"
        "  IF EXISTS (SELECT FROM pg_publication_tables WHERE tablename = 't') THEN\n"
        "    ALTER PUBLICATION live DROP TABLE t;\n"
        "  END IF;\n"
        "  EXECUTE 'ALTER PUBLICATION live DROP TABLE ' || (SELECT min(a) FROM t);\n"
        "END $$;"
    )
    assert result.problems == []


def test_an_unknown_extension_may_name_its_schema() -> None:
    made = "CREATE EXTENSION {}; CREATE TABLE public.t (a int);"
    sql = "SELECT set_config('search_path', '', false); "
    assert replayed(sql + made.format("my_own_thing")).problems == []
    assert [
        "no schema has been selected to create in" in one.reason
        for one in replayed(sql + made.format("citext")).problems
    ] == [True]


def test_temporary_functions_are_not_shown() -> None:
    made = "CREATE FUNCTION {}() RETURNS int LANGUAGE sql AS 'SELECT 1';"
    found = catalog_json(replayed(made.format("pg_temp.f") + made.format("g")))
    assert [one["name"] for one in found["functions"]] == ["g"]
