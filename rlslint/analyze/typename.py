"""A TypeName of the parse tree in, a type OID and modifier out; and back to SQL text (parse_type.c, format_type.c)."""

from __future__ import annotations

from typing import Any, Final

from rlslint.analyze import types as t
from rlslint.catalog.catalog import PG_CATALOG, PUBLIC_NAMESPACE, Catalog
from rlslint.nodes.primnodes import Oid
from rlslint.source.model import Raw

SERIALS: Final = {
    "serial": t.INT4,
    "serial4": t.INT4,
    "bigserial": t.INT8,
    "serial8": t.INT8,
    "smallserial": t.INT2,
    "serial2": t.INT2,
}
_SQL_NAMES: Final = {
    t.BOOL: "boolean",
    t.INT2: "smallint",
    t.INT4: "integer",
    t.INT8: "bigint",
    700: "real",
    t.FLOAT8: "double precision",
    t.BPCHAR: "character",
    t.VARCHAR: "character varying",
    t.BIT: "bit",
    t.VARBIT: "bit varying",
    t.NUMERIC: "numeric",
    18: '"char"',
    t.JSON: "json",
}
_TIMES: Final = {
    t.TIME: "without time zone",
    t.TIMETZ: "with time zone",
    t.TIMESTAMP: "without time zone",
    t.TIMESTAMPTZ: "with time zone",
}
_TIME_NAMES: Final = {t.TIME: "time", t.TIMETZ: "time", t.TIMESTAMP: "timestamp", t.TIMESTAMPTZ: "timestamp"}
# fields of an interval's modifier (datetime.h, INTERVAL_MASK)
_INTERVAL_FIELDS: Final = {
    1 << 2: "year",
    1 << 1: "month",
    1 << 3: "day",
    1 << 10: "hour",
    1 << 11: "minute",
    1 << 12: "second",
    (1 << 2) | (1 << 1): "year to month",
    (1 << 3) | (1 << 10): "day to hour",
    (1 << 3) | (1 << 10) | (1 << 11): "day to minute",
    (1 << 3) | (1 << 10) | (1 << 11) | (1 << 12): "day to second",
    (1 << 10) | (1 << 11): "hour to minute",
    (1 << 10) | (1 << 11) | (1 << 12): "hour to second",
    (1 << 11) | (1 << 12): "minute to second",
}


def names_of(parts: list[Raw]) -> tuple[str | None, str]:
    """(schema or None, name) of a list of String nodes; a database name before them is dropped."""
    words = [part["String"]["sval"] for part in parts if "String" in part]
    return (words[-2] if len(words) > 1 else None), words[-1]


def resolve_type_name(catalog: Catalog, raw: Raw, search_path: tuple[str, ...]) -> tuple[Oid, int]:
    """The type and its modifier (-1 for none); ``(0, -1)`` for a type that no file creates."""
    schema, name = names_of(raw["names"])
    if raw.get("pct_type"):
        return _column_type(catalog, raw, search_path)
    oid = SERIALS.get(name, 0) if schema is None else 0
    if not oid:
        row = catalog.find_type(schema, name, search_path)
        oid = 0 if row is None else row.oid
    if not oid:
        return 0, -1
    modifier = _modifier(oid, raw.get("typmods", []))
    if raw.get("arrayBounds"):
        return t.array_type(catalog, oid), modifier
    return oid, modifier


def _column_type(catalog: Catalog, raw: Raw, search_path: tuple[str, ...]) -> tuple[Oid, int]:
    words = [part["String"]["sval"] for part in raw["names"]]
    schema = words[-3] if len(words) > 2 else None
    relation = catalog.find_relation(schema, words[-2], search_path) if len(words) > 1 else None
    attribute = relation.attribute(words[-1]) if relation is not None else None
    return (0, -1) if attribute is None else (attribute.atttypid, attribute.atttypmod)


def _modifier(oid: Oid, mods: list[Raw]) -> int:
    numbers = [_integer(mod) for mod in mods]
    if not numbers or any(number is None for number in numbers):
        return -1
    first = numbers[0] or 0
    if oid in (t.VARCHAR, t.BPCHAR):
        return first + 4
    if oid == t.NUMERIC:
        scale = (numbers[1] or 0) if len(numbers) > 1 else 0
        return ((first << 16) | (scale & 0x7FF)) + 4
    if oid == t.INTERVAL:
        precision = numbers[1] if len(numbers) > 1 else 0xFFFF
        return (first << 16) | (precision or 0 if len(numbers) > 1 else 0xFFFF)
    return first


def _integer(raw: Raw) -> int | None:
    const: dict[str, Any] = raw.get("A_Const", {})
    if "ival" not in const:
        return None
    return int(const["ival"].get("ival", 0))


