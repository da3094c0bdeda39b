"""What is put into JSON comes out as it was: a session made anew goes on as the one that it was taken of."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from rlslint.config import Options
from rlslint.look import gather, lint
from rlslint.memory.codec import Decoder, Encoder
from rlslint.nodes.primnodes import walk
from rlslint.registry import load_rules
from rlslint.replay.replay import begin, finish, run_migration
from rlslint.replay.snapshot import resume, snapshot
from rlslint.report.catalog import render_json
from rlslint.source.model import Span, Statement
from tests.loading import load_project
from tests.memory.edits import written

RULES = load_rules()


def compared(tmp_path: Path, first: str, rest: str, preset: str) -> None:
    (tmp_path / "0001_first.sql").write_text(first, encoding="utf-8")
    (tmp_path / "0002_rest.sql").write_text(rest, encoding="utf-8")
    project = load_project([str(tmp_path)], cwd=tmp_path)
    sources = project.sources
    session, replayed = begin(preset)
    run_migration(session, replayed, 0, project.migrations[0])
    taken = snapshot(session, replayed)
    if taken is None:
        # a transaction that is open, or what SET LOCAL will give back
        assert session.savepoints or session.local_settings is not None
        return
    encoder = Encoder(sources[:1], {id(one) for one in sources})
    state = encoder.value(taken)
    text = json.dumps([encoder.shapes, state])
    shapes, said = json.loads(text)
    decoded = Decoder(shapes, sources[:1], RULES).value(said)
    again = Encoder(sources[:1])
    assert len(json.dumps(again.value(decoded))) == len(json.dumps(state))
    other, filled = resume(decoded)
    shown = []
    for one, result in ((session, replayed), (other, filled)):
        run_migration(one, result, 1, project.migrations[1])
        finish(one)
        facts = gather(project, result, Options())
        found = lint(facts, project, Options(), tuple(RULES.values()), tmp_path)
        shown.append(
            (render_json(result), [(one.message, one.place, one.facts, one.roles, one.related) for one in found])
        )
    assert shown[0][0] == shown[1][0]
    assert shown[0][1] == shown[1][1]


@pytest.mark.parametrize(
    ("given", "bad"),
    [
        pytest.param(example.given, example.bad, id=f"{rule.code} {example.title}")
        for rule in RULES.values()
        for example in rule.examples
    ],
)
def test_examples_go_on(tmp_path: Path, given: str, bad: str) -> None:
    compared(tmp_path, given + "\n", bad, "supabase" if "auth.uid()" in given + bad else "none")


@pytest.mark.parametrize("seed", range(6))
def test_composed_policies_go_on(tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "made"
    written(random.Random(seed), seed, folder)
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())]
    (tmp_path / "both").mkdir()
    compared(tmp_path / "both", "\n".join(texts[:4]), "\n".join(texts[4:]), "none")


def inside(raw: object) -> set[int]:
    """The dictionaries of a parse tree, by identity."""
    if isinstance(raw, dict):
        return {id(raw)}.union(*map(inside, raw.values()))
    return set().union(*map(inside, raw)) if isinstance(raw, list) else set()


def test_one_node_stays_one(tmp_path: Path) -> None:
    """What an expression came from is a part of the tree that is kept with it, not another one that looks alike."""
    (tmp_path / "1.sql").write_text(
        "CREATE TABLE t (a int, b text); CREATE POLICY p ON t USING (a > 0 AND (b = 'x' OR lower(b) = 'x'));"
    )
    project = load_project([str(tmp_path / "1.sql")], cwd=tmp_path)
    session, replayed = begin("none")
    run_migration(session, replayed, 0, project.migrations[0])
    (policy,) = session.catalog.policies
    encoder = Encoder(project.sources)
    again = json.loads(json.dumps(encoder.value((policy, policy))))
    first, second = Decoder(encoder.shapes, project.sources, RULES).value(again)
    assert first is second
    stored = first.polqual
    parts = [node for node in walk(stored.expr) if node.raw is not None]
    assert len(parts) > 6
    assert all(id(node.raw) in inside(stored.raw) for node in parts)
    assert stored.statement is first.statement
    assert stored.text == "a > 0 AND (b = 'x' OR lower(b) = 'x')"


def test_what_is_in_no_list_is_not_kept() -> None:
    with pytest.raises(TypeError, match="Path is not kept"):
        Encoder([]).value(Path("x"))


def test_a_file_that_may_change_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("SELECT 1;")
    source = load_project([str(tmp_path / "1.sql")], cwd=tmp_path).sources[0]
    with pytest.raises(TypeError, match=r"1\.sql is not among"):
        Encoder([], {id(source)}).value(Statement("SelectStmt", {}, "SELECT 1", Span(source, 0, 8)))
