"""A run that takes over what an earlier one left says what a run that knows nothing says."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from rlslint import look, pipeline
from rlslint.config import Options
from rlslint.findings import Finding, every
from rlslint.memory.files import digest
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import Predictor
from rlslint.registry import load_rules
from rlslint.replay.replay import replay
from rlslint.report import json as report
from rlslint.rewrite.model import StatementName
from rlslint.source.model import Project
from rlslint.suggest.judge import Judge, Verdict
from tests.loading import load_project
from tests.memory.edits import edited, written
from tests.suggest.test_recalled import composed

RULES = list(load_rules().values())


def said(folder: Path, options: Options, memory: Path | None) -> str:
    result = pipeline.check(options, cwd=folder.parent, memory=memory)
    return report.render(result)


@pytest.mark.parametrize("seed", range(6))
def test_edits(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    choose = random.Random(seed)
    folder, memory = tmp_path / "migrations", tmp_path / "memory"
    written(choose, seed, folder)
    whole = Options(paths=("migrations",), preset="none")
    said(folder, whole, memory)
    for _ in range(6):
        path = edited(choose, folder)
        for options in (whole, Options(paths=(f"migrations/{path.name}",), preset="none")):
            assert said(folder, options, memory) == said(folder, options, None)


def test_what_is_known_is_not_worked_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[str] = []
    predict, judged = Predictor.predict, Judge._judge

    def predicted(self: Predictor, relid: Oid, role: Oid, statement: StatementName) -> AccessPlan:
        worked.append(self.catalog.relations[relid].relname)
        return predict(self, relid, role, statement)

    def tried(self: Judge, statements: tuple[str, ...], proved: bool, within: frozenset[Oid] | None) -> Verdict:
        worked.extend(statements)
        return judged(self, statements, proved, within)

    monkeypatch.setattr(Predictor, "predict", predicted)
    monkeypatch.setattr(Judge, "_judge", tried)
    monkeypatch.chdir(tmp_path)
    folder, memory = tmp_path / "migrations", tmp_path / "memory"
    written(random.Random(4), 4, folder)
    last = folder / "0007_last.sql"
    last.write_text("CREATE TABLE alone (id int PRIMARY KEY);")
    options = Options(paths=("migrations",), preset="none")
    said(folder, options, memory)
    assert {"t0", "t5"} <= set(worked)
    worked.clear()
    last.write_text("CREATE TABLE alone (id int PRIMARY KEY, a text);\nALTER TABLE alone ENABLE ROW LEVEL SECURITY;")
    said(folder, options, memory)
    assert set(worked) == {"alone"}
    # nothing reads the last table
    worked.clear()
    last.write_text("CREATE INDEX ON t0 (kind);")
    said(folder, options, memory)
    assert "t0" in worked
    assert "alone" not in worked


def test_steps_that_an_earlier_file_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "migrations"
    folder.mkdir()
    for number, sql in enumerate(
        (
            "CREATE ROLE member; CREATE TABLE a (id int, o text); CREATE TABLE b (id int, o text);"
            "GRANT ALL ON a, b TO member; ALTER TABLE a ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON a USING (o = 'x');",
            "ALTER TABLE b ENABLE ROW LEVEL SECURITY;",
            "SELECT 1;",
            "DROP POLICY p ON a;",
        )
    ):
        (folder / f"{number}_step.sql").write_text(sql)
    last = folder / "4_last.sql"
    last.write_text("SELECT 1;")
    options = Options(paths=("migrations",), preset="none")
    said(folder, options, tmp_path / "memory")
    last.write_text("CREATE POLICY p ON a USING (o = 'x'); CREATE POLICY p ON b USING (o = 'x');")
    again = said(folder, options, tmp_path / "memory")
    assert {"RLS403", "RLS404"} <= {one["code"] for one in json.loads(again)["findings"]}
    assert again == said(folder, options, None)


def test_a_dropped_policy_still_speaks_of_its_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RLS307 compares a policy with the one that it replaced, whose function the last file changes."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "1_tables.sql").write_text(
        """CREATE ROLE member; CREATE TABLE notes (id int PRIMARY KEY, owner text, open boolean NOT NULL);
        CREATE FUNCTION is_open(x boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT x AND false $$;
        ALTER TABLE notes ENABLE ROW LEVEL SECURITY; GRANT ALL ON notes TO member;
        CREATE POLICY mine ON notes TO member USING (is_open(open));"""
    )
    (folder / "2_policy.sql").write_text(
        "DROP POLICY mine ON notes; CREATE POLICY mine ON notes TO member USING (open);"
    )
    last = folder / "3_function.sql"
    last.write_text("SELECT 1;")
    options = Options(paths=("migrations",), preset="none")
    before = said(folder, options, tmp_path / "memory")
    last.write_text("CREATE OR REPLACE FUNCTION is_open(x boolean) RETURNS boolean LANGUAGE sql AS $$ SELECT x $$;")
    again = said(folder, options, tmp_path / "memory")
    assert "RLS307" in before
    assert "RLS307" not in again
    assert again == said(folder, options, None)


def examples() -> list[tuple[str, str]]:
    return [
        (f"{rule.code} {example.title}", f"{example.given}\n{example.bad}")
        for rule in RULES
        for example in rule.examples
    ] + [(f"composed {seed}", composed(seed)) for seed in range(6)]


def apart(finding: Finding) -> tuple[object, ...]:
    return finding.rule.code, finding.relid, finding.message, finding.place, finding.statements, finding.roles


@pytest.mark.parametrize("sql", [pytest.param(sql, id=name) for name, sql in examples()])
def test_what_is_said_of_a_table_hangs_on_it_alone(tmp_path: Path, sql: str) -> None:
    """But for the rules that say so (``across_tables``), asking of one table is asking of all and leaving out the rest."""
    project: Project = load_project(["-"], cwd=tmp_path, stdin=sql)
    facts = look.gather(project, replay(project), Options())
    rules = [rule for rule in RULES if not rule.across_tables]
    whole = every(rules, facts)
    for relation in facts.catalog.relations:
        mine = [apart(one) for one in whole if one.relid == relation.oid]
        alone = every(rules, look.of_tables(facts, frozenset({relation.oid})))
        assert [apart(one) for one in alone if one.relid == relation.oid] == mine


def test_a_spoilt_memory_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder, memory = tmp_path / "migrations", tmp_path / "memory"
    written(random.Random(1), 1, folder)
    options = Options(paths=("migrations",), preset="none")
    right = said(folder, options, memory)
    (kept,) = memory.glob("*.project")
    (outlines,) = memory.glob("*.outlines")

    def spoil(path: Path, body: str, *, sealed: bool = True) -> None:
        head = json.loads(path.read_bytes().split(b"\n")[0])
        head[1] = digest(body.encode()) if sealed else head[1]
        path.write_text(json.dumps(head) + "\n" + body)

    whole = json.loads(kept.read_bytes().split(b"\n")[1])
    shapes = [["os.system", ["command"]], *whole["shapes"]]
    spoilt = [
        "null", "[]", "{}", "[" * 100_000, json.dumps({**whole, "state": [1, [0, 99_999_999], None]}),
        json.dumps({**whole, "shapes": shapes}), json.dumps({**whole, "shapes": []}), json.dumps({**whole, "state": 7}),
        json.dumps({**whole, "state": [1, 2, 3]}), json.dumps({**whole, "migrations": 5}),
        json.dumps({**whole, "state": [10, "x"]}), json.dumps({**whole, "state": [-1]}),
    ]  # fmt: skip
    for body in spoilt:
        spoil(kept, body)
        spoil(outlines, body)
        assert said(folder, options, memory) == right, body[:80]
    spoil(kept, json.dumps(whole)[:-9], sealed=False)
    assert said(folder, options, memory) == right


def test_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "migrations"
    written(random.Random(2), 2, folder)
    (tmp_path / "file").write_text("")
    options = Options(paths=("migrations",), preset="none")
    assert said(folder, options, tmp_path / "file" / "memory") == said(folder, options, None)


def test_another_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last file says that the project is Supabase's, so that what the first ones made is another thing."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "1_tables.sql").write_text("CREATE TABLE notes (id int PRIMARY KEY, owner uuid);")
    last = folder / "2_policy.sql"
    last.write_text("ALTER TABLE notes ENABLE ROW LEVEL SECURITY;")
    options = Options(paths=("migrations",))
    said(folder, options, tmp_path / "memory")
    last.write_text("CREATE POLICY mine ON notes TO authenticated USING (owner = auth.uid());")
    assert said(folder, options, tmp_path / "memory") == said(folder, options, None)
