"""Two types in, the cast between them out; and expressions coerced (parse_coerce.c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
        if source == t.UNKNOWN:
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


def resolve_polymorphic(catalog: Catalog, sources: Sequence[Oid], targets: Sequence[Oid]) -> dict[Oid, Oid] | None:
    """The real type behind each polymorphic pseudo-type, or None when the arguments do not agree
    (check_generic_type_consistency, enforce_generic_type_consistency). A type that stays open maps to TEXT or 0."""
    element = array = common = 0
    ranges: dict[Oid, Oid] = {}
    commons: list[Oid] = []
    unknown = False
    for given, target in zip(sources, targets, strict=True):
        if target not in t.POLYMORPHIC:
            continue
        source = t.base_type(catalog, given) if target not in (t.ANYELEMENT, t.ANYNONARRAY, t.ANYCOMPATIBLE) else given
        if source in (0, t.UNKNOWN):
            unknown = True
            continue
        match target:
            case t.ANYELEMENT | t.ANYNONARRAY | t.ANYENUM:
                if element not in (0, source):
                    return None
                if target == t.ANYNONARRAY and t.element_type(catalog, source):
                    return None
                if target == t.ANYENUM and not _is_kind(catalog, source, "e"):
                    return None
                element = source
            case t.ANYARRAY:
                if array not in (0, source) or not t.element_type(catalog, source):
                    return None
                array = source
            case t.ANYCOMPATIBLE | t.ANYCOMPATIBLENONARRAY:
                if target == t.ANYCOMPATIBLENONARRAY and t.element_type(catalog, source):
                    return None
                commons.append(source)
            case t.ANYCOMPATIBLEARRAY:
                inner = t.element_type(catalog, source)
                if not inner:
                    return None
                commons.append(inner)
            case _:
                kind = "r" if target in (t.ANYRANGE, t.ANYCOMPATIBLERANGE) else "m"
                if not _is_kind(catalog, source, kind) or ranges.get(target, source) != source:
                    return None
                ranges[target] = source
    if array:
        inner = t.element_type(catalog, array)
        if element and element != inner and t.base_type(catalog, element) != inner:
            return None
        element = inner
    if commons:
        found = select_common_type(catalog, commons)
        if found is None:
            return None
        common = found
    elif unknown:
        common = t.TEXT
    if not element and unknown:
        # only unknown literals: PostgreSQL takes text for ANYELEMENT in an ANYCOMPATIBLE family, fails elsewhere
        element = 0
    result = dict(ranges)
    result.update(dict.fromkeys((t.ANYELEMENT, t.ANYNONARRAY, t.ANYENUM), element))
    result[t.ANYARRAY] = array or t.array_type(catalog, element)
    result.update(dict.fromkeys((t.ANYCOMPATIBLE, t.ANYCOMPATIBLENONARRAY), common))
    result[t.ANYCOMPATIBLEARRAY] = t.array_type(catalog, common)
    return result


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
