"""PostgreSQL's own views, from pg_get_viewdef() back to the tree that is stored for them."""

from __future__ import annotations

import pytest

from tests.analyze import node_tree
from tests.analyze.differential import Answer, our_query
from tests.analyze.server_catalog import read_catalog
from tests.conftest import Server

pytestmark = pytest.mark.server

# pg_settings has rules besides its query, pg_stats and pg_stats_ext_exprs constants of type anyarray
LEFT_OUT = ("pg_settings", "pg_stats", "pg_stats_ext_exprs")


def test_system_views(server: Server) -> None:
    with server.database() as connection:
        catalog = read_catalog(connection)
        views = connection.execute(
            "SELECT relname, pg_get_viewdef(c.oid), ev_action::text FROM pg_class c JOIN pg_rewrite ON ev_class = c.oid"
            " WHERE relkind = 'v' AND relnamespace = 'pg_catalog'::regnamespace AND relname <> ALL (%s) ORDER BY 1",
            [list(LEFT_OUT)],
        ).fetchall()
    assert len(views) > 70
    for name, text, stored in views:
        expected = node_tree.query(node_tree.parse(stored)[0], None)
        assert our_query(catalog, text.rstrip(";")) == Answer(None, expected), name
