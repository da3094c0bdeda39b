"""A condition before and after a rewrite, put to a server: which rows each user sees, changes and may write."""

from __future__ import annotations

from collections.abc import Iterator
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
CREATE FUNCTION uid() RETURNS int LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.uid', true), '')::int $$;
CREATE FUNCTION may() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN uid() > 1; END $$;
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE grp (team int, team8 bigint, open boolean);
CREATE TABLE members (id int, team int, team8 bigint, uid int, role text, name text, code varchar(10));
CREATE TABLE docs (id int, team int, team8 bigint, owner int, name text, code varchar(10), pub boolean,
  parent int REFERENCES parents (id));
CREATE TABLE candidates (LIKE docs);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON docs USING (true);
CREATE POLICY inner_p ON members USING (uid = uid() OR role = 'a');
"""
SERVER = """
CREATE ROLE app_user NOLOGIN;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app_user;
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
    inner_row_security: bool


def altered(catalog: Catalog, condition: str) -> Policy:
    """The policy with a condition, in the catalog."""
    session = Session(catalog, handlers=handlers())
    change = run(session, [f"ALTER POLICY p ON docs USING ({condition})"])
    assert change.rejected is None, (condition, change.rejected)
    return next(policy for policy in catalog.policies if policy.polname == "p")


def rewrites(catalog: Catalog, policy: Policy, forms: Any) -> Iterator[tuple[Form, str]]:
    """Forms of the policy's condition that resolve to what they claim, with their text."""
    assert policy.polqual is not None
    writing = Writing(catalog, policy.polqual, policy.polrelid)
    for form in forms(writing):
        text = writing.check(form)
        if text is not None:
            yield form, text


def load(connection: psycopg.Connection[Any], rows: Rows) -> None:
    parts = ["TRUNCATE members, docs, candidates, grp"]
    for table in ("members", "docs", "candidates", "grp"):
        values = getattr(rows, table)
        if values:
            parts.append(f"INSERT INTO {table} VALUES {', '.join(values)}")
    switch = "ENABLE" if rows.inner_row_security else "DISABLE"
    parts.append(f"ALTER TABLE members {switch} ROW LEVEL SECURITY")
    connection.execute("; ".join(parts).encode())


def outcome(connection: psycopg.Connection[Any], condition: str) -> list[Any]:
    """For each user: rows seen, deleted, updated (or the error), and new rows that pass."""
    found: list[Any] = []
    connection.execute(f"ALTER POLICY p ON docs USING ({condition})".encode())
    for user in ("", "1", "2"):
        for sql in (
            "SELECT array_agg(id ORDER BY id) FROM docs",
            "WITH d AS (DELETE FROM docs RETURNING id) SELECT array_agg(id ORDER BY id) FROM d",
            "SELECT tried()",
        ):
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(f"SET LOCAL ROLE app_user; SET LOCAL app.uid = '{user}'".encode())
                    row = connection.execute(sql.encode()).fetchone()
                    found.append(row and row[0])
            except psycopg.Error as error:
                found.append(error.sqlstate)
    return found
