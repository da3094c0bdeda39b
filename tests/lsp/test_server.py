"""The language server asked by a real client over standard input and output."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from lsprotocol import types

from tests.lsp.editor import Editor, editor, offset, opened

Run = Callable[[Callable[[Editor], Awaitable[None]]], None]
TABLES = """CREATE ROLE member;
CREATE FUNCTION me() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.me', true), '')::uuid $$;
CREATE TABLE notes (id uuid PRIMARY KEY, owner uuid NOT NULL, team uuid NOT NULL, body text);
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO member;
CREATE TABLE seats (team uuid NOT NULL, person uuid NOT NULL);
CREATE INDEX notes_by_owner ON notes (owner);
CREATE INDEX seats_by_person ON seats (person, team);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
"""
OLD = "CREATE POLICY mine ON notes FOR SELECT TO member USING (owner = (SELECT me()));\n"
NEW = "20_new.sql"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "01_tables.sql").write_text(TABLES)
    (folder / "10_policies.sql").write_text(OLD)
    (folder / NEW).write_text("")
    return folder


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[asyncio.AbstractEventLoop, Editor]]:
    """An editor whose server runs, and the loop in which both are."""
    loop = asyncio.new_event_loop()
    context = editor()
    yield loop, loop.run_until_complete(context.__aenter__())
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def run(started: tuple[asyncio.AbstractEventLoop, Editor], root: Path) -> Run:
    """Plays a scene with the folder open."""
    loop, one = started

    async def play(scene: Callable[[Editor], Awaitable[None]]) -> None:
        async with opened(one, root.parent):
            await scene(one)

    return lambda scene: loop.run_until_complete(asyncio.wait_for(play(scene), 240))


def codes(found: list[types.Diagnostic]) -> list[str]:
    return sorted(str(one.code) for one in found)


def test_diagnostics_as_one_types(root: Path, run: Run) -> None:
    name = f"migrations/{NEW}"
    policy = "CREATE POLICY also ON notes FOR UPDATE TO member USING (team = me());\n"

    async def scene(one: Editor) -> None:
        assert await one.open(name) == []
        found = await one.edit(name, policy[:40])
        assert codes(found) == ["RLS001"]
        found = await one.edit(name, policy)
        (missing,) = [one for one in found if one.code == "RLS106"]
        assert (missing.source, missing.severity) == ("rlslint", types.DiagnosticSeverity.Warning)
        assert missing.code_description is not None
        assert missing.code_description.href.endswith("/docs/rules/RLS106.md")
        text = one.texts[one.uri(name)]
        assert text[offset(text, missing.range.start) : offset(text, missing.range.end)] == "team = me()"
        # the file on the disk is as it was
        assert (root / NEW).read_text() == ""
        assert await one.edit(name, "") == []
        assert one.messages == []
        assert one.registered == ["workspace/didChangeWatchedFiles"]

    run(scene)


def test_places_count_utf_16(run: Run) -> None:
    name = f"migrations/{NEW}"
    text = '/* \U0001f98a\U0001f98a é */ CREATE POLICY "\U0001f43b" ON notes FOR DELETE TO member USING (team = (SELECT me()));\n'

    async def scene(one: Editor) -> None:
        found = await one.open(name, text)
        (missing,) = [each for each in found if each.code == "RLS106"]
        assert text[offset(text, missing.range.start) : offset(text, missing.range.end)] == "team = (SELECT me())"
        # and on the way back
        assert await one.definition(name, "ON no|tes") == [
            ("01_tables.sql", 3, TABLES.splitlines()[2].removesuffix(";"))
        ]

    run(scene)


def test_what_the_file_does_to_older_ones_is_said_at_its_cause(run: Run) -> None:
    name = f"migrations/{NEW}"

    async def scene(one: Editor) -> None:
        (found,) = await one.open(name, "-- no longer wanted\nDROP INDEX notes_by_owner;\n")
        assert (found.code, found.range.start.line) == ("RLS106", 1)
        (old, *_) = found.related_information or ()
        assert old.location.uri == one.uri("migrations/10_policies.sql")
        assert old.location.range.start.line == 0
        acted = await one.actions(name, found)
        assert [title for title in acted if title.startswith("RLS106: ")]

    run(scene)


def test_hover_shows_the_plan_and_the_rule(run: Run) -> None:
    name = f"migrations/{NEW}"
    policy = "CREATE POLICY also ON notes FOR UPDATE TO member USING (team = me());\n"

    async def scene(one: Editor) -> None:
        await one.open(name, policy)
        text = await one.hover(name, "team = |me()")
        assert "**RLS106 unindexed-policy-column**" in text
        assert "/docs/rules/RLS106.md" in text
        assert "inlined, for every row" in text
        assert "O(n)" in text
        await one.edit(name, "-- rlslint: ignore[RLS203] why\n" + policy)
        assert "**RLS203 captured-column**" in await one.hover(name, "ignore[RLS|203]")
        assert await one.hover(name, "-|- rlslint") != ""
        await one.open("migrations/01_tables.sql")
        assert await one.hover("migrations/01_tables.sql", "CREATE |ROLE") == ""

    run(scene)


def test_go_to_definition(run: Run) -> None:
    name = f"migrations/{NEW}"
    policy = """CREATE POLICY also ON notes FOR UPDATE TO member
  USING (team IN (SELECT s.team FROM seats s WHERE s.person = (SELECT me())));
