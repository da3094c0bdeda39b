"""NOT NULL as version 18 keeps it, in constraints with names: both sides hold the same after each history."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.replay.both import replayed
from tests.replay.test_histories_random import START, disagreement

pytestmark = pytest.mark.server

HISTORIES = {
    "names that are written, chosen, inherited and copied": [
        """create table t (a int constraint an not null, b int not null, c serial, d int generated always as
            identity, e int, primary key (a, e))""",
        "create table u (x int, constraint xx not null x, y int, constraint yy not null y no inherit)",
        "create table v (x int not null, x2 int, constraint foo not null x)",
        "create table v3 (x int constraint f1 not null, constraint f1 not null x)",
        "create table v5 (x int, constraint f1 not null x, y int constraint f1 not null)",
        """create table v6 (x int constraint v6_x_not_null check (x > 0), y int, z int not null, constraint
            v6_z_not_null check (z > 0))""",
        "alter table t alter e drop not null",
        "alter table t drop constraint t_e_not_null",
        "alter table t drop constraint t_b_not_null",
        "alter table t drop constraint t_d_not_null",
        "alter table t add constraint bb not null b",
        "alter table t add constraint bbb not null b",
        "alter table t add constraint bb not null b",
        "alter table t add not null b",
        "alter table t alter b set not null",
        "alter table t rename b to b9",
        "alter table t rename constraint bb to b10",
        "create table c1 (z int) inherits (u)",
        "create table c2 (x int not null) inherits (u)",
        "create table c3 (x int constraint mine not null, y int) inherits (u)",
        "alter table u alter y set not null",
        "alter table u add constraint ynew not null y",
        "alter table u alter constraint yy inherit",
        "alter table c1 drop constraint xx",
        "alter table c1 alter x drop not null",
        "alter table u alter x drop not null",
        "alter table u add column w int not null",
        "alter table u add column w2 int constraint w2n not null",
        "alter table u add primary key (x)",
        "create table l (like u)",
        "create table l2 (like u including all, like t)",
        "alter table only u alter x drop not null",
        "alter table u drop constraint u_pkey",
        "alter table only u alter x drop not null",
        "alter table u add constraint nv not null x not valid",
        "alter table u validate constraint nv",
        "alter table only u alter w set not null",
        "create table p (a int not null, b int) partition by list (a)",
        "create table p1 partition of p for values in (1)",
        "create table p2 partition of p (b not null, a constraint pa not null) for values in (2)",
        "create table p3 (a int not null, b int)",
        "alter table p attach partition p3 for values in (3)",
        "alter table p alter b set not null",
        "alter table only p alter b set not null",
        "alter table p1 alter b drop not null",
        "alter table p detach partition p1",
        "alter table p drop constraint p_b_not_null",
        "alter table u drop constraint if exists nosuch",
        "create table q (a int constraint a_nn not null unique, constraint a_nn check (a > 0))",
        "create table q2 (a int constraint a_nn not null, b int constraint a_nn unique)",
        "alter table p add constraint zz not null b no inherit",
        "alter table t add constraint t2 not null e no inherit",
        "create index ti on t (c)",
        "alter table t add constraint cpk unique using index ti",
        "create domain dn as int constraint nn not null",
    ],
    "NOT NULL without or with child tables, by version 18's rules": [
        "create table w (a int, b int)",
        "create table n () inherits (w)",
        "alter table only w alter a set not null",
        "alter table only w add constraint x not null a",
        "alter table only w add primary key (a)",
        "alter table n alter a set not null",
        "alter table only w add primary key (a)",
        "alter table only w add constraint bx not null b",
        "alter table w alter constraint w_a_not_null no inherit",
        "alter table n no inherit w",
        "create table e (b int, a int not null)",
        "alter table e inherit w",
        "alter table w alter constraint w_a_not_null inherit",
        "alter table e no inherit w",
        "alter table e inherit w",
        "alter table w rename constraint w_a_not_null to tan",
        "alter table e rename constraint e_a_not_null to ean",
        "create table f (a int, b int not null no inherit)",
        "create table g () inherits (f)",
        "create table h (constraint hb not null b) inherits (f)",
        "create table i (b int, primary key (a)) inherits (w, f)",
        "create type pair as (a int, b int)",
        "create table tt of pair (a not null, constraint tb not null b)",
        "create unlogged table uu (a int not null unique, primary key (a))",
    ],
    "NOT NULL of partitions": [
        "create table p (a int, b int) partition by list (a)",
        "create table p1 partition of p for values in (1)",
        "alter table only p alter b set not null",
        "alter table only p add primary key (a)",
        "alter table p1 alter a set not null",
        "alter table only p alter a set not null",
        "alter table only p add primary key (a)",
        "alter table p1 alter a drop not null",
        "alter table only p alter a drop not null",
        "alter table only p drop constraint p_pkey",
        "alter table only p alter a drop not null",
        "create table p3 (a int constraint mine not null no inherit, b int)",
        "alter table p attach partition p3 for values in (3)",
        "alter table p alter b set not null",
        "alter table p detach partition p1",
        "alter table p drop constraint p_b_not_null",
        """do $$ declare r record; begin for r in select conname from pg_constraint where contype = 'n' and conrelid in
            ('p'::regclass, 'p1'::regclass, 't'::regclass) order by 1 loop
    execute format('create table %I ()', 'x_' || r.conname); end loop; end $$""",
        """do $$ declare r record; begin for r in select constraint_name, constraint_type from
            information_schema.table_constraints where table_name in ('t', 'u', 'p1') loop
    execute format('create table %I ()', 'y_' || r.constraint_name || r.constraint_type); end loop; end $$""",
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_both_agree(connection: psycopg.Connection[Any], name: str) -> None:
    assert disagreement(connection, HISTORIES[name], START if name.startswith("NOT NULL") else ()) == []


def test_before_version_18_there_are_no_such_constraints() -> None:
    result = replayed("create table w (a int not null, constraint c not null a, b serial primary key)", pg_version=17)
    assert [("w_pkey", "p")] == [(row.conname, row.contype) for row in result.catalog.constraints]
