"""Queries, expressions and functions, each right or wrong: what stands where it may not, what is not grouped, what does
not fit a function's result."""

# ruff: noqa: E501

from __future__ import annotations

SCRIPTS = {
    "what may not stand there": """
        create table t (a int, b text);
        create index on t (a) where count(*) > 1;
        create index on t (a) where row_number() over () > 1;
        create index on t (a) where generate_series(1,2) > 1;
        create index on t ((count(a)));
        create index on t ((a in (select 1)));
        create index on t (a) where (select true);
        alter table t add check (count(*) > 1);
        alter table t add check (generate_series(1,2) > 1);
        create table x (a int default count(*));
        create table x (a int default (select 1));
        create table x (a int default generate_series(1,2));
        create table x (a int generated always as ((select 1)) stored);
        create table x (a int, b int generated always as (a) stored, c int generated always as (b) stored);
        create table x (a int, c int generated always as (sum(a)) stored);
        create policy p on t using (count(*) > 1);
        create policy p on t using (row_number() over () > 1);
        create policy p on t using (generate_series(1,2) > 1);
        create policy p on t using (exists (select count(*) from t));
        alter table t alter a type int using count(*);
        alter table t alter a type int using (select 1);
        create view v as select a from t where count(*) > 1;
        create view v as select a, count(*) from t;
        create view v as select a, count(*) from t group by b;
        create view v as select a + 1, count(*) from t group by a;
        create view v as select * from t group by a, b;
        create view v2 as select count(*) from t having a > 1;
        create domain d as int check ((select true));
        create domain d as int check (count(*) > 1);
        create domain d as int default (select 1);
        create table px (a int) partition by range ((abs(c)));
        create table px (a int) partition by range ((random()));
        create table px (a int) partition by range ((1));
        create table px2 (a int, b text collate "C") partition by hash (a, b collate "C");
        create table px3 (a int, b point) partition by range (b);
        create table px3 (a int, b point) partition by list (ctid);
        create table px3 (a int) partition by list ((count(a)));
        create table px3 (a int generated always as (1) stored) partition by list (a);
        create table px3 (a int, g int generated always as (a) stored) partition by list (g);
        create table px3 (a int, g int generated always as (a) stored) partition by list ((g + 1));
    """,
    "grouping": """
        create table t (a int primary key, b text, c int);
        create table u (a int, b text);
        create view v1 as select a, count(*) from t;
        create view v2 as select t.*, count(*) from t group by t.a;
        create view v3 as select b, count(*) from t group by a;
        create view v4 as select t.b, u.b as ub, count(*) from t join u using (a) group by t.a;
        create view v5 as select t.b, count(u.b) from t join u using (a) group by a;
        create view v6 as select a, t.b from t left join u using (a) group by a, t.b;
        create view v7 as select lower(b) x, count(*) from t group by lower(b) order by lower(b);
        create view v8 as select lower(b) x, count(*) from t group by 1 having b > 'x';
        create view v9 as select a from t where count(*) > 1;
        create view v10 as select a, row_number() over (order by sum(c)) from t group by a;
        create view v11 as select a, sum(c) over (partition by b) from t;
        create view v12 as select b, sum(sum(c)) over () from t group by b;
        create view v13 as select b, (select max(u.a) from u where u.b = t.b) from t group by b;
        create view v14 as select b, (select max(u.a) from u where u.a = t.c) from t group by b;
        create view v15 as select u.b from u where (select count(*) from t where t.c = u.a) > 1 group by b;
        create view v16 as select b, a + c as s from t group by b, a + c;
        create view v17 as select b, (a + c) * 2 as s from t group by b, a + c;
        create view v18 as select b, c from t group by rollup (b, c);
        create view v19 as select x.b from (select b, count(*) n from t group by b) x group by x.b;
        create view v20 as select x.b, x.n from (select b, count(*) n from t group by b) x group by x.b;
        create view v21 as with k as (select * from t) select k.b, count(*) from k group by k.a;
        create view v22 as select distinct b from t order by b;
        create view v23 as select string_agg(b, ',' order by a) filter (where c > 1), array_agg(distinct b) from t;
        create view v24 as select percentile_cont(0.5) within group (order by c) from t;
        create view v25 as select b, coalesce(sum(c), 0), case when b = 'x' then 1 else max(a) end from t group by b;
        create view v26 as select b from t where generate_series(1, 2) > 1;
        create view v27 as select generate_series(1, 2), a from t;
        create view v28 as select t from t group by t;
        create view v29 as select t from t group by t.a;
        create view v30 as select a from t group by a having count(*) > (select avg(c) from t);
        create view v31 as select max(a) from t having max(c) > 1;
        create view v32 as select date_trunc('day', now()) d, count(*) from t group by 1;
        create view v33 as select date_trunc('day', now()) d, count(*) from t group by d order by d;
        create view v34 as select u.a, u.b, count(*) from t full join u using (a) group by u.a, u.b;
        create view v35 as select a, count(*) from t full join u using (a) group by a;
        create view v36 as select x, count(*) from t, unnest(array[t.b]) x group by x;
        create view v37 as select x, c, count(*) from t, unnest(array[t.b]) x group by x;
        create view v39 as select (select max(t.b) from u limit 1) from t;
        create view v41 as select b, count(*) from t group by b order by a;
        create view v42 as select b as a, count(*) from t group by b order by a;
        create view v43 as select 'x' || b as k, 5 as n, count(*) from t group by k;
        create view v44 as select b, jsonb_agg(jsonb_build_object('a', a) order by c) from t group by b;
        create view v45 as select lower(t.b), count(*) from t join u on u.a = count(*) group by 1;
        create view v46 as select sum(count(*)) from t;
        create function f2(x int) returns bigint language sql as 'select count(*) + x from t';
        create function f3(x int) returns table (k text, n bigint) language sql as 'select b, count(*) + x from t group by b order by 2 desc limit x';
        create policy p1 on t using (exists (select 1 from u where u.a = t.a group by u.b having count(*) > 1));
        create policy p2 on t using ((select count(*) from u where u.a = t.a) > 0);
        create policy p3 on t using (exists (select u.a from u group by u.b));
        create policy p4 on t using (count(*) > 1);
    """,
    "results of functions": """
        create table t (a int, b text);
        create type mood as enum ('x', 'y');
        create type pair as (x int, y text);
        create domain pos as int;
        create function f1() returns int language sql as 'select ''x''';
        create function f2() returns int language sql as 'select 1, 2';
        create function f3() returns int language sql as 'select 1.5';
        create function f4() returns mood language sql as 'select ''x''';
        create function f5() returns mood language sql as 'select ''x''::mood';
        create function f6() returns text language sql as 'select 1';
        create function f7() returns varchar language sql as 'select a from t';
        create function f8() returns t language sql as 'select * from t';
        create function f9() returns t language sql as 'select t from t';
        create function f10() returns t language sql as 'select a from t';
        create function f11() returns setof t language sql as 'select b, a from t';
        create function f12() returns table (k int, v text) language sql as 'select * from t';
        create function f13() returns table (k text, v text) language sql as 'select * from t';
        create function f14() returns table (k int) language sql as 'select b from t';
        create function f15() returns record language sql as 'select 1, 2';
        create function f16(out x int, out y text) language sql as 'select 1, ''k''';
        create function f17(out x int, out y text) language sql as 'select 1';
        create function f18() returns pair language sql as 'select 1, ''k''::text';
        create function f19() returns pair language sql as 'select row(1, ''k'')::pair';
        create function f20() returns pair language sql as 'select row(1, ''k'')';
        create function f21() returns pos language sql as 'select 1';
        create function f22() returns pos language sql as 'select ''a''::text';
        create function f23() returns void language sql as 'select 1, 2';
        create function f24() returns int[] language sql as 'select array[1.5]';
        create function f25() returns jsonb language sql as 'select ''{}''';
        create function f26() returns jsonb language sql as 'select json_build_object()';
        create function f27() returns uuid language sql as 'select b from t';
        create function f28() returns bool language sql as 'select 1';
        create function f29() returns bool language sql as 'select a = 1 from t limit 1; select null';
        create function f30() returns trigger language sql as 'select 1';
        create function f31() returns int language sql as 'select 1 union select 2.5';
        create function f32() returns uuid language sql as 'select null';
        create function f33() returns uuid language sql as 'select coalesce(null, null)';
        create function f34() returns uuid language sql as 'values (null::uuid)';
        create function f35() returns uuid language sql as 'values (null)';
        create function f36() returns setof record language sql as 'select * from t';
        create function f37() returns bool language sql begin atomic select a from t; end;
        create function f38() returns bool language sql return 'true';
        create function f39() returns int language sql return 'true';
        create function f40(x anyelement) returns anyarray language sql as 'select array[x]';
        create function f41() returns int language sql as '';
        create function f42() returns void language sql as '';
        create function f43() returns timestamptz language sql as 'select now()::date';
        create function f44() returns date language sql as 'select now()';
        create function f45() returns char(3) language sql as 'select b from t';
        create function f46() returns text[] language sql as 'select array_agg(b) from t';
        create function f47() returns text language sql as 'select b as x, a from t';
        create function f48() returns int language sql as 'insert into t values (1) returning a';
        create function f49() returns int language sql as 'insert into t values (1)';
        create function f51() returns int language sql as 'create table zz (a int)';
        create function f52() returns t language sql as 'insert into t values (1, ''x'') returning *';
        create procedure p1() language sql as 'select 1';
        create procedure p3(inout x int) language sql as 'select 1';
        create function f54() returns int language sql as 'select a from missing';
        create function f55() returns int language sql as 'insert into missing values (1) returning 1';
        create function f56() returns int language sql as 'insert into t (zz) values (1) returning 1';
    """,
    "typed tables": """
        create type pair as (x int, y text);
        create table n of pair;
        create table n2 of pair (primary key (x));
        alter table n add column z int;
        alter table n drop column x;
        alter table n alter x type bigint;
        alter table n rename column x to k;
        alter type pair add attribute z date;
        alter type pair add attribute z date cascade;
        alter type pair rename attribute y to w;
        alter type pair rename attribute y to w cascade;
        alter type pair alter attribute x type bigint cascade;
        alter type pair drop attribute w restrict;
        alter type pair drop attribute w cascade;
        create table plain (x bigint, z date);
        alter table plain not of;
        alter table plain of pair;
        alter table plain add column more int;
        alter table plain not of;
        alter table plain add column more int;
        alter table plain of pair;
        create table short (x bigint);
        alter table short of pair;
        create table other (z date, x bigint);
        alter table other of pair;
        create table child () inherits (plain);
        alter table child of pair;
        alter table n inherit plain;
        alter table plain of plain;
        alter table n not of;
        drop type pair;
        drop type pair cascade
    """,
    "temporary": """
        create temp table k (a int primary key, b text);
        create temp table if not exists k (a int);
        create index on k (b);
        create table k (a int);
        alter table k add column c int;
        drop table k;
        drop table k;
        create temp view tv as select 1 as a;
        select 1 as x into temp m;
        create temp table n as select * from m;
        discard temp;
        create table k (a int);
        alter table k add column c int
    """,
    "operator classes": """
        create table t (a int, b text, c varchar(9), j jsonb, p point, u uuid);
        create index on t (a text_pattern_ops);
        create index on t (b text_pattern_ops, c varchar_pattern_ops);
        create index on t (c text_pattern_ops);
        create index on t (a collate "C");
        create index on t (b collate "C", (lower(c)) collate "C");
        create index on t using gin (j jsonb_path_ops);
        create index on t using gin (b jsonb_path_ops);
        create index on t using gin (j);
        create index on t using hash (u uuid_ops)
    """,
    "persistence and enforcement": """
        create table t (a int primary key, b int, c text);
        create unlogged table u (a int primary key, b int references t);
        create table p (a int references u);
        create temp table tt (a int references t);
        create temp table t2 (a int primary key);
        create temp table t3 (a int references t2);
        create table p (a int references t2);
        alter table u set logged;
        alter table t set unlogged;
        alter table t set logged;
        alter table u set unlogged;
        alter table t set unlogged;
        alter table t2 set logged;
        create table e (a int check (a > 0) not enforced, b int references t not enforced, check (a > 1) not enforced, c int unique not enforced);
        create table e (a int check (a > 0) not enforced, b int references t not enforced, check (a > 1) not enforced);
        alter table e add constraint k check (a < 5) not enforced;
        alter table e validate constraint k;
        alter table e alter constraint k enforced;
        alter table e alter constraint e_b_fkey enforced;
        alter table e alter constraint e_b_fkey deferrable;
        alter table e alter constraint e_b_fkey not enforced;
        alter table e alter constraint k deferrable;
        alter table e alter constraint k inherit;
        alter table e add foreign key (b) references t not valid;
        alter table e validate constraint e_b_fkey1;
    """,
    "settings that nobody sets": """
        do $$ declare many bool = coalesce(current_setting('app.many', true), 'false')::boolean; begin
          if many then return; end if;
          create table one (a int);
        end $$;
        do $$ begin create table two (a text default current_setting('app.many')); if current_setting('app.many') = 'x' then null; end if; end $$;
        do $$ begin if current_setting('App.Many', true) is null then create table three (); end if; end $$;
        set app.many = 'true';
        do $$ declare many bool = coalesce(current_setting('app.many', true), 'false')::boolean; begin
          if many then return; end if;
          create table four (a int);
        end $$;
    """,
    "defaults of variables, and texts that are no values": """
        do $$ declare x text[] = coalesce(current_setting('a.b', true), '[]::text[]')::text[]; begin create table one (); end $$;
        do $$ declare x text[] = '{a,b}'::text[]; begin execute format('create table %I ()', x[2]); end $$;
        do $$ declare x int = 'x'::int; begin create table two (); end $$;
        do $$ begin if 'maybe'::boolean then create table three (); end if; end $$;
        do $$ begin if 'tr'::boolean and ' Yes '::bool and not 'of'::bool then create table four (); end if; create table five (); exception when invalid_text_representation then create table six (); end $$;
        do $$ begin if 'oo'::bool then null; end if; create table seven (); exception when invalid_text_representation then create table eight (); end $$;
        do $$ declare n int := ' 12 '::int + '1_0'::int; begin execute 'create table n' || n || ' ()'; end $$;
        do $$ declare n int := (select count(*) from pg_class where relname = 'late'); m int := n + 1; begin create table late (); execute 'create table late' || n || m || ' ()'; end $$;
        create function fn(x text, y text default 'k') returns void language plpgsql as $$ declare t text := x || y; begin x := 'other'; execute format('create table %I ()', t); end $$;
        select fn('made');
    """,
    "functions by signature": """
        create schema app;
        create function one(a int, b text default 'x') returns int language sql return 1;
        create function one(a text) returns int language sql return 1;
        create function app.two(x varchar, variadic y text[]) returns int language sql return 1;
        create function "Odd"(n numeric(3, 1)) returns int language sql return 1;
        create procedure three(inout a int) language plpgsql as 'begin null; end';
        do $$ declare r record; begin for r in select p.oid::regprocedure as sig from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('public', 'app') and p.prokind = 'f' order by 1 loop
          execute format('alter function %s set search_path = public, pg_temp', r.sig); end loop; end $$;
        do $$ declare r record; begin for r in select p.proname, pg_get_function_identity_arguments(p.oid) as args, n.nspname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.proname in ('one', 'two', 'Odd') loop
          execute format('alter function %I.%I(%s) security definer', r.nspname, r.proname, r.args); end loop; end $$;
        do $$ begin if to_regprocedure('one(int, text)') is not null and to_regprocedure('public.one(integer,text)') is not null then create table t1 (); end if; end $$;
        do $$ begin if to_regprocedure('one(bigint)') is null then create table t2 (); end if; if to_regproc('app.two') is not null and to_regproc('app.none') is null then create table t3 (); end if; end $$;
        do $$ begin execute 'alter function ' || 'app.two(varchar, text[])'::regprocedure || ' stable'; end $$;
        do $$ begin if exists (select from pg_proc where proname = 'one' and proconfig is not null and not proisstrict) then create table t5 (); end if; end $$;
        do $$ declare f regprocedure; begin foreach f in array array['one(text)'::regprocedure, 'app.two(varchar, text[])'] loop execute format('alter function %s cost 5', f); end loop; end $$;
    """,
}
