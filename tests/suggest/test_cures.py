"""What fix writes, checked again: the findings are gone and the new migration is blamed for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from itertools import islice
from pathlib import Path

import psycopg
import pytest

from rlslint import pipeline
from rlslint.config import Options
from rlslint.findings import Finding
from rlslint.look import gather
from rlslint.suggest.judge import Judge
from rlslint.suggest.migration import new_migration, write_files
from rlslint.suggest.versions import next_numbers
from tests.conftest import Server

ARMS = """
CREATE ROLE member NOLOGIN;
CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('app.user', true), '')::uuid $$;
CREATE FUNCTION is_admin() RETURNS boolean LANGUAGE plpgsql STABLE
  AS $$ BEGIN RETURN current_setting('app.admin', true) = 'on'; END $$;
CREATE TABLE notes (id uuid PRIMARY KEY, owner uuid NOT NULL, body text);
CREATE INDEX notes_owner_idx ON notes (owner);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT, UPDATE ON notes TO member;
CREATE POLICY own ON notes FOR UPDATE TO member
  USING (owner = (SELECT app_user()) OR (SELECT is_admin()))
  WITH CHECK (owner = (SELECT app_user()) OR (SELECT is_admin()));
CREATE POLICY look ON notes FOR SELECT TO member USING (owner = (SELECT app_user()) OR (SELECT is_admin()));
"""


def _found(folder: Path, preset: str = "none") -> Sequence[Finding]:
    return pipeline.check(Options(paths=(str(folder),), preset=preset), cwd=folder).findings


def _codes(folder: Path) -> list[str]:
    return sorted(finding.rule.code for finding in _found(folder) if finding.rule.code != "RLS402")


def test_a_range_for_a_constant_arm_is_no_weaker_policy(tmp_path: Path) -> None:
    (tmp_path / "0001_notes.sql").write_text(ARMS, encoding="utf-8")
    (tmp_path / "0002_more.sql").write_text("SELECT 1;", encoding="utf-8")
    assert "RLS108" in _codes(tmp_path)
    options = Options(paths=(str(tmp_path),), preset="none")
    project, cure = pipeline.fix(options, cwd=tmp_path, unsafe=False)
    write_files(new_migration(project, cure.changes, cwd=tmp_path, now=datetime(2026, 1, 1)))
    assert (tmp_path / "0003_rlslint_fix.sql").exists()
    assert _codes(tmp_path) == []


def test_a_file_that_is_to_stay_the_last_is_not_followed() -> None:
    names = ["20250101000000_a.sql", "99999999999998_seed.sql", "99999999999999_seed.sql"]
    now = datetime(2026, 1, 2, 3, 4, 5)
    assert list(islice(next_numbers(names, now, default="1"), 2)) == ["20260102030405", "20260102030406"]


TWO = """
CREATE ROLE member NOLOGIN;
CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('app.user', true), '')::uuid $$;
CREATE FUNCTION is_admin() RETURNS boolean LANGUAGE plpgsql STABLE
  AS $$ BEGIN RETURN current_setting('app.admin', true) = 'on'; END $$;
