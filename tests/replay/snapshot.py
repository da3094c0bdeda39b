"""A live catalog and a replayed one as equal dictionaries, and DDL run on both, statement by statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Index, Relation
from rlslint.replay.replay import IGNORED, Replayed, handlers, run
from rlslint.replay.session import Session
from rlslint.source.model import SourceFile, Statement
from rlslint.source.parse import parse_script

Snapshot = dict[str, dict[str, Any]]

UNDEFINED = frozenset({"42P01", "42704", "42883", "3F000"})
"""What PostgreSQL says of objects that are not there; replay says that no file creates them."""

_RELATIONS = """
SELECT n.nspname || '.' || c.relname, c.relkind::text, c.relpersistence::text, c.relrowsecurity, c.relforcerowsecurity,
       c.relispartition,
       ARRAY(SELECT p.relname::text FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
             WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
       CASE WHEN c.relkind = 'S' THEN '[]'::json ELSE (
         SELECT coalesce(json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                a.atthasdef, a.attgenerated, a.attidentity, a.attislocal) ORDER BY a.attnum), '[]'::json)
         FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END,
       (SELECT t.relname || '.' || a.attname FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname IN ('public', 's2')"""
_INDEXES = """
SELECT n.nspname || '.' || c.relname, t.relname, am.amname::text, i.indisunique, i.indisprimary, i.indisvalid,
       i.indnullsnotdistinct,
       ARRAY(SELECT coalesce(a.attname::text, '(expr)') FROM unnest(i.indkey) WITH ORDINALITY k(n, o)
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.o),
       i.indnkeyatts,
       ARRAY(SELECT o.opcname::text FROM unnest(i.indclass) WITH ORDINALITY k(n, o2)
             JOIN pg_opclass o ON o.oid = k.n ORDER BY k.o2),
       i.indoption::int2[]::int[], i.indpred IS NOT NULL,
       (SELECT p.relname FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent WHERE h.inhrelid = c.oid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am am ON am.oid = c.relam
WHERE n.nspname IN ('public', 's2')"""
_CONSTRAINTS = """
SELECT t.relname || '.' || k.conname, k.contype::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, o)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o),
       (SELECT f.relname FROM pg_class f WHERE f.oid = k.confrelid),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, o)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o),
       k.confdeltype::text, k.condeferrable, k.condeferred, k.convalidated, k.connoinherit,
       (SELECT i.relname FROM pg_class i WHERE i.oid = k.conindid),
       (SELECT p.conname FROM pg_constraint p WHERE p.oid = k.conparentid)
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_constraint up ON up.oid = k.conparentid
WHERE n.nspname IN ('public', 's2') AND k.contype IN ('p', 'u', 'f', 'c', 'x', 'n')
  AND (up.oid IS NULL OR up.conrelid <> k.conrelid)"""
_POLICIES = (
    """SELECT c.relname || '.' || p.polname, p.polcmd::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"""
)
_PROCS = """SELECT p.proname || '(' || p.pronargs || ') ' || p.prokind::text, p.prokind::text FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 's2')"""
_TYPES = """SELECT n.nspname || '.' || t.typname, t.typtype::text FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname IN ('public', 's2')"""


def server_snapshot(connection: psycopg.Connection[Any]) -> Snapshot:
    """What the server's catalog holds in the schemas public and s2."""

    def rows(sql: str) -> dict[str, Any]:
        return {row[0]: list(row[1:]) for row in connection.execute(sql)}

    constraints = rows(_CONSTRAINTS)
    for row in constraints.values():
        _unordered_check(row)
        if row[0] != "f":
            row[4] = ""
    return {
        "relations": rows(_RELATIONS),
        "indexes": rows(_INDEXES),
        "constraints": constraints,
        "policies": rows(_POLICIES),
        "procs": rows(_PROCS),
        "types": rows(_TYPES),
    }


def _unordered_check(row: list[Any]) -> None:
    if row[0] == "c":
        row[1] = sorted(row[1])


def replayed_snapshot(catalog: Catalog) -> Snapshot:
    """The same of a replayed catalog."""
    shown = {oid for name in ("public", "s2") if (oid := catalog.namespace_oid(name)) is not None}
    relations = {row.oid: row for row in catalog.relations if row.relnamespace in shown and row.relkind != "c"}
    names = {index.oid: index.relname for index in catalog.indexes}
    parents = {row.oid: row.conname for row in catalog.constraints}
    constraints: dict[str, Any] = {}
    for row in catalog.constraints:
        if row.conrelid not in relations:
            continue
        table = relations[row.conrelid]
        target = catalog.relations.get(row.confrelid)
        shape = [
            row.contype,
            [table.column(number).attname for number in row.conkey if number],
            target.relname if target is not None else None,
            [target.column(number).attname for number in row.confkey] if target is not None else [],
            row.confdeltype if row.contype == "f" else "",
            row.condeferrable,
            row.condeferred,
            row.convalidated,
            # PostgreSQL marks keys and foreign keys of plain tables as not inheritable
            row.connoinherit if row.contype in "cn" else None,
            names.get(row.conindid),
            parents.get(row.coninhparent),
        ]
        _unordered_check(shape)
        constraints[f"{table.relname}.{row.conname}"] = shape
    return {
        "relations": {catalog.qualified_name(row): _relation(catalog, row) for row in relations.values()},
        "indexes": {
            catalog.qualified_name(row): _index(catalog, row, names)
            for row in catalog.indexes
            if row.relnamespace in shown
        },
        "constraints": constraints,
        "policies": {
            f"{catalog.relations[row.polrelid].relname}.{row.polname}": [row.polcmd] for row in catalog.policies
        },
        "procs": {
            f"{row.proname}({len(row.proargtypes)}) {row.prokind}": [row.prokind]
            for row in catalog.procs
            if row.pronamespace in shown
        },
        "types": {
            f"{catalog.nspname(row.typnamespace)}.{row.typname}": [row.typtype]
            for row in catalog.types
            if row.typnamespace in shown
        },
    }


