"""A project of as many migrations as wanted, written into a folder: tables, policies, helpers, indexes, views, triggers."""

from __future__ import annotations

import random
from pathlib import Path

_BASE = """CREATE ROLE app_user;
CREATE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT current_setting('app.user_id', true)::uuid $$;
CREATE TABLE teams (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE members (
  team_id uuid NOT NULL REFERENCES teams (id), user_id uuid NOT NULL, role text, PRIMARY KEY (team_id, user_id));
CREATE FUNCTION is_member(team uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (
    SELECT 1 FROM public.members m WHERE m.team_id = team AND m.user_id = (SELECT public.current_user_id())) $$;
"""
_TABLE = """CREATE TABLE {t} (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), team_id uuid NOT NULL REFERENCES teams (id), owner_id uuid NOT NULL,
  title text NOT NULL, body text, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX {t}_team_idx ON {t} (team_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON {t} TO app_user;
ALTER TABLE {t} ENABLE ROW LEVEL SECURITY;
"""
_POLICIES = """DROP POLICY IF EXISTS "read {t}" ON {t};
CREATE POLICY "read {t}" ON {t} FOR SELECT TO app_user
  USING (team_id IN (SELECT m.team_id FROM members m WHERE m.user_id = (SELECT current_user_id())));
DROP POLICY IF EXISTS "write {t}" ON {t};
CREATE POLICY "write {t}" ON {t} FOR INSERT TO app_user WITH CHECK (is_member(team_id));
DROP POLICY IF EXISTS "change {t}" ON {t};
CREATE POLICY "change {t}" ON {t} FOR UPDATE TO app_user
  USING (owner_id = current_user_id()) WITH CHECK (owner_id = current_user_id());
"""
_TRIGGER = """CREATE OR REPLACE FUNCTION touch_{i}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.created_at := now(); RETURN NEW; END $$;
CREATE TRIGGER touch_{i} BEFORE UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION touch_{i}();
"""
_COLUMN = "ALTER TABLE {t} ADD COLUMN extra_{i} integer;\nCREATE INDEX {t}_x{i} ON {t} (extra_{i});\n"
_VIEW = "CREATE VIEW v_{i} WITH (security_invoker = true) AS SELECT id, title FROM {t};\n"


def write(folder: Path, count: int) -> Path:
    """Write ``count`` migrations; the folder they lie in."""
    chance = random.Random(count)
    folder = folder / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_base.sql").write_text(_BASE)
    tables: list[str] = []
    for i in range(2, count + 1):
        if i % 5 == 2:
            tables.append(f"t{i:04d}")
            text = _TABLE.format(t=tables[-1])
        elif i % 5 == 3:
            text = _POLICIES.format(t=tables[-1])
        else:
            text = {4: _COLUMN, 0: _TRIGGER, 1: _VIEW}[i % 5].format(t=chance.choice(tables), i=i)
        (folder / f"{i:04d}_step.sql").write_text(text)
    return folder