CREATE TABLE members (team_id int NOT NULL, user_id uuid NOT NULL, PRIMARY KEY (user_id, team_id));
CREATE TABLE docs (id bigint PRIMARY KEY, team_id int NOT NULL);
CREATE INDEX docs_team_id_idx ON docs (team_id);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON docs, members TO member;
CREATE POLICY look ON docs FOR SELECT TO member USING (
  team_id IN (SELECT team_id FROM members WHERE user_id = (SELECT app_user()))
  AND is_admin()
  AND (current_setting('app.tenant') = 'x')
);
"""


def test_two_rewrites_of_one_policy_know_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "0001_docs.sql").write_text(TWO, encoding="utf-8")
    options = Options(paths=(str(tmp_path),), preset="none")
    found = pipeline.check(options, cwd=tmp_path).findings
    rewriting = [one for one in found if any("ALTER POLICY look" in each.up for each in one.suggestions)]
    assert len(rewriting) > 1
    for finding in rewriting:
        notes = [one.title for one in finding.suggestions if one.kind == "note"]
        others = [one.rule.code for one in rewriting if one is not finding]
        assert any(f"the cure of {', '.join(sorted(others))} rewrites look too" in title for title in notes)


def test_statistics_take_no_cure_away(tmp_path: Path) -> None:
    (tmp_path / "0001_docs.sql").write_text(TWO, encoding="utf-8")
    rows = "schemaname,relname,n_tup_ins,n_live_tup\npublic,docs,5,100000\n"
    (tmp_path / "stats.csv").write_text(rows, encoding="utf-8")
    with_stats = Options(paths=(str(tmp_path),), preset="none", stats=str(tmp_path / "stats.csv"))
    without = Options(paths=(str(tmp_path),), preset="none")
    ups = [
        {each.up for one in pipeline.check(options, cwd=tmp_path).findings for each in one.suggestions if each.up}
        for options in (without, with_stats)
    ]
    assert ups[0]
    assert ups[0] == ups[1]


HELPER = """
CREATE ROLE member NOLOGIN;
CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('app.user', true), '')::uuid $$;
CREATE TABLE members (team_id int NOT NULL, user_id uuid NOT NULL, note text);
CREATE TABLE docs (id bigint PRIMARY KEY, team_id int NOT NULL);
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON docs, members TO member;
CREATE FUNCTION teams() RETURNS int[] LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN RETURN ARRAY(SELECT {read} FROM members WHERE user_id = app_user()); END $$;
CREATE POLICY own ON members FOR SELECT TO member USING (user_id = app_user());
CREATE POLICY team ON docs FOR SELECT TO member USING (team_id = ANY (teams()));
"""


@pytest.mark.parametrize(
    ("read", "columns"), [("team_id", "user_id, team_id"), ("length(note)", "user_id"), ("1", "user_id")]
)
def test_an_index_holds_what_a_helper_reads_by_it(tmp_path: Path, read: str, columns: str) -> None:
    (tmp_path / "0001_docs.sql").write_text(HELPER.format(read=read), encoding="utf-8")
    _, cure = pipeline.fix(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path, unsafe=False)
    ups = [text for change in cure.changes for text in change.up]
    assert any(text.endswith(f" ON public.members ({columns});") for text in ups)
    # a call with a body of its own is asked once, also where the index is not taken
    assert any("team_id = ANY ((SELECT teams())::integer[])" in text for text in ups)


INHERITED = """
CREATE ROLE member NOLOGIN;
CREATE ROLE admin NOLOGIN;
GRANT member TO admin;
CREATE TABLE docs (id bigint PRIMARY KEY, owner text NOT NULL);
CREATE INDEX docs_owner_idx ON docs (owner);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
GRANT ALL ON docs TO member;
CREATE POLICY everything ON docs TO admin USING ({all});
CREATE POLICY own ON docs FOR SELECT TO {to} USING (owner = CURRENT_USER::text);
"""


@pytest.mark.parametrize(
    ("condition", "to", "expected"),
    [
        # what the admin inherits folds to true beside its own: nothing is paid for it, and no TO could leave it out
        ("true", "member", []),
        ("owner = 'x'", "member", ["RLS109"]),
        # a policy that says again what another one says of the same role
        ("true", "admin", ["RLS109"]),
        ("true", "PUBLIC", []),
    ],
)
def test_what_a_role_inherits_beside_all_rows_costs_nothing(
    tmp_path: Path, condition: str, to: str, expected: list[str]
) -> None:
    (tmp_path / "0001_docs.sql").write_text(INHERITED.format(all=condition, to=to), encoding="utf-8")
    found = _found(tmp_path)
    assert [one.rule.code for one in found if one.rule.code == "RLS109"] == expected


UNSEEN = """
CREATE ROLE member NOLOGIN;
CREATE FUNCTION app_user() RETURNS int LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('app.user', true), '')::int $$;
CREATE TABLE docs (id bigint PRIMARY KEY, team_id int NOT NULL);
CREATE INDEX docs_team_id_idx ON docs (team_id);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON docs TO member;
CREATE POLICY team ON docs FOR SELECT TO member
  USING (team_id IN (SELECT m.team_id FROM elsewhere m WHERE {where}));
