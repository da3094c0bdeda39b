"""The schema that the analyzer is compared on, and the comparison with a server."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pglast import parser

from rlslint.analyze.entry import analyze_query, analyze_relation_expr
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep, walk_query
from rlslint.nodes.primnodes import Unresolved
from rlslint.source.model import SourceFile, Span, Statement
from tests.analyze import node_tree, normal

SCHEMA = """
CREATE SCHEMA app;
CREATE TYPE public.level AS ENUM ('low', 'high');
CREATE DOMAIN public.email AS text CHECK (VALUE <> '');
CREATE DOMAIN app.counts AS int[];
CREATE DOMAIN app.short AS varchar(5);
CREATE DOMAIN app.shorter AS app.short;
CREATE TYPE public.pair AS (x int, y text);
CREATE TABLE public.docs (
    id bigint PRIMARY KEY, owner uuid NOT NULL, title varchar(40), body text, level level, mail email,
    tags text[], meta jsonb, score numeric(10,2), at timestamptz, day date, p pair, pairs pair[], ok boolean,
    small smallint, n int, code char(4), counts app.counts, span int4range, j json, rate float8
);
CREATE TABLE public.members (id int, team_id bigint, user_id uuid, role text, level level, ok boolean);
CREATE TABLE app.docs (id int, owner text, tenant int, slug text);
CREATE TABLE app.only_app (id int, title text);
CREATE TABLE public.dropped (a int, gone int, b text);
ALTER TABLE public.dropped DROP COLUMN gone;
CREATE TABLE public."Odd Name" ("User" int, "select" text, ümlaut text);
CREATE VIEW public.v_docs AS SELECT id, owner, title AS name FROM public.docs;
CREATE MATERIALIZED VIEW public.m_docs AS SELECT id, count(*) AS n FROM public.docs GROUP BY id;
CREATE FUNCTION public.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT gen_random_uuid() $$;
CREATE FUNCTION app.uid() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'x'::text $$;
CREATE FUNCTION public.team_ids() RETURNS SETOF bigint LANGUAGE sql STABLE AS $$ SELECT 1::bigint $$;
CREATE FUNCTION public.team_array() RETURNS bigint[] LANGUAGE sql STABLE AS $$ SELECT '{}'::bigint[] $$;
CREATE FUNCTION public.docs_of(u uuid) RETURNS SETOF public.docs LANGUAGE sql STABLE
    AS $$ SELECT * FROM public.docs WHERE owner = u $$;
CREATE FUNCTION public.tab(k int DEFAULT 3) RETURNS TABLE (a int, b text) LANGUAGE sql AS $$ SELECT k, 'x' $$;
CREATE FUNCTION public.outs(IN k int, OUT c int, OUT d uuid) LANGUAGE sql AS $$ SELECT k, NULL::uuid $$;
CREATE FUNCTION public.one_out(IN k int, OUT single text) RETURNS SETOF text LANGUAGE sql AS $$ SELECT 'x' $$;
CREATE FUNCTION public.rec() RETURNS SETOF record LANGUAGE sql AS $$ SELECT 1, 'x'::text $$;
CREATE FUNCTION public.make_pair() RETURNS pair LANGUAGE sql AS $$ SELECT 1, 'x'::text $$;
CREATE FUNCTION public.has_role(r text, VARIADIC xs int[] DEFAULT '{}') RETURNS boolean LANGUAGE sql
    AS $$ SELECT true $$;
CREATE FUNCTION public.named(a int, b text DEFAULT 'x', c boolean DEFAULT true) RETURNS boolean LANGUAGE sql
    AS $$ SELECT true $$;
CREATE FUNCTION public.fullname(d public.docs) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
CREATE FUNCTION public.f(i int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION public.f(t text) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
"""


class Answer(NamedTuple):
    """What one side makes of a statement: an SQLSTATE, or the resolved tree."""

    sqlstate: str | None
    tree: Any


def statement_of(text: str) -> Statement:
    """One statement, parsed."""
    tree = json.loads(parser.parse_sql_json(text))
    kind, node = next(iter(tree["stmts"][0]["stmt"].items()))
    return Statement(kind, node, text, Span(SourceFile("test.sql", text), 0, len(text)))


def server_query(connection: Any, text: str, search_path: str = "public") -> Answer:
    """A view is made of the query, and its stored tree read back."""
    import psycopg

    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL search_path = {search_path}")
        names: list[str] = []
        try:
            with connection.transaction():
                connection.execute(f"CREATE VIEW public.compared AS {text}")
        except psycopg.errors.DuplicateColumn:
            # a view needs different names; the query's own are what the client sees
            names = [column.name for column in connection.execute(f"SELECT * FROM ({text}) q LIMIT 0").description]
            numbered = ", ".join(f"c{number}" for number in range(len(names)))
            connection.execute(f"CREATE VIEW public.compared ({numbered}) AS {text}")
        except psycopg.Error as error:
            return Answer(error.sqlstate, str(error))
        stored = connection.execute(
            "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = 'public.compared'::regclass"
        ).fetchone()[0]
    tree = node_tree.query(node_tree.parse(stored)[0], None)
    if names:
        targets = tree[1][1:]
        renamed = (("targets", *((name, target[1]) for name, target in zip(names, targets, strict=True))),)
        tree = (tree[0], *renamed, *tree[2:])
    return Answer(None, tree)


def our_query(catalog: Catalog, text: str, search_path: tuple[str, ...] = ("public",)) -> Answer:
    """The same through the analyzer."""
    statement = statement_of(text)
    query = analyze_query(catalog, statement, statement.node, search_path)
    # errors of FROM come first, as PostgreSQL looks at it first
    first = [rte.function for rte in query.rtable if rte.kind == "unknown" and rte.function is not None]
    for node in (*first, *(node for node, _ in walk_query(query))):
        if isinstance(node, Unresolved) and node.sqlstate is not None:
            return Answer(node.sqlstate, node.reason)
    return Answer(None, normal.query(query))


def server_policy(connection: Any, text: str, search_path: str = "public") -> Answer:
    """A policy is made on public.docs with the expression, and its stored tree read back."""
    import psycopg

    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL search_path = {search_path}")
        try:
            with connection.transaction():
                connection.execute(f"CREATE POLICY compared ON public.docs USING ({text})")
        except psycopg.Error as error:
            return Answer(error.sqlstate, str(error))
        stored = connection.execute("SELECT polqual::text FROM pg_policy WHERE polname = 'compared'").fetchone()[0]
    return Answer(None, node_tree.expr(node_tree.parse(stored), None))


def our_policy(catalog: Catalog, text: str, search_path: tuple[str, ...] = ("public",)) -> Answer:
    """The same through the analyzer."""
    statement = statement_of(f"CREATE POLICY compared ON public.docs USING ({text})")
    relid = catalog.find_relation("public", "docs", ())
    assert relid is not None
    expr = analyze_relation_expr(catalog, statement, statement.node["qual"], relid.oid, search_path, boolean=True)
    for node, _ in walk_deep(expr):
        if isinstance(node, Unresolved) and node.sqlstate is not None:
            return Answer(node.sqlstate, node.reason)
    return Answer(None, normal.expr(expr))
