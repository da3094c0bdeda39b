"""A live database in, its schema as the plain dictionaries of ``rlslint catalog --format json`` out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]
Entry = dict[str, Any]

_USER_SCHEMA: Final = """n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_temp%'
    AND n.nspname NOT LIKE 'pg\\_toast%'"""
_NOT_OF_EXTENSION: Final = """NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.classid = '{catalog}'::regclass
    AND d.deptype IN ({how}))"""
_TABLES: Final = f"""
SELECT n.nspname AS schema, c.relname AS name,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned_table' WHEN 'v' THEN 'view'
            WHEN 'm' THEN 'materialized_view' ELSE 'foreign_table' END AS kind,
       c.relrowsecurity AS rls, c.relforcerowsecurity AS force_rls,
       (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
               'not_null', a.attnotnull) ORDER BY a.attnum), '[]')
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_USER_SCHEMA}
  AND {_NOT_OF_EXTENSION.format(oid="c.oid", catalog="pg_class", how="'e'")}"""
_INDEXES: Final = f"""
SELECT n.nspname AS schema, t.relname AS table, c.relname AS name, am.amname AS method, i.indisunique AS unique,
       ARRAY(SELECT coalesce(a.attname::text, pg_get_indexdef(c.oid, k.o::int, false))
             FROM unnest(i.indkey) WITH ORDINALITY k(n, o)
             LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n
             WHERE k.o <= i.indnkeyatts ORDER BY k.o) AS keys,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(n, o)
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n
             WHERE k.o > i.indnkeyatts ORDER BY k.o) AS include,
       pg_get_expr(i.indpred, t.oid) AS where, pg_get_indexdef(c.oid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_am am ON am.oid = c.relam
WHERE {_USER_SCHEMA} AND {_NOT_OF_EXTENSION.format(oid="t.oid", catalog="pg_class", how="'e'")}"""
# a partitioned table that is referenced has a constraint more for each of its partitions
_CONSTRAINTS: Final = f"""
SELECT n.nspname AS schema, t.relname AS table, k.conname AS name, k.contype::text AS type,
       pg_get_constraintdef(k.oid) AS definition
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_constraint up ON up.oid = k.conparentid
WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND (up.oid IS NULL OR up.conrelid <> k.conrelid) AND {_USER_SCHEMA}
  AND {_NOT_OF_EXTENSION.format(oid="t.oid", catalog="pg_class", how="'e'")}"""
_POLICIES: Final = f"""
SELECT n.nspname AS schema, t.relname AS table, p.polname AS name, p.polpermissive AS permissive,
       CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete'
            ELSE 'all' END AS command,
       ARRAY(SELECT coalesce(r.rolname::text, 'public') FROM unnest(p.polroles) u LEFT JOIN pg_roles r ON r.oid = u)
       AS roles,
       pg_get_expr(p.polqual, t.oid) AS using, pg_get_expr(p.polwithcheck, t.oid) AS check
FROM pg_policy p JOIN pg_class t ON t.oid = p.polrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE {_USER_SCHEMA}"""
_FUNCTIONS: Final = f"""
SELECT n.nspname AS schema, p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
       l.lanname AS language,
       CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
       p.prosecdef AS security_definer, p.proisstrict AS strict, coalesce(p.proconfig, '{{}}') AS config
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE {_USER_SCHEMA} AND {_NOT_OF_EXTENSION.format(oid="p.oid", catalog="pg_proc", how="'e', 'i'")}"""


def introspect(connection: Connection) -> Entry:
    """Everything in user schemas, sorted by schema, table and name. What extensions own is left out.

    Types and expressions are shown as in a session with the default search_path, whatever the connection's is.
    """
    with connection.transaction():
        connection.execute('SET LOCAL search_path = "$user", public')
        found = {
            "tables": _rows(connection, _TABLES),
            "indexes": _rows(connection, _INDEXES),
            "constraints": _rows(connection, _CONSTRAINTS),
            "policies": _rows(connection, _POLICIES),
            "functions": _rows(connection, _FUNCTIONS),
        }
    for policy in found["policies"]:
        policy["roles"].sort()
    return {"version": 1, **found, "not_analysed": []}


def _rows(connection: Connection, query: str) -> list[Entry]:
    cursor = connection.execute(query.encode())
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return sorted(rows, key=lambda row: (row["schema"], row.get("table", ""), row["name"], row.get("arguments", "")))


def policies_view(connection: Connection) -> list[tuple[Any, ...]]:
    """pg_policies as it is, sorted."""
    with connection.transaction():
        connection.execute('SET LOCAL search_path = "$user", public')
        return connection.execute("SELECT * FROM pg_policies ORDER BY schemaname, tablename, policyname").fetchall()


def recreate_policies(connection: Connection, policies: Iterable[Mapping[str, Any]]) -> list[str]:
    """Drop each policy and create it again from its entry, with the default search_path; returns what went wrong.

    A policy that cannot be made again stays as it was.
    """
    problems: list[str] = []
    for policy in policies:
        try:
            with connection.transaction():
                connection.execute('SET LOCAL search_path = "$user", public')
                connection.execute(_drop_policy(policy))
                connection.execute(_create_policy(policy))
        except psycopg.Error as error:
            problems.append(f"{policy['schema']}.{policy['table']}.{policy['name']}: {error.sqlstate} {error}")
    return problems


def _table(entry: Mapping[str, Any]) -> sql.Identifier:
    return sql.Identifier(entry["schema"], entry["table"])


def _drop_policy(policy: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL("DROP POLICY {} ON {}").format(sql.Identifier(policy["name"]), _table(policy))


def _create_policy(policy: Mapping[str, Any]) -> sql.Composed:
    roles = [sql.SQL("PUBLIC") if role == "public" else sql.Identifier(role) for role in policy["roles"]]
    text = sql.SQL("CREATE POLICY {} ON {} AS {} FOR {} TO {}").format(
        sql.Identifier(policy["name"]),
        _table(policy),
        sql.SQL("PERMISSIVE" if policy["permissive"] else "RESTRICTIVE"),
        sql.SQL(policy["command"].upper()),
        sql.SQL(", ").join(roles),
    )
    for keyword, expression in (("USING", policy["using"]), ("WITH CHECK", policy["check"])):
        if expression is not None:
            text += sql.SQL(f" {keyword} ({{}})").format(sql.SQL(expression))
    return text
