"""Well-known type OIDs (pg_type.dat) and questions about types."""

from __future__ import annotations

from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Type
from rlslint.nodes.primnodes import Oid

BOOL: Final = 16
BYTEA: Final = 17
NAME: Final = 19
INT8: Final = 20
INT2: Final = 21
INT4: Final = 23
TEXT: Final = 25
OID: Final = 26
INT2VECTOR: Final = 22
OIDVECTOR: Final = 30
JSON: Final = 114
XML: Final = 142
FLOAT8: Final = 701
UNKNOWN: Final = 705
BPCHAR: Final = 1042
VARCHAR: Final = 1043
DATE: Final = 1082
TIME: Final = 1083
TIMESTAMP: Final = 1114
TIMESTAMPTZ: Final = 1184
INTERVAL: Final = 1186
TIMETZ: Final = 1266
BIT: Final = 1560
VARBIT: Final = 1562
NUMERIC: Final = 1700
RECORD: Final = 2249
ANY: Final = 2276
ANYARRAY: Final = 2277
INTERNAL: Final = 2281
VOID: Final = 2278
ANYELEMENT: Final = 2283
RECORDARRAY: Final = 2287
ANYNONARRAY: Final = 2776
UUID: Final = 2950
ANYENUM: Final = 3500
JSONB: Final = 3802
ANYRANGE: Final = 3831
ANYMULTIRANGE: Final = 4537
ANYCOMPATIBLE: Final = 5077
ANYCOMPATIBLEARRAY: Final = 5078
ANYCOMPATIBLENONARRAY: Final = 5079
ANYCOMPATIBLERANGE: Final = 5080
ANYCOMPATIBLEMULTIRANGE: Final = 4538

ELEMENT_FAMILY: Final = frozenset({ANYELEMENT, ANYARRAY, ANYNONARRAY, ANYENUM, ANYRANGE, ANYMULTIRANGE})
COMPATIBLE_FAMILY: Final = frozenset(
    {ANYCOMPATIBLE, ANYCOMPATIBLEARRAY, ANYCOMPATIBLENONARRAY, ANYCOMPATIBLERANGE, ANYCOMPATIBLEMULTIRANGE}
)
POLYMORPHIC: Final = ELEMENT_FAMILY | COMPATIBLE_FAMILY

ENDS: Final[dict[Oid, tuple[str, str]]] = {
    INT2: ("-32768", "32767"),
    INT4: ("-2147483648", "2147483647"),
    INT8: ("-9223372036854775808", "9223372036854775807"),
    UUID: ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
}
"""What every value of a type is at least and at most, as text."""


def base_type(catalog: Catalog, oid: Oid) -> Oid:
    """The type under a domain, through any depth (getBaseType)."""
    row = catalog.types.get(oid)
    while row is not None and row.typtype == "d" and row.typbasetype:
        oid = row.typbasetype
        row = catalog.types.get(oid)
    return oid


def element_type(catalog: Catalog, oid: Oid) -> Oid:
    """The element type of an array (through a domain), 0 when it is none."""
    row = catalog.types.get(base_type(catalog, oid))
    return 0 if row is None else row.typelem


def array_type(catalog: Catalog, oid: Oid) -> Oid:
    """The array type of an element type, 0 when there is none."""
    row = catalog.types.get(oid)
    return 0 if row is None else row.typarray


def category(catalog: Catalog, oid: Oid) -> tuple[str, bool]:
    """Type category and whether the type is preferred in it; ``("X", False)`` for an unknown literal or type."""
    row = catalog.types.get(oid)
    if row is None or oid == UNKNOWN:
        return "X", False
    return row.typcategory, row.typispreferred


def type_collation(catalog: Catalog, oid: Oid) -> Oid:
    """The type's default collation, 0 when it is not collatable."""
    row = catalog.types.get(oid)
    return 0 if row is None else row.typcollation


def is_composite(catalog: Catalog, oid: Oid) -> bool:
    """Whether the type is a row type or RECORD."""
    row: Type | None = catalog.types.get(base_type(catalog, oid))
    return oid == RECORD or (row is not None and row.typtype == "c")
