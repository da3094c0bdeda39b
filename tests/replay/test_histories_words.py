"""Histories in which PostgreSQL's own words for what is stored count, on which the two once disagreed."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.replay.test_histories_random import disagreement

pytestmark = pytest.mark.server

HISTORIES = {
    "PostgreSQL's words for what is stored": [
        "create policy q on t for select using (b > 3 and c = 'x' and exists (select 1 from u where u.a = t.a and u.b <> c))",
        """create policy r on t for insert with check (c in (select b from u where a < 5) or (select ok(c)) or b is
            not null and not (a between 1 and 2))""",
        "create policy s on t using (case when a > 1 then c like 'a%' else coalesce(c, 'q') = any (array['x', 'y']) end)",
        "create policy v on t using ((select count(*) from u) > 0)",
        "create index ti on t (lower(c), (b + 1) desc) include (a) where b is not null",
        "create unique index tu on t (c) where c <> ''",
        """alter table t add constraint ck check (b > 0 and c ~ '^x'), add constraint fk foreign key (b) references
            u (a) on delete cascade""",
        "alter table t alter c set default 'x' || current_user, alter b set default 5",
        """do $$ declare r record; begin for r in select policyname, qual, with_check from pg_policies where tablename
            = 't' and policyname <> 'v' order by 1 loop
    execute format('create table %I ()', 'k' || md5(coalesce(r.qual, '') || '/' || coalesce(r.with_check, ''))); end
            loop; end $$""",
        """do $$ declare r record; begin for r in select conname, pg_get_constraintdef(oid) as d from pg_constraint
            where conrelid = 't'::regclass and contype <> 'n' loop
    execute format('create table %I ()', 'c' || md5(r.d)); end loop; end $$""",
        """do $$ declare r record; begin for r in select * from pg_indexes where tablename = 't' loop
    execute format('create table %I ()', 'i' || md5(r.indexdef)); end loop; end $$""",
        """do $$ declare r record; begin for r in select pg_get_indexdef(indexrelid) as d from pg_index where indrelid
            = 'u'::regclass loop
    execute format('create table %I ()', 'j' || md5(r.d)); end loop; end $$""",
        """do $$ begin if exists (select from pg_policies where policyname = 'q' and qual like '%SELECT 1%FROM u%')
            then create table yes1 (); end if; end $$""",
        """do $$ declare r text; begin select check_clause into r from information_schema.check_constraints where
            constraint_name = 'ck'; execute format('create table %I ()', 'm' || md5(r)); end $$""",
        """do $$ declare r text; begin select string_agg(column_default, ' ' order by column_name) into r from
            information_schema.columns where table_name = 't'; execute format('create table %I ()', 'd' || md5(r));
            end $$""",
        """do $$ declare r text; begin select pg_get_expr(polqual, polrelid) into r from pg_policy where polname =
            'q'; execute format('create table %I ()', 'e' || md5(r)); end $$""",
        """do $$ declare r record; begin for r in select * from pg_policies where tablename = 't' and policyname = 'q' loop
    execute format('drop policy %I on %I.%I', r.policyname, r.schemaname, r.tablename); execute format('create policy
            %I on %I.%I for %s using (%s)', r.policyname, r.schemaname, r.tablename, r.cmd, replace(r.qual, 'u.a', 'u.a
            + 1')); end loop; end $$""",
        "do $$ begin if current_setting('app.x', true) is null then create table unset (); end if; end $$",
    ],
    "after a change of type PostgreSQL reads its own words again": [
        "create type st as enum ('a', 'b')",
        """create table w (a int, c text, n numeric, d date, e text check (e in ('a', 'b')), f text check (f <>
            '5'), g int check (g > 0), h text check (h = 'a'), i varchar(5) check (i in ('a', 'b')), j varchar(5)
            check (j = 'a'), k int check (k in (1, 2)))""",
        "alter table w alter e type st using e::st",
        "alter table w alter f type bigint using f::bigint",
        "alter table w alter g type text",
        "alter table w alter h type st using h::st",
        "alter table w alter h type varchar(10)",
        "alter table w alter i type text",
        "alter table w alter i type st using i::st",
        "alter table w alter j type st using i::st",
        "alter table w alter j type text",
        "alter table w alter j type int using 1",
        "alter table w alter k type bigint",
        "alter table w alter k type numeric",
        "alter table w alter k type text",
        "create index on w (lower(c)) where c = 'x'",
        "alter table w alter c type varchar(10)",
        "alter table w add check (a > '3')",
        "alter table w alter a type text",
        "alter table w alter a type bigint",
        "alter table t add check (c::text = any (array['x', 'y']))",
        "alter table t alter c type bigint using null",
    ],
    "columns that hold rows of a table or a composite type": [
        "create type pair as (x int, y text)",
        "create type outer_pair as (z pair)",
        "create domain dp as pair",
        "alter table t add column pr pair",
        "alter type pair alter attribute x type bigint",
        "alter type pair add attribute z int",
        "alter type pair drop attribute y",
        "create table w (a outer_pair[], b dp)",
        "alter table t drop column pr",
        "alter type pair alter attribute x type bigint",
        "drop table w",
        "alter type pair alter attribute x type bigint",
        "create table w (a u)",
        "alter table u alter b type varchar(9)",
        "alter table u add column z int",
        "alter table u add column y int default 5",
        "alter type pair add value 'y'",
        "alter domain pair drop not null",
        "alter type dp rename value 'x' to 'y'",
    ],
    "bodies that PL/pgSQL rejects": [
        "create function pick(variadic x text[]) returns void language plpgsql immutable as $$ begin return null; end $$",
        "create function f1() returns void language plpgsql as $$ begin raise notice 'x %%', 1; end $$",
        "create function f2() returns void language plpgsql as $$ begin raise notice 'x % %', 1; end $$",
        "create function f3() returns void language plpgsql as $$ begin raise notice 'x %', 1; end $$",
        "create function f4() returns void language plpgsql as $$ begin for i in 1..2 loop exit foo; end loop; end $$",
        "do $$ begin raise notice 'x %%', 1; end $$",
        "do $$ declare x int; x int; begin end $$",
        "do $$ begin begin drop index nosuch; exception when undefined_table then null; end; end $$",
        "do $$ begin begin drop index nosuch; exception when undefined_object then create table yes (); end; end $$",
        "do $$ begin begin drop table nosuch; exception when undefined_table then create table yes2 (); end; end $$",
    ],
    "generated columns of parents and children": [
        "create table w (b int generated always as (1 + 2) stored) inherits (t)",
        "create table g (a int, b int generated always as (a * 2) stored, v int generated always as (a + 1))",
        "create table h (b int default 5) inherits (g)",
        "create table h (b int generated by default as identity) inherits (g)",
        "create table h (b int generated always as (a * 3)) inherits (g)",
        "create table h (b int generated always as (a * 3) stored) inherits (g)",
        "create table i (b int) inherits (g)",
        "create table j (v int generated always as (a + 9)) inherits (g)",
        "create table k (v int generated always as (a + 9) stored) inherits (g)",
        "create table x (a int, b int)",
        "create table l () inherits (g, x)",
        "create table l () inherits (x, g)",
        "create table l (b int generated always as (a * 3) stored) inherits (x, g)",
        "create table p (a int, b int generated always as (a * 2) stored) partition by list (a)",
        "create table p1 partition of p (b default 5) for values in (1)",
        "create table p1 partition of p (b generated always as (a * 3) stored) for values in (1)",
        "create table q (a int, b int) partition by list (a)",
        "create table q2 partition of q (b default 7) for values in (2)",
        "create table d1 (a int default 1)",
        "create table d2 (a int default 2)",
        "create table d3 () inherits (d1, d2)",
        "create table d4 (a int default 3) inherits (d1, d2)",
        "create table d5 (a int default 1)",
        "create table d6 () inherits (d1, d5)",
    ],
    "DROP INDEX CONCURRENTLY": [
        "create table w (a int, b int, c text, primary key (a, b)) partition by list (a)",
        "create index t_a_key on w (a)",
        "drop index concurrently if exists t_a_key",
        "create index ti on t (b)",
        "create index tj on t (c)",
        "drop index concurrently ti, tj",
        "drop index concurrently ti cascade",
        "drop index concurrently ti",
        "drop index concurrently t_pkey",
        "drop index concurrently if exists nosuch",
        "drop index if exists t_a_key",
    ],
    "what is on no table": [
        "create index w on u (b)",
        "create view v as select a from t",
        "create sequence sq",
        "create type pair as (x int)",
        "drop trigger if exists tr on w",
        "drop trigger tr on w",
        "drop trigger if exists tr on v",
        "drop trigger if exists tr on sq",
        "drop trigger if exists tr on pair",
        "drop policy if exists p on w",
        "drop policy if exists p on v",
        "drop policy if exists p on sq",
        "drop policy p on v",
        "create policy p on w using (true)",
        "create policy p on v using (true)",
        "create policy p on sq using (true)",
        "alter policy p on v rename to q",
        "alter policy p on w rename to q",
        "alter policy p on v using (true)",
        "alter trigger tr on w rename to ts",
        "alter trigger tr on v rename to ts",
        "alter trigger tr on sq rename to ts",
        "drop rule if exists r on w",
        "create index i on v (a)",
        "create index i on w (a)",
        "create index i on sq (last_value)",
        "alter table w enable row level security",
        "alter table sq enable row level security",
        "alter table v enable row level security",
        "grant select on w to h_one",
        "grant select on pair to h_one",
        "comment on table w is 'x'",
        "truncate w",
        "create table x (like w)",
        "create table x (like sq)",
        "create table x () inherits (w)",
        "create table x () inherits (v)",
        "alter table u inherit w",
        "create view z as select * from w",
        "alter table t add foreign key (b) references w",
        "alter table t add foreign key (b) references v",
        "alter table t add foreign key (b) references sq",
        "insert into w values (1)",
        "lock table w",
    ],
    "modifiers of output columns": [
        "create table w (a numeric(10, 3), b varchar(5), c numeric(10, 3), d char(4), e timestamptz(3), f numeric(8, 2))",
        """create view v1 as select a, null::numeric(10, 3) as n, b || 'x' as x, b::varchar(7) as y, coalesce(a, c)
            as z, coalesce(a, f) as zz, case when b is null then a else c end as k, case when b is null then a end
            as l, greatest(a, c) as g, (select b from w limit 1) as s, array[a, c] as arr, array(select b from w) as
            arr2, max(a) over () as m from w""",
        """create view v2 as select a, b, d from w union all select c, b, d from w union select null::numeric(10,
            3), 'x', 'y' from w""",
        "create view v3 as select a from w union all select f from w",
        "create view v4 as with q as (select a, e from w) select * from q union all select x.a, x.e from (select * from w) x",
        "create table v5 as select * from v1",
        "create view v6 as select a, b from w union select 1, 'x'",
        "create view v7 as select coalesce(b, 'x') as b1, nullif(a, c) as a1, d, e from w",
    ],
    "foreign keys that set some columns only": [
        "create table w (x int, y int, unique (x, y))",
        "create table n (a int, b int, c int, foreign key (a, b) references w (x, y) on delete set null (b))",
        "create table k (a int, b int, c int, foreign key (a, b) references w (x, y) on delete set default (c))",
        "create table k (a int, b int, c int, foreign key (a, b) references w (x, y) on delete set default (z))",
        "alter table n add constraint f2 foreign key (a, b) references w (x, y) on update cascade on delete set default (a, b)",
        """create table p (c int, a int, b int, foreign key (a, b) references w (x, y) on delete set null (b))
            partition by list (c)""",
        "create table p1 (b int, a int, c int)",
        "alter table p attach partition p1 for values in (1)",
    ],
    "attributes of composite types change without a cast": [
        "create type pair as (x int[], y text)",
        "alter type pair alter attribute x type json, alter attribute y type int",
    ],
    "functions whose query inserts, and whose aggregates are made on the way": [
        """create function add1(v text) returns u language sql as $$ with i as (insert into u (b) values (v)
            returning *) select * from i union select * from u $$""",
        """create function add2(v text, out r u) language sql as $$ with i as (insert into u (b) values (v)
            returning *) select * from i $$""",
        """do $$ begin if not exists (select from pg_catalog.pg_aggregate join pg_proc on aggfnoid = pg_proc.oid
            where proname = 'accum') then create aggregate accum (text) (sfunc = textcat, stype = text); end if; end
            $$""",
        "create function agg1() returns text language sql as $$ select accum(b) from u group by a $$",
        """do $$ begin if exists (select from pg_attrdef d join pg_class c on c.oid = d.adrelid where c.relname =
            't') then create table bad (); end if; end $$""",
        "alter table t add column z text default (ok('x')::text)",
        """do $$ begin if exists (select from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_attrdef
            d on d.adrelid = a.attrelid and d.adnum = a.attnum join pg_depend dep on dep.objid = d.oid join pg_proc
            p on p.oid = dep.refobjid where c.relname = 't' and a.attname = 'z' and p.proname = 'ok') then alter
            table t drop column z; end if; end $$""",
        "do $$ begin if exists (select from pg_depend where objid = to_regclass('t')) then create table d1 (); end if; end $$",
        """do $$ begin if exists (select from pg_depend where refobjid = 'u'::regclass and classid =
            'pg_constraint'::regclass and deptype = 'a') then create table d2 (); end if; end $$""",
    ],
    "pg_catalog first in search_path": [
        "set search_path = pg_catalog, s2",
        "create type mood as enum ('x')",
        "create table w (a int)",
        "create view n as select 1 as a",
        "create sequence sq",
        "create domain pos as int",
        "create function pick() returns int language sql as 'select 1'",
        "reset search_path",
        "create type mood as enum ('x', 'y')",
        "alter table t add column m mood",
        "select pick()",
        "drop type pos",
    ],
    "an operator class that does not take the new type": [
        "create index on t (c text_pattern_ops, (a is null) desc nulls last)",
        "alter table t alter c type bigint using null",
        "alter table t alter c type varchar(9)",
        "create index on t using gin (to_tsvector('english', c))",
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_both_agree(connection: psycopg.Connection[Any], name: str) -> None:
    assert disagreement(connection, HISTORIES[name]) == []
