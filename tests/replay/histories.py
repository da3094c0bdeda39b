"""Statements for random histories: everything that bears on policies, weighted so that they meet each other's objects."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.replay.test_tables_random import BEHAVIOUR, COLUMN, EXISTS, NAME, TABLE, TYPE, _template
from tests.replay.test_tables_random import STATEMENT as TABLES

ROLES = ("h_one", "h_two")
"""Roles that both sides have before a history begins."""
POLICY = st.sampled_from(["p", "q"])
ROLE = st.sampled_from(["h_one", "h_two", "public", "current_user", "h_one, h_two"])
COMMAND = st.sampled_from(["", "for all ", "for select ", "for insert ", "for update ", "for delete "])
KIND = st.sampled_from(["", "", "as permissive ", "as restrictive "])
TO = st.sampled_from(["", "to h_one ", "to h_two, h_one ", "to public ", "to current_user "])
FUNCTION = st.sampled_from(["ok", "pick"])
ARGUMENTS = st.sampled_from(["", "text", "x text", "x int, y text default 'y'", "x mood", "x t", "variadic x text[]"])
RESULT = st.sampled_from(["bool", "text", "int", "mood", "t", "setof t", "table (a int, b text)", "void"])
SIGNATURE = st.sampled_from(["", "text", "int, text", "mood", "t", "text[]"])
PROPERTY = st.sampled_from(
    [
        "immutable", "stable", "volatile", "strict", "called on null input", "security definer", "security invoker",
        "leakproof", "not leakproof", "parallel safe", "cost 7", "set search_path = ''", "set search_path to public, s2",
        "set work_mem = '8MB'", "reset search_path", "reset all", "immutable strict", "set statement_timeout to 5",
    ]
)  # fmt: skip
MODIFIERS = st.sampled_from(
    ["", "", "stable ", "immutable ", "security definer ", "strict ", "stable security definer set search_path = '' "]
)


@st.composite
def condition(draw: Any, table: str = "t") -> str:
    """A boolean expression over a table's columns; whether it is valid depends on the history."""
    one, other = draw(COLUMN), draw(COLUMN)
    inner = draw(TABLE)
    return str(
        draw(
            st.sampled_from(
                [
                    "true",
                    f"{one} is not null",
                    f"{one}::text = 'x'",
                    f"{table}.{one}::text = {other}::text",
                    f"{one}::text = any (array['x', 'y'])",
                    f"{one}::text in ('x', 'y') or {other} is null",
                    f"{one}::text = (select current_user)",
                    f"{one}::text = current_setting('app.x', true)",
                    f"exists (select 1 from {inner} i where i.{one}::text = {table}.{other}::text)",
                    f"{one} in (select {other} from {inner})",
                    f"{one}::text in (select i.{other}::text from {inner} i join {inner} j using ({one}))",
                    f"(select count(*) from {inner}) > 0",
                    f"ok({one}::text)",
                    f"(select ok({one}::text))",
                    "ok()",
                    f"not exists (select from pick({one}::text) f)",
                    f"{one}::text = 'x'::mood::text",
                    f"m = 'x' and {one} is null",
                    "m::text = 'y'",
                    f"coalesce({one}::text, 'z') like 'a%' and {other} is distinct from null",
                    f"case when {one} is null then true else {other} is not null end",
                    f"({one}, {other}) is not null",
                    f"pos::text <> '' and {one} is null",
                    f"({table}).{one} is not null",
                    f"{one} between {one} and {one}",
                ]
            )
        )
    )


@st.composite
def _policy(draw: Any) -> str:
    table, command = draw(TABLE), draw(COMMAND)
    using = f"using ({draw(condition(table))}) " if "insert" not in command and draw(st.booleans()) else ""
    writes = "select" not in command and "delete" not in command
    check = f"with check ({draw(condition(table))})" if writes and draw(st.booleans()) else ""
    return f"create policy {draw(POLICY)} on {table} {draw(KIND)}{command}{draw(TO)}{using}{check}"


