"""Files that are named and that the migration tool does not run: said, and not linted as if they stood alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import rlslint

TABLE = "CREATE TABLE notes (id bigint PRIMARY KEY);\nALTER TABLE notes ENABLE ROW LEVEL SECURITY;\n"
UNDO = "DROP POLICY own ON notes;\n"
POLICY = "CREATE POLICY own ON notes FOR SELECT USING (id > 0);\n"

LAYOUTS = {
    "golang-migrate": ("1_a.up.sql", "2_b.up.sql", "2_b.down.sql"),
    "flyway": ("V1__a.sql", "V2__b.sql", "U2__b.sql"),
    "hasura": ("1_a/up.sql", "2_b/up.sql", "2_b/down.sql"),
    "numbered": ("migrations/001_a.sql", "migrations/002_b.sql", "migrations/002_rollback_b.sql"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_undoes_a_migration(layout: str, tmp_path: Path) -> None:
    for name, sql in zip(LAYOUTS[layout], (TABLE, POLICY, UNDO), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(sql)
    _, up, down = LAYOUTS[layout]
    alone = rlslint("check", down, cwd=tmp_path)
    assert alone.status == 0
    assert "not followed" not in alone.out
    assert f"{down} is not read: it undoes a migration" in alone.err
    # with the migration that it undoes, as a hook names them, it is not worth a word
    both = rlslint("check", up, down, cwd=tmp_path)
    assert both.err == ""
    assert json.loads(rlslint("check", up, down, "--format", "json", cwd=tmp_path).out)["not_analysed"] == []


@pytest.mark.parametrize("configured", [False, True])
def test_a_file_outside_drizzle_s_journal(configured: bool, tmp_path: Path) -> None:
    folder = tmp_path / "drizzle"
    (folder / "meta").mkdir(parents=True)
    (folder / "meta" / "_journal.json").write_text('{"entries": [{"idx": 0, "tag": "0000_a"}]}')
    (folder / "0000_a.sql").write_text(TABLE + "CREATE POLICY own ON notes FOR SELECT USING (id = 1 OR true);\n")
    (folder / "0001_b.sql").write_text(POLICY)
    (tmp_path / "rlslint.toml").write_text('paths = ["drizzle"]\n' if configured else "")
    rlslint("check", "--baseline", "known.json", cwd=tmp_path)
    known = (tmp_path / "known.json").read_text()
    done = rlslint("check", "drizzle/0001_b.sql", "--baseline", "known.json", cwd=tmp_path)
    assert (done.status, (tmp_path / "known.json").read_text()) == (0, known)
    assert "drizzle/0001_b.sql is not read: not in Drizzle's journal" in done.err
    comment = rlslint("check", "drizzle/0001_b.sql", "--format", "markdown", cwd=tmp_path).out
    assert "Not read: `drizzle/0001_b.sql`: not in Drizzle's journal" in comment
