"""A condition before and after a rewrite, put to a server: which rows each user sees, changes and may write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy
from rlslint.replay.replay import handlers, replay
from rlslint.replay.session import Session
from rlslint.source.model import Migration, Project, SourceFile
from rlslint.source.parse import parse_script
from rlslint.suggest.rewrites.writing import Form, Writing
from rlslint.suggest.trial import run

SCHEMA = """
CREATE ROLE app_user NOLOGIN;
CREATE ROLE guest NOLOGIN;
CREATE FUNCTION uid() RETURNS int LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.uid', true), '')::int $$;
CREATE FUNCTION may() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN uid() > 1; END $$;
CREATE FUNCTION asks_volatile(k int) RETURNS boolean LANGUAGE sql AS $$ SELECT k = uid() OR uid() > 1 $$;
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE teams (id int PRIMARY KEY, owner int, owner8 bigint, name text);
CREATE TABLE grp (team int, team8 bigint, open boolean);
CREATE TABLE members (id int, team int, team8 bigint, uid int, role text, name text, code varchar(10));
CREATE TABLE docs (id int PRIMARY KEY, team int, team8 bigint, owner int, name text, code varchar(10), pub boolean,
  parent int REFERENCES parents (id));
CREATE TABLE candidates (LIKE docs);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON docs USING (true);
CREATE POLICY inner_p ON members USING (uid = uid() OR role = 'a');
"""
SERVER = """
GRANT ALL ON ALL TABLES IN SCHEMA public TO app_user, guest;
CREATE FUNCTION tried() RETURNS text LANGUAGE plpgsql AS $$
DECLARE c candidates; passed text := '';
BEGIN
  FOR c IN SELECT * FROM candidates ORDER BY id LOOP
    BEGIN
      INSERT INTO docs SELECT (c).*;
      passed := passed || ' ' || c.id;
      RAISE EXCEPTION SQLSTATE 'UU001';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  RETURN passed;
END $$;
CREATE FUNCTION outcome() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE asked text; who text; given text; found text[] := '{}';
BEGIN
  FOREACH who IN ARRAY ARRAY['guest:', 'app_user:', 'app_user:1', 'app_user:2'] LOOP
    FOREACH asked IN ARRAY ARRAY[
      'SELECT array_agg(id ORDER BY id) FROM docs',
      'WITH d AS (DELETE FROM docs RETURNING id) SELECT array_agg(id ORDER BY id) FROM d',
      'WITH d AS (UPDATE docs SET name = name RETURNING id) SELECT array_agg(id ORDER BY id) FROM d',
      'SELECT tried()'
    ] LOOP
      BEGIN
        PERFORM set_config('app.uid', split_part(who, ':', 2), true), set_config('role', split_part(who, ':', 1), true);
        EXECUTE asked INTO given;
        RAISE EXCEPTION SQLSTATE 'UU002';
      EXCEPTION
        WHEN SQLSTATE 'UU002' THEN found := found || coalesce(given, 'nothing');
        WHEN OTHERS THEN found := found || SQLSTATE::text;
      END;
    END LOOP;
  END LOOP;
  RETURN found;
END $$;
"""


def schema_catalog() -> Catalog:
    """The schema replayed."""
    source = SourceFile("schema.sql", SCHEMA)
    statements, problems = parse_script(source, 0, len(SCHEMA))
    assert problems == []
    replayed = replay(Project("file", (Migration(source, tuple(statements), (), ()),)), preset="none")
    assert replayed.problems == []
    return replayed.catalog


@dataclass(frozen=True)
class Rows:
    """Literals of rows: VALUES lists."""

    members: tuple[str, ...]
    docs: tuple[str, ...]
    candidates: tuple[str, ...]
    grp: tuple[str, ...]
    teams: tuple[str, ...]
    inner_row_security: bool


def altered(catalog: Catalog, condition: str) -> Policy:
    """The policy with a condition, in the catalog."""
    session = Session(catalog, handlers=handlers())
    change = run(session, [altering(condition)])
    assert change.rejected is None, (condition, change.rejected)
    return next(one for one in catalog.policies if one.polname == "p")


def rewrites(catalog: Catalog, policy: Policy, forms: Any) -> Iterator[tuple[Form, str]]:
    """Forms of the policy's condition that resolve to what they claim, with their text."""
    assert policy.polqual is not None
    writing = Writing(catalog, policy.polqual, policy.polrelid)
    for form in forms(writing):
        text = writing.check(form)
        if text is not None:
            yield form, text


STATEMENTS = 4
"""How many entries of an outcome are one user's; the first are those of a role that never has a user."""


def outcomes(connection: psycopg.Connection[Any], rows: Rows, changes: Sequence[str]) -> list[list[str]]:
    """After each change in turn, for each user: rows seen, deleted and updated, new rows that pass; or the SQLSTATE.

    The tables are empty before and afterwards.
    """
    parts = [
        f"INSERT INTO {table} VALUES {', '.join(values)}"
        for table in ("members", "docs", "candidates", "grp", "teams")
        if (values := getattr(rows, table))
    ]
    switch = "ENABLE" if rows.inner_row_security else "DISABLE"
    parts.append(f"ALTER TABLE members {switch} ROW LEVEL SECURITY")
    found = []
    with connection.transaction(force_rollback=True):
        connection.execute("; ".join(parts).encode())
        for change in changes:
            connection.execute(change.encode())
            row = connection.execute(b"SELECT outcome()").fetchone()
            assert row is not None
            found.append(row[0])
    return found


def altering(condition: str) -> str:
    """What gives the policy a condition."""
    return f"ALTER POLICY p ON docs USING ({condition})"
