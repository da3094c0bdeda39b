"""What is put into JSON comes out as it was: a session made anew goes on as the one that it was taken of."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from rlslint.config import Options
from rlslint.look import gather, lint
from rlslint.memory.codec import Decoder, Encoder
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


def test_one_node_stays_one(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("CREATE TABLE t (a int CHECK (a > 0), b text DEFAULT lower('x'));")
    project = load_project([str(tmp_path / "1.sql")], cwd=tmp_path)
    (source,) = project.sources
    (statement,) = project.migrations[0].statements
    part = statement.node["relation"]
    encoder = Encoder([source])
    encoded = json.loads(json.dumps(encoder.value((statement, statement))))
    one, other = Decoder(encoder.shapes, [source], RULES).value(encoded)
    assert one is other
    assert one.node == statement.node
    assert one.span == Span(source, statement.span.start, statement.span.end)
    assert part == one.node["relation"]


def test_what_is_in_no_list_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Path is not kept"):
        Encoder([]).value((tmp_path.parent / "x").parents[0].__class__("x") and Path("x"))


def test_a_file_that_may_change_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("SELECT 1;")
    source = load_project([str(tmp_path / "1.sql")], cwd=tmp_path).sources[0]
    with pytest.raises(TypeError, match=r"1\.sql is not among"):
        Encoder([], {id(source)}).value(Statement("SelectStmt", {}, "SELECT 1", Span(source, 0, 8)))
