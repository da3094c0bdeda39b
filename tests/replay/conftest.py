"""A connection to the throw-away PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest


@pytest.fixture(scope="module")
def connection(server: Any) -> Iterator[psycopg.Connection[Any]]:
    with server.database() as opened:
        opened.execute("SET client_min_messages = error")
        yield opened
