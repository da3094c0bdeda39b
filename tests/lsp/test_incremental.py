"""What the server keeps between keystrokes changes no answer: it says what a run over everything from the start says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlslint.config import Options
from rlslint.findings import Finding
from rlslint.look import gather, lint
from rlslint.lsp import history
from rlslint.lsp.workspace import Workspace
from rlslint.pipeline import load_all
from rlslint.registry import load_rules
from rlslint.replay.replay import Replayed, replay, run_migration
from rlslint.replay.session import Session
from tests.lsp import tree

RULES = tuple(load_rules().values())
COUNT = 24
PIECES = (
    "CREATE POLICY again ON t0022 FOR DELETE TO app_user USING (owner_id = current_user_id());",
    "CREATE POLICY by_title ON t0017 TO app_user USING (lower(title) = current_setting('app.title'));",
    'DROP POLICY IF EXISTS "read t0007" ON t0007;',
    "ALTER TABLE members DROP CONSTRAINT members_pkey;",
    "CREATE INDEX members_by_user ON members (user_id, team_id);",
    "DROP INDEX t0012_team_idx;",
    "ALTER TABLE t0002 DISABLE ROW LEVEL SECURITY;",
    "ALTER TABLE members ENABLE ROW LEVEL SECURITY;",
    "CREATE OR REPLACE FUNCTION is_member(team uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$"
    " BEGIN RETURN EXISTS (SELECT 1 FROM teams WHERE id = team); END $$;",
    "CREATE OR REPLACE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql VOLATILE AS"
    " $$ SELECT current_setting('app.user_id')::uuid $$;",
    "DROP FUNCTION touch_10() CASCADE;",
    "ALTER TABLE t0007 RENAME TO renamed;",
    "ALTER TABLE t0022 RENAME COLUMN owner_id TO keeper;",
    "ALTER ROLE app_user BYPASSRLS;",
    "REVOKE SELECT ON t0012 FROM app_user; REVOKE USAGE ON SCHEMA public FROM PUBLIC;",
    "GRANT SELECT ON teams TO app_user;",
    "CREATE VIEW all_of_it AS SELECT * FROM t0017;",
    "CREATE TABLE part (id int) PARTITION BY RANGE (id); CREATE TABLE part_1 PARTITION OF part DEFAULT;",
    "ALTER TABLE t0017 FORCE ROW LEVEL SECURITY; UPDATE t0017 SET title = body;",
    "SET search_path = nowhere; CREATE TABLE lost (id int);",
    "-- rlslint: ignore[RLS106]\nCREATE POLICY quiet ON t0002 FOR DELETE TO app_user USING (body = current_setting('a'));",
    "CREATE POLICY broken ON t0002 FOR DELETE USING (owner_id = );",
    "BEGIN; DROP TABLE t0002 CASCADE; ROLLBACK;",
    "DROP TABLE t0012 CASCADE;",
    "CREATE TABLE extra (id int PRIMARY KEY, team_id uuid); ALTER TABLE extra ENABLE ROW LEVEL SECURITY;"
    " CREATE POLICY e ON extra TO app_user USING (is_member(team_id)); GRANT SELECT ON extra TO app_user;",
    "CREATE SCHEMA s; SET search_path = s, public; CREATE TABLE t0022 (id int);",
    "ALTER SCHEMA public RENAME TO old;",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app_user;",
    "BEGIN; CREATE TABLE left_open (id int);",
    "SELECT set_config('search_path', '', false);",
    "DO $$ BEGIN PERFORM dblink('x', y) FROM unknown_t; END $$;",
    "CREATE EXTENSION IF NOT EXISTS postgis;",
    "ALTER ROLE app_user SET search_path = nowhere;",
    "CREATE OPERATOR === (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = uuid_eq);",
    "DROP TABLE teams CASCADE;",
)
FILES = ("0025_new.sql", "0023_step.sql", "0018_step.sql", "0011_step.sql", "0002_step.sql", "0001_base.sql")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree.write(tmp_path_factory.mktemp("tree"), COUNT)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the migrations that the server replays, in order."""
    numbers: list[int] = []

    def counted(session: Session, replayed: Replayed, number: int, *rest: Any) -> None:
        numbers.append(number)
        run_migration(session, replayed, number, *rest)

    monkeypatch.setattr(history, "run_migration", counted)
    return numbers


def said(findings: list[Finding]) -> list[tuple[object, ...]]:
    return sorted((one.rule.code, *one.place, one.severity, one.message, one.roles, one.statements) for one in findings)


