"""An extension that the server does not have in, functions that stand in for its own out.

The embedded server lacks what needs OpenSSL or a UUID library. Schemas call these functions in defaults above all: values
of the right type serve to try policies on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from rlslint.source.model import Statement

Connection = psycopg.Connection[Any]

_FUNCTIONS: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "uuid-ossp": (
        ("uuid_generate_v1()", "uuid", "SELECT gen_random_uuid()"),
        ("uuid_generate_v1mc()", "uuid", "SELECT gen_random_uuid()"),
        ("uuid_generate_v4()", "uuid", "SELECT gen_random_uuid()"),
        ("uuid_generate_v5(uuid, text)", "uuid", "SELECT md5($1::text || $2)::uuid"),
        ("uuid_nil()", "uuid", "SELECT '00000000-0000-0000-0000-000000000000'::uuid"),
    ),
    "pgcrypto": (
        ("gen_random_bytes(int)", "bytea", "SELECT substr(sha512(gen_random_uuid()::text::bytea), 1, $1)"),
        ("gen_salt(text)", "text", "SELECT md5(random()::text)"),
        ("gen_salt(text, int)", "text", "SELECT md5(random()::text)"),
        ("crypt(text, text)", "text", "SELECT md5($1 || $2)"),
        ("digest(text, text)", "bytea", "SELECT sha256(convert_to($1, 'UTF8'))"),
        ("digest(bytea, text)", "bytea", "SELECT sha256($1)"),
        ("hmac(text, text, text)", "bytea", "SELECT sha256(convert_to($1 || $2, 'UTF8'))"),
        ("hmac(bytea, bytea, text)", "bytea", "SELECT sha256($1 || $2)"),
    ),
}
"""By extension: signature, result, body."""


def stand_in(connection: Connection, statement: Statement) -> bool:
    """For a CREATE EXTENSION that the server refused, make what stands in, and say whether there is something."""
    if statement.kind != "CreateExtensionStmt":
        return False
    name = statement.node["extname"]
    schema = _schema(statement)
    there = {
        row[0] for row in connection.execute("SELECT proname FROM pg_proc WHERE proname = ANY (%s)", (_names(name),))
    }
    if there:
        return False
    for signature, result, body in _FUNCTIONS.get(name, ()):
        target = sql.SQL("{}.").format(sql.Identifier(schema)) if schema else sql.SQL("")
        create = sql.SQL("CREATE OR REPLACE FUNCTION {}{} RETURNS {} LANGUAGE sql AS {}").format(
            target, _raw(signature), _raw(result), sql.Literal(body)
        )
        try:
            connection.execute(create)
        except psycopg.Error:
            return False
    return name in _FUNCTIONS


def _names(name: str) -> list[str]:
    return [signature.partition("(")[0] for signature, _, _ in _FUNCTIONS.get(name, ())]


def _raw(text: str) -> sql.SQL:
    return sql.SQL(text)


def _schema(statement: Statement) -> str:
    for option in statement.node.get("options", []):
        element = option["DefElem"]
        if element["defname"] == "schema":
            return str(element["arg"]["String"]["sval"])
    return ""
