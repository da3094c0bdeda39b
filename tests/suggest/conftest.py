"""The schema that rewrites are tried on, replayed and on the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from rlslint.catalog.catalog import Catalog
from tests.conftest import Server
from tests.suggest.differential import SCHEMA, SERVER, schema_catalog


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return schema_catalog()


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with server.database() as opened:
        opened.execute((SCHEMA + SERVER + "INSERT INTO parents VALUES (1), (2);").encode())
        yield opened