@st.composite
def _alter_policy(draw: Any) -> str:
    table, name = draw(TABLE), draw(POLICY)
    using, check = draw(condition(table)), draw(condition(table))
    change = st.sampled_from(
        [
            f"rename to {draw(POLICY)}",
            f"to {draw(ROLE)}",
            f"using ({using})",
            f"with check ({check})",
            f"to {draw(ROLE)} using ({using}) with check ({check})",
        ]
    )
    return f"alter policy {name} on {table} {draw(change)}"


@st.composite
def _function(draw: Any) -> str:
    table, column, result = draw(TABLE), draw(COLUMN), draw(RESULT)
    body = st.sampled_from(
        [
            "language sql {m}as $$ select null::{v} $$",
            "language sql {m}as $$ select {c}::{v} from {t} $$",
            "language plpgsql {m}as $$ begin return null; end $$",
            "language sql {m}begin atomic select null::{v}; end",
            "language sql {m}begin atomic select {c}::text::{v} from {t}; end",
            "language sql {m}return null::{v}",
        ]
    )
    value = result if result in ("bool", "text", "int", "mood", "t") else "text"
    code = draw(body).format(m=draw(MODIFIERS), v=value, c=column, t=table)
    replace = draw(st.sampled_from(["", "or replace "]))
    return f"create {replace}function {draw(FUNCTION)}({draw(ARGUMENTS)}) returns {result} {code}"


POLICIES = st.one_of(
    _policy(),
    _policy(),
    _alter_policy(),
    _template("drop policy {e}{p} on {t}", e=EXISTS, p=POLICY, t=TABLE),
    _template(
        "alter table {t} {f} row level security",
        t=TABLE,
        f=st.sampled_from(["enable", "disable", "force", "no force"]),
    ),
    _template("alter table {t} rename {c} to {d}", t=TABLE, c=COLUMN, d=st.sampled_from(["a", "b", "c", "d e"]))
    .map(lambda sql: sql.replace("d e", '"d e"')),
    _template("alter table {t} rename to {u}", t=TABLE, u=TABLE),
    _template("alter table {t} drop column {e}{c}{b}", t=TABLE, c=COLUMN, e=EXISTS, b=BEHAVIOUR),
    _template("create index on {t} (({c}))", t=TABLE, c=condition()),
    _template("create index on {t} ({c}) where {d}", t=TABLE, c=COLUMN, d=condition()),
    _template("alter table {t} add check ({c})", t=TABLE, c=condition()),
)  # fmt: skip

FUNCTIONS = st.one_of(
    _function(),
    _function(),
    _template("create or replace function ok(x text) returns bool {m}language sql as 'select true'", m=MODIFIERS),
    _template("create or replace function ok() returns bool language sql {m}return true", m=MODIFIERS),
    _template("alter function {f}({s}) {p}", f=FUNCTION, s=SIGNATURE, p=PROPERTY),
    _template("alter function {f}({s}) rename to {g}", f=FUNCTION, s=SIGNATURE, g=FUNCTION),
    _template("alter function {f} set schema s2", f=FUNCTION),
    _template("alter routine {f} owner to h_one", f=FUNCTION),
    _template("drop function {e}{f}({s}){b}", e=EXISTS, f=FUNCTION, s=SIGNATURE, b=BEHAVIOUR),
    _template("drop function {e}{f}{b}", e=EXISTS, f=FUNCTION, b=BEHAVIOUR),
    _template("create or replace procedure {f}({a}) language sql as ''", f=FUNCTION, a=ARGUMENTS),
    _template("drop routine {e}{f}({s}){b}", e=EXISTS, f=FUNCTION, s=SIGNATURE, b=BEHAVIOUR),
    _template(
        "create {r}trigger tr before insert on {t} for each row execute function {f}()",
        r=st.sampled_from(["", "or replace "]),
        t=TABLE,
        f=st.sampled_from(["ok", "fire"]),
    ),
    _template("create or replace function fire() returns trigger language plpgsql as 'begin return new; end'"),
    _template("drop trigger {e}tr on {t}", e=EXISTS, t=TABLE),
    _template("drop function {e}fire(){b}", e=EXISTS, b=BEHAVIOUR),
)