"""


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("m.who = app_user()", "team_id = ANY (ARRAY(SELECT m.team_id FROM elsewhere m WHERE m.who = app_user()))"),
        # what nobody knows might be VOLATILE
        ("unseen(m.who) = app_user()", None),
    ],
)
def test_a_list_may_come_from_a_table_that_no_file_creates(tmp_path: Path, where: str, expected: str | None) -> None:
    (tmp_path / "0001_docs.sql").write_text(UNSEEN.format(where=where), encoding="utf-8")
    found = _found(tmp_path)
    offered = [one for finding in found for one in finding.suggestions if finding.rule.code == "RLS110" and one.up]
    assert [one.up for one in offered] == (
        [f"ALTER POLICY team ON public.docs USING ({expected});"] if expected else []
    )
    assert {one.applicability for one in offered} <= {"conditional"}


DEFAULTS = """
CREATE ROLE member NOLOGIN;
CREATE FUNCTION app_user() RETURNS int LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('app.user', true), '')::int $$;
CREATE TABLE members (team_id int NOT NULL, user_id int NOT NULL, rank text, PRIMARY KEY (user_id, team_id));
CREATE TABLE docs (id bigint PRIMARY KEY, team_id int NOT NULL);
CREATE INDEX docs_team_id_idx ON docs (team_id);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON docs, members TO member;
CREATE FUNCTION belongs(team int, asked text DEFAULT {default}) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
  SET search_path = public
  AS $$ SELECT EXISTS (SELECT 1 FROM members m
                       WHERE m.team_id = team AND m.user_id = app_user() AND (asked IS NULL OR m.rank = asked)) $$;