DROP INDEX notes_by_owner;
DROP POLICY mine ON notes;
"""
    lines = [line.removesuffix(";") for line in TABLES.splitlines()]

    async def scene(one: Editor) -> None:
        await one.open(name, policy)
        table, seats = ("01_tables.sql", 3, lines[2]), ("01_tables.sql", 5, lines[4])
        by_person = ("01_tables.sql", 7, lines[6])
        assert await one.definition(name, "ON no|tes") == [table]
        assert await one.definition(name, "SELECT m|e()") == [("01_tables.sql", 2, lines[1])]
        assert await one.definition(name, "FROM se|ats") == [seats]
        # a column is made by its table, and the indexes that hold it stand beside
        assert await one.definition(name, "USING (te|am IN") == [table]
        assert await one.definition(name, "s.per|son") == [seats, by_person]
        assert await one.definition(name, "SELECT s.te|am") == [seats, by_person]
        # of what is dropped here nothing is left to be found but in the text itself
        assert await one.definition(name, "DROP POLICY mi|ne") == []
        assert await one.definition(name, "UPD|ATE") == []

    run(scene)


def test_quick_fixes_cure_what_they_say(run: Run) -> None:
    name = f"migrations/{NEW}"
    policy = "CREATE POLICY also ON notes FOR UPDATE TO member\n  USING (team = me());"

    async def scene(one: Editor) -> None:
        found = await one.open(name, policy)
        while found:
            diagnostic = found[0]
            acted = await one.actions(name, diagnostic)
            ignore = acted.pop(f"Ignore {diagnostic.code} for this statement")
            cures = list(acted.values())
            text = one.applied(cures[0] if cures else ignore)
            before = codes(found)
            found = await one.edit(name, text)
            assert len(found) < len(before), (before, text)
        # the policy itself was rewritten, not altered behind its back
        assert "ALTER POLICY" not in text
        assert "CREATE INDEX" in text
        assert "CONCURRENTLY" not in text

    run(scene)


def test_an_ignore_comment_silences(run: Run) -> None:
    name = f"migrations/{NEW}"
    policy = "  CREATE POLICY also ON notes FOR DELETE TO member USING (team = (SELECT me()));\n"

    async def scene(one: Editor) -> None:
        found = await one.open(name, policy)
        assert codes(found) == ["RLS106"]
        acted = await one.actions(name, found[0])
        text = one.applied(acted["Ignore RLS106 for this statement"])
        assert text == "  -- rlslint: ignore[RLS106] say why\n" + policy
        assert await one.edit(name, text) == []

    run(scene)


def test_a_typed_over_text_is_passed_over(run: Run) -> None:
    name = f"migrations/{NEW}"
    policy = "CREATE POLICY also ON notes FOR UPDATE TO member USING (team = me());\n"

    async def scene(one: Editor) -> None:
        await one.open(name)
        for end in range(1, len(policy)):
            one.type_(name, policy[:end])
        assert "RLS106" in codes(await one.edit(name, policy))

    run(scene)


def test_files_that_change_on_the_disk(root: Path, run: Run) -> None:
    name = f"migrations/{NEW}"

    async def scene(one: Editor) -> None:
        assert await one.open(name, "DROP INDEX IF EXISTS notes_by_team;\n") == []
        for path, text in (
            (
                root / "10_policies.sql",
                OLD.replace("owner =", "team =") + "CREATE INDEX notes_by_team ON notes (team);\n",
            ),
            (root / "15_more.sql", "CREATE INDEX again ON notes (team);\n"),
        ):
            kind = types.FileChangeType.Changed if path.exists() else types.FileChangeType.Created
            path.write_text(text)
            one.client.workspace_did_change_watched_files(
                types.DidChangeWatchedFilesParams(changes=[types.FileEvent(uri=path.as_uri(), type=kind)])
            )
            found = await one.diagnostics(one.uri(name))
            assert codes(found) == (["RLS106"] if path.name.startswith("10") else [])

    run(scene)


def test_a_broken_configuration_is_one_message(root: Path, run: Run) -> None:
    (root.parent / "rlslint.toml").write_text('ignored = ["RLS106"]\n')

    async def scene(one: Editor) -> None:
        uri = one.uri(f"migrations/{NEW}")
        item = types.TextDocumentItem(uri=uri, language_id="sql", version=1, text="SELECT 1;")
        one.client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
        one.texts[uri], one.versions[uri] = "SELECT 1;", 1
        assert await one.hover(f"migrations/{NEW}", "SEL|ECT") == ""
        assert len(one.messages) == 1
        assert "did you mean 'ignore'?" in one.messages[0]
        (root.parent / "rlslint.toml").write_text('ignore = ["RLS106"]\n')
        change = types.FileEvent(uri=(root.parent / "rlslint.toml").as_uri(), type=types.FileChangeType.Changed)
        one.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(changes=[change]))
        assert await one.diagnostics(uri) == []

    run(scene)


def test_a_new_file_beside_the_migrations_comes_last(run: Run) -> None:
    name = "migrations/30_not_saved.sql"
    policy = "CREATE POLICY also ON notes FOR DELETE TO member USING (team = (SELECT me()));\n"

    async def scene(one: Editor) -> None:
        assert codes(await one.open(name, policy)) == ["RLS106"]

    run(scene)


def test_a_file_belongs_to_the_innermost_folder(root: Path, run: Run) -> None:
    inner = root.parent / "inner"
    (inner / "migrations").mkdir(parents=True)
    (inner / "rlslint.toml").write_text('select = ["RLS001"]\n')
    policy = "CREATE POLICY also ON notes FOR DELETE TO member USING (team = (SELECT me()));\n"
    for path in (inner / "migrations/01_all.sql", root / NEW):
        path.write_text((TABLES if inner in path.parents else "") + policy)
    folder = types.WorkspaceFolder(uri=inner.as_uri(), name="inner")

    async def scene(one: Editor) -> None:
        assert codes(await one.open(f"migrations/{NEW}")) == ["RLS106"]
        one.folders(added=[folder])
        assert await one.open("inner/migrations/01_all.sql") == []
        one.folders(removed=[folder])

    run(scene)
