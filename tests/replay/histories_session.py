"""Statements for random histories: transactions, settings, roles, schemas, types, operators, rules and triggers."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.replay.histories import condition
from tests.replay.test_tables_random import BEHAVIOUR, COLUMN, EXISTS, NAME, TABLE, TYPE, _template

SUPERUSER = "h_super"
"""A role with every privilege: SET ROLE to it never leads to a missing one."""
ROLE = st.sampled_from(["h_one", "h_two", "h_three", SUPERUSER])
PLACE = st.sampled_from(["", "public.", "s2.", "s2."])

TRANSACTIONS = st.one_of(
    st.sampled_from(
        [
            "begin", "begin", "commit", "rollback", "savepoint one", "savepoint two", "savepoint one",
            "rollback to one", "rollback to savepoint two", "release one", "release two", "start transaction",
            "rollback and chain", "commit and chain", "end", "abort",
        ]
    ),
)  # fmt: skip

SETTINGS = st.sampled_from(
    [
        "set search_path = s2, public", "set search_path to public", "set search_path = s2", "reset search_path",
        "set search_path = ''", "set search_path = missing, public", "set search_path to default",
        "select set_config('search_path', 's2, public', false)", "select pg_catalog.set_config('search_path', '', false)",
        "set local search_path = s2", "set search_path = \"$user\", public", "reset all", "set search_path = pg_catalog, s2",
        f"set role {SUPERUSER}", "reset role", f"set local role {SUPERUSER}", "set role none",
        f"set session authorization {SUPERUSER}", "reset session authorization", "discard all",
        "set check_function_bodies = off", "set check_function_bodies = true", "set standard_conforming_strings = on",
    ]
)  # fmt: skip

ROLES = st.one_of(
    _template("create role h_three {o}", o=st.sampled_from(["", "nologin", "bypassrls", "in role h_one", "role h_two"])),
    _template("create user h_three {o}", o=st.sampled_from(["", "noinherit", "admin h_one", "in group h_two"])),
    _template("alter role {r} {o}", r=ROLE, o=st.sampled_from(["bypassrls", "noinherit", "nobypassrls", "login"])),
    _template("drop role {e}h_three", e=EXISTS),
    _template("drop owned by {r}{b}", r=st.sampled_from(["h_one", "h_two", "h_three"]), b=BEHAVIOUR),
    _template("reassign owned by {r} to {q}", r=st.sampled_from(["h_one", "h_three"]), q=ROLE),
    _template("grant {r} to {q}{o}", r=ROLE, q=ROLE, o=st.sampled_from(["", " with admin option",
              " with inherit false", " with inherit true, set false"])),
    _template("revoke {o}{r} from {q}{b}", r=ROLE, q=ROLE, b=BEHAVIOUR, o=st.sampled_from(["", "admin option for ",
              "inherit option for "])),
    _template("create policy {p} on {t} to {r} using (true)", p=st.sampled_from("pq"), t=TABLE, r=ROLE),
    _template("grant select on {t} to {r}{o}", t=TABLE, r=ROLE, o=st.sampled_from(["", " with grant option"])),
    _template("alter {k} owner to {r}", r=ROLE, k=st.sampled_from(
        ["schema s2", "view v", "function ok(text)", "type mood", "sequence sq", "table t", "domain pos"])),
    _template("alter default privileges for role {r} grant select on tables to h_one", r=ROLE),
    _template("grant {p} on schema {s} to {r}", p=st.sampled_from(["usage", "create", "all"]), r=ROLE,
              s=st.sampled_from(["public", "s2"])),
    _template("revoke {g}select on {t} from {r}{b}", g=st.sampled_from(["", "grant option for "]), t=TABLE, r=ROLE,
              b=BEHAVIOUR),
)  # fmt: skip

SCHEMAS = st.one_of(
    _template("create schema s2 create table {t} (a int, b text) create view v as select a from {t}", t=TABLE),
    _template("create schema {e}s3 authorization h_one", e=st.sampled_from(["", "if not exists "])),
    _template("alter schema {s} rename to {n}", s=st.sampled_from(["s2", "s3"]), n=st.sampled_from(["s2", "s3"])),
    _template("drop schema {e}{s}{b}", e=EXISTS, s=st.sampled_from(["s2", "s3", "s2, s3"]), b=BEHAVIOUR),
    _template("alter {k} set schema {s}", s=st.sampled_from(["public", "s2", "s3"]), k=st.sampled_from(
        ["table t", "table u", "view v", "function ok(text)", "type mood", "domain pos", "sequence sq",
         "materialized view mv", "table s2.t", "table s2.u", "type s2.mood", "function s2.ok(text)"])),
    _template("create table {s}{t} (a int primary key, b {y}, c text)", s=PLACE, t=TABLE, y=TYPE),
    _template("create function {s}ok(x text) returns bool stable language sql as 'select x is not null'", s=PLACE),
    _template("create view {s}v as select a, b from {z}{t}", s=PLACE, z=PLACE, t=TABLE),
    _template("create policy p on {s}{t} using ({c})", s=PLACE, t=TABLE, c=condition()),
    _template("create policy p on {s}{t} using (exists (select from {z}{u} i where i.a = {t}.a))", s=PLACE, z=PLACE,
              t=TABLE, u=TABLE),
    _template("alter policy p on {s}{t} using ({c}) with check (a is not null)", s=PLACE, t=TABLE, c=condition()),
    _template("create index {n} on {s}{t} ({c})", s=PLACE, t=TABLE, c=COLUMN, n=NAME),
    _template("drop index {e}{s}{n}", e=EXISTS, s=PLACE, n=NAME),
    _template("drop table {e}{s}{t}{b}", e=EXISTS, s=PLACE, t=TABLE, b=BEHAVIOUR),
    _template("alter table {s}{t} rename to {n}", s=PLACE, t=TABLE, n=NAME),
    _template("alter table {s}{t} add foreign key (a) references {z}{u}", s=PLACE, z=PLACE, t=TABLE, u=TABLE),
    _template("create type {s}mood as enum ('x', 'y')", s=PLACE),
    _template("alter table {s}{t} add column m {z}mood", s=PLACE, z=PLACE, t=TABLE),
    _template("grant select on all tables in schema {s} to h_one", s=st.sampled_from(["s2", "s3", "public, s2"])),
)  # fmt: skip

OPERATORS = st.one_of(
    st.sampled_from(
        [
            "create function eqx(text, int) returns bool immutable language sql as 'select $1 = $2::text'",
            "create operator === (function = eqx, leftarg = text, rightarg = int)",
            "drop operator if exists === (text, int)",
            "drop operator === (text, int) cascade",
            "drop function eqx(text, int) cascade",
            "drop function eqx(text, int)",
            "create cast (mood as int) with function pick(mood)",
            "create cast (mood as int) with function pick(mood) as implicit",
            "create cast (text as mood) with inout as assignment",
            "drop cast if exists (mood as int)",
            "drop cast (text as mood)",
            "create aggregate longest(text) (sfunc = textcat, stype = text)",
            "create or replace aggregate longest(text) (sfunc = textcat, stype = text, initcond = '')",
            "drop aggregate longest(text)",
            "create type span as range (subtype = int)",
            "create type span as range (subtype = float8, subtype_diff = float8mi)",
            "drop type if exists span cascade",
            "alter table t add column sp span",
            "create type shell",
            "create collation plain from \"C\"",
            "drop collation if exists plain",
            "create policy p on t using (b::text === 3)",
            "create policy q on u using (b === a)",
            "create index on t ((b::text === 3))",
            "create rule r as on delete to t do instead nothing",
            "create or replace rule r as on insert to u do also select 1",
            "drop rule r on t",
            "create view v as select a, b::text === 3 as same from t",
            "comment on table t is 'x'",
            "comment on policy p on t is 'x'",
            "comment on column t.b is null",
            "alter operator === (text, int) owner to h_one",
            "alter function ok(text) depends on extension plpgsql",
            "create extension if not exists plpgsql",
            "create sequence sq start 5",
            "alter sequence sq owned by t.a",
            "alter sequence sq owned by none",
            "alter sequence if exists sq rename to sq2",
            "alter sequence sq as bigint",
            "create temp sequence sq",
            "lock table t",
            "truncate t",
            "insert into t (a) values (1)",
            "delete from t",
            "update t set b = b",
            "analyze t",
        ]
    ),
    _template("create view {n} as with x as (select {c} from {t}) select * from x union all select {d} from {u}",
              n=NAME, c=COLUMN, d=COLUMN, t=TABLE, u=TABLE),
    _template("create view {n} as select t.*, u.b as other from t join u using (a) where {c}", n=NAME,
              c=condition("u")),
    _template("create recursive view {n} (k) as select 1 union all select k + 1 from {n} where k < 3", n=NAME),
    _template("create or replace view v as select {c}, {d}, 1 as extra from {t}", c=COLUMN, d=COLUMN, t=TABLE),
    _template("create temp view {n} as select * from {t}", n=NAME, t=TABLE),
    _template("create or replace view {n} (x, y) as select {c}, ok({d}::text) from {t} with local check option",
              n=NAME, c=COLUMN, d=COLUMN, t=TABLE),
    _template("alter view {e}v alter column {c} set default null", e=EXISTS, c=COLUMN),
    _template("create trigger {n} {w} on {t} for each {l} {c}execute function fire()", n=st.sampled_from(["tr", "ts"]),
              w=st.sampled_from(["before update of a", "after insert or delete", "instead of insert", "after truncate",
                                 "before insert"]), t=TABLE, l=st.sampled_from(["row", "statement"]),
              c=st.sampled_from(["", "when (new.a is not null) ", "when (old.b is distinct from new.b) "])),
    _template("create constraint trigger ts after insert on {t} deferrable for each row execute function fire()",
              t=TABLE),
    _template("alter trigger tr on {t} rename to {n}", t=TABLE, n=st.sampled_from(["tr", "ts"])),
)  # fmt: skip
