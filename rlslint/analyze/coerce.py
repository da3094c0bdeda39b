"""Two types in, the cast between them out; and expressions coerced (parse_coerce.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rlslint.analyze import types as t
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    ArrayExpr,
    CoerceToDomain,
    CoerceViaIO,
    Const,
    Expr,
    FuncExpr,
    Oid,
    RelabelType,
    RowExpr,
    Unresolved,
)
from rlslint.records import dataclass, replace

Context = Literal["i", "a", "e"]
"""Implicit, assignment, explicit."""
_RANK = {"i": 0, "a": 1, "e": 2}
Pathway = Literal["none", "relabel", "func", "array", "io"]


def find_pathway(catalog: Catalog, target: Oid, source: Oid, context: Context) -> tuple[Pathway, Oid]:
    """How to get from one type to another, and the cast function (find_coercion_pathway)."""
    target, source = t.base_type(catalog, target), t.base_type(catalog, source)
    if target == source:
        return "relabel", 0
    cast = catalog.casts.first("pair", (source, target))
    if cast is not None:
        if _RANK[cast.castcontext] > _RANK[context]:
            return "none", 0
        match cast.castmethod:
            case "b":
                return "relabel", 0
            case "i":
                return "io", 0
            case _:
                return "func", cast.castfunc
    target_element, source_element = t.element_type(catalog, target), t.element_type(catalog, source)
    # oidvector and int2vector would capture what should go to real arrays
    if target_element and source_element and target not in (t.OIDVECTOR, t.INT2VECTOR):
        path, _ = find_pathway(catalog, target_element, source_element, context)
        return ("none", 0) if path == "none" else ("array", 0)
    if context != "i":
        # assignment to a string type and explicit casts from one go through the text form
        if t.category(catalog, target)[0] == "S" and _has_io(catalog, source):
            return "io", 0
        if context == "e" and t.category(catalog, source)[0] == "S" and _has_io(catalog, target):
            return "io", 0
    return "none", 0


def _has_io(catalog: Catalog, oid: Oid) -> bool:
    row = catalog.types.get(oid)
    return row is not None and row.typtype != "p"


def can_coerce(catalog: Catalog, sources: Sequence[Oid], targets: Sequence[Oid], context: Context = "i") -> bool:
    """Whether each source type can become its target type (can_coerce_type). An unknown type (0) can."""
    polymorphic = False
    for source, target in zip(sources, targets, strict=True):
        if source in (0, target) or target in (t.ANY, 0):
            continue
        if target in t.POLYMORPHIC:
            polymorphic = True
            continue
        if source == t.UNKNOWN and target != t.INTERNAL:
            continue
        if find_pathway(catalog, target, source, context)[0] != "none":
            continue
        if source == t.RECORD and t.is_composite(catalog, target):
            continue
        if target == t.RECORD and t.is_composite(catalog, source):
            continue
        if target == t.RECORDARRAY and t.is_composite(catalog, t.element_type(catalog, source)):
            continue
        return False
    return not polymorphic or resolve_polymorphic(catalog, sources, targets) is not None


@dataclass(frozen=True, slots=True)
class GenericMiss:
    """Polymorphic arguments from which PostgreSQL cannot tell the types: its message and SQLSTATE."""

    reason: str
    sqlstate: str


def enforce_generic_types(
    catalog: Catalog, sources: Sequence[Oid], declared: Sequence[Oid], rettype: Oid
) -> tuple[tuple[Oid, ...], Oid] | GenericMiss:
    """Argument and result types with the polymorphic ones made real (enforce_generic_type_consistency).

    0 stands for a type that cannot be told because an argument's type is not known here.
    """
    if not t.POLYMORPHIC.intersection(declared):
        return tuple(declared), rettype
    real = resolve_polymorphic(catalog, sources, declared)
    if real is None:
        return GenericMiss("arguments declared polymorphic are not all alike", "42804")
    wanted = [oid for oid in (*declared, rettype) if oid in t.POLYMORPHIC]
    if 0 not in sources:
        if not real[t.ANYELEMENT] and t.ELEMENT_FAMILY.intersection(declared):
            return GenericMiss("could not determine polymorphic type because input has type unknown", "42804")
        for oid in wanted:
            if not real[oid] and oid in (t.ANYARRAY, t.ANYCOMPATIBLEARRAY):
                return GenericMiss("could not find array type", "42704")
            if not real[oid]:
                return GenericMiss("could not determine polymorphic type because input has type unknown", "42804")
    return tuple(real.get(oid, oid) for oid in declared), real.get(rettype, rettype)


def resolve_polymorphic(catalog: Catalog, sources: Sequence[Oid], targets: Sequence[Oid]) -> dict[Oid, Oid] | None:
    """The real type behind every polymorphic pseudo-type, 0 where it stays open, or None when the arguments do not
    agree (check_generic_type_consistency)."""
    simple: dict[Oid, Oid] = {}
    commons: list[Oid] = []
    open_ended = False
    for given, target in zip(sources, targets, strict=True):
        if target not in t.POLYMORPHIC or given == t.UNKNOWN:
            continue
        if given == 0:
            open_ended = True
            continue
        if target in (t.ANYCOMPATIBLE, t.ANYCOMPATIBLENONARRAY):
            commons.append(given)
            continue
        # the three that stand for the element share one type; a domain counts as itself only there
        slot = t.ANYELEMENT if target in (t.ANYNONARRAY, t.ANYENUM) else target
        source = given if slot == t.ANYELEMENT else t.base_type(catalog, given)
        if simple.setdefault(slot, source) != source:
            return None
        if slot == t.ANYCOMPATIBLEARRAY:
            # arrays of different elements may still have a common one
            commons.append(t.element_type(catalog, simple.pop(slot)))
            if not commons[-1]:
                return None
    first = _element_family(catalog, simple, targets, open_ended)
    second = _compatible_family(catalog, simple, commons, targets, open_ended)
    return None if first is None or second is None else {**first, **second}


def _element_family(
    catalog: Catalog, known: dict[Oid, Oid], targets: Sequence[Oid], open_ended: bool
) -> dict[Oid, Oid] | None:
    element = known.get(t.ANYELEMENT, 0)
    array = known.get(t.ANYARRAY, 0)
    if array:
        # pg_statistic's columns are declared anyarray
        inner = t.ANYELEMENT if array == t.ANYARRAY else t.element_type(catalog, array)
        if not inner or element not in (0, inner):
            return None
        element = inner
    ranges = _ranges(catalog, known.get(t.ANYRANGE, 0), known.get(t.ANYMULTIRANGE, 0))
    if ranges is None:
        return None
    range_, multirange, subtype = ranges
    if range_ and element not in (0, subtype):
        return None
    element = element or subtype
    if t.ANYNONARRAY in targets and t.element_type(catalog, element):
        return None
    if t.ANYENUM in targets and not _is_kind(catalog, element, "e") and (element or not open_ended):
        return None
    return {
        t.ANYELEMENT: element,
        t.ANYNONARRAY: element,
        t.ANYENUM: element,
        t.ANYARRAY: array or t.array_type(catalog, element),
        t.ANYRANGE: range_,
        t.ANYMULTIRANGE: multirange,
    }


def _compatible_family(
    catalog: Catalog, known: dict[Oid, Oid], commons: list[Oid], targets: Sequence[Oid], open_ended: bool
) -> dict[Oid, Oid] | None:
    ranges = _ranges(catalog, known.get(t.ANYCOMPATIBLERANGE, 0), known.get(t.ANYCOMPATIBLEMULTIRANGE, 0))
    if ranges is None:
        return None
    range_, multirange, subtype = ranges
    if range_:
        commons.append(subtype)
    # nothing but unknown literals are taken for text
    found = select_common_type(catalog, commons) if commons else (0 if open_ended else t.TEXT)
    if found is None or (range_ and found != subtype):
        return None
    if t.ANYCOMPATIBLENONARRAY in targets and t.element_type(catalog, found):
        return None
    return {
        t.ANYCOMPATIBLE: found,
        t.ANYCOMPATIBLENONARRAY: found,
        t.ANYCOMPATIBLEARRAY: t.array_type(catalog, found),
        t.ANYCOMPATIBLERANGE: range_,
        t.ANYCOMPATIBLEMULTIRANGE: multirange,
    }


def _ranges(catalog: Catalog, range_: Oid, multirange: Oid) -> tuple[Oid, Oid, Oid] | None:
    """(range, multirange, subtype), each 0 where it is not told; None when they are none or do not agree."""
    if multirange:
        row = catalog.types.get(multirange)
        if row is None or row.typtype != "m" or range_ not in (0, row.rngsubtype):
            return None
        range_ = row.rngsubtype
    if not range_:
        return 0, 0, 0
    row = catalog.types.get(range_)
    if row is None or row.typtype != "r":
        return None
    return range_, row.rngmultitypid, row.rngsubtype


def _is_kind(catalog: Catalog, oid: Oid, kind: str) -> bool:
    row = catalog.types.get(oid)
    return row is not None and row.typtype == kind


def binary_coercible(catalog: Catalog, source: Oid, target: Oid) -> bool:
    """Whether values need no work to become the target type (IsBinaryCoercible)."""
    if source == target or target in (t.ANY, t.ANYELEMENT, t.ANYCOMPATIBLE):
        return True
    source = t.base_type(catalog, source)
    if source == target:
        return True
    if target in (t.ANYARRAY, t.ANYCOMPATIBLEARRAY) and t.element_type(catalog, source):
        return True
    if target in (t.ANYNONARRAY, t.ANYCOMPATIBLENONARRAY) and not t.element_type(catalog, source):
        return True
    if target == t.ANYENUM and _is_kind(catalog, source, "e"):
        return True
    if target in (t.ANYRANGE, t.ANYCOMPATIBLERANGE) and _is_kind(catalog, source, "r"):
        return True
    if target in (t.ANYMULTIRANGE, t.ANYCOMPATIBLEMULTIRANGE) and _is_kind(catalog, source, "m"):
        return True
    if target == t.RECORD and t.is_composite(catalog, source):
        return True
    cast = catalog.casts.first("pair", (source, target))
    return cast is not None and cast.castmethod == "b" and cast.castcontext == "i"


def select_common_type(catalog: Catalog, given: Sequence[Oid]) -> Oid | None:
    """The type that UNION, CASE, ARRAY and IN lists settle on (select_common_type); None when there is none."""
    if not given:
        return t.TEXT
    if 0 in given:
        known = [oid for oid in given if oid not in (0, t.UNKNOWN)]
        return known[0] if known else 0
    chosen = given[0]
    if chosen != t.UNKNOWN and all(oid == chosen for oid in given):
        return chosen
    chosen = t.base_type(catalog, chosen)
    chosen_category, preferred = t.category(catalog, chosen)
    for oid in given[1:]:
        other = t.base_type(catalog, oid)
        if other in (t.UNKNOWN, chosen):
            continue
        other_category, other_preferred = t.category(catalog, other)
        if chosen == t.UNKNOWN:
            chosen, chosen_category, preferred = other, other_category, other_preferred
        elif chosen_category != other_category:
            return None
        elif not preferred and can_coerce(catalog, [chosen], [other]) and not can_coerce(catalog, [other], [chosen]):
            chosen, chosen_category, preferred = other, other_category, other_preferred
    if chosen == t.UNKNOWN:
        chosen = t.TEXT
    return chosen if all(can_coerce(catalog, [oid], [chosen]) for oid in given) else None


def coerce(catalog: Catalog, expr: Expr, target: Oid, context: Context = "i") -> Expr | None:
    """The expression as the target type, or None when there is no such cast (coerce_type).

    An unknown type on either side leaves the expression as it is.
    """
    source = expr.type
    if target in (0, source, t.ANY) or source == 0 or target in t.POLYMORPHIC:
        return expr
    if source == t.UNKNOWN:
        return _from_unknown(catalog, expr, target)
    form: Literal["explicit_cast", "implicit_cast"] = "explicit_cast" if context == "e" else "implicit_cast"
    base = t.base_type(catalog, target)
    path, function = find_pathway(catalog, target, source, context)
    result: Expr
    match path:
        case "relabel":
            # a domain is put over the value itself
            result = expr
            if base == target != source:
                result = RelabelType(type=base, arg=expr, explicit=context == "e", location=expr.location, raw=expr.raw)
        case "func":
            result = FuncExpr(type=base, funcid=function, args=(expr,), form=form, location=expr.location, raw=expr.raw)
        case "array":
            result = ArrayCoerceExpr(type=base, arg=expr, location=expr.location, raw=expr.raw)
        case "io":
            result = CoerceViaIO(type=base, arg=expr, location=expr.location, raw=expr.raw)
        case _:
            if target in (t.RECORD, t.RECORDARRAY):
                return expr
            if isinstance(expr, RowExpr) and t.is_composite(catalog, target):
                return _row(catalog, expr, target, context)
            if source == t.RECORD and t.is_composite(catalog, target):
                return replace(expr, type=target)
            return None
    return result if base == target else _to_domain(catalog, result, target, base)


def _to_domain(catalog: Catalog, expr: Expr, target: Oid, base: Oid) -> Expr:
    """The value as a domain, its length applied first (coerce_to_domain)."""
    typmod = -1
    row = catalog.types.get(target)
    while row is not None and row.typtype == "d":
        typmod = row.typtypmod
        row = catalog.types.get(row.typbasetype)
    cast = catalog.casts.first("pair", (base, base)) if typmod >= 0 else None
    proc = catalog.procs.get(cast.castfunc) if cast is not None else None
    if proc is not None:
        args: tuple[Expr, ...] = (expr, Const(type=t.INT4, value=str(typmod)))
        if len(proc.proargtypes) > 2:
            args = (*args, Const(type=t.BOOL, value="false"))
        form: Literal["explicit_cast", "implicit_cast"] = "implicit_cast"
        expr = FuncExpr(type=base, funcid=proc.oid, args=args, form=form, location=expr.location, raw=expr.raw)
    return CoerceToDomain(type=target, arg=expr, location=expr.location, raw=expr.raw)


def _row(catalog: Catalog, expr: RowExpr, target: Oid, context: Context) -> Expr | None:
    """A row constructor as a composite type, field by field (coerce_record_to_complex)."""
    row = catalog.types.get(t.base_type(catalog, target))
    relation = catalog.relations.get(row.typrelid) if row is not None and row.typrelid else None
    if relation is None or not relation.complete:
        return replace(expr, type=target)
    wanted = [attribute.atttypid for attribute in relation.attributes if not attribute.attisdropped]
    if len(wanted) != len(expr.args):
        return None
    fields: list[Expr] = []
    for arg, oid in zip(expr.args, wanted, strict=True):
        coerced = coerce(catalog, arg, oid, context)
        if coerced is None:
            return None
        fields.append(coerced)
    return replace(expr, type=target, args=tuple(fields))


def _from_unknown(catalog: Catalog, expr: Expr, target: Oid) -> Expr:
    base = t.base_type(catalog, target)
    result: Expr
    if isinstance(expr, (Const, Unresolved, ArrayExpr)):
        result = replace(expr, type=base)
    else:
        result = CoerceViaIO(type=base, arg=expr, location=expr.location, raw=expr.raw)
    return result if base == target else _to_domain(catalog, result, target, base)
