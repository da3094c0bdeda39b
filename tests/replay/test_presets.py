"""What exists before the first migration: chosen by the project, replayed from plain SQL, valid on a server."""

from __future__ import annotations

from typing import Any

import pytest

from rlslint.catalog.acl import has_privilege
from rlslint.replay.presets.presets import choose_preset, preset_statements
from rlslint.source.model import Migration, Project, SourceFile
from tests.replay.both import policies, privileges, replayed, server_policies, server_privileges


def project(sql: str, layout: str = "files") -> Project:
    return Project(layout, (Migration(SourceFile("m.sql", sql), (), (), ()),))


@pytest.mark.parametrize(
    ("expected", "sql", "layout"),
    [
        ("supabase", "", "supabase"),
        ("supabase", "CREATE POLICY p ON t USING ((select auth.uid()) = u)", "files"),
        ("supabase", "CREATE POLICY p ON t TO authenticated USING (true)", "files"),
        ("supabase", "CREATE TABLE t (u uuid REFERENCES auth.users (id))", "files"),
        ("postgrest", "CREATE ROLE web_anon NOLOGIN", "files"),
        ("none", "CREATE TABLE t (a int)", "files"),
        ("none", "CREATE POLICY p ON t USING (tenant = current_setting('app.tenant'))", "files"),
        ("none", 'CREATE POLICY p ON t TO "authenticated" USING ((select auth.user_id()) = owner)', "files"),
    ],
)
def test_choice(expected: str, sql: str, layout: str) -> None:
    assert expected == choose_preset(project(sql, layout))


def test_policies_on_supabase() -> None:
    result = replayed(
        "CREATE TABLE docs (id uuid, user_id uuid REFERENCES auth.users (id));"
        "CREATE POLICY own ON docs TO authenticated USING (auth.uid() = user_id);"
        "CREATE POLICY files ON storage.objects USING ((storage.foldername(name))[1] = auth.uid()::text);"
        "CREATE POLICY live ON realtime.messages FOR SELECT TO authenticated USING (realtime.topic() = 'room');",
        preset="supabase",
    )
    assert [] == result.problems
    assert ["files", "live", "own"] == sorted(row.polname for row in result.catalog.policies)
    anon, postgres = result.catalog.find_role("anon"), result.catalog.find_role("postgres")
    docs = result.catalog.find_relation("public", "docs", ())
    users = result.catalog.find_relation("auth", "users", ())
    assert anon is not None
    assert postgres is not None
    assert docs is not None
    assert users is not None
    assert (True, False) == tuple(has_privilege(result.catalog, anon.oid, row, "select") for row in (docs, users))
    assert (postgres.oid, False, True) == (docs.relowner, postgres.rolsuper, postgres.rolbypassrls)


def test_files_may_bring_their_own_stand_ins() -> None:
    result = replayed(
        "CREATE ROLE anon; CREATE ROLE authenticated NOLOGIN; CREATE SCHEMA auth;"
        "CREATE TABLE auth.users (id uuid PRIMARY KEY, nick text);"
        "CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid';"
        "CREATE OR REPLACE FUNCTION auth.role() RETURNS text LANGUAGE sql AS 'SELECT NULL::text';"
        "CREATE EXTENSION pgcrypto; CREATE EXTENSION pg_net;"
        "CREATE TABLE t (id uuid REFERENCES auth.users (id));"
        "CREATE POLICY p ON t USING (EXISTS (SELECT 1 FROM auth.users u WHERE u.nick = 'x' AND u.id = auth.uid()));",
        preset="supabase",
    )
    assert [] == result.problems


@pytest.mark.server
def test_supabase_on_a_server(server: Any) -> None:
    """The preset is SQL that a server takes, and its privileges come out alike."""
    skipped = ("CreateExtensionStmt",)
    result = replayed("SELECT 1", preset="supabase")
    with server.database() as connection:
        me = connection.execute("SELECT current_user").fetchone()[0]
        for statement in preset_statements("supabase"):
            text = statement.text
            if statement.kind in skipped or statement.kind == "RenameStmt":
                continue
            if me == "postgres":
                text = text.replace("CREATE ROLE postgres LOGIN", "CREATE ROLE postgres_ LOGIN")
                text = text.replace("TO postgres", "TO postgres_").replace("FOR ROLE postgres ", "FOR ROLE postgres_ ")
                text = text.replace(" postgres,", " postgres_,").replace(
                    "AUTHORIZATION postgres", "AUTHORIZATION postgres_"
                )
                text = text.replace("supabase_admin", "postgres")
            connection.execute(text.encode())
        unknown = {
            "schema public",
            "schema vault",
            "schema net",
            "schema cron",
            "schema graphql",
            "schema supabase_admin",
        }
        found = {(role.replace("postgres_", "postgres"), *rest) for role, *rest in server_privileges(connection)}
        own = {
            entry for entry in privileges(result.catalog) if entry[0] != "supabase_admin" and entry[1] not in unknown
        }
        tables = {entry for entry in found if "()" not in entry[1]}
        assert tables == own
        assert server_policies(connection) == policies(result.catalog)