def from_the_start(root: Path, path: str, text: str) -> list[tuple[object, ...]]:
    """What a run over everything finds in the file, were it saved."""
    file = root / path
    was = file.read_text() if file.exists() else None
    file.write_text(text)
    try:
        ((options, project),) = load_all(Options(), cwd=root)
        replayed = replay(project)
        facts = gather(project, replayed, options, frozenset({path}))
        found = lint(facts, project, options, RULES, root)
    finally:
        if was is None:
            file.unlink()
        else:
            file.write_text(was)
    # said once of a whole project, at the first place of it: another table's, perhaps, that the file does not touch;
    # what is said then is compared in test_once_for_the_project
    return said([one for one in found if one.span.source.path == path and one.rule.once_per != "project"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_as_from_the_start(folder: Path, data: st.DataObject) -> None:
    root = folder.parent
    workspace = Workspace(root)
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(FILES))
        chosen = data.draw(st.lists(st.sampled_from(PIECES), max_size=3, unique=True))
        kept = "" if name == FILES[0] else (folder / name).read_text()
        text = "\n".join([kept, *chosen] if data.draw(st.booleans()) else [*chosen, kept]) + "\n"
        file = folder / name
        workspace.text(file, text.encode())
        analysis = workspace.analysis(file)
        assert analysis is not None
        here = said([one for one in analysis.here if one.rule.once_per != "project"])
        assert here == from_the_start(root, f"migrations/{name}", text)
        workspace.close(file)


def test_an_edit_in_the_middle_replays_what_reads_it(folder: Path, ran: list[int]) -> None:
    """Not the rest of the history: in 0013 the policies of the table that 0012 makes, which 0017 and 0022 do not read."""
    workspace = Workspace(folder.parent)
    file = folder / "0013_step.sql"
    text = file.read_text()
    workspace.text(file, text.encode())
    assert workspace.analysis(file) is not None
    assert set(ran) == set(range(COUNT))
    for end in range(60, 64):
        ran.clear()
        workspace.text(file, f"{text}{PIECES[0].replace('t0022', 't0012')[:end]}".encode())
        assert workspace.analysis(file) is not None
        assert ran[0] == 12
        assert set(ran) <= {number for number in range(12, COUNT) if number == 12 or reads(folder, number, "t0012")}


def reads(folder: Path, number: int, table: str) -> bool:
    return table in sorted(folder.iterdir())[number].read_text()


def test_a_keystroke_replays_one_file(folder: Path, ran: list[int]) -> None:
    """In the newest migration, whatever the number of those before it; and plans only what it touches."""
    workspace = Workspace(folder.parent)
    file = folder / FILES[0]
    workspace.text(file, PIECES[0].encode())
    workspace.analysis(file)
    assert set(ran) == set(range(COUNT + 1))
    for end in range(60, 64):
        ran.clear()
        workspace.text(file, PIECES[0][:end].encode())
        workspace.analysis(file)
        assert ran == [COUNT]
    ran.clear()
    workspace.text(file, PIECES[0].encode() + b"\n")
    analysis = workspace.analysis(file)
    assert ran == [COUNT]
    assert analysis is not None
    assert {analysis.facts.name(plan.relid) for plan in analysis.facts.plans} == {"t0022"}


def test_once_for_the_project(folder: Path) -> None:
    """What a rule says once of a whole project, the editor says of the tables that the file touches, where it stands."""
    once = {rule.code for rule in RULES if rule.once_per == "project"}
    assert once
    name = "0025_new.sql"
    file = folder / name
    text = "".join(
        f"CREATE TABLE {one} (id int PRIMARY KEY, team_id uuid); ALTER TABLE {one} ENABLE ROW LEVEL SECURITY;\n"
        f"GRANT SELECT ON {one} TO app_user;\n"
        for one in ("hidden", "late", "later")
    )
    text += "".join(
        f"CREATE POLICY own ON {one} TO app_user USING (EXISTS (SELECT FROM hidden h WHERE h.team_id = {one}.team_id));\n"
        for one in ("late", "later")
    )
    workspace = Workspace(folder.parent)
    workspace.text(file, text.encode())
    analysis = workspace.analysis(file)
    assert analysis is not None
    # the first of them is named, and the others beside it
    found = [one for one in analysis.here if one.rule.code in once]
    shown = {(one.rule.code, len(one.spans)) for one in found}
    file.write_text(text)
    try:
        ((options, project),) = load_all(Options(), cwd=folder.parent)
        facts = gather(project, replay(project), options, frozenset({f"migrations/{name}"}))
        expected = lint(facts, project, options, RULES, folder.parent)
    finally:
        file.unlink()
    assert shown == {(one.rule.code, len(one.spans)) for one in expected if one.rule.code in once}
    assert ("RLS202", 2) in shown