CREATE POLICY team ON docs FOR SELECT TO member USING ({call});
"""


@pytest.mark.parametrize(
    ("default", "call", "listed"),
    [
        ("NULL", "belongs(team_id)", "(asked text DEFAULT NULL)"),
        ("'owner'", "belongs(team => team_id)", "(asked text DEFAULT 'owner')"),
        ("'owner'", "belongs(asked => 'x', team => team_id)", "(asked text)"),
        ("lower('X')", "belongs(team_id)", None),
    ],
)
def test_a_list_takes_the_defaults_of_its_helper(tmp_path: Path, default: str, call: str, listed: str | None) -> None:
    (tmp_path / "0001_docs.sql").write_text(DEFAULTS.format(default=default, call=call), encoding="utf-8")
    _, cure = pipeline.fix(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path, unsafe=False)
    made = [text for change in cure.changes for text in change.up if text.startswith("CREATE OR REPLACE FUNCTION")]
    assert bool(made) == (listed is not None)
    assert all(f"belongs_team_ids{listed}" in text for text in made)


RECURSIVE = """
CREATE ROLE member NOLOGIN;
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, rank text);
CREATE TABLE lists (id int PRIMARY KEY);
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
ALTER TABLE lists ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON people, lists TO member;
CREATE POLICY same ON people FOR SELECT TO member USING ({people});
CREATE POLICY look ON lists FOR SELECT TO member USING (true);
CREATE POLICY admins ON lists FOR SELECT TO member USING (EXISTS (SELECT 1 FROM people WHERE rank = 'a'));
"""


@pytest.mark.parametrize(
    ("people", "offered"),
    [
        # PostgreSQL refuses to expand it (42P17): there is no row that any policy lets pass
        ("rank = (SELECT p.rank FROM people p WHERE p.name = CURRENT_USER)", []),
        ("name = CURRENT_USER", ["safe"]),
    ],
)
def test_nothing_is_merged_for_a_statement_that_fails(tmp_path: Path, people: str, offered: list[str]) -> None:
    (tmp_path / "0001_lists.sql").write_text(RECURSIVE.format(people=people), encoding="utf-8")
    found = _found(tmp_path)
    merges = [one for finding in found for one in finding.suggestions if finding.rule.code == "RLS109"]
    assert [one.applicability for one in merges] == offered


TWO_OWNERS = """
CREATE ROLE member NOLOGIN;
CREATE FUNCTION me() RETURNS int LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.me', true), '')::int $$;
CREATE TABLE chats (id bigint PRIMARY KEY, owner int NOT NULL, guest text, shown boolean NOT NULL);
CREATE INDEX chats_owner_idx ON chats (owner);
ALTER TABLE chats ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON chats TO member;
CREATE POLICY own ON chats FOR SELECT TO member USING (owner = me());
CREATE POLICY other ON chats FOR SELECT TO member USING (guest <> 'nobody');
"""


def test_a_finding_that_moves_to_another_policy_is_not_cured(tmp_path: Path) -> None:
    """Policies in one still hold an arm that no index serves."""
    (tmp_path / "0001_chats.sql").write_text(TWO_OWNERS, encoding="utf-8")
    found = _found(tmp_path)
    lost = [finding for finding in found if finding.rule.code == "RLS108"]
    assert [one for finding in lost for one in finding.suggestions if "DROP POLICY" in one.up] == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("auth.role() = 'service_role'", ["TO service_role"]),
        ("'service_role' = (SELECT auth.role()) AND owner IS NOT NULL", ["TO service_role"]),
        # nobody can tell for whom it is, but it is not one of them alone
        ("auth.role() = 'service_role' OR owner = auth.uid()", []),
        ("auth.role() = 'service_role' OR auth.role() = 'authenticated'", []),
        ("auth.role() = 'service' AND owner = auth.uid()", []),
    ],
)
def test_a_policy_for_a_service_is_not_given_to_signed_in_users(
    tmp_path: Path, condition: str, expected: list[str]
) -> None:
    (tmp_path / "0001_jobs.sql").write_text(
        "CREATE TABLE jobs (id bigint PRIMARY KEY, owner uuid); ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;\n"
        "GRANT SELECT ON jobs TO anon, authenticated;\n"
        f"CREATE POLICY service ON jobs FOR SELECT USING ({condition});\n",
        encoding="utf-8",
    )
    found = _found(tmp_path, preset="supabase")
    offered = [one.up for finding in found if finding.rule.code == "RLS113" for one in finding.suggestions if one.up]
    assert offered == [f"ALTER POLICY service ON public.jobs {to};" for to in expected]


def test_every_change_says_why(tmp_path: Path) -> None:
    """A policy that a merge of several alters too."""
    (tmp_path / "0001_notes.sql").write_text(
        "CREATE TABLE notes (id bigint PRIMARY KEY, login name NOT NULL, body text);\n"
        "CREATE TABLE team (id bigint PRIMARY KEY, login name NOT NULL, note bigint);\n"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;\n"
        "CREATE POLICY own ON notes USING (login = current_user);\n"
        "CREATE POLICY ins ON notes FOR INSERT WITH CHECK (EXISTS\n"
        "  (SELECT 1 FROM team t WHERE t.note = notes.id AND t.login = current_user));\n",
        encoding="utf-8",
    )
    _, cure = pipeline.fix(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path, unsafe=False)
    assert any("ALTER POLICY ins" in text for change in cure.changes for text in change.up)
    assert all(change.codes and all(change.titles) for change in cure.changes)


def test_a_policy_that_takes_in_another_says_so(tmp_path: Path) -> None:
    """Beside its own cure, in a later round."""
    (tmp_path / "0001_notes.sql").write_text(
        ARMS[: ARMS.index("CREATE POLICY")].replace("SELECT, UPDATE ON", "ALL ON")
        + "CREATE POLICY own ON notes FOR ALL TO member USING (owner = (SELECT app_user()));\n"
        "CREATE POLICY staff ON notes FOR SELECT TO member USING (is_admin());\n",
        encoding="utf-8",
    )
    _, cure = pipeline.fix(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path, unsafe=False)
    (changed,) = [change for change in cure.changes if any("ALTER POLICY staff" in text for text in change.up)]
    assert "owner" in changed.up[0]
    assert "RLS109" in changed.codes


ANYBODY = """
CREATE ROLE anon NOLOGIN;
CREATE ROLE member NOLOGIN;
CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
CREATE TABLE notes (id bigint PRIMARY KEY, owner uuid NOT NULL);
CREATE INDEX notes_owner_idx ON notes (owner);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT ALL ON notes TO anon, member;
CREATE POLICY own ON notes USING (owner = (SELECT app_user()));
"""


def test_what_never_passed_may_lose_its_policy(tmp_path: Path) -> None:
    (tmp_path / "0001_notes.sql").write_text(ANYBODY, encoding="utf-8")
    options = Options(paths=(str(tmp_path),), preset="none")
    chosen = pipeline.chosen_rules(options)
    project, replayed = pipeline.load(options, cwd=tmp_path)
    judge = Judge(gather(project, replayed, options), chosen)
    assert judge.judge(["ALTER POLICY own ON notes TO member;"]).refused == frozenset()
    assert judge.judge(["CREATE POLICY more ON notes TO anon USING (id IN (SELECT id FROM notes));"]).refused


BOTH_LISTS = """
CREATE TABLE people (id uuid PRIMARY KEY, login text UNIQUE);
CREATE TABLE posts (id bigint PRIMARY KEY, author uuid NOT NULL);
CREATE INDEX posts_author_idx ON posts (author);
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON people TO authenticated;
GRANT SELECT, INSERT ON posts TO authenticated;
CREATE POLICY self ON people FOR SELECT TO authenticated USING (login = 'x' OR auth.uid()::text = id::text);
CREATE POLICY look ON posts FOR SELECT TO authenticated
  USING (author IN (SELECT id FROM people WHERE login = auth.uid()::text));
