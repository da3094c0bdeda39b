-- what composed policies stand on; the numbers of distinct values are those that the prediction assumes
CREATE ROLE app_user NOLOGIN;
CREATE ROLE app_admin NOLOGIN;
GRANT app_user TO app_admin;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO app_user, app_admin;
CREATE TABLE items (
  id bigint PRIMARY KEY, owner uuid NOT NULL, owner_text text, owner_vc varchar(40), team int NOT NULL, team_big bigint,
  org uuid, status text, flag boolean NOT NULL, created timestamptz, tags text[], meta jsonb, shared uuid[], amount numeric,
  span int4range, body text);
CREATE TABLE members (id bigint PRIMARY KEY, team int NOT NULL, usr uuid NOT NULL, org uuid, role text, active boolean);
CREATE TABLE teams (id int PRIMARY KEY, org uuid, owner uuid, item bigint);
CREATE FUNCTION app.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.uid', true), '')::uuid $$;
CREATE FUNCTION app.claims() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(nullif(current_setting('app.claims', true), ''), '{}')::jsonb $$;
CREATE FUNCTION app.uid_plain() RETURNS uuid LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN app.uid(); END $$;
CREATE FUNCTION app.uid_volatile() RETURNS uuid LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN app.uid(); END $$;
CREATE FUNCTION app.is_admin() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$ BEGIN RETURN false; END $$;
CREATE FUNCTION app.team_ids() RETURNS int[] LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
  BEGIN RETURN array(SELECT team FROM members WHERE usr = app.uid()); END $$;
CREATE FUNCTION app.team_set() RETURNS SETOF int LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT team FROM members WHERE usr = app.uid() $$;
CREATE FUNCTION app.team_rows() RETURNS SETOF int LANGUAGE sql STABLE AS $$ SELECT team FROM members WHERE usr = app.uid() $$;
CREATE FUNCTION app.owns(u uuid) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT u = app.uid() $$;
CREATE FUNCTION app.owns_definer(u uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT u = app.uid() $$;
CREATE FUNCTION app.owns_set(u uuid) RETURNS boolean LANGUAGE sql STABLE SET search_path = '' AS $$ SELECT u = app.uid() $$;
CREATE FUNCTION app.owns_strict(u uuid) RETURNS boolean LANGUAGE sql STABLE STRICT AS $$ SELECT u = app.uid() $$;
CREATE FUNCTION app.owns_strict2(u uuid, v uuid) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT u = v $$;
CREATE FUNCTION app.owns_plain(u uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN u = app.uid(); END $$;
CREATE FUNCTION app.in_team(t int) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT 1 FROM members m WHERE m.team = t AND m.usr = app.uid()) $$;
CREATE VIEW my_teams AS SELECT team, org FROM members WHERE usr = app.uid();
CREATE VIEW my_teams_invoker WITH (security_invoker = true) AS SELECT team, org FROM members WHERE usr = app.uid();
CREATE VIEW kept WITH (security_barrier = true) AS SELECT team, usr, role FROM members WHERE active IS NOT NULL;
GRANT ALL ON items, members, teams, my_teams, my_teams_invoker, kept TO app_user, app_admin;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
