"""Operator classes and families: which index serves which operator (pg_opclass, pg_amop; indexcmds.c, lsyscache.c)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze import types as t
from rlslint.analyze.coerce import binary_coercible
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import OpClass, Operator, Proc
from rlslint.nodes.primnodes import Expr, Oid

_BY_PARTS: Final = frozenset({1070, 2988, 3882, 2860})
"""Equality of arrays, rows, ranges and multiranges: it hashes what they are made of (op_hashjoinable)."""


def default_opclass(catalog: Catalog, oid: Oid, method: str) -> OpClass | None:
    """The access method's default operator class for a type (GetDefaultOpClass)."""
    oid = t.base_type(catalog, oid)
    category, _ = t.category(catalog, oid)
    compatible: list[OpClass] = []
    preferred: list[OpClass] = []
    for row in catalog.opclasses.find("method", method):
        if not row.opcdefault:
            continue
        if row.opcintype == oid:
            return row
        if binary_coercible(catalog, oid, row.opcintype):
            wanted = t.category(catalog, row.opcintype) == (category, True)
            (preferred if wanted else compatible).append(row)
    found = preferred or compatible
    return found[0] if len(found) == 1 else None


def named_opclass(catalog: Catalog, schema: str | None, name: str, method: str) -> OpClass | None:
    """An operator class by name; two of one name differ in schema only and the first is taken."""
    for row in catalog.opclasses.find("method_name", (method, name)):
        if schema is None or catalog.nspname(row.opcnamespace) == schema:
            return row
    return None


def commutator(catalog: Catalog, operator: Oid) -> Oid:
    """The operator with its operands swapped, 0 when there is none."""
    row = catalog.operators.get(operator)
    return 0 if row is None else row.oprcom


def both_ways(catalog: Catalog, opno: Oid, left: Expr, right: Expr) -> tuple[tuple[Expr, Expr, Oid], ...]:
    """(operand, other operand, operator) of a comparison as it is written, and of the same turned round; the operator is 0
    where there is none."""
    return (left, right, opno), (right, left, commutator(catalog, opno))


def operator_proc(catalog: Catalog, operator: Oid) -> Proc | None:
    """The function behind an operator."""
    row: Operator | None = catalog.operators.get(operator)
    return None if row is None else catalog.procs.get(row.oprcode)


def is_hashable(catalog: Catalog, operator: Oid, left: Oid) -> bool:
    """Whether a hash table can be probed with the operator and it is strict (hash_ok_operator in subselect.c)."""
    row = catalog.operators.get(operator)
    if row is None or not row.oprcanhash:
        return False
    if row.oid in _BY_PARTS:
        return is_hashable_type(catalog, left)
    proc = operator_proc(catalog, operator)
    return proc is not None and proc.proisstrict


def is_hashable_type(catalog: Catalog, oid: Oid) -> bool:
    """Whether values of the type can be hashed: it has an operator class, and so do its elements or fields
    (cache_array_element_properties and its like in typcache.c). Nothing is claimed of an anonymous row."""
    oid = t.base_type(catalog, oid)
    row = catalog.types.get(oid)
    opclass = default_opclass(catalog, oid, "hash")
    if row is None or opclass is None:
        return False
    match opclass.opcintype:
        case t.ANYARRAY:
            return is_hashable_type(catalog, row.typelem)
        case t.ANYRANGE | t.ANYMULTIRANGE:
            return is_hashable_type(catalog, row.rngsubtype)
        case t.RECORD:
            relation = catalog.relations.get(row.typrelid)
            return relation is not None and all(
                is_hashable_type(catalog, column.atttypid) for column in relation.attributes if not column.attisdropped
            )
        case _:
            return True
