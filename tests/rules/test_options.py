"""The options of single rules, from a configuration to what is found: each against the same SQL without it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rlslint.config import Options, load_options
from rlslint.pipeline import check
from rlslint.registry import load_rules

SECURED = """
CREATE ROLE anon NOLOGIN;
CREATE ROLE member NOLOGIN;
CREATE TABLE teams (id int PRIMARY KEY, org int NOT NULL);
CREATE TABLE docs (id bigint PRIMARY KEY, team_id int REFERENCES teams, created_by int REFERENCES teams, owner text);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
GRANT ALL ON docs, teams TO anon, member;
"""
HELPER = """
CREATE FUNCTION allowed(t int) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = app, pg_catalog
  AS $$ BEGIN RETURN EXISTS (SELECT 1 FROM public.teams WHERE id = t); END $$;
CREATE POLICY helped ON docs FOR SELECT TO member USING (allowed(team_id));
"""


@dataclass(frozen=True)
class Case:
    """``sql``, and for each setting of the option how many findings it leaves; None is the default."""

    code: str
    option: str
    sql: str
    counts: tuple[tuple[object, int], ...]

    def __str__(self) -> str:
        return f"{self.code}: {self.option}"


CASES = [
    Case(
        "RLS105",
        "allowed-functions",
        SECURED + HELPER,
        ((None, 1), (["other"], 1), (["allowed"], 0), (["public.allow*"], 0)),
    ),
    Case(
        "RLS109",
        "max-policies",
        SECURED
        + "".join(f"CREATE POLICY p{n} ON docs FOR SELECT TO member USING (owner = '{n}');\n" for n in range(3)),
        ((None, 1), (2, 1), (3, 0)),
    ),
    Case(
        "RLS112",
        "max-tables",
        SECURED
        + """
        ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
        CREATE TABLE orgs (id int PRIMARY KEY);
        GRANT SELECT ON orgs TO member;
        CREATE POLICY org ON teams FOR SELECT TO member USING (EXISTS (SELECT FROM orgs WHERE orgs.id = org));
        CREATE POLICY team ON docs FOR SELECT TO member USING (team_id IN (SELECT id FROM teams));
        """,
        ((None, 1), (1, 0)),
    ),
    Case(
        "RLS116",
        "ignored-columns",
        SECURED
        + """
        CREATE TABLE notes (id int PRIMARY KEY, created_by int REFERENCES teams);
        ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
        """,
        ((None, 2), (["created_by"], 1), (["created_by", "docs.team_id"], 0), (["public.docs.*"], 1)),
    ),
    Case(
        "RLS212",
        "required-settings",
        SECURED
        + """
        CREATE POLICY own ON docs FOR SELECT TO member USING (owner = current_setting('app.user'));
        CREATE POLICY team ON docs FOR DELETE TO member USING (team_id = current_setting('app.team', true)::int);
        """,
        ((None, 2), (["app.user"], 1), (["app.*"], 0)),
    ),
    Case("RLS301", "public-tables", SECURED + "GRANT SELECT ON teams TO anon;", ((None, 1), (["teams"], 1))),
    Case(
        "RLS301",
        "public-tables",
        "CREATE ROLE anon NOLOGIN; CREATE TABLE countries (id int); GRANT SELECT ON countries TO anon;",
        ((None, 1), (["countries"], 0), (["public.count*"], 0), (["app.countries"], 1)),
    ),
    Case(
        "RLS302",
        "public-inserts",
        SECURED + "CREATE POLICY put ON docs FOR INSERT TO anon WITH CHECK (true);",
        ((None, 1), (["docs"], 0), (["public.*"], 0)),
    ),
    Case(
        "RLS302",
        "public-inserts",
        SECURED + "CREATE POLICY put ON docs FOR ALL TO anon USING (true);",
        ((None, 1), (["docs"], 1)),
    ),
    Case(
        "RLS306",
        "trusted-schemas",
        SECURED + HELPER,
        ((None, 0), (["app"], 0), (["private"], 1)),
    ),
    Case(
        "RLS307",
        "added",
        SECURED
        + """
        CREATE POLICY own ON docs FOR SELECT TO member USING (owner = 'a');
        -- next migration
        CREATE POLICY more ON docs FOR SELECT TO member USING (owner = 'b');
        """,
        ((None, 1), (False, 0)),
    ),
    Case(
        "RLS310",
        "allowed-functions",
        "CREATE FUNCTION same(a text, b text) RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT a = b';",
        ((None, 1), (["public.same"], 0)),
    ),
    Case("RLS312", "allowed-functions", SECURED + HELPER, ((None, 1), (["allowed"], 0))),
    Case(
        "RLS402",
        "max-lock-timeout",
        SECURED
        + """
        -- next migration
        SET LOCAL lock_timeout = '5s';
        CREATE POLICY own ON docs FOR SELECT TO member USING (owner = 'a');
        """,
        ((None, 0), (2000, 1), (5000, 0)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_option_does_what_it_says(case: Case, tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    for number, part in enumerate(case.sql.split("-- next migration"), 1):
        (tmp_path / "migrations" / f"{number}_step.sql").write_text(part)
    for value, count in case.counts:
        text = f'select = ["{case.code}"]\nexposed-schemas = ["public"]\nhot = ["docs"]\n[rules.{case.code.lower()}]\n'
        if value is not None:
            text += f"{case.option} = {json.dumps(value)}\n"
        (tmp_path / "rlslint.toml").write_text(text)
        options = replace(load_options(tmp_path), paths=(str(tmp_path / "migrations"),))
        found = check(options, cwd=tmp_path).findings
        assert len(found) == count, (value, [one.message for one in found])


def test_every_option_is_tried() -> None:
    declared = {(code, option) for code, rule in load_rules().items() for option in rule.options}
    assert declared == {(case.code, case.option) for case in CASES}


def test_a_default_changes_nothing(tmp_path: Path) -> None:
    sql = SECURED + HELPER
    plain = check(Options(paths=("-",), preset="none"), cwd=tmp_path, stdin=sql)
    defaults = tuple(
        (code, {option: setting.default for option, setting in rule.options.items()})
        for code, rule in load_rules().items()
        if rule.options
    )
    given = check(Options(paths=("-",), preset="none", rule_options=defaults), cwd=tmp_path, stdin=sql)
    assert [one.fingerprint for one in given.findings] == [one.fingerprint for one in plain.findings]
