"""RETURN NEXT of OUT parameters, and index keys that are columns in parentheses, as the server takes them."""

from __future__ import annotations

import pytest

from rlslint.replay.replay import replay
from rlslint.report.catalog import catalog_json
from rlslint.verify.compare import apply, differences
from rlslint.verify.introspect import introspect
from tests.catalog_oracle import project
from tests.conftest import Server

SCRIPT = """
CREATE TABLE t (id int PRIMARY KEY, note text, code text COLLATE "C");
CREATE FUNCTION made(OUT name text, OUT many int) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    name := 'by_note';
    many := 1;
    RETURN NEXT;
    CREATE INDEX by_note ON t (note);
    RETURN NEXT;
END $$;
DO $$ BEGIN PERFORM made(); END $$;
CREATE INDEX ON t ((note));
CREATE INDEX ON t ((note COLLATE "C"), (code COLLATE "default") DESC);
CREATE INDEX ON t ((note COLLATE "C" COLLATE "default"), lower(note COLLATE "C"));
"""


@pytest.mark.server
def test_the_same_on_both(server: Server) -> None:
    given = project([SCRIPT])
    result = replay(given, preset="none", pg_version=18, assume_missing=False)
    refused = [(one.statement.text, one.error) for one in result.steps if one.error is not None]
    with server.database() as connection:
        connection.execute("SET client_min_messages = error")
        rejected = [(one.text, code) for one, code, _ in apply(connection, given.migrations[0].statements)]
        assert refused == rejected == []
        assert differences(introspect(connection), catalog_json(result)) == []