TYPES = st.one_of(
    _template("create type mood as enum ('x', 'y')"),
    _template("alter type mood add value {e}'{v}'", e=st.sampled_from(["", "if not exists "]), v=st.sampled_from("xyz")),
    _template("alter type mood rename value '{v}' to '{w}'", v=st.sampled_from("xyz"), w=st.sampled_from("xyz")),
    _template("alter type {n} rename to {m}", n=st.sampled_from(["mood", "pair"]), m=st.sampled_from(["mood", "pair"])),
    _template("alter type mood set schema s2"),
    _template("alter table {t} add column m mood", t=TABLE),
    _template("alter table {t} alter m type text", t=TABLE),
    _template("alter table {t} alter {c} type {y} using {c}::text::{y}", t=TABLE, c=COLUMN, y=TYPE),
    _template("drop type {e}{n}{b}", e=EXISTS, n=st.sampled_from(["mood", "pair", "pos"]), b=BEHAVIOUR),
    _template("create domain pos as {y} check (value is not null)", y=TYPE),
    _template("alter domain pos {c}", c=st.sampled_from(
        ["set not null", "drop not null", "set default null", "drop default", "drop constraint pos_check",
         "add check (value is not null)", "add constraint pos_more check (true)", "rename to pos2",
         "rename constraint pos_check to pos_old", "drop constraint if exists pos_more"])),
    _template("alter table {t} add column pos pos", t=TABLE),
    _template("drop domain {e}pos{b}", e=EXISTS, b=BEHAVIOUR),
    _template("create type pair as (x int, y text)"),
    _template("alter type pair {c}{b}", b=BEHAVIOUR, c=st.sampled_from(
        ["add attribute z date", "drop attribute y", "drop attribute if exists z", "alter attribute x type bigint"])),
    _template("alter type pair rename attribute {c} to {d}", c=st.sampled_from("xyz"), d=st.sampled_from("xyz")),
    _template("create table {n} of pair", n=TABLE),
    _template("alter table {t} add column pr pair", t=TABLE),
    _template("alter table {t} of pair", t=TABLE),
    _template("alter table {t} not of", t=TABLE),
)  # fmt: skip

PRIVILEGE = st.sampled_from(
    ["select", "insert", "update (a)", "all", "select (a, b), update", "references (b)", "truncate"]
)
GRANTS = st.one_of(
    _template("grant {p} on {t} to {r}", p=PRIVILEGE, t=TABLE, r=ROLE),
    _template("revoke {p} on {t} from {r}{b}", p=PRIVILEGE, t=TABLE, r=ROLE, b=BEHAVIOUR),
    _template("grant select on all tables in schema public to {r} with grant option", r=st.sampled_from(ROLES)),
    _template("revoke all on all tables in schema public from {r}", r=ROLE),
    _template("grant execute on function {f}({s}) to {r}", f=FUNCTION, s=SIGNATURE, r=ROLE),
    _template("revoke execute on function {f}({s}) from {r}", f=FUNCTION, s=SIGNATURE, r=ROLE),
    _template("revoke execute on all functions in schema public from public"),
    _template("alter default privileges grant select on tables to h_one"),
    _template("alter default privileges in schema public grant all on tables to h_two"),
    _template("alter default privileges revoke execute on functions from public"),
    _template("alter default privileges in schema public revoke all on tables from h_two"),
    _template("grant usage on schema s2 to {r}", r=ROLE),
    _template("alter table {t} owner to {r}", t=TABLE, r=st.sampled_from([*ROLES, "current_user"])),
    _template("grant h_one to h_two"),
    _template("revoke h_one from h_two"),
)  # fmt: skip

