"""A condition in, the settings that it asks for with current_setting() out, those asked for in helpers' bodies included."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, nested_queries, query_expressions
from rlslint.nodes.primnodes import (
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    CoerceToDomain,
    CoerceViaIO,
    Const,
    Expr,
    FuncExpr,
    Oid,
    OpExpr,
    RelabelType,
    SubLink,
    SubLinkType,
    walk,
)
from rlslint.records import dataclass, replace
from rlslint.rewrite.bodies import body_queries
from rlslint.rewrite.functions import is_current_setting

_MAX_DEPTH = 6
_TEXT_TYPES = frozenset({25, 1043, 1042, 19, 705, 0})


@dataclass(frozen=True, slots=True)
class SettingRead:
    """One call of current_setting() with a constant name that has a dot in it."""

    name: str
    missing_ok: bool
    cast: Oid
    """Type that the value is cast to though it may be the empty string, which that type refuses; 0 if it is not."""
    call: FuncExpr
    """In the condition itself: current_setting(), or the helper that calls it."""
    function: Oid = 0
    """The helper in whose body it stands, 0 for the condition itself."""


def settings_read(catalog: Catalog, expr: Expr) -> Iterator[SettingRead]:
    """Every setting that the condition asks for. Built-in settings (without a dot) always exist and are left out."""
    yield from _visit(catalog, expr, 0, frozenset(), 0)


def _visit(catalog: Catalog, expr: Expr, cast: Oid, guarded: frozenset[str], depth: int) -> Iterator[SettingRead]:
    """``cast``: the type that the value of ``expr`` is cast to; ``guarded``: settings compared with '' beside it."""
    match expr:
        case CoerceViaIO():
            target = 0 if expr.type in _TEXT_TYPES else expr.type
            yield from _visit(catalog, expr.arg, target, guarded, depth)
        case RelabelType() | CoerceToDomain():
            yield from _visit(catalog, expr.arg, cast, guarded, depth)
        case OpExpr(kind="nullif"):
            yield from _visit(catalog, expr.args[0], 0 if _is_empty(expr.args[1]) else cast, guarded, depth)
        case CoalesceExpr():
            for arg in expr.args:
                yield from _visit(catalog, arg, cast, guarded, depth)
        case CaseExpr():
            for child in expr.children():
                yield from _visit(catalog, child, 0, guarded, depth)
        case BoolExpr():
            beside = guarded | {name for arg in expr.args for name in _compared_with_empty(catalog, arg)}
            for arg in expr.args:
                yield from _visit(catalog, arg, 0, beside, depth)
        case SubLink():
            for arg in expr.lefthand:
                yield from _visit(catalog, arg, 0, guarded, depth)
            yield from _visit_query(
                catalog, expr.subselect, cast if expr.kind is SubLinkType.EXPR else 0, guarded, depth
            )
        case FuncExpr():
            yield from _visit_call(catalog, expr, cast, guarded, depth)
        case _:
            for child in expr.children():
                yield from _visit(catalog, child, 0, guarded, depth)


def _visit_query(
    catalog: Catalog, query: Query, cast: Oid, guarded: frozenset[str], depth: int
) -> Iterator[SettingRead]:
    targets = {id(target.expr) for target in query.targets}
    beside = guarded | (set(_compared_with_empty(catalog, query.where)) if query.where else set())
    for expr in query_expressions(query):
        yield from _visit(catalog, expr, cast if id(expr) in targets else 0, beside, depth)
    for nested in nested_queries(query):
        yield from _visit_query(catalog, nested, 0, beside, depth)


def _visit_call(
    catalog: Catalog, call: FuncExpr, cast: Oid, guarded: frozenset[str], depth: int
) -> Iterator[SettingRead]:
    name = _setting_name(catalog, call)
    if name is not None:
        yield SettingRead(name, _missing_ok(call), 0 if name in guarded else cast, call)
        return
    for arg in call.args:
        yield from _visit(catalog, arg, 0, guarded, depth)
    proc = catalog.procs.get(call.funcid)
    if proc is None or proc.origin is None or depth >= _MAX_DEPTH:
        return
    for query, result in body_queries(catalog, proc):
        # what a function gives back is cast to its result's type where it is not of it
        kind = 0 if not result or proc.prorettype in _TEXT_TYPES else proc.prorettype
        typed = any(target.expr.type in _TEXT_TYPES for target in query.targets)
        for read in _visit_query(catalog, query, kind if typed else 0, frozenset(), depth + 1):
            yield replace(read, call=call, function=proc.oid)


def _compared_with_empty(catalog: Catalog, expr: Expr) -> Iterator[str]:
    for node in walk(expr):
        if isinstance(node, OpExpr) and any(_is_empty(arg) for arg in node.args):
            for inner in walk(node):
                if isinstance(inner, FuncExpr) and (name := _setting_name(catalog, inner)) is not None:
                    yield name


def _is_empty(expr: Expr) -> bool:
    return isinstance(expr, Const) and expr.value == ""


def _setting_name(catalog: Catalog, call: FuncExpr) -> str | None:
    if not is_current_setting(catalog.procs.get(call.funcid)):
        return None
    first = call.args[0]
    if not isinstance(first, Const) or first.value is None or "." not in first.value:
        return None
    return first.value.lower()


def _missing_ok(call: FuncExpr) -> bool:
    return len(call.args) > 1 and not (isinstance(call.args[1], Const) and call.args[1].value in ("false", None))
