"""Queries and functions that PostgreSQL and replay are both given, the files being all there is: the same are rejected."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from rlslint.replay.require import require_known
from rlslint.source.model import SourceFile
from rlslint.source.parse import parse_script
from tests.replay.query_scripts import SCRIPTS
from tests.replay.snapshot import Both, differences

pytestmark = pytest.mark.server


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(connection: psycopg.Connection[Any], name: str) -> None:
    both = Both.fresh(connection)
    both.session.require_known = require_known
    text = SCRIPTS[name]
    for statement in parse_script(SourceFile("script.sql", text), 0, len(text))[0]:
        served, replayed = both.step(statement.text)
        assert served == replayed, statement.text
    assert differences(*both.snapshots()) == []
