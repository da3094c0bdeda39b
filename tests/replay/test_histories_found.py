"""Histories on which replay and the server once disagreed, as short as they still showed it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.replay.test_histories_random import disagreement

pytestmark = pytest.mark.server

HISTORIES = {
    "a default of NULL is none, unless it is checked or cut": [
        "create domain pos as int",
        "create table w (a bigint default null, b text default null::text, c varchar(5) default null, d pos default null,"
        " e numeric(3, 1) default null, f char default null, g bigint default null::int)",
        "create table n (a bigint default null) inherits (w)",
        "alter table w add column h bool default null, alter b set default 'x', alter b set default null",
    ],
    "a SQL function that is not put in its place counts as it is declared": [
        "create or replace function ok(x text) returns bool security definer language sql as 'select true'",
        "create index on u (b) where ok(a::text)",
        "create or replace function ok(x text) returns bool strict language sql as 'select true'",
        "create index on u (b) where ok(a::text)",
        "create or replace function ok(x text) returns bool strict language sql as 'select $1 = ''x'''",
        "create index on u (b) where ok(a::text)",
        "create or replace function ok(x text) returns bool language sql as 'select exists (select 1)'",
        "create index on u (b) where ok(a::text)",
        "create or replace function ok(x text) returns bool stable language sql set work_mem = '8MB' as 'select true'",
        "create index on u (b) where ok(a::text)",
        "create or replace function ok(x text) returns bool stable language sql as 'select now() > ''2020-01-01'''",
        "create index on u (b) where ok(a::text)",
        "create or replace function ok(x text) returns bool language sql return x is null",
        "create index on u (b) where ok(a::text)",
    ],
    "a view over a temporary table is temporary": [
        "create temp table w (a int)",
        "create view n as select * from w",
        "create view public.v as select * from w",
        "create view v as with x as (select * from w) select * from t where exists (select from x)",
        "create view s2.v as select * from n",
        "create or replace view v as select a from t",
        "create materialized view mv as select (select count(*) from v)",
        "create unlogged view z as select 1",
        "create temp table s2.y (a int)",
        "create table pg_temp.y (a int)",
        "create table pg_catalog.y (a int)",
        "create sequence pg_temp.sq",
    ],
    "objects of a schema that is not there": [
        "grant select on all tables in schema nowhere to h_one",
        "revoke execute on all functions in schema nowhere, public from public",
        "revoke grant option for select on nowhere from h_one",
        "revoke grant option for select on t from public",
    ],
    "what lasts does not stand on what is temporary": [
        "create temp table w (a int primary key, b text)",
        "create table n (z int) inherits (w)",
        "alter table u inherit w",
        "create temp table n (z int) inherits (u)",
        "create table k (a int, b text) partition by list (a)",
        "create temp table k1 partition of k for values in (1)",
        "alter table k attach partition w for values in (1)",
    ],
    "transaction commands outside a transaction": [
        "savepoint one",
        "create table w (a int)",
        "rollback to one",
        "release one",
        "commit and chain",
        "create table n (a int)",
        "rollback and chain",
    ],
    "the query of CREATE TABLE AS is read although the table is there": [
        "create table if not exists u as select * from w",
        "create table if not exists u as select a, a from t",
    ],
    "options of memberships that are not there": [
        "revoke inherit option for h_one from h_one",
        "revoke admin option for h_one from h_two",
        "revoke inherit option for h_one from h_two",
    ],
    "aggregates with FILTER": [
        "create function fire() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger tr before insert or delete on t for each row execute function fire()",
        """do $$ declare n int; m int; begin
            select count(*) filter (where event_manipulation = 'INSERT'), count(*) filter (where event_manipulation = 'UPDATE')
            into n, m from information_schema.triggers where trigger_name = 'tr';
            execute format('create table %I (a int)', 'k' || n || m);
        end $$""",
    ],
    "an index that is there must be one that could be made": [
        "create index if not exists t on u (c)",
        "create index if not exists t on u using gist (a)",
        "create index if not exists t on u (a) where now() > '2020-01-01'",
        "create index if not exists t on u (a)",
    ],
    "RETURN that does not fit what the function returns": [
        "create function a1(x t) returns table (a int) language plpgsql as 'begin return null; end'",
        "create function a2() returns setof t language plpgsql as 'begin return 1; end'",
        "create function a3() returns void language plpgsql as 'begin return 1; end'",
        "create function a4(out y int) language plpgsql as 'begin return 1; end'",
        "create function a5() returns int language plpgsql as 'begin return; end'",
        "create function a6() returns int language plpgsql as 'begin return next 1; end'",
        "create function a7() returns t language plpgsql as 'begin return query select * from t; end'",
        "create procedure a8() language plpgsql as 'begin return 1; end'",
        "create procedure a9() language plpgsql as 'begin return; end'",
        "create function a0(out y int, out z int) returns setof record language plpgsql as 'begin return next; end'",
        "do 'begin create table w (); return 1; end'",
        "do 'begin create table n (); return; end'",
    ],
    "the owner of an operator that is not there": [
        "alter operator === (text, int) owner to h_one",
        "create function same(text, int) returns bool language sql as 'select true'",
        "create operator === (function = same, leftarg = text, rightarg = int)",
        "alter operator === (text, int) owner to h_one",
        "alter operator s2.=== (text, int) owner to h_one",
    ],
    "a function replaced by one of a type that is not there": [
        "create function pick() returns int language plpgsql as 'begin return 1; end'",
        "create or replace function pick() returns nowhere language plpgsql as 'begin return 1; end'",
        "create or replace function ok(x text, y nowhere) returns bool language sql as 'select true'",
    ],
    "an INSERT's query does not see the table that it fills": [
        "do $$ declare y text; begin create table w (); insert into t (a) select a from u where b = y; end $$",
        "do $$ begin create table n (); insert into t (a, c) select a, c from u; end $$",
        "do $$ begin create table k1 (); insert into t as k (a) select a from u on conflict (a) do update set b = k.b; end $$",
        "do $$ begin create table k2 (); insert into t (a) values (1) on conflict (a) do update set c = excluded.c; end $$",
        "do $$ begin create table k3 (); insert into t (a) values (c); end $$",
        "do $$ begin create table k4 (); insert into u (b) values ('x') returning c; end $$",
        "do $$ declare c int := 5; begin create table k5 (); insert into t (a) values (c); end $$",
        "do $$ begin create table k6 (); insert into t (a) select a from u where exists (select c from t where c = u.b); end $$",
        "do $$ begin create table k7 (); insert into t (c) select c from u where exists (select c from t); end $$",
        "do $$ begin create table k8 (); delete from u where a in (select a from t where c = b) and c is null; end $$",
        "do $$ begin create table k9 (); insert into t (a) select a from t union select c::int from u order by a; end $$",
        "do $$ begin create table k0 (); update u set b = (select c from t where a = 1) where b is null; end $$",
    ],
    "WHERE TRUE makes no partial index": [
        "create index on t (b) where true",
        "create index on t (b) where 't'",
        "create index on t (b) where null",
        "create index on t (b) where 1 = 1",
        "alter table t add exclude using btree (b with =) where (true)",
    ],
    "DROP OWNED takes what the role owns": [
        "create type mood as enum ('x')",
        "create type pair as (x int)",
        "create table w (id bigserial, m mood, p pair)",
        "create view v as select a from t",
        "create function pick() returns int language sql as 'select 1'",
        "alter table t owner to h_one",
        "alter type pair owner to h_one",
        "alter schema s2 owner to h_one",
        "drop owned by h_one",
        "alter view v owner to h_one",
        "alter function pick() owner to h_two",
        "alter type mood owner to h_two",
        "alter table w owner to h_one",
        "alter default privileges in schema s2 grant select on tables to h_two",
        "drop owned by h_one",
        "drop owned by h_two, h_one cascade",
    ],
    "SET SCHEMA to where it is": [
        "alter function ok(text) set schema public",
        "alter function ok(text) rename to ok",
        "create type mood as enum ('x')",
        "alter type mood set schema public",
        "create domain pos as int",
        "alter domain pos set schema public",
        "alter table t set schema public",
    ],
    "bounds of partitions": [
        "create table l (a int, b text) partition by list (a)",
        "create table l1 partition of l for values in (1, null)",
        "create table l2 partition of l for values in (2, 1)",
        "create table l2 partition of l for values in (null)",
        "create table l2 partition of l for values in ('x')",
        "create table l2 partition of l for values from (1) to (2)",
        "create table l2 partition of l for values with (modulus 2, remainder 0)",
        "create table l2 partition of l for values in (2 + 1, now())",
        "create table ld partition of l default",
        "create table le partition of l default",
        "create table r (a int, b text) partition by range (a, b)",
        "create table r1 partition of r for values from (1, 'a') to (5, minvalue)",
        "create table r2 partition of r for values from (1) to (2)",
        "create table r2 partition of r for values from (5, 'a') to (5, 'a')",
        "create table r2 partition of r for values from (7, 'a') to (6, 'a')",
        "create table r2 partition of r for values from (minvalue, 'a') to (0, 'a')",
        "create table r2 partition of r for values from (minvalue, minvalue) to (1, 'a')",
        "create table r3 partition of r for values from (4, 'a') to (maxvalue, maxvalue)",
        "create table r3 partition of r for values from (5, 'a') to (maxvalue, maxvalue)",
        "create table r4 partition of r for values from (null, 'a') to (maxvalue, maxvalue)",
        "create table r4 partition of r for values in (1)",
        "create table h (a int, b text) partition by hash (a)",
        "create table h1 partition of h for values with (modulus 4, remainder 1)",
        "create table h2 partition of h for values with (modulus 6, remainder 0)",
        "create table h2 partition of h for values with (modulus 2, remainder 1)",
        "create table h2 partition of h for values with (modulus 2, remainder 2)",
        "create table h2 partition of h for values with (modulus 2, remainder 0)",
        "create table h3 partition of h default",
        "create table d (a date) partition by range (a)",
        "create table d1 partition of d for values from ('2024-01-01') to ('2024-02-01')",
        "create table d2 partition of d for values from ('2024-01-15') to ('2024-03-01')",
        "create table d2 partition of d for values from ('2024-02-01') to ('2024-03-01')",
        "alter table l attach partition u for values in (7)",
        "create table x (a int, b text)",
        "alter table l attach partition x for values in (1)",
        "alter table l attach partition x for values from (1) to (2)",
        "alter table l attach partition x for values in (7)",
        "alter table l detach partition l1",
        "create table l3 partition of l for values in (1)",
    ],
    "variables of inner blocks": [
        """do $$ <<o>> declare a text := 'n1'; begin
            declare a text := a || 'x'; b text := a || 'y'; begin
                execute format('create table %I (a int)', a); execute format('create table %I (a int)', b);
                execute format('create table %I (a int)', o.a || 'z'); a := 'other';
            end;
            execute format('create table %I (a int)', a);
            for i in 1..2 loop declare c int; begin
                if c is null then execute format('create table %I (a int)', 'l' || i); end if; c := i;
            end; end loop;
        end $$""",
        """do $$ begin
            begin
                declare n int := 'x'; begin create table inner1 (a int);
                exception when others then create table caught_inside (a int); end;
            exception when others then create table caught_outside (a int); end;
        end $$""",
        """do $$ declare r record; n int default 1; begin
            declare declare n text := n || 'k'; begin execute 'create table ' || 'k' || n || ' (a int)'; end;
            for r in select relname from pg_class where relname in ('t', 'u') and relkind = 'r' order by 1 loop
                declare y text := 'by ' || r.relname; r text := 'q'; begin
                    execute format('create policy %I on u', y || r);
                end;
                execute format('create policy %I on t', r.relname);
            end loop;
        end $$""",
        """create function run(x text default 'arg') returns text language plpgsql as $f$ declare x text := x || '1'; begin
            declare y alias for x; begin execute format('create table %I (a int)', y); end; return x; end $f$""",
        "select run()",
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_both_agree(connection: psycopg.Connection[Any], name: str) -> None:
    assert disagreement(connection, HISTORIES[name]) == []
