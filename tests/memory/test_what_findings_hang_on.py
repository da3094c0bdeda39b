"""What the last file does to others than its own tables is found, whatever is taken over from an earlier look."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.change import Without, named, without
from rlslint.config import Options
from rlslint.findings import Finding
from rlslint.look import gather, lint
from rlslint.registry import load_rules
from rlslint.replay.replay import replay
from rlslint.report import json as report
from rlslint.source.model import Project
from tests.loading import load_project

RULES = tuple(load_rules().values())
BASE = """CREATE ROLE member;
CREATE TABLE members (team int, who text); CREATE TABLE other (id int PRIMARY KEY, who text);
CREATE TABLE notes (id int PRIMARY KEY, team int, who text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY; GRANT ALL ON notes, members, other TO member;
"""
BODY = "CREATE FUNCTION mine(x int) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$ {} $$;"
POLICY = "CREATE POLICY p ON notes FOR SELECT TO member USING (mine(team));"
EXISTS = "SELECT EXISTS (SELECT FROM other o WHERE o.id = x AND o.who = current_setting('a.b', true))"
CASES = {
    "a table that a body reads is renamed": (BODY.format(EXISTS) + POLICY, "ALTER TABLE other RENAME TO another;"),
    "a table that a body reads is dropped": (BODY.format(EXISTS) + POLICY, "DROP TABLE other;"),
    "a table that a body misses comes": (
        BODY.format("SELECT EXISTS (SELECT FROM late l WHERE l.id = x)") + POLICY,
        "CREATE TABLE late (id int); ALTER TABLE late ENABLE ROW LEVEL SECURITY;",
    ),
    "a function that a body calls is dropped": (
        "CREATE FUNCTION vol() RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT 1 $$;"
        "CREATE FUNCTION f(x int) RETURNS boolean LANGUAGE sql AS $$ SELECT x = vol() $$;"
        "CREATE POLICY p ON notes FOR SELECT TO member USING (f(team));",
        "DROP FUNCTION vol();",
    ),
    "a policy comes and goes": (
        "CREATE POLICY p ON notes FOR SELECT TO member USING (who = current_setting('a.b', true));",
        "DROP POLICY p ON notes; COMMIT; BEGIN; "
        "CREATE POLICY p ON notes FOR SELECT TO member USING (true); DROP POLICY p ON notes; "
        "CREATE POLICY p ON notes FOR SELECT TO member USING (who = current_setting('a.b', true));",
    ),
    "row security goes and comes": (
        "CREATE POLICY p ON notes FOR SELECT TO member USING (true);",
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY; COMMIT; BEGIN; ALTER TABLE notes ENABLE ROW LEVEL SECURITY;",
    ),
    "the search_path changes": (
        "CREATE SCHEMA priv; CREATE TABLE priv.members (team int, who text);"
        "ALTER TABLE priv.members ENABLE ROW LEVEL SECURITY; GRANT USAGE ON SCHEMA priv TO member;"
        "CREATE FUNCTION look(x int) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT EXISTS (SELECT FROM members m "
        "WHERE m.team = x) $$; CREATE POLICY p ON notes FOR SELECT TO member USING (look(team));"
        "CREATE POLICY m ON priv.members TO member USING (look(team)); GRANT ALL ON priv.members TO member;",
        "ALTER DATABASE app SET search_path = priv, public;",
    ),
    "what a key refers to gets an index": (
        "CREATE TABLE parent (id int PRIMARY KEY, code int); CREATE TABLE child (id int PRIMARY KEY, code int);"
        "ALTER TABLE parent ADD UNIQUE (code); ALTER TABLE child ADD FOREIGN KEY (code) REFERENCES parent (code);"
        "ALTER TABLE parent ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON parent FOR DELETE TO member USING (code = 1);"
        "GRANT ALL ON parent, child TO member;",
        "CREATE UNIQUE INDEX ON parent (code) INCLUDE (id); ALTER TABLE parent RENAME TO elder;",
    ),
    "a type that a body names comes": (
        "CREATE FUNCTION f(x int) RETURNS boolean LANGUAGE sql AS $$ SELECT x::teamno > 1 $$;"
        "CREATE POLICY p ON notes FOR SELECT TO member USING (f(team));",
        "CREATE DOMAIN teamno AS int;",
    ),
    "what a policy misses comes": (
        "CREATE ROLE s; CREATE POLICY u ON notes FOR UPDATE TO member USING (EXISTS (SELECT FROM gone x "
        "WHERE x.team = notes.team));",
        "CREATE VIEW gone AS SELECT * FROM members; GRANT SELECT ON gone TO s;",
    ),
    "a role gets rights": (BODY.format(EXISTS) + POLICY, "CREATE ROLE guest; GRANT member TO guest;"),
    "an index takes the name of the one that is suggested": (
        "CREATE POLICY p ON notes FOR SELECT TO member USING (who = current_setting('a.b', true));",
        "CREATE INDEX notes_who_idx ON other (id);",
    ),
    "an index takes the name of the one that two findings ask for": (
        "CREATE POLICY p ON notes FOR UPDATE TO member USING (who = current_user);",
        "CREATE INDEX notes_who_idx ON other (id);",
    ),
    "somebody else begins to read what would be mended": (
        "ALTER TABLE members ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON members TO member USING (who = current_setting('a.b'));",
        "CREATE POLICY q ON other TO member USING (EXISTS (SELECT FROM members m WHERE m.who = other.who));"
        "ALTER TABLE other ENABLE ROW LEVEL SECURITY;",
    ),
    "a function takes the name of the one that is suggested": (
        BODY.format(EXISTS) + POLICY,
        "CREATE FUNCTION mine_ids() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; "
        "CREATE FUNCTION mine_others() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;",
    ),
    "a view is read otherwise": (
        "CREATE VIEW seen AS SELECT * FROM members; CREATE POLICY p ON notes FOR SELECT TO member "
        "USING (EXISTS (SELECT FROM seen s WHERE s.team = notes.team));",
        "CREATE OR REPLACE VIEW seen AS SELECT m.* FROM members m WHERE m.who = 'x';",
    ),
    "privileges that come later": (
        "CREATE POLICY p ON notes TO member USING (true); CREATE FUNCTION g() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;",
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO member; REVOKE ALL ON other FROM member;",
    ),
}


def written(folder: Path, *files: str) -> None:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(files, start=1):
        (folder / f"{number}_file.sql").write_text(text)


def told(findings: Iterable[Finding]) -> list[tuple[object, ...]]:
    return sorted((one.rule.code, one.message, one.place, one.table or "") for one in findings)


def apart(project: Project, options: Options, cwd: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What the named files cause and cure, the project replayed and looked at twice, each from its beginning."""
    rest = without(project)
    was = replay(rest, preset="none")
    before = lint(gather(rest, was, options, frozenset()), rest, options, RULES, cwd)
    missing = Without.of(was.catalog, before)
    now = replay(project, preset="none")
    found = lint(gather(project, now, options, project.reported), project, options, RULES, cwd)
    new, cured = named(found, project.reported or frozenset(), missing)
    return told(new), told(cured)


@pytest.mark.parametrize(("first", "last"), CASES.values(), ids=CASES.keys())
def test_the_last_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, last: str) -> None:
    monkeypatch.chdir(tmp_path)
    folder, memory = tmp_path / "migrations", tmp_path / "memory"
    whole = Options(paths=("migrations",), preset="none")
    file = Options(paths=("migrations/3_file.sql",), preset="none")
    for there, back in ((last, "SELECT 1;"), ("SELECT 1;", last)):
        written(folder, BASE, first, back)
        for text in (there, back, there):
            written(folder, BASE, first, text)
            for options in (whole, file, whole):
                warm = pipeline.check(options, cwd=tmp_path, memory=memory)
                cold = pipeline.check(options, cwd=tmp_path)
                assert report.render(warm) == report.render(cold)
            beside = pipeline.check(file, cwd=tmp_path)
            project = load_project(["migrations/3_file.sql"], cwd=tmp_path)
            assert (told(beside.findings), told(beside.cured or ())) == apart(project, file, tmp_path)