CREATE POLICY ins ON posts FOR INSERT TO authenticated
  WITH CHECK (author IN (SELECT id FROM people WHERE login = auth.uid()::text));
"""


def test_a_check_and_the_policy_that_shares_its_condition_are_cured_together(tmp_path: Path) -> None:
    """PostgreSQL asks equal conditions of a new row once: of two that differ it would read the table for the other."""
    (tmp_path / "0001_posts.sql").write_text(BOTH_LISTS, encoding="utf-8")
    found = [one for one in _found(tmp_path, preset="supabase") if one.rule.code in ("RLS101", "RLS106")]
    assert [one.rule.code for one in found].count("RLS101") == 1
    altered = {one.up.split(" ON ")[0] for finding in found for one in finding.suggestions if one.up}
    assert altered == {"ALTER POLICY ins", "ALTER POLICY look"}
    options = Options(paths=(str(tmp_path),), preset="supabase")
    project, cure = pipeline.fix(options, cwd=tmp_path, unsafe=False)
    write_files(new_migration(project, cure.changes, cwd=tmp_path, now=datetime(2026, 1, 1)))
    assert "RLS101" not in {one.rule.code for one in _found(tmp_path, preset="supabase")}


CLOSED_SCHEMA = """
CREATE ROLE member NOLOGIN;
CREATE SCHEMA app;
{grant}
CREATE FUNCTION app.tenant() RETURNS int LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.t', true), '')::int $$;
CREATE FUNCTION app.is_staff() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN current_user = 'staff'; END $$;
CREATE FUNCTION app.may_see(t int) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT app.is_staff() OR t = app.tenant() $$;
CREATE TABLE plans (id int PRIMARY KEY, tenant int NOT NULL, body text);
CREATE INDEX plans_tenant_idx ON plans (tenant);
ALTER TABLE plans ENABLE ROW LEVEL SECURITY;
GRANT SELECT, DELETE ON plans TO member;
CREATE POLICY own ON plans TO member USING (app.may_see(tenant));
"""


@pytest.mark.parametrize(
    ("grant", "applicability"),
    [("", "conditional"), ("GRANT USAGE ON SCHEMA app TO PUBLIC;", "safe")],
)
def test_a_body_in_the_place_of_its_call_needs_no_schema(tmp_path: Path, grant: str, applicability: str) -> None:
    """A role without USAGE on the schema cannot call the helper that PostgreSQL puts in its place (42501)."""
    (tmp_path / "0001_plans.sql").write_text(CLOSED_SCHEMA.format(grant=grant), encoding="utf-8")
    offered = [one for finding in _found(tmp_path) for one in finding.suggestions if "in its place" in one.title]
    assert {one.applicability for one in offered} == {applicability}
    assert all(("USAGE on schema app" in " ".join(one.assumes)) == (applicability != "safe") for one in offered)


@pytest.mark.server
@pytest.mark.parametrize(("grant", "fails"), [("", True), ("GRANT USAGE ON SCHEMA app TO PUBLIC;", False)])
def test_the_server_looks_the_body_up_as_the_role(server: Server, grant: str, *, fails: bool) -> None:
    with server.database() as connection:
        connection.execute(CLOSED_SCHEMA.format(grant=grant).encode())
        connection.execute(b"INSERT INTO plans VALUES (1, 1)")
        connection.execute(b"SET ROLE member")
        with pytest.raises(psycopg.errors.InsufficientPrivilege) if fails else nullcontext():
            connection.execute(b"SELECT * FROM plans")
