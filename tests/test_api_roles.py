"""Names of the roles that an API's requests run as, as other stacks have them: configured, they mean what Supabase's do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlslint.config import Options
from rlslint.pipeline import check

SQL = """
CREATE SCHEMA auth;
CREATE ROLE {nobody} NOLOGIN;
CREATE ROLE {user} NOLOGIN;
CREATE ROLE keeper NOLOGIN;
CREATE FUNCTION auth.uid() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.user', true) $$;
CREATE TABLE members (person text NOT NULL);
CREATE TABLE notes (id bigint PRIMARY KEY, owner text NOT NULL, body text);
CREATE TABLE posts (id bigint PRIMARY KEY, owner text NOT NULL);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA public, auth TO {nobody}, {user};
GRANT SELECT ON notes TO {nobody}, {user};
GRANT SELECT, INSERT ON posts TO {nobody}, {user};
CREATE FUNCTION is_member(who text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
  AS $$ SELECT EXISTS (SELECT 1 FROM public.members m WHERE m.person = who) $$;
CREATE POLICY own ON notes FOR SELECT USING (owner = (SELECT auth.uid()) AND is_member(auth.uid()));
CREATE POLICY open ON posts FOR INSERT TO {nobody}, {user} WITH CHECK (true);
CREATE POLICY seen ON posts FOR SELECT TO {user} USING (auth.uid() IS NULL OR owner = auth.uid());
"""
CODES = ("RLS113", "RLS302", "RLS308", "RLS312")
NAMES = {"nobody": "visitor", "user": "customer"}
OURS = Options(
    paths=("-",), preset="none", select=CODES, exposed_schemas=("public",),
    anonymous_roles=("visitor",), signed_in_roles=("customer",),
)  # fmt: skip


def found(options: Options, tmp_path: Path, **names: str) -> list[tuple[str, tuple[str, ...]]]:
    findings = check(options, cwd=tmp_path, stdin=SQL.format(**names)).findings
    return sorted((one.rule.code, one.roles) for one in findings)


def renamed(roles: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({"anon": "visitor", "authenticated": "customer"}.get(role, role) for role in roles))


def test_they_mean_what_the_usual_ones_do(tmp_path: Path) -> None:
    usual = replace(OURS, anonymous_roles=("anon", "web_anon"), signed_in_roles=("authenticated",))
    expected = found(usual, tmp_path, nobody="anon", user="authenticated")
    assert [code for code, _ in expected] == ["RLS113", "RLS302", "RLS312"]
    assert found(OURS, tmp_path, **NAMES) == [(code, renamed(roles)) for code, roles in expected]


def test_the_suggestion_names_them(tmp_path: Path) -> None:
    result = check(replace(OURS, select=("RLS113",)), cwd=tmp_path, stdin=SQL.format(**NAMES))
    assert [one.up for finding in result.findings for one in finding.suggestions] == [
        "ALTER POLICY own ON public.notes TO customer;"
    ]


@pytest.mark.parametrize("key", ["anonymous-roles", "signed-in-roles"])
def test_they_belong_to_a_database(tmp_path: Path, key: str) -> None:
    from rlslint.config import load_options

    (tmp_path / "rlslint.toml").write_text(f'{key} = ["a"]\n[databases.b]\npaths = ["b"]\n{key} = ["b"]\n')
    options = load_options(tmp_path)
    name = key.replace("-", "_")
    assert (getattr(options, name), dict(options.databases)["b"][name]) == (("a",), ("b",))


def test_they_are_no_twins_of_roles_with_the_same_rights(tmp_path: Path) -> None:
    """What is true of several roles with equal rights is looked at for one of them, and these differ by what they are."""
    others = "".join(f"CREATE ROLE b{n} NOLOGIN;\n" for n in range(8))
    both = ", ".join(["visitor", "customer", *(f"b{n}" for n in range(8))])
    sql = SQL.replace("{nobody}, {user}", both).format(**NAMES)
    sql = sql.replace("CREATE ROLE visitor", others + "CREATE ROLE visitor").replace("auth.uid() IS NULL OR ", "")
    names = OURS.anonymous_roles + OURS.signed_in_roles
    found = check(replace(OURS, select=("RLS302",)), cwd=tmp_path, stdin=sql).findings
    assert [set(one.roles) for one in found] == [set(names)]
