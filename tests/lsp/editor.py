"""An editor: pygls' own client, which starts `rlslint lsp` and talks to it over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).parent.parent.parent


class Editor:
    """A client with what it was told, and the folder that it has open: one after the other, for a server takes seconds to
    start."""

    def __init__(self, client: LanguageClient) -> None:
        self.client = client
        self.registered: list[str] = []
        self.begin(Path())

        @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.told.put_nowait(params)

        @client.feature(types.WINDOW_SHOW_MESSAGE)
        def shown(params: types.ShowMessageParams) -> None:
            self.messages.append(params.message)

        @client.feature(types.CLIENT_REGISTER_CAPABILITY)
        def register(params: types.RegistrationParams) -> None:
            self.registered += [one.method for one in params.registrations]

    def begin(self, root: Path) -> None:
        """Another folder, nothing open in it."""
        self.root = root
        self.told: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.messages: list[str] = []
        self.versions: dict[str, int] = {}
        self.texts: dict[str, str] = {}

    def folders(
        self, added: Sequence[types.WorkspaceFolder] = (), removed: Sequence[types.WorkspaceFolder] = ()
    ) -> None:
        """Open and close folders."""
        event = types.WorkspaceFoldersChangeEvent(added=added, removed=removed)
        self.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    async def open(self, name: str, text: str | None = None) -> list[types.Diagnostic]:
        """Open a file, with other text than it has if wanted."""
        uri = self.uri(name)
        self.texts[uri] = (self.root / name).read_text() if text is None else text
        self.versions[uri] = 1
        item = types.TextDocumentItem(uri=uri, language_id="sql", version=1, text=self.texts[uri])
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
        return await self.diagnostics(uri)

    def type_(self, name: str, text: str) -> None:
        """Make it another text, as a change of what differs, and wait for nothing."""
        uri = self.uri(name)
        old = self.texts[uri]
        same = next((n for n, (a, b) in enumerate(zip(old, text, strict=False)) if a != b), min(len(old), len(text)))
        self.versions[uri] += 1
        self.texts[uri] = text
        change = types.TextDocumentContentChangePartial(
            range=types.Range(start=place(old, same), end=place(old, len(old))), text=text[same:]
        )
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri]),
                content_changes=[change],
            )
        )

    async def edit(self, name: str, text: str) -> list[types.Diagnostic]:
        self.type_(name, text)
        return await self.diagnostics(self.uri(name))

    async def diagnostics(self, uri: str) -> list[types.Diagnostic]:
        """What is said of the document's newest version."""
        while True:
            params = await asyncio.wait_for(self.told.get(), 120)
            if params.uri == uri and params.version == self.versions[uri]:
                return list(params.diagnostics)

    def at(self, name: str, marked: str) -> dict[str, Any]:
        """The place in a file where a text stands; ``|`` in it is the cursor."""
        uri = self.uri(name)
        offset = self.texts[uri].index(marked.replace("|", "")) + marked.index("|")
        return {
            "text_document": types.TextDocumentIdentifier(uri=uri),
            "position": place(self.texts[uri], offset),
        }

    async def hover(self, name: str, marked: str) -> str:
        found = await self.client.text_document_hover_async(types.HoverParams(**self.at(name, marked)))
        return "" if found is None or not isinstance(found.contents, types.MarkupContent) else found.contents.value

    async def definition(self, name: str, marked: str) -> list[tuple[str, int, str]]:
        """File, line (from 1) and the text that is pointed at."""
        found = await self.client.text_document_definition_async(types.DefinitionParams(**self.at(name, marked)))
        assert isinstance(found, (list, tuple))
        result = []
        for one in found:
            assert isinstance(one, types.Location)
            path = Path(one.uri.removeprefix("file://"))
            text = self.texts.get(one.uri) or path.read_text()
            piece = text[offset(text, one.range.start) : offset(text, one.range.end)]
            result.append((path.name, one.range.start.line + 1, piece))
        return result

    async def actions(self, name: str, diagnostic: types.Diagnostic) -> dict[str, types.CodeAction]:
        found = await self.client.text_document_code_action_async(
            types.CodeActionParams(
                text_document=types.TextDocumentIdentifier(uri=self.uri(name)),
                range=diagnostic.range,
                context=types.CodeActionContext(diagnostics=[diagnostic]),
            )
        )
        return {one.title: one for one in found or () if isinstance(one, types.CodeAction)}

    def applied(self, action: types.CodeAction) -> str:
        """The one file that the action edits, afterwards."""
        assert action.edit is not None
        assert action.edit.changes is not None
        ((uri, edits),) = action.edit.changes.items()
        text = self.texts[uri]
        for edit in sorted(edits, key=lambda one: offset(text, one.range.start), reverse=True):
            text = text[: offset(text, edit.range.start)] + edit.new_text + text[offset(text, edit.range.end) :]
        return text


def place(text: str, at: int) -> types.Position:
    """A position as editors count: UTF-16, by their own arithmetic."""
    before = text[:at].split("\n")
    return types.Position(line=len(before) - 1, character=len(before[-1].encode("utf-16-le")) // 2)


def offset(text: str, position: types.Position) -> int:
    lines = text.split("\n")
    inside = lines[position.line].encode("utf-16-le")[: 2 * position.character].decode("utf-16-le")
    return sum(len(line) + 1 for line in lines[: position.line]) + len(inside)


@asynccontextmanager
async def editor() -> AsyncIterator[Editor]:
    """An editor whose server runs, with no folder open yet."""
    client = LanguageClient("editor", "1")
    one = Editor(client)
    await client.start_io(sys.executable, "-m", "rlslint", "lsp", cwd=str(ROOT))
    watched = types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
    await client.initialize_async(
        types.InitializeParams(
            capabilities=types.ClientCapabilities(
                workspace=types.WorkspaceClientCapabilities(did_change_watched_files=watched, workspace_folders=True)
            ),
            workspace_folders=[],
        )
    )
    client.initialized(types.InitializedParams())
    try:
        yield one
    finally:
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()


@asynccontextmanager
async def opened(one: Editor, root: Path) -> AsyncIterator[Editor]:
    """The editor with a folder open, and everything closed again afterwards."""
    one.begin(root)
    folder = types.WorkspaceFolder(uri=one.root.as_uri(), name="project")
    one.folders(added=[folder])
    try:
        yield one
    finally:
        for uri in one.versions:
            one.client.text_document_did_close(
                types.DidCloseTextDocumentParams(text_document=types.TextDocumentIdentifier(uri=uri))
            )
        one.folders(removed=[folder])
