"""Statements for random histories: DO blocks, functions that a migration calls, and loops over the catalog."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.replay.histories import POLICIES, condition
from tests.replay.histories_session import SCHEMAS
from tests.replay.test_tables_random import COLUMN, NAME, TABLE
from tests.replay.test_tables_random import STATEMENT as TABLES

DDL = st.one_of(TABLES, POLICIES, POLICIES, SCHEMAS)
CONDITION = st.sampled_from(
    [
        "exists (select from pg_policies where tablename = {t} and policyname = 'p')",
        "not exists (select 1 from pg_policy where polrelid = to_regclass({t}) and polcmd = 'r')",
        "exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and"
        " c.relname = {t} and c.relkind = 'r' and c.relrowsecurity)",
        "not exists (select from information_schema.tables where table_name = {t})",
        "exists (select from information_schema.columns where table_name = {t} and column_name = {c} and is_nullable ="
        " 'NO' and data_type in ('integer', 'text'))",
        "exists (select from information_schema.table_constraints where table_name = {t} and constraint_type ="
        " 'PRIMARY KEY')",
        "not exists (select from pg_constraint where conname = {t} || '_pkey')",
        "exists (select from pg_indexes where tablename = {t} and indexdef like '%UNIQUE%')",
        "exists (select from pg_type where typname = 'mood')",
        "not exists (select from pg_enum e join pg_type y on y.oid = e.enumtypid where typname = 'mood' and enumlabel ="
        " 'z')",
        "to_regclass('public.' || {t}) is null",
        "to_regprocedure('ok(text)') is not null",
        "to_regtype('mood') is null and to_regnamespace('s2') is not null",
        "(select count(*) from pg_attribute where attrelid = to_regclass({t}) and attnum > 0 and not attisdropped) > 2",
        "(select array_agg(attname::text order by attnum) from pg_attribute where attrelid = to_regclass({t}) and"
        " attnum > 0 and not attisdropped) @> array[{c}]",
        "(select string_agg(column_name, ',' order by ordinal_position) from information_schema.columns where"
        " table_name = {t} and table_schema = 'public') = 'a,b,c'",
        "exists (select from pg_roles where rolname = 'h_three')",
        "exists (select from pg_trigger where tgname = 'tr' and not tgisinternal)",
        "exists (select from pg_proc p join pg_namespace n on n.oid = pronamespace where proname = 'ok' and nspname ="
        " 'public' and prosecdef)",
        "exists (select from pg_views where viewname = 'v') or exists (select from pg_matviews where matviewname = 'mv')",
        "current_user = 'h_super'",
        "current_schema() = 's2'",
        "exists (select from pg_depend where objid = to_regclass({t}))",
        "exists (select from pg_index i where i.indrelid = to_regclass({t}) and i.indisprimary)",
        "(select relforcerowsecurity from pg_class where oid = to_regclass({t}))",
        "coalesce((select polroles::regrole[]::text[] from pg_policy where polname = 'p' limit 1), '{{}}') ="
        " array['h_one']",
        "(select count(*) from {u}) = 0",
        "exists (select from {u})",
    ]
)  # fmt: skip
QUERY = st.sampled_from(
    [
        "select tablename::text as x from pg_tables where schemaname = 'public' order by tablename",
        "select c.relname::text as x from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname ="
        " 'public' and c.relkind in ('r', 'p') order by 1 desc",
        "select distinct table_name::text as x from information_schema.columns where column_name in ('a', 'b') and"
        " table_schema = 'public' order by 1",
        "select x from unnest(array['t', 'u']) as x",
        "select unnest(array['w', 't']) as x",
        "select * from (values ('t'), ('u'), ('w')) as v(x) where to_regclass(x) is not null",
        "select table_name::text as x from information_schema.tables where table_schema = current_schema() and"
        " table_type = 'BASE TABLE' and table_name not like '%z' order by 1 limit 2",
        "select conrelid::regclass::text as x from pg_constraint where contype = 'p' and connamespace ="
        " 'public'::regnamespace order by 1",
        "select c.relname::text as x from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"
        " and not exists (select from pg_policy p where p.polrelid = c.oid) order by 1",
        "with k as (select relname::text as x from pg_class where relname in ('t', 'u') and relkind = 'r') select x"
        " from k order by x",
        "select t.table_name::text as x from information_schema.tables t join information_schema.columns c using"
        " (table_schema, table_name) where c.column_name = 'c' and t.table_schema = 'public' order by 1",
    ]
)  # fmt: skip
ACTION = st.sampled_from(
    [
        "execute format('alter table %I enable row level security', r.x);",
        "execute 'alter table ' || r.x || ' add column if not exists k int';",
        "execute format('create policy %I on %I for select to %s using (%L is not null)', 'by ' || r.x, r.x, 'h_one',"
        " r.x);",
        "execute format('drop policy if exists p on %s', quote_ident(r.x));",
        "execute format('create index if not exists %s on %I (%I)', r.x || '_loop', r.x, {c});",
        "execute format('alter table %I drop column if exists %I cascade', r.x, {c});",
        "execute concat('comment on table ', r.x, ' is ', quote_literal(r.x));",
        "if r.x like 't%' then continue; end if; execute 'drop table ' || r.x || ' cascade';",
        "begin execute format('alter table %I add primary key (%I)', r.x, {c}); exception when others then"
        " raise notice '%: %', sqlstate, sqlerrm; end;",
        "n := n + 1; execute format('create table if not exists %I (a int)', 'n' || n); exit when n >= 2;",
        "execute format($f$create policy %1$I on %2$I using (a is not null and %3$L <> '')$f$, r.x || n, r.x, 'it''s');",
        "execute format('grant select on %I to %I', r.x, 'h_two'); perform set_config('search_path', 'public', true);",
    ]
)  # fmt: skip


@st.composite
def _piece(draw: Any) -> str:
    """Statements of a block."""
    table, column, name = draw(TABLE), draw(COLUMN), draw(NAME)
    words = {"t": f"'{table}'", "c": f"'{column}'", "u": table}
    test = draw(CONDITION).format(**words)
    one, other = draw(DDL), draw(DDL)
    query, action = draw(QUERY), draw(ACTION).format(**words)
    return str(
        draw(
            st.sampled_from(
                [
                    f"if {test} then {one}; else {other}; end if;",
                    f"if {test} then {one}; elsif not ({draw(CONDITION).format(**words)}) then {other}; end if;",
                    f"if not ({test}) then return; end if; {one};",
                    f"for r in {query} loop {action} end loop;",
                    f"for r in execute $q${query}$q$ loop {action} end loop;",
                    f"begin {one}; {other}; exception when duplicate_object or duplicate_table or duplicate_column then"
                    " raise notice 'there'; when undefined_table or undefined_column then null; end;",
                    f"begin {one}; {other}; exception when others then {draw(DDL)}; end;",
                    f"<<outer>> for i in reverse 3..1 loop for r in {query} loop exit outer when i = 2; {action}"
                    " end loop; end loop;",
                    f"n := 0; while n < 2 loop n := n + 1; execute format('alter table %I add column %I int', '{table}',"
                    " 'n' || n::text); end loop;",
                    f"select count(*) into n from pg_policies where tablename = '{table}'; if n > 0 then {one}; end if;",
                    f"select relname into strict y from pg_class where oid = to_regclass('{table}'); execute 'create"
                    f" index on ' || y || ' ({column})';",
                    f"y := case when {test} then '{table}' else '{name}' end; execute format('create table %I ({column}"
                    " int)', y);",
                    f"execute $e${one}$e$; execute 'select 1' into n; {other};",
                    f"perform 1 from pg_tables where tablename = '{table}'; if not found then {one}; end if;",
                    f"assert {test}; {one};",
                    f"foreach y in array array['{column}', 'd'] loop begin execute format('alter table {table} add"
                    " column %I text', y); exception when duplicate_column then null; end; end loop;",
                    f"alter table {table} add column y text; get diagnostics n = row_count; {one};",
                    f"create policy p on {table} using ({draw(condition(table))}); {one};",
                    f"declare y text := coalesce(y, 'n') || n; n int default n + 1; begin execute format('create table %I"
                    f" ({column} int)', y); n := 7; end; if n = 0 then {one}; end if;",
                    f"for i in 1..2 loop declare z text default '{name}' || i; k int; begin if k is null then execute"
                    f" 'drop table if exists ' || z; end if; k := i; {one}; exception when others then n := i; end; end loop;",
                    f"begin declare k int := case when {test} then 'x' else '1' end; begin {one}; end; exception when"
                    f" others then {other}; end;",
                    f"raise notice 'x'; {one}; if {test} then raise exception 'stop %', 1 using errcode = '22000';"
                    " end if;",
                    f"select string_agg(format('drop policy %I on %I', policyname, tablename), '; ') into y from"
                    f" pg_policies where schemaname = 'public' and tablename = '{table}'; if y is not null then execute y;"
                    " end if;",
                ]
            )
        )
    )


CALL = st.sampled_from(["call run();", "perform work();", "perform make('t', 'x');"])
_DECLARE = "declare r record; n int := 0; y text; i int; z constant text default 'z';"


@st.composite
def _do(draw: Any) -> str:
    body = " ".join(draw(st.lists(st.one_of(_piece(), _piece(), CALL), min_size=1, max_size=2)))
    return f"do $do$ {_DECLARE} begin {body} end $do$"


@st.composite
def _work(draw: Any) -> str:
    """A function or procedure that does DDL, for a later call."""
    body = draw(_piece())
    if draw(st.booleans()):
        return f"create or replace procedure run() language plpgsql as $do$ {_DECLARE} begin {body} end $do$"
    extra = draw(st.sampled_from(["", "set search_path = s2, public ", "security definer ", "set search_path = '' "]))
    return f"create or replace function work() returns void language plpgsql {extra}as $do$ {_DECLARE} begin {body} end $do$"


@st.composite
def _helper(draw: Any) -> str:
    """A function with parameters that makes things of what it is given."""
    action = draw(
        st.sampled_from(
            [
                "execute format('alter table %s enable row level security', tab);",
                "execute format('create policy %I on %I using (%I is not null)', pol, tab, pol);",
                "if to_regclass(tab) is null then execute 'create table ' || tab || ' (a int, b text)'; end if;",
                "execute 'drop policy if exists ' || quote_ident(pol) || ' on ' || tab;",
                "execute format('create index on %s (%s)', $1, $2);",
            ]
        )
    )
    return (
        "create or replace function make(tab text, pol text default 'a') returns text language plpgsql as"
        f" $do$ begin {action} return tab; end $do$"
    )


CODE = st.one_of(
    _do(),
    _do(),
    _do(),
    _work(),
    st.sampled_from(["call run()", "select work()", "select from work()", "select * from work() as w"]),
    _helper(),
    st.sampled_from(
        ["select make('t')", "select make('u', 'b')", "select make(tab => 'w', pol => 'p')",
         "select make(x, 'q') from unnest(array['t', 'u']) x",
         "select make(relname) from pg_class where relname in ('t', 'w') and relkind = 'r' order by relname",
         "do $$ begin perform make('t', 'c'); perform make('n'); end $$"]),
)  # fmt: skip