def _relation(catalog: Catalog, row: Relation) -> list[Any]:
    owner = catalog.relations.get(row.ownedby[0])
    columns = [
        [
            one.attname,
            format_type(catalog, one.atttypid, one.atttypmod),
            one.attnotnull,
            one.attdefault is not None,
            one.attgenerated,
            one.attidentity,
            one.attislocal,
        ]
        for one in row.attributes
        if not one.attisdropped
    ]
    return [
        row.relkind,
        row.relpersistence,
        row.relrowsecurity,
        row.relforcerowsecurity,
        row.relispartition,
        [catalog.relations[oid].relname for oid in row.inhparents],
        columns,
        f"{owner.relname}.{owner.column(row.ownedby[1]).attname}" if owner is not None else None,
    ]


def _index(catalog: Catalog, row: Index, names: dict[int, str]) -> list[Any]:
    table = catalog.relations[row.indrelid]
    keys = [table.column(key.attnum).attname if key.attnum else "(expr)" for key in row.keys]
    classes = [catalog.opclasses.get(key.opclass) for key in row.keys]
    return [
        table.relname,
        row.amname,
        row.indisunique,
        row.indisprimary,
        row.indisvalid,
        row.indnullsnotdistinct,
        keys + [table.column(number).attname for number in row.include],
        len(keys),
        [one.opcname if one is not None else "?" for one in classes],
        [int(key.descending) | int(key.nulls_first) << 1 for key in row.keys],
        row.indpred is not None,
        names.get(row.inhparent),
    ]


_ROLLBACK_TO = ("rollback to ", "release ")
"""They take later savepoints away."""
_TRANSACTION = ("begin", "start", "commit", "end", "abort", "rollback and", "savepoint")


@dataclass
class Both:
    """A server and a replay session that are given the same statements."""

    connection: psycopg.Connection[Any]
    session: Session
    replayed: Replayed

    @classmethod
    def fresh(cls, connection: psycopg.Connection[Any]) -> Both:
        """Empty schemas public and s2 on both sides; the server's version is the one that is predicted."""
        connection.execute("DROP SCHEMA IF EXISTS public, s2 CASCADE")
        connection.execute("CREATE SCHEMA public; CREATE SCHEMA s2")
        session = Session(Catalog(connection.info.server_version // 10000), handlers=handlers())
        both = cls(connection, session, Replayed(session.catalog, session.problems, session.steps))
        both.replay("CREATE SCHEMA s2")
        return both

    def replay(self, sql: str) -> str | None:
        """Replay one statement: its SQLSTATE when rejected, ``unknown`` when not followed."""
        source = SourceFile("test.sql", sql)
        statements, problems = parse_script(source, 0, len(sql))
        if problems:
            return "42601"
        statement: Statement
        (statement,) = statements
        if statement.kind in IGNORED:
            return "ignored"
        before = len(self.session.problems)
        run(self.session, statement, self.replayed, transactional=False)
        error = self.session.steps[-1].error if self.session.steps else None
        return error or ("unknown" if len(self.session.problems) > before else None)

    def serve(self, sql: str) -> str | None:
        """Run one statement on the server: its SQLSTATE when rejected. An open transaction goes on after an error."""
        inside = self.connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        ends = sql.startswith(_TRANSACTION) or sql == "rollback"
        try:
            if inside and not ends:
                self.connection.execute("SAVEPOINT before_statement")
            self.connection.execute(sql)
        except psycopg.Error as error:
            if inside and not ends:
                self.connection.execute("ROLLBACK TO before_statement")
            return error.sqlstate
        if inside and not ends and not sql.startswith(_ROLLBACK_TO):
            self.connection.execute("RELEASE before_statement")
        return None

    def step(self, sql: str) -> tuple[str | None, str | None]:
        """The server's and replay's answers, equal when replay is right."""
        served, replayed = self.serve(sql), self.replay(sql)
        if replayed == "ignored":
            # it changes nothing that is compared, whether it fails or not
            return served, served
        if replayed == "unknown" and served in UNDEFINED:
            return served, served
        return served, replayed

    def snapshots(self) -> tuple[Snapshot, Snapshot]:
        """The server's and replay's catalogs, equal when replay is right."""
        served, replayed = server_snapshot(self.connection), replayed_snapshot(self.session.catalog)
        for row in served["constraints"].values():
            if row[0] not in "cn":
                row[8] = None
        return served, replayed


def differences(served: Snapshot, replayed: Snapshot) -> list[str]:
    """Readable differences of two snapshots, empty when they are equal."""
    found = []
    for kind in served:
        for name in sorted(served[kind].keys() | replayed[kind].keys()):
            one, other = served[kind].get(name), replayed[kind].get(name)
            if one != other:
                found.append(f"{kind} {name}: PostgreSQL {one} replay {other}")
    return found
