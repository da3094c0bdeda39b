"""A database with a schema in, the same with rows in it out: rows that respect keys, references, checks and types.

Row n of a table has values made from n, so a reference is made by making the parent's value from another number. Users
are numbers too: one in twenty rows belongs to user 1, who sees many, the others are spread over 5,000 users, who see few.
Each reference of a table takes its numbers in a way of its own, so that a user is a member of many teams.
What breaks a check constraint or has no parent is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg

from rlslint.records import dataclass
from rlslint.source.model import Tell, silent

Connection = psycopg.Connection[Any]

USERS: Final = 5_000
_WAYS: Final = ((7919, 0), (104_729, 7), (15_485_863, 13), (31_337, 3))
"""Factors and shifts of the references of a table, in turn."""
_COLUMNS: Final = """
SELECT a.attname, format_type(a.atttypid, NULL), t.typtype::text, t.typcategory::text, a.attnotnull,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       CASE WHEN a.atttypid IN (1042, 1043) AND a.atttypmod > 4 THEN a.atttypmod - 4 END
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum"""
_TABLES: Final = """
SELECT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema)' ORDER BY c.oid"""
_KEYS: Final = """
SELECT c.conrelid, c.confrelid, k.attname, f.attname, cardinality(c.conkey) = 1 FROM pg_constraint c
JOIN pg_attribute k ON k.attrelid = c.conrelid AND k.attnum = ANY (c.conkey)
JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[array_position(c.conkey, k.attnum)]
WHERE c.contype = 'f'"""
_UNIQUE: Final = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s AND i.indisunique AND i.indnkeyatts = 1"""
_SEQUENCES: Final = r"""
SELECT DISTINCT d.objid::regclass::text FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0"""
_MADE: Final = r"""
SELECT a.attname FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0
  AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) ~ '(nextval|gen_random_uuid|uuid_generate_v\d\w*|uuidv\d)\(')"""
_BYTES: Final = 20
"""Of a bytea that no constraint says the length of: a hash, an address."""
_LONGEST: Final = 64
"""Bytes of a bytea that is made."""
_TRIED: Final = 1000
"""Values that are put to the constraints before a table is filled."""
_CHECKS: Final = "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = %s AND contype = 'c'"
_LITERALS: Final = r"""
SELECT DISTINCT m[1] FROM (
  SELECT pg_get_expr(conbin, conrelid) AS text FROM pg_constraint WHERE contype = 'c' AND conrelid = %(table)s
  UNION ALL SELECT regexp_replace(
    coalesce(pg_get_expr(polqual, polrelid), '') || coalesce(pg_get_expr(polwithcheck, polrelid), ''),
    'current_setting\([^()]*\)', '', 'g')
  FROM pg_policy
) x,
regexp_matches(x.text, '\m' || %(column)s || '\M(?:(?!\m(?:AND|OR)\M)[^'']){0,60}''([^'']{1,40})''', 'g') m ORDER BY 1 LIMIT 8"""


@dataclass(frozen=True, slots=True)
class Filled:
    """A table's row count; ``problem`` where no row could be made."""

    table: str
    rows: int
    problem: str = ""
    given: bool = False
    """It was there before the first migration."""


def tables_there(connection: Connection) -> frozenset[int]:
    """OIDs of the user tables."""
    return frozenset(oid for oid, _ in connection.execute(_TABLES.encode()).fetchall())


def fill(
    connection: Connection,
    rows: int,
    few: frozenset[int] = frozenset(),
    counts: Mapping[str, int] = {},
    tell: Tell = silent,
) -> Iterator[Filled]:
    """Fill every user table, parents first, those in ``few`` with no more rows than there are users, those in ``counts``
    with so many. Raises nothing for a table that cannot be filled: it says so."""
    tables = dict(connection.execute(_TABLES.encode()).fetchall())
    keys = connection.execute(_KEYS.encode()).fetchall()
    parents = {(table, column): (parent, target) for table, parent, column, target, _ in keys}
    # columns of one key must find their values in one row
    shared = {table for table, *_, alone in keys if not alone}
    wanted = {oid: counts.get(name, min(rows, USERS) if oid in few else rows) for oid, name in tables.items()}
    for number, oid in enumerate(_ordered(list(tables), keys), 1):
        tell("filling tables", number, len(tables))
        made = 0
        problem = ""
        try:
            with connection.transaction():
                connection.execute(b"SET LOCAL session_replication_role = replica")
                query = _insert(connection, oid, tables, parents, wanted, mixed=oid not in shared)
                made = connection.execute(query.encode()).rowcount
        except psycopg.Error as error:
            problem = str(error).split("\n")[0]
        yield Filled(tables[oid], made, problem, oid in few)
    # a default takes up where the rows end
    for (sequence,) in connection.execute(_SEQUENCES.encode()).fetchall():
        connection.execute(b"SELECT setval(%s, %s)", (sequence, max([rows, *counts.values()])))
    # index-only scans as on a server that has run for a while
    connection.execute(b"VACUUM (ANALYZE)")


