"""Two schemas as plain dictionaries in, their differences as text out; and SQL definitions put to a live server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import psycopg

from rlslint.source.model import Statement
from rlslint.verify.introspect import policies_view, recreate_policies

Connection = psycopg.Connection[Any]
Entry = Mapping[str, Any]

_KEYS: Final = {
    "tables": ("schema", "name"),
    "indexes": ("schema", "table", "name"),
    "constraints": ("schema", "table", "name"),
    "policies": ("schema", "table", "name"),
    "functions": ("schema", "name", "arguments"),
}
_WORDED: Final = ("definition", "where", "using", "check")
"""Fields that hold an author's wording on one side: compared by what a server makes of them."""


def apply(connection: Connection, statements: Iterable[Statement]) -> list[tuple[Statement, str, str]]:
    """Run each statement on its own, going on after errors; returns (statement, SQLSTATE, message) of those rejected."""
    rejected: list[tuple[Statement, str, str]] = []
    for statement in statements:
        try:
            connection.execute(statement.text.encode())
        except psycopg.Error as error:
            rejected.append((statement, error.sqlstate or "", str(error).split("\n")[0]))
    return rejected


def differences(server: Entry, replayed: Entry) -> list[str]:
    """What the server has and replay has not, the other way round, and where they say different things.

    Of expressions only their presence is compared here; `wording_differences` has the server judge them.
    """
    found: list[str] = []
    for kind, keys in _KEYS.items():
        left, right = _by_key(server[kind], keys), _by_key(replayed[kind], keys)
        for key in sorted(left.keys() | right.keys()):
            name = f"{kind[:-1] if kind != 'indexes' else 'index'} {'.'.join(key)}"
            if key not in right:
                found.append(f"{name}: only on the server")
            elif key not in left:
                found.append(f"{name}: only in the replay")
            else:
                found += [f"{name}: {text}" for text in _field_differences(left[key], right[key])]
    return found


def _by_key(entries: Iterable[Entry], keys: tuple[str, ...]) -> dict[tuple[str, ...], Entry]:
    return {tuple(entry[key] for key in keys): entry for entry in entries}


def _field_differences(server: Entry, replayed: Entry) -> list[str]:
    found = []
    for field in server:
        one, other = _comparable(field, server), _comparable(field, replayed)
        if field == "columns":
            found += _column_differences(server[field], replayed[field])
        elif one != other:
            found.append(f"{field} is {one!r} on the server, {other!r} in the replay")
    return found


def _comparable(field: str, entry: Entry) -> Any:
    if field in _WORDED:
        return entry[field] is not None
    if field == "keys":
        return [key if _is_name(key) else "(expression)" for key in entry[field]]
    return entry[field]


def _is_name(key: str) -> bool:
    return "(" not in key


def _column_differences(server: Iterable[Entry], replayed: Iterable[Entry]) -> list[str]:
    left = [_column(entry) for entry in server]
    right = [_column(entry) for entry in replayed]
    if left == right:
        return []
    only = [text for text in left if text not in right], [text for text in right if text not in left]
    if not any(only):
        return [f"columns are in the order {left} on the server, {right} in the replay"]
    return [f"columns {only[0]} on the server, {only[1]} in the replay"]


def _column(entry: Entry) -> str:
    return f"{entry['name']} {entry['type']}{' not null' if entry['not_null'] else ''}"


def wording_differences(connection: Connection, replayed: Entry) -> list[str]:
    """Have the server make every policy, index and constraint again from the replay's SQL: nothing may change.

    Policies are really made again; the rest is rolled back. Objects that the server lacks are left out.
    """
    before = policies_view(connection)
    there = {tuple(row[:3]) for row in before}
    own = [one for one in replayed["policies"] if (one["schema"], one["table"], one["name"]) in there]
    found = [f"policy {problem}" for problem in recreate_policies(connection, own)]
    after = {tuple(row[:3]): row for row in policies_view(connection)}
    for row in before:
        now = after[tuple(row[:3])]
        if row != now:
            found.append(f"policy {'.'.join(row[:3])}: was {row[3:]}, made again it is {now[3:]}")
    constraints = {(one["schema"], one["name"]) for one in replayed["constraints"]}
    for index in replayed["indexes"]:
        if (index["schema"], index["name"]) not in constraints:
            found += _again(connection, *_index_again(index))
    for constraint in replayed["constraints"]:
        found += _again(connection, *_constraint_again(constraint))
    return found


def _index_again(index: Entry) -> tuple[str, bytes, str, str, str]:
    name = f"{_quoted(index['schema'])}.{_quoted(index['name'])}"
    # an index of a partitioned table, or of a partition, is not made on its own
    query = f"""SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indexrelid = to_regclass({_literal(name)}) AND c.relkind = 'i' AND NOT c.relispartition"""
    return f"index {name}", query.encode(), f"DROP INDEX {name} CASCADE", "", index["definition"]


def _constraint_again(constraint: Entry) -> tuple[str, bytes, str, str, str]:
    table = f"{_quoted(constraint['schema'])}.{_quoted(constraint['table'])}"
    name = _quoted(constraint["name"])
    query = f"""SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass({_literal(table)})
        AND conname = {_literal(constraint["name"])} AND conparentid = 0 AND coninhcount = 0"""
    drop = f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE"
    return (
        f"constraint {table}.{name}",
        query.encode(),
        drop,
        f"ALTER TABLE {table} ADD CONSTRAINT {name} ",
        constraint["definition"],
    )


def _again(connection: Connection, what: str, query: bytes, drop: str, create: str, definition: str) -> list[str]:
    own = None
    try:
        with connection.transaction(force_rollback=True):
            connection.execute('SET LOCAL search_path = "$user", public')
            before = connection.execute(query).fetchone()
            if before is None:
                return []
            own = before[0]
            connection.execute(drop.encode())
            connection.execute((create + definition).encode())
            after = connection.execute(query).fetchone()
    except psycopg.Error as error:
        if own is not None and _error(connection, drop, create + own) == error.sqlstate:
            # what it stands on has changed: the server cannot make it again from its own words either
            return []
        return [f"{what}: {error.sqlstate} {str(error).splitlines()[0]}: {create}{definition}"]
    return [] if after == before else [f"{what}: was {before[0]}, made again it is {after and after[0]}"]


def _error(connection: Connection, *statements: str) -> str | None:
    """The SQLSTATE of the first of the statements that fails; whatever they do is rolled back."""
    try:
        with connection.transaction(force_rollback=True):
            for statement in statements:
                connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