def format_type(catalog: Catalog, oid: Oid, typmod: int = -1) -> str:
    """The type as PostgreSQL's format_type() writes it with the default search_path; ``?`` for an unknown type."""
    row = catalog.types.get(oid)
    if row is None:
        return "?"
    # int2vector and oidvector have arrays of their own
    if row.typelem and not row.typarray:
        return format_type(catalog, row.typelem, typmod) + "[]"
    if oid in _TIMES:
        digits = f"({typmod})" if typmod >= 0 else ""
        return f"{_TIME_NAMES[oid]}{digits} {_TIMES[oid]}"
    if oid == t.INTERVAL:
        return "interval" + _interval_modifier(typmod)
    if oid == t.BPCHAR and typmod < 0:
        return "bpchar"
    if oid == t.BIT and typmod < 0:
        return '"bit"'
    if oid in _SQL_NAMES:
        return _SQL_NAMES[oid] + _modifier_text(oid, typmod)
    name = quote_identifier(row.typname)
    if row.typnamespace not in (PG_CATALOG, PUBLIC_NAMESPACE):
        name = f"{quote_identifier(catalog.nspname(row.typnamespace))}.{name}"
    if typmod >= 0 and row.typtype == "b":
        return f"{name}({typmod})"
    return name


def _modifier_text(oid: Oid, typmod: int) -> str:
    if typmod < 0:
        return ""
    if oid in (t.VARCHAR, t.BPCHAR):
        return f"({typmod - 4})"
    if oid == t.NUMERIC:
        scale = (typmod - 4) & 0x7FF
        return f"({(typmod - 4) >> 16},{scale - 0x800 if scale & 0x400 else scale})"
    return f"({typmod})" if oid in (t.BIT, t.VARBIT) else ""


def _interval_modifier(typmod: int) -> str:
    if typmod < 0:
        return ""
    fields = _INTERVAL_FIELDS.get(typmod >> 16, "")
    precision = typmod & 0xFFFF
    digits = "" if precision == 0xFFFF else f"({precision})"
    return (f" {fields}" if fields else "") + digits


_RESERVED: Final = frozenset(
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "between",
        "bigint",
        "binary",
        "bit",
        "boolean",
        "both",
        "case",
        "cast",
        "char",
        "character",
        "check",
        "coalesce",
        "collate",
        "collation",
        "column",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "dec",
        "decimal",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "exists",
        "extract",
        "false",
        "fetch",
        "float",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "greatest",
        "group",
        "grouping",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "inout",
        "int",
        "integer",
        "intersect",
        "interval",
        "into",
        "is",
        "isnull",
        "join",
        "json",
        "json_array",
        "json_arrayagg",
        "json_exists",
        "json_object",
        "json_objectagg",
        "json_query",
        "json_scalar",
        "json_serialize",
        "json_table",
        "json_value",
        "lateral",
        "leading",
        "least",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "merge_action",
        "national",
        "natural",
        "nchar",
        "none",
        "normalize",
        "not",
        "notnull",
        "null",
        "nullif",
        "numeric",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "out",
        "outer",
        "overlaps",
        "overlay",
        "placing",
        "position",
        "precision",
        "primary",
        "real",
        "references",
        "returning",
        "right",
        "row",
        "select",
        "session_user",
        "setof",
        "similar",
        "smallint",
        "some",
        "substring",
        "symmetric",
        "system_user",
        "table",
        "tablesample",
        "then",
        "time",
        "timestamp",
        "to",
        "trailing",
        "treat",
        "trim",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "varchar",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
        "xmlattributes",
        "xmlconcat",
        "xmlelement",
        "xmlexists",
        "xmlforest",
        "xmlnamespaces",
        "xmlparse",
        "xmlpi",
        "xmlroot",
        "xmlserialize",
        "xmltable",
    ]
)


def quote_identifier(name: str) -> str:
    """The name as SQL needs it: quoted unless it is plain lower case and no keyword (quote_identifier)."""
    plain = bool(name) and (name[0].isalpha() or name[0] == "_") and name.isascii() and name == name.lower()
    if plain and all(char.isalnum() or char == "_" for char in name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_qualified(schema: str, name: str) -> str:
    """``schema.name``, each quoted where it must be."""
    return f"{quote_identifier(schema)}.{quote_identifier(name)}"


def quote_literal(value: str) -> str:
    """The text as an SQL string literal (quote_literal)."""
    escaped = value.replace("'", "''")
    return f"E'{escaped}'".replace("\\", "\\\\") if "\\" in value else f"'{escaped}'"