def _ordered(tables: list[int], keys: list[tuple[Any, ...]]) -> list[int]:
    """Referenced tables first; a ring is cut where it closes."""
    order: dict[int, None] = {}

    def visit(oid: int, above: frozenset[int]) -> None:
        for table, parent, *_ in keys:
            if table == oid and parent not in above and parent not in order:
                visit(parent, above | {oid})
        order[oid] = None

    for oid in tables:
        if oid not in order:
            visit(oid, frozenset({oid}))
    return list(order)


def _insert(
    connection: Connection,
    oid: int,
    tables: dict[int, str],
    parents: dict[tuple[int, str], tuple[int, str]],
    wanted: dict[int, int],
    *,
    mixed: bool,
) -> str:
    columns = connection.execute(_COLUMNS.encode(), (oid,)).fetchall()
    checks = _checks(connection, oid)
    # a column that makes its own values is a key, whether or not an index says so
    unique = {row[0] for query in (_UNIQUE, _MADE) for row in connection.execute(query.encode(), (oid,)).fetchall()}
    names: list[str] = []
    values: list[str] = []
    filters: list[str] = []
    rows = wanted[oid]
    ways = iter(_WAYS if mixed else _WAYS[:1])
    factor, shift = next(ways)
    for name, *described in columns:
        names.append(_quoted(name))
        parent = parents.get((oid, name))
        if described[0] == "bytea":
            # what refers to a column is as wide as that
            table, column = parent or (oid, name)
            described[5] = _width(connection, checks if table == oid else _checks(connection, table), column, described)
        literals = [row[0] for row in connection.execute(_LITERALS.encode(), {"table": oid, "column": name}).fetchall()]
        # an id of text is somebody's: what a session brings is one, too
        as_id = (name if parent is None else parent[1]).lower().endswith("id")
        if as_id and not literals and described[2] == "S" and (described[5] or 36) >= 36:
            described[2] = "ID"
        if parent is not None and parent[0] != oid:
            number = _somebody(factor, shift, min(wanted.get(parent[0], rows), USERS) - 1)
            factor, shift = next(ways, (factor, shift))
            values.append(f"{value('n' if name in unique else number, *described)} AS {_quoted(name)}")
            target = f"{tables[parent[0]]} AS parent_{len(filters)}"
            filters.append(
                f"(made.{_quoted(name)} IS NULL OR EXISTS (SELECT FROM {target}"
                f" WHERE parent_{len(filters)}.{_quoted(parent[1])} = made.{_quoted(name)}))"
            )
            continue
        if name in unique:
            values.append(f"{value('n', *described)} AS {_quoted(name)}")
        elif literals and described[2] in ("S", "E"):
            listed = ", ".join(_literal(text) for text in literals)
            values.append(f"(ARRAY[{listed}])[1 + (n / 3) % {len(literals)}]::{described[0]} AS {_quoted(name)}")
        elif described[0] == "uuid" or described[2] == "ID":
            number = _somebody(factor, shift, USERS)
            factor, shift = next(ways, (factor, shift))
            values.append(f"{value(number, *described)} AS {_quoted(name)}")
        else:
            number = _number(connection, checks, name, described) if described[2] == "N" else "n"
            values.append(f"{value(number, *described)} AS {_quoted(name)}")
    where = " AND ".join([*(f"(({check}) IS NOT FALSE)" for check in checks), *filters]) or "true"
    # rows with random keys lie in no order
    order = " ORDER BY md5(n::text)" if columns and columns[0][1] == "uuid" else ""
    made = f"SELECT {', '.join(values)} FROM generate_series(1, {rows}) n{order}"
    return (
        f"INSERT INTO {tables[oid]} ({', '.join(names)}) OVERRIDING SYSTEM VALUE"
        f" SELECT * FROM ({made}) made WHERE {where} ON CONFLICT DO NOTHING"
    )


