"""The search_path that a function's body runs with, as the server has it in force there."""

from __future__ import annotations

import pytest

from rlslint.rewrite.functions import function_search_path
from tests.conftest import Server
from tests.replay.both import replayed

SQL = """
CREATE SCHEMA "a,b"; CREATE SCHEMA app; CREATE SCHEMA extensions; CREATE SCHEMA "Odd";
CREATE FUNCTION listed() RETURNS name[] LANGUAGE sql SET search_path = "a,b", PUBLIC, 'Odd' AS 'SELECT current_schemas(false)';
CREATE FUNCTION folded() RETURNS name[] LANGUAGE sql SET search_path TO App AS 'SELECT current_schemas(false)';
CREATE FUNCTION empty() RETURNS name[] LANGUAGE sql SET search_path = '' AS 'SELECT current_schemas(false)';
CREATE FUNCTION free() RETURNS name[] LANGUAGE sql AS 'SELECT current_schemas(false)';
"""


def paths(sql: str, preset: str = "none") -> dict[str, list[str]]:
    catalog = replayed(sql, preset).catalog
    names = ("listed", "folded", "empty", "free")
    return {name: list(function_search_path(catalog, catalog.procs.find("name", name)[0])) for name in names}


@pytest.mark.server
def test_paths_are_the_servers(server: Server) -> None:
    with server.database() as connection:
        connection.execute(SQL.encode())
        found = {}
        for name in ("listed", "folded", "empty", "free"):
            row = connection.execute(f"SELECT {name}()".encode()).fetchone()
            assert row is not None
            found[name] = row[0]
        assert found == paths(SQL)


def test_the_session_that_the_preset_or_the_files_set_up() -> None:
    assert paths(SQL.replace("CREATE SCHEMA extensions;", ""), "supabase")["free"] == ["public", "extensions"]
    assert paths(SQL + "ALTER DATABASE postgres SET search_path = app, public;")["free"] == ["app", "public"]
