"""An edit that reaches many tables: the file's own are said first, all afterwards, and who types on need not wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint.lsp import analysis as module
from rlslint.lsp.analysis import Analysis, Name
from rlslint.lsp.early import Overtaken, Said, first_words, said
from rlslint.lsp.workspace import Workspace
from tests.lsp import tree
from tests.lsp.editor import Editor
from tests.lsp.test_incremental import said as told
from tests.lsp.test_server import Run, codes, root, run, started

__all__ = ["root", "run", "started"]
COUNT = 24
BASE = "0001_base.sql"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "_MANY", 0)
    return tree.write(tmp_path, COUNT)


def changed(text: str) -> str:
    """The helper that every policy calls is another one; and the file has a finding of its own."""
    own = (
        "ALTER TABLE members ENABLE ROW LEVEL SECURITY;\nGRANT SELECT ON members TO app_user;\n"
        "CREATE POLICY mine ON members FOR SELECT TO app_user USING (role = current_setting('app.role', true));\n"
    )
    return text.replace("STABLE AS $$\n", "VOLATILE AS $$\n") + own


def fresh(folder: Path, text: str) -> Analysis:
    workspace = Workspace(folder.parent)
    workspace.text(folder / BASE, text.encode())
    found = workspace.analysis(folder / BASE)
    assert found is not None
    return found


def test_the_file_s_own_tables_come_first(folder: Path) -> None:
    text = changed((folder / BASE).read_text())
    workspace = Workspace(folder.parent)
    workspace.text(folder / BASE, text.encode())
    first: list[tuple[Analysis, frozenset[Name]]] = []
    found = workspace.analysis(folder / BASE, lambda *given: first.append(given))
    assert found is not None
    ((early, tables),) = first
    assert tables == {("public", "teams"), ("public", "members")}
    assert "RLS106" in {one.rule.code for one in early.here}
    # nothing that is taken back, and all in the end
    assert set(told(early.here)) <= set(told(found.here))
    whole = fresh(folder, text)
    assert told(found.here) == told(whole.here)
    assert told([one for one, _ in found.elsewhere]) == told([one for one, _ in whole.elsewhere])
    assert found.elsewhere


def test_what_is_given_up_leaves_everything_whole(folder: Path) -> None:
    workspace = Workspace(folder.parent)
    text = (folder / BASE).read_text()
    expected = fresh(folder, changed(text))
    given_up = 0
    for after in range(12):
        calls = 0

        def tell(what: str, done: int, total: int, after: int = after) -> None:
            nonlocal calls
            calls += 1
            if calls > after:
                raise Overtaken

        workspace.text(folder / BASE, (changed(text) + f"-- {after}\n").encode())
        try:
            workspace.analysis(folder / BASE, lambda *given: None, tell)
        except Overtaken:
            given_up += 1
    assert given_up >= 3
    workspace.text(folder / BASE, changed(text).encode())
    found = workspace.analysis(folder / BASE)
    assert found is not None
    assert told(found.here) == told(expected.here)
    assert told([one for one, _ in found.elsewhere]) == told([one for one, _ in expected.elsewhere])


def test_what_was_said_of_other_tables_stays_where_its_lines_are(folder: Path) -> None:
    text = changed((folder / BASE).read_text())
    found = fresh(folder, text)
    before = said(found, text, folder.parent)
    assert len(before.diagnostics) == len(found.here) + len(found.elsewhere)
    nothing = Analysis(found.edited, found.facts, found.rules, found.source, [], [])
    looked_at = frozenset({("public", "teams"), ("public", "members")})
    others = [one for one, table in before.diagnostics if table is not None and table not in looked_at]
    moved = first_words(nothing, looked_at, before, "-- a line\n" + text, folder.parent)
    assert [one.range.start.line for one in moved] == [one.range.start.line + 1 for one in others]
    assert first_words(nothing, looked_at, before, text + "-- a line\n", folder.parent) == others
    assert first_words(nothing, looked_at, Said(), text, folder.parent) == []
    # the statement that causes them is another one
    gone = first_words(nothing, looked_at, before, text.replace("mine", "yours"), folder.parent)
    assert len(gone) < len(others)


def test_in_an_editor(root: Path, run: Run) -> None:
    name = f"migrations/{BASE}"
    for path in root.iterdir():
        path.unlink()
    root.rmdir()
    folder = tree.write(root.parent, 150)
    text = (folder / BASE).read_text()

    async def scene(one: Editor) -> None:
        await one.open(name)
        one.told.empty()
        one.type_(name, changed(text))
        uri, version = one.uri(name), one.versions[one.uri(name)]
        early = await one.diagnostics(uri)
        whole = await one.diagnostics(uri)
        assert version == one.versions[uri]
        assert "RLS106" in codes(early)
        assert len(early) < len(whole)
        # typed on at once: of the last text everything is said, whatever became of the others
        for number in range(5):
            one.type_(name, changed(text) + f"-- {number}\n")
        last = await one.diagnostics(uri)
        # those of other tables are shown all the time
        assert len(last) == len(whole)

    run(scene)
