-- what the measured shapes stand on: docs has 200,000 rows, members 20,000, teams 2,000, user_roles 1,000
CREATE ROLE anon NOLOGIN;
CREATE ROLE authenticated NOLOGIN;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gin;
CREATE SCHEMA auth;
CREATE SCHEMA priv;
GRANT USAGE ON SCHEMA auth, priv TO anon, authenticated;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid $$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce(nullif(current_setting('request.jwt.claim.role', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'))::text $$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
CREATE TABLE docs (
  id bigint PRIMARY KEY, user_id uuid NOT NULL, owner_text text NOT NULL, owner_vc varchar(40), team_id int NOT NULL,
  team_big bigint, project_id int, org_id uuid, status text, name text, is_public boolean NOT NULL,
  created_at timestamptz, tags text[], meta jsonb, shared_with uuid[], amount numeric, body text);
CREATE TABLE members (id bigint PRIMARY KEY, team_id int NOT NULL, user_id uuid NOT NULL, role text);
CREATE TABLE teams (id int PRIMARY KEY, org_id uuid, owner uuid);
CREATE TABLE user_roles (user_id uuid, role text);
CREATE FUNCTION priv.is_admin() returns boolean language plpgsql stable security definer as $$ begin return exists(select from user_roles where user_id = auth.uid() and role='admin'); end $$;
CREATE FUNCTION priv.is_admin_vol() returns boolean language plpgsql volatile security definer as $$ begin return exists(select from user_roles where user_id = auth.uid() and role='admin'); end $$;
CREATE FUNCTION priv.has_team(t int) returns boolean language plpgsql stable security definer as $$ begin return exists(select from members m where m.user_id = auth.uid() and m.team_id=t); end $$;
CREATE FUNCTION priv.has_team_sql(t int) returns boolean language sql stable as $$ select exists(select from members m where m.user_id = auth.uid() and m.team_id=t) $$;
CREATE FUNCTION priv.has_team_sql_sd(t int) returns boolean language sql stable security definer as $$ select exists(select from members m where m.user_id = auth.uid() and m.team_id=t) $$;
CREATE FUNCTION priv.owns(c uuid) returns boolean language sql stable as $$ select c = auth.uid() $$;
CREATE FUNCTION priv.owns_sd(c uuid) returns boolean language sql stable security definer as $$ select c = auth.uid() $$;
CREATE FUNCTION priv.owns_set(c uuid) returns boolean language sql stable set search_path='' as $$ select c = auth.uid() $$;
CREATE FUNCTION priv.owns_strict(c uuid) returns boolean language sql stable strict as $$ select c = auth.uid() $$;
CREATE FUNCTION priv.uid_imm() returns uuid language sql immutable as $$ select auth.uid() $$;
CREATE FUNCTION priv.uid_sqlvol() returns uuid language sql volatile as $$ select auth.uid() $$;
CREATE FUNCTION priv.uid_plstable() returns uuid language plpgsql stable as $$ begin return auth.uid(); end $$;
CREATE FUNCTION priv.uid_plvol() returns uuid language plpgsql volatile as $$ begin return auth.uid(); end $$;
CREATE FUNCTION priv.user_teams() returns int[] language plpgsql stable security definer as $$ begin return array(select m.team_id from members m where m.user_id = auth.uid()); end $$;
CREATE FUNCTION priv.user_teams_vol() returns int[] language plpgsql volatile security definer as $$ begin return array(select m.team_id from members m where m.user_id = auth.uid()); end $$;
CREATE FUNCTION priv.user_teams_set() returns setof int language sql stable security definer as $$ select m.team_id from members m where m.user_id = auth.uid() $$;
CREATE FUNCTION priv.user_teams_set_inv() returns setof int language sql stable as $$ select m.team_id from members m where m.user_id = auth.uid() $$;
GRANT ALL ON docs, members, teams, user_roles TO anon, authenticated;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
