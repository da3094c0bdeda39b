"""DDL that PostgreSQL and replay are both given: the same statements are rejected, and the same catalog comes out."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.replay.ddl_scripts import SCRIPTS
from tests.replay.snapshot import Both, differences

pytestmark = pytest.mark.server


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(connection: psycopg.Connection[Any], name: str) -> None:
    both = Both.fresh(connection)
    for sql in filter(None, (part.strip() for part in SCRIPTS[name].split(";"))):
        served, replayed = both.step(sql)
        assert served == replayed, sql
        assert differences(*both.snapshots()) == [], sql
