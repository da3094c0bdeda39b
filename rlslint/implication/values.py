"""Two constants in, how they compare out, as far as their text tells."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Const, Oid
from rlslint.plan.clauses import bool_value

INTEGERS: Final = frozenset({20, 21, 23, 26})
NUMERIC: Final = 1700
_TEXTS: Final = frozenset({25, 1043, 19})
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,60}(\.[0-9]{1,60})?")

IDENTITY: Final = frozenset({16, 18, 19, 20, 21, 23, 25, 26, 1043, 1082, 2950})
"""Types of which two equal values are the same value, so that every function gives the same for both: not so numeric
(1.0 and 1.00), float8 (-0 and 0), jsonb, interval, timetz. Enums are, too."""


def is_identity(catalog: Catalog, type_: Oid) -> bool:
    """Whether equal values of the type are the same value."""
    row = catalog.types.get(type_)
    return type_ in IDENTITY or (row is not None and row.typtype == "e")


def order(catalog: Catalog, a: Const, b: Const) -> int | None:
    """-1, 0 or 1 as ``a`` is less than, equal to or greater than ``b``; 2 for unequal in an order that is not known (of
    texts it depends on the collation); None where not even that can be told."""
    if a.value is None or b.value is None:
        return None
    numeric = INTEGERS | {NUMERIC}
    if a.type in numeric and b.type in numeric:
        if not (_NUMBER.fullmatch(a.value.strip()) and _NUMBER.fullmatch(b.value.strip())):
            return 0 if a.value == b.value and a.type == b.type else None
        x, y = Decimal(a.value.strip()), Decimal(b.value.strip())
        return -1 if x < y else 1 if x > y else 0
    if a.type == b.type == 16:
        one, other = bool_value(a), bool_value(b)
        return None if one is None or other is None else (one > other) - (one < other)
    if a.value == b.value and (a.type == b.type or {a.type, b.type} <= _TEXTS):
        return 0
    if {a.type, b.type} <= _TEXTS:
        # a folded call has its function's number and a parenthesis for a value
        return None if "(" in a.value or "(" in b.value else 2
    if a.type != b.type:
        return None
    row = catalog.types.get(a.type)
    if row is not None and row.typtype == "e" and a.value in row.labels and b.value in row.labels:
        p, q = row.labels.index(a.value), row.labels.index(b.value)
        return (p > q) - (p < q)
    for known, shape in ((2950, _UUID), (1082, _DATE)):
        if a.type == known and shape.fullmatch(a.value.lower()) and shape.fullmatch(b.value.lower()):
            left, right = a.value.lower(), b.value.lower()
            return (left > right) - (left < right)
    return None


def is_integer(type_: Oid) -> bool:
    """Whether no value lies between two neighbours, so that ``> 5`` is ``>= 6``."""
    return type_ in INTEGERS
