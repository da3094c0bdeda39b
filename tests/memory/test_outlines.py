"""A file whose outline is known is read as one that is parsed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rlslint.registry import load_rules
from rlslint.source.model import Project
from rlslint.source.outline import Outlines
from tests.loading import load_project
from tests.memory.edits import written

TEXTS = [example.given + "\n" + example.bad for rule in load_rules().values() for example in rule.examples]
ODD = {
    "a comment": "-- only a comment\n",
    "nothing": "",
    "wide letters": "CREATE TABLE \"тест\" (a int); -- ü\nCREATE TABLE b (c text DEFAULT '日本');\n",
    "a command": "\\set x 1\nSELECT :x;\n",
    "a variable": "SELECT :'x';\n",
    "an include": "\\i other.sql\n",
    "a template": "CREATE TABLE {{ name }} (a int);\n",
    "an error": "CREATE TABLE t (;\nCREATE TABLE u (a int);\n",
    "up and down": "-- migrate:up\nCREATE TABLE t (a int);\n-- migrate:down\nDROP TABLE t;\n",
    "data": "INSERT INTO t VALUES (1); COPY t FROM stdin;\n1\n2\n\\.\nUPDATE t SET a = 2;\n",
    "a carriage return": "CREATE TABLE t (a int);\r\nCREATE TABLE u (a int);\r\n",
    "ignored": "-- rlslint: ignore[RLS301]\nCREATE TABLE t (a int);\n",
    "no transaction": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE t (a int);\n",
    "joined": "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); CREATE FUNCTION f() RETURNS int BEGIN ATOMIC "
    "SELECT 1; SELECT 2; END;\n",
}


def shown(project: Project) -> list[object]:
    return [
        (
            [(one.kind, one.node, one.text, one.span.start, one.span.end, one.edits) for one in migration.statements],
            [(one.code, one.span.start, one.span.end, one.reason) for one in migration.problems],
            [(one.codes, one.start, one.end) for one in migration.suppressions],
            migration.transactional,
            migration.continues,
            migration.source.text,
        )
        for migration in project.migrations
    ]


def compared(folder: Path, layout: str = "auto") -> Outlines:
    plain = shown(load_project([str(folder)], cwd=folder, layout=layout))
    outlines = Outlines()
    assert shown(load_project([str(folder)], cwd=folder, layout=layout, outlines=outlines)) == plain
    again = Outlines(outlines.used)
    assert shown(load_project([str(folder)], cwd=folder, layout=layout, outlines=again)) == plain
    assert again.used == outlines.used
    assert not again.added
    return outlines


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("layout", ["numbered", "dbmate", "goose", "flyway", "supabase"])
def test_odd_files(tmp_path: Path, text: str, layout: str) -> None:
    (tmp_path / "V1__a.sql").write_text("CREATE TABLE a (b int);\n", encoding="utf-8")
    (tmp_path / "20240101000000_b.sql").write_text(text, encoding="utf-8", newline="")
    (tmp_path / "other.sql").write_text("SELECT 1;\n")
    compared(tmp_path, layout)


def test_examples(tmp_path: Path) -> None:
    for number, text in enumerate(TEXTS):
        (tmp_path / f"{number:04}_example.sql").write_text(text, encoding="utf-8")
    assert len(compared(tmp_path).used) > 100


def test_a_file_that_changed_has_another(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    written(random.Random(3), 3, folder)
    outlines = compared(folder)
    (folder / "0003_t2.sql").write_text("CREATE TABLE other (a int);\n")
    again = Outlines(outlines.used)
    project = load_project([str(folder)], cwd=folder, outlines=again)
    assert [one.kind for one in project.migrations[3].statements] == ["CreateStmt"]
    assert again.added
