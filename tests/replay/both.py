"""SQL applied to the replay and to a server, and what the two say about it, in the same words."""

from __future__ import annotations

from typing import Any

import psycopg

from rlslint.analyze.typename import format_type
from rlslint.catalog.acl import has_column_privilege, has_privilege
from rlslint.catalog.catalog import Catalog
from rlslint.replay.replay import Replayed, replay
from rlslint.source.model import Migration, Project, SourceFile, Statement
from rlslint.source.parse import parse_script

TABLE = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
COLUMN = ("select", "insert", "update", "references")
COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def statements_of(sql: str) -> tuple[SourceFile, list[Statement]]:
    source = SourceFile("migration.sql", sql)
    statements, problems = parse_script(source, 0, len(sql))
    assert problems == []
    return source, statements


def replayed(sql: str, preset: str = "none", pg_version: int = 18) -> Replayed:
    source, statements = statements_of(sql)
    migration = Migration(source, tuple(statements), (), (), transactional=False)
    return replay(Project("files", (migration,)), preset=preset, pg_version=pg_version)


def errors(result: Replayed, sql: str) -> list[tuple[str, str | None]]:
    """(statement, SQLSTATE) of the top-level statements, in order."""
    return [
        (step.statement.text, step.error)
        for step in result.steps
        if step.migration >= 0 and not step.statement.synthetic and step.statement.text in sql
    ]


def server_errors(
    connection: psycopg.Connection[Any], sql: str, followed: list[tuple[str, str | None]]
) -> list[tuple[str, str | None]]:
    """The same from the server, each statement on its own, of those that replay has a handler for."""
    known = {text for text, _ in followed}
    found: list[tuple[str, str | None]] = []
    for statement in statements_of(sql)[1]:
        try:
            connection.execute(statement.text.encode())
        except psycopg.Error as error:
            found.append((statement.text, error.sqlstate))
        else:
            found.append((statement.text, None))
    return [entry for entry in found if entry[0] in known]


def policies(catalog: Catalog) -> list[tuple[Any, ...]]:
    return sorted(
        (
            catalog.relations[row.polrelid].relname,
            row.polname,
            "PERMISSIVE" if row.polpermissive else "RESTRICTIVE",
            sorted(catalog.rolname(role) for role in row.polroles),
            COMMANDS[row.polcmd],
            row.polqual is not None,
            row.polwithcheck is not None,
        )
        for row in catalog.policies
    )


def server_policies(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    rows = connection.execute(
        "SELECT tablename, policyname, permissive, roles::text[], cmd, qual IS NOT NULL, with_check IS NOT NULL"
        " FROM pg_policies"
    ).fetchall()
    return sorted((*row[:3], sorted(row[3]), *row[4:]) for row in rows)


def functions(catalog: Catalog) -> list[tuple[Any, ...]]:
    return sorted(
        (
            catalog.qualified_name(row),
            ", ".join(format_type(catalog, oid) for oid in row.proargtypes),
            format_type(catalog, row.prorettype),
            row.prokind,
            row.prolang,
            row.proretset,
            row.provolatile,
            row.prosecdef,
            row.proisstrict,
            row.proleakproof,
            row.proparallel,
            row.pronargdefaults,
            [f"{name}={value}" for name, value in row.proconfig],
            list(row.proargnames),
            list(row.proargmodes),
            catalog.rolname(row.proowner),
            format_type(catalog, row.provariadic) if row.provariadic else "-",
        )
        for row in catalog.procs
        if row.origin is not None and not row.constructs
    )


def server_functions(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    rows = connection.execute(
        """
        SELECT n.nspname || '.' || proname,
            (SELECT coalesce(string_agg(format_type(t, NULL), ', ' ORDER BY o), '')
             FROM unnest(proargtypes::oid[]) WITH ORDINALITY AS u(t, o)),
            format_type(prorettype, NULL), prokind::text, lanname, proretset, provolatile::text, prosecdef, proisstrict,
            proleakproof, proparallel::text, pronargdefaults::int, coalesce(proconfig, '{}'),
            coalesce(proargnames, '{}'), coalesce(proargmodes::text[], '{}'), pg_get_userbyid(proowner)::text,
            CASE WHEN provariadic = 0 THEN '-' ELSE format_type(provariadic, NULL) END
        FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace JOIN pg_language l ON l.oid = prolang
        WHERE p.oid >= 16384 AND NOT EXISTS (
            SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype IN ('i', 'e'))
        """
    ).fetchall()
    return sorted(rows)


def privileges(catalog: Catalog) -> set[tuple[str, ...]]:
    """Everything that has_*_privilege() says, for the plain roles, tables, columns, functions and schemas that files made."""
    found: set[tuple[str, ...]] = set()
    for role in catalog.roles:
        if role.rolsuper:
            continue
        for table in catalog.relations:
            if table.relkind not in "rpvm":
                continue
            for privilege in TABLE:
                if has_privilege(catalog, role.oid, table, privilege):
                    found.add((role.rolname, table.relname, privilege))
            for column in table.attributes:
                for privilege in COLUMN:
                    if not column.attisdropped and has_column_privilege(
                        catalog, role.oid, table, column.attnum, privilege
                    ):
                        found.add((role.rolname, f"{table.relname}.{column.attname}", privilege))
        for proc in catalog.procs:
            if proc.origin is not None and has_privilege(catalog, role.oid, proc, "execute"):
                found.add((role.rolname, f"{proc.proname}()", "execute"))
        for namespace in catalog.namespaces:
            if namespace.nspname.startswith("pg_"):
                continue
            for privilege in ("usage", "create"):
                if has_privilege(catalog, role.oid, namespace, privilege):
                    found.add((role.rolname, f"schema {namespace.nspname}", privilege))
    return found


def server_privileges(connection: psycopg.Connection[Any]) -> set[tuple[str, ...]]:
    rows = connection.execute(
        """
        WITH r AS (SELECT oid, rolname FROM pg_roles WHERE oid >= 16384 AND NOT rolsuper),
             c AS (SELECT oid, relname FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm'))
        SELECT rolname, relname, p FROM r, c, unnest(%s::text[]) p WHERE has_table_privilege(r.oid, c.oid, p)
        UNION ALL SELECT rolname, relname || '.' || attname, p FROM r, c, pg_attribute a, unnest(%s::text[]) p
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                AND has_column_privilege(r.oid, c.oid, attnum, p)
        UNION ALL SELECT rolname, proname || '()', 'execute' FROM r, pg_proc f
            WHERE f.oid >= 16384 AND has_function_privilege(r.oid, f.oid, 'execute')
        UNION ALL SELECT rolname, 'schema ' || nspname, p FROM r, pg_namespace n, unnest(ARRAY['usage', 'create']) p
            WHERE n.oid >= 16384 AND nspname NOT LIKE 'pg\\_%%' AND has_schema_privilege(r.oid, n.oid, p)
        """,
        (list(TABLE), list(COLUMN)),
    ).fetchall()
    return set(rows)