VIEWS = st.one_of(
    _template("create {r}view {n} {o}as select {c}, {d} as z from {t}", n=NAME, c=COLUMN, d=COLUMN, t=TABLE,
              r=st.sampled_from(["", "or replace "]), o=st.sampled_from(["", "with (security_invoker) "])),
    _template("create view v as select x.* from {t} x where {c}", t=TABLE, c=condition("x")),
    _template("alter view v rename column {c} to {d}", c=COLUMN, d=COLUMN),
    _template("alter view v set (security_invoker = {b})", b=st.sampled_from(["true", "false"])),
    _template("drop view {e}v{b}", e=EXISTS, b=BEHAVIOUR),
    _template("create materialized view mv as select * from {t}", t=TABLE),
    _template("create unique index on mv ({c})", c=COLUMN),
    _template("drop materialized view {e}mv{b}", e=EXISTS, b=BEHAVIOUR),
    _template("alter schema s2 rename to s3"),
    _template("create schema if not exists s2"),
    _template("drop schema s2{b}", b=BEHAVIOUR),
    _template("alter table {t} set schema s2", t=TABLE),
    _template("alter table s2.{t} set schema public", t=TABLE),
    _template("alter table s2.{t} rename {c} to {d}", t=TABLE, c=COLUMN, d=COLUMN),
    _template("create sequence {e}sq", e=st.sampled_from(["", "if not exists "])),
    _template("alter table {t} alter {c} set default nextval('sq')", t=TABLE, c=COLUMN),
    _template("drop sequence {e}sq{b}", e=EXISTS, b=BEHAVIOUR),
    _template("create statistics on {c}, {d} from {t}", c=COLUMN, d=COLUMN, t=TABLE),
)  # fmt: skip


@st.composite
def _do(draw: Any) -> str:
    table, other, name, column = draw(TABLE), draw(TABLE), draw(POLICY), draw(COLUMN)
    clause = draw(condition(table))
    inner, later = draw(POLICIES), draw(TABLES)
    body = draw(
        st.sampled_from(
            [
                f"if not exists (select 1 from pg_policies where tablename = '{table}' and policyname = '{name}') then"
                f" create policy {name} on {table} using ({clause}); end if;",
                f"if exists (select from information_schema.columns where table_schema = 'public' and"
                f" table_name = '{table}' and column_name = '{column}') then create index on {table} ({column}); end if;",
                f"begin {inner}; exception when duplicate_object or undefined_table then null; end; {later};",
                f"begin {inner}; {later}; exception when others then raise notice '%', sqlerrm; end;",
                f"{inner}; {later};",
                f"{inner}; raise exception 'no';",
                "for r in select tablename from pg_tables where schemaname = 'public' order by 1 loop"
                " execute format('alter table %I enable row level security', r.tablename); end loop;",
                f"for r in select policyname, tablename from pg_policies where tablename in ('{table}', '{other}') loop"
                " execute format('drop policy %I on %I', r.policyname, r.tablename); end loop;",
                "for r in select table_name from information_schema.columns where column_name = 'a' and table_schema ="
                " 'public' order by table_name loop execute 'create policy ' || quote_ident('by a') || ' on ' ||"
                " quote_ident(r.table_name) || ' using (a is not null)'; end loop;",
                f"foreach x in array array['{table}', '{other}'] loop execute format('create policy %I on %I for select"
                f" using (%s)', x || '_{name}', x, $q${clause}$q$); end loop;",
                f"if to_regclass('public.{table}') is not null and (select relrowsecurity from pg_class where oid ="
                f" 'public.{other}'::regclass) then {inner}; else {later}; end if;",
                f"if (select count(*) from pg_constraint where conrelid = to_regclass('{table}') and contype = 'p') = 0"
                f" then alter table {table} add primary key ({column}); end if;",
                f"x := '{table}'; execute 'alter table ' || x || ' force row level security'; return; {later};",
                f"case when exists (select from pg_indexes where tablename = '{table}') then {inner};"
                f" else alter table {table} add unique ({column}); end case;",
                "for i in 1..2 loop execute format('create policy %I on t', 'n' || i); continue when i = 1; exit;"
                " end loop;",
            ]
        )
    )
    return f"do $do$ declare r record; x text; begin {body} end $do$"


STATEMENT = st.one_of(TABLES, POLICIES, POLICIES, FUNCTIONS, TYPES, GRANTS, VIEWS, _do())
