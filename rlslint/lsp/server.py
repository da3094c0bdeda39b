"""The Language Server Protocol on standard input and output, by pygls: requests in, what the other modules make of them out.

The work is done in one thread with a big stack, in order; a text that was typed over while it waited is passed over, and one
that is typed over while it is looked at is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from rlslint import __version__
from rlslint.baseline import BaselineError
from rlslint.config import ConfigError
from rlslint.lsp.actions import actions
from rlslint.lsp.analysis import Analysis, Name
from rlslint.lsp.answers import hover, location
from rlslint.lsp.definition import definitions
from rlslint.lsp.early import Overtaken, Said, first_words, said
from rlslint.lsp.positions import offset_at
from rlslint.lsp.workspace import Workspace
from rlslint.registry import RuleError
from rlslint.report.escape import printable
from rlslint.source.model import InputError, UsageError
from rlslint.source.stack import roomy_pool

Answer = TypeVar("Answer")
_WATCHED: Final = ("**/*.sql", "**/rlslint.toml", "**/pyproject.toml", "**/rlslint-baseline.json")


class Server(LanguageServer):
    """The server and the folders it works in."""

    def __init__(self) -> None:
        super().__init__("rlslint", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Incremental)
        self.pool: ThreadPoolExecutor = roomy_pool()
        self.folders: dict[Path, Workspace] = {}
        self.said = ""
        self.published: dict[str, Said] = {}
        """What was said of each open document; for the working thread alone."""

    def take_folders(self) -> None:
        """The folders that the editor has open, by now; what is known of one that stays is kept."""
        roots = [path for one in self.workspace.folders.values() if (path := path_of(one.uri)) is not None]
        if not roots and self.workspace.root_path:
            roots = [Path(self.workspace.root_path)]
        self.folders = {root: self.folders.get(root) or Workspace(root) for root in roots}

    def folder(self, file: Path) -> Workspace:
        """The innermost open folder that the file lies in; the first, or the working directory, for one that lies in none."""
        around = [root for root in self.folders if file.is_relative_to(root)]
        root = max(around, key=lambda one: len(one.parts)) if around else next(iter(self.folders), Path.cwd())
        return self.folders.setdefault(root, Workspace(root))

    def text(self, uri: str) -> bytes:
        """The text of an open document."""
        return self.workspace.get_text_document(uri).source.encode("utf-8", "replace")

    async def work(self, function: Callable[[], Answer]) -> Answer | None:
        """Run it in the working thread. What the user can mend is shown once; None then."""
        try:
            answer = await asyncio.wrap_future(self.pool.submit(function))
        except (InputError, ConfigError, RuleError, BaselineError, UsageError, OSError) as error:
            text = printable(str(error))
            if text != self.said:
                self.said = text
                self.window_show_message(
                    types.ShowMessageParams(type=types.MessageType.Warning, message=f"rlslint: {text}")
                )
            return None
        self.said = ""
        return answer

    async def publish(self, uri: str) -> None:
        """Say what is to be said of a document as it is now."""
        file = path_of(uri)
        if file is None:
            return
        document = self.workspace.get_text_document(uri)
        version, text = document.version, document.source
        data = self.text(uri)
        loop = asyncio.get_running_loop()

        def tell(what: str = "", done: int = 0, total: int = 0) -> None:
            current = self.workspace.text_documents.get(uri)
            if current is None or current.version != version:
                raise Overtaken

        def say(found: list[types.Diagnostic]) -> None:
            self.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri=uri, diagnostics=found, version=version)
            )

        def look() -> list[types.Diagnostic] | None:
            folder = self.folder(file)

            def early(found: Analysis, tables: frozenset[Name]) -> None:
                words = first_words(found, tables, self.published.get(uri, Said()), text, folder.root)
                loop.call_soon_threadsafe(say, words)

            try:
                tell()
                folder.text(file, data)
                found = folder.analysis(file, early, tell)
            except Overtaken:
                return None
            self.published[uri] = Said() if found is None else said(found, text, folder.root)
            return [one for one, _ in self.published[uri].diagnostics]

        found = await self.work(look)
        if found is not None:
            say(found)


def path_of(uri: str) -> Path | None:
    """The file of a document; None for one that lies in none."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    return None if path is None else Path(path)


def make() -> Server:
    """A server with its features."""
    server = Server()

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        server.take_folders()
        watch = server.client_capabilities.workspace
        if watch and watch.did_change_watched_files and watch.did_change_watched_files.dynamic_registration:
            await server.client_register_capability_async(
                types.RegistrationParams(
                    registrations=[
                        types.Registration(
                            id="files",
                            method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                            register_options=types.DidChangeWatchedFilesRegistrationOptions(
                                watchers=[types.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
                            ),
                        )
                    ]
                )
            )

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def did_change_folders(_: types.DidChangeWorkspaceFoldersParams) -> None:
        server.take_folders()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def did_open(params: types.DidOpenTextDocumentParams) -> None:
        await server.publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def did_change(params: types.DidChangeTextDocumentParams) -> None:
        await server.publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def did_close(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        file = path_of(uri)
        if file is not None:

            def close() -> None:
                server.published.pop(uri, None)
                server.folder(file).close(file)

            await server.work(close)
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=[]))

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def did_change_watched(params: types.DidChangeWatchedFilesParams) -> None:
        for event in params.changes:
            file = path_of(event.uri)
            if file is not None:
                changed = file
                await server.work(
                    lambda file=changed: (
                        server.folder(file).changed(file)  # type: ignore[misc]
                        if file.suffix == ".sql"
                        else server.folder(file).forget()
                    )
                )
        for uri in list(server.workspace.text_documents):
            await server.publish(uri)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def on_hover(params: types.HoverParams) -> types.Hover | None:
        return await _at(server, params, lambda found, offset, _: hover(found, offset))

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def on_definition(params: types.DefinitionParams) -> list[types.Location] | None:
        return await _at(
            server,
            params,
            lambda found, offset, root: [
                location(span, root) for span in definitions(found.facts.catalog, found.source, offset)
            ],
        )

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    )
    async def on_code_action(params: types.CodeActionParams) -> list[types.CodeAction] | None:
        file = path_of(params.text_document.uri)
        if file is None:
            return None
        data = server.text(params.text_document.uri)
        shown = [one for one in params.context.diagnostics if one.source == "rlslint"]

        def look() -> list[types.CodeAction]:
            folder = server.folder(file)
            folder.text(file, data)
            found = folder.analysis(file)
            return [] if found is None else actions(found, shown, folder.root)

        return await server.work(look)

    return server


async def _at(server: Server, params: Any, answer: Callable[[Any, int, Path], Answer]) -> Answer | None:
    """An answer about the place that a request names, from the analysis, the offset and the folder's root."""
    uri = params.text_document.uri
    file = path_of(uri)
    if file is None:
        return None
    data = server.text(uri)

    def look() -> Answer | None:
        folder = server.folder(file)
        folder.text(file, data)
        found = folder.analysis(file)
        if found is None or found.source is None:
            return None
        return answer(found, offset_at(found.source, params.position), folder.root)

    return await server.work(look)


def serve() -> None:
    """Serve on standard input and output until the editor ends it."""
    make().start_io()
