"""The words of stored expressions against pg_get_expr() and pg_get_indexdef(): the same, or said not to be known."""

from __future__ import annotations

import psycopg
import pytest

from rlslint.analyze.ruleutils import Unworded, worded
from tests.conftest import Server
from tests.replay.both import replayed

pytestmark = pytest.mark.server

SCHEMA = """
create schema app;
create type kind as enum ('a', 'b');
create table app.teams (id uuid primary key, name varchar(9), "Odd" int);
create table members (id int primary key, team uuid, role text, since date, k kind, active bool, tags text[], n numeric);
create table docs (id int, owner uuid, title varchar(20), body text, made timestamptz, k kind, flag bool, meta jsonb,
    tags text[], n numeric(8, 2), big bigint, ch char(3));
create function app.uid() returns uuid stable language sql as 'select null::uuid';
create function app.over(int) returns bool language sql as 'select true';
create function app.over(text) returns bool language sql as 'select true';
create function mine(uuid) returns bool language sql as 'select true';
"""
CONDITIONS = """
true
flag
not flag
flag is true and flag is not false
owner = app.uid()
owner = (select app.uid())
(select app.uid()) = owner or mine(owner)
title = 'x'
title in ('x', 'y')
body in ('x', 'it''s')
body like 'a%' and body ~ '^b' and body !~~ 'c'
body <> all (array['x', 'y'])
id in (1, 2) and id = any (array[1, 2])
id between 1 and 5
id not in (1, 2)
big > 5 and n > 1.5 and n < 3 and big = 9000000000
k = 'a' and k in ('a', 'b')
k::text = 'a'
id::text = body
title::text = 'x' and body::varchar = 'x'
made::date = '2020-01-01'
owner = '11111111-1111-1111-1111-111111111111'
owner::text = current_setting('app.user', true)
coalesce(body, 'x') = 'y' and nullif(body, '') is not null
greatest(id, 5) > least(id, 3)
case when flag then body else 'x' end = 'y'
case when flag then 1 when id > 3 then 2 end = 2
lower(title) = 'x' and upper(body) = 'Y'
length(title) > 3
body = current_user and body <> session_user
body is distinct from 'x'
body is not distinct from 'x'
(id + 1) * 2 - 3 > -5
-id < 3
meta ->> 'owner' = 'x'
(meta -> 'roles') ? 'admin'
meta @> '{"a": 1}'
tags @> array['x']
'x' = any (tags)
tags[1] = 'x'
exists (select 1 from members m where m.team = owner and m.role = 'x')
exists (select 1 from members where members.id = docs.id)
exists (select 1 from docs d where d.owner = docs.owner)
exists (select from docs where docs.id = 1)
owner in (select team from members where role in ('x', 'y') and active)
owner in (select m.team from members m join app.teams t on t.id = m.team where t."Odd" > 3)
owner = any (select team from members)
owner <> all (select team from members where since > '2020-01-01')
id = (select m.id from members m where m.team = docs.owner limit 1)
exists (select 1 from members m left join app.teams t on t.id = m.team and t.name = 'x' where m.id = docs.id)
exists (select 1 from members m join docs d using (id) where true)
owner = any (array(select team from members where role = 'x'))
exists (select 1 from members m where exists (select 1 from app.teams t where t.id = m.team and t.id = docs.owner))
(exists (select 1 from members)) or (not exists (select 1 from app.teams))
(select count(*) from members) > 0
app.over(id) and app.over(body)
made > now() - interval '1 day' and made < now() - interval '30 days'
made > '2020-01-01'::timestamptz
extract(year from made) > 2020
made at time zone 'utc' > '2020-01-01'
row(id, body) = row(1, 'x')
(id, big) in (select 1, 2)
docs is not null
ch = 'abc'
n::int = 5 and id::numeric = 5 and body::int = 3
'x' || title = 'xy' and title || id = 'x1'
body collate "C" > 'x'
body ilike '%x%' and body similar to 'x'
(body = 'x') = flag
body = null and id is null
substring(body from 1 for 2) = 'ab' and substr(body, 1) = 'x'
position('a' in body) > 0
array_length(tags, 1) > 0 and cardinality(tags) = 0
title = 'x'::text and title = 'x'::varchar
"""


def test_policies(server: Server) -> None:
    conditions = CONDITIONS.strip().splitlines()
    script = SCHEMA + "".join(f"create policy p{at} on docs using ({text});\n" for at, text in enumerate(conditions))
    catalog = replayed(script).catalog
    docs = catalog.find_relation(None, "docs", ("public",))
    assert docs is not None
    ours = {row.polname: row.polqual for row in catalog.policies_of(docs.oid)}
    with server.database() as connection:
        connection.execute(script.encode())
        theirs = dict(connection.execute("select polname, pg_get_expr(polqual, polrelid) from pg_policy").fetchall())
    assert theirs.keys() == ours.keys()
    unknown = []
    for name, stored in ours.items():
        assert stored is not None
        try:
            found = worded(catalog, stored.expr, docs, ("public",))
        except Unworded:
            unknown.append(stored.text)
            continue
        assert theirs[name] == found
    # what is left out is left out on purpose
    assert len(unknown) < len(conditions) // 3


def test_predicates(server: Server) -> None:
    conditions = [text for text in CONDITIONS.strip().splitlines() if "select" not in text and "now()" not in text]
    script = SCHEMA + "".join(f"create index i{at} on docs (id) where {text};\n" for at, text in enumerate(conditions))
    catalog = replayed(script).catalog
    docs = catalog.find_relation(None, "docs", ("public",))
    assert docs is not None
    ours = {row.relname: row.indpred for row in catalog.indexes_of(docs.oid)}
    with server.database() as connection:
        for statement in script.split(";\n"):
            try:
                connection.execute(statement.encode())
            except psycopg.Error:
                continue
        theirs = dict(
            connection.execute(
                "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index where indrelid = 'docs'::regclass"
            ).fetchall()
        )
    assert theirs.keys() == ours.keys()
    for name, stored in ours.items():
        if stored is None:
            continue
        try:
            found = worded(catalog, stored.expr, docs, ("public",))
        except Unworded:
            continue
        assert theirs[name].split(" WHERE ")[1] == found