def _checks(connection: Connection, oid: int) -> list[str]:
    return [row[0] for row in connection.execute(_CHECKS.encode(), (oid,)).fetchall()]


def _share(connection: Connection, checks: list[str], column: str, expression: str) -> int:
    """How many of a thousand values of an expression over ``n`` the constraints on this column alone let in."""
    passed = _TRIED
    for check in checks:
        query = (
            f"SELECT count(*) FROM (SELECT {expression} AS {_quoted(column)} FROM generate_series(1, {_TRIED}) n) made"
        )
        try:
            with connection.transaction():
                row = connection.execute(f"{query} WHERE ({check}) IS NOT FALSE".encode()).fetchone()
        except psycopg.Error:
            # it speaks of other columns
            continue
        passed = min(passed, 0 if row is None else int(row[0]))
    return passed


def _numbers(checks: list[str]) -> list[int]:
    """Whole numbers in CHECK constraints, ``'-90'::integer`` among them."""
    return sorted({int(one) for check in checks for one in re.findall(r"(?<![\w.'])'?(-?\d{1,6})(?![\w.])", check)})


def _number(connection: Connection, checks: list[str], column: str, described: Sequence[Any]) -> str:
    """Numbers that the constraints let in: n, or those from the least to the greatest that they speak of."""
    said = _numbers([check for check in checks if re.search(rf"(?<!\w){re.escape(column)}(?!\w)", check)])
    if len(said) < 2:
        return "n"
    ways = ("n", f"{said[0]} + n % {said[-1] - said[0] + 1}")
    return max(ways, key=lambda way: _share(connection, checks, column, value(way, *described)))


def _width(connection: Connection, checks: list[str], column: str, described: Sequence[Any]) -> int:
    """Bytes of a bytea that the constraints let in."""
    said = [
        width for number in _numbers(checks) for width in (number, number - 1, number + 1) if 4 <= width <= _LONGEST
    ]
    if not said:
        return _BYTES
    return max(
        (_BYTES, *said), key=lambda width: _share(connection, checks, column, value("n", *[*described[:-1], width]))
    )


def _somebody(factor: int, shift: int, others: int) -> str:
    """One in twenty rows is 1's, the rest are spread over so many others."""
    return f"(CASE WHEN (n + {shift}) % 20 = 0 THEN 1 ELSE 2 + (n::bigint * {factor}) % {max(1, others)} END)"


def value(
    number: str, kind: str, typtype: str, category: str, required: bool, labels: list[str], width: int | None
) -> str:
    """An expression of the type, made from a number's expression."""
    if typtype == "e" and labels:
        listed = ", ".join(_literal(label) for label in labels)
        return f"(ARRAY[{listed}])[1 + ({number} / 3) % {len(labels)}]::{kind}"
    if kind == "uuid":
        return f"('00000000-0000-0000-0000-' || lpad(to_hex({number}), 12, '0'))::uuid"
    match category:
        case "N":
            bounded = f"({number}) % 32000" if kind == "smallint" else f"({number})"
            return f"({bounded})::{kind}"
        case "B":
            return f"(({number}) % 10 = 0)::{kind}"
        case "D":
            return f"(timestamptz '2024-01-01 00:00:00+00' + ({number}) * interval '1 minute')::{kind}"
        case "ID":
            return f"('00000000-0000-0000-0000-' || lpad(to_hex({number}), 12, '0'))::{kind}"
        case "S":
            text = f"'v' || ({number})"
            return f"left({text}, {width})::{kind}" if width else f"({text})::{kind}"
        case "A":
            return f"'{{}}'::{kind}"
        case "T":
            return f"(({number}) * interval '1 second')::{kind}"
    if kind in ("json", "jsonb"):
        return f"'{{}}'::{kind}"
    if kind == "inet":
        return f"'10.0.0.0'::inet + ({number})::bigint"
    if kind == "bytea":
        return f"decode(lpad(to_hex({number}), {2 * (width or _BYTES)}, '0'), 'hex')"
    return f"NULL::{kind}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