def test_a_memory_that_was_left_by_a_run_that_took_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows as much of the last old migration as one that was left by a run that knew nothing."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "migrations"
    many = "".join(
        f"CREATE POLICY p{n} ON notes FOR SELECT TO member USING (who = current_setting('a.b{n}', true));"
        for n in range(12)
    )
    written(
        folder,
        BASE,
        "DROP POLICY IF EXISTS p ON notes; CREATE POLICY p ON notes USING (true); DROP POLICY p ON notes;",
        "",
    )
    options = Options(paths=("migrations",), preset="none")
    for text in ("SELECT 1;", "SELECT 2;" + many, many, "CREATE POLICY p ON notes USING (who = 'x');" + many):
        written(folder, BASE, "CREATE POLICY p ON notes USING (true); DROP POLICY p ON notes;", text)
        warm = report.render(pipeline.check(options, cwd=tmp_path, memory=tmp_path / "memory"))
        assert warm == report.render(pipeline.check(options, cwd=tmp_path))
    assert "RLS403" in warm


def test_a_policy_before_row_security_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "migrations"
    second = (
        "CREATE POLICY p ON other USING (true); DROP POLICY p ON other; ALTER TABLE other ENABLE ROW LEVEL SECURITY;"
    )
    options = Options(paths=("migrations",), preset="none")
    for last in ("SELECT 1;", "CREATE POLICY p ON other USING (who = 'x');"):
        written(folder, BASE, second, "SELECT 1;", last)
        warm = report.render(pipeline.check(options, cwd=tmp_path, memory=tmp_path / "memory"))
        assert json.loads(warm) == json.loads(report.render(pipeline.check(options, cwd=tmp_path)))
