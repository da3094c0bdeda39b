"""A setting that a condition asks for in a way that may raise an error in, one that gives NULL instead out.

``current_setting(s)`` raises 42704 where s was never set, and ``current_setting(s, true)::type`` raises 22P02 where it is
the empty string, which a transaction leaves behind that had it set locally. ``current_setting(s, true)``, in
``NULLIF(..., '')`` where the value is cast, is the same text otherwise and NULL then.

That is right where only strict operators and functions stand between the call and a positive part of the condition
(`positive`): NULL makes the part NULL, which lets no row through, as the error let none through. Below NOT, IS NULL,
COALESCE or CASE, NULL might let rows through: those are left alone. What else the condition allows is then allowed where
the statement failed before, which the assumption says.
"""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import (
    CoerceViaIO,
    Const,
    Expr,
    FuncExpr,
    OpExpr,
    RelabelType,
    ScalarArrayOpExpr,
    SubLink,
    walk,
)
from rlslint.plan.mutate import mutate
from rlslint.rewrite.functions import is_current_setting
from rlslint.suggest.rewrites.writing import Edit, Writing, positive, unwrapped


def denying(writing: Writing, name: str, *, cast: bool) -> tuple[Edit, ...]:
    """The edits of every call that asks for the setting; none where NULL might let rows through."""
    catalog = writing.catalog
    parts = [unwrapped(part) for part in positive(writing.expr)]
    concerned = [part for part in parts if any(_asks(catalog, node, name) for node, _ in walk_deep(part))]
    if not concerned or not all(_strict(catalog, part, name) for part in concerned):
        return ()
    edits = []
    for node, _ in walk_deep(writing.expr):
        if isinstance(node, FuncExpr) and _asks(catalog, node, name):
            (start, end), (_, last) = writing.place(node), writing.place(node.args[0])
            if start < 0 or last < 0:
                return ()
            call = f"{writing.text[start:last]}, true)"
            edits.append((start, end, f"NULLIF({call}, '')" if cast else call))
    return tuple(edits)


def plainest(catalog: Catalog, new: Expr, old: Expr, name: str) -> tuple[Expr, Expr]:
    """Both conditions with every question for the setting in its plainest form: equal where nothing else was changed."""
    return _plain(catalog, new, name), _plain(catalog, old, name)


def _plain(catalog: Catalog, expr: Expr, name: str) -> Expr:
    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, OpExpr) and node.kind == "nullif" and _asks(catalog, node.args[0], name):
            return node.args[0]
        if isinstance(node, FuncExpr) and _asks(catalog, node, name):
            return FuncExpr(type=node.type, funcid=0, args=node.args[:1])
        return node

    return mutate(unwrapped(expr), change)


def _asks(catalog: Catalog, node: Expr, name: str) -> bool:
    if not isinstance(node, FuncExpr) or not node.args:
        return False
    first = node.args[0]
    return (
        (not node.funcid or is_current_setting(catalog.procs.get(node.funcid)))
        and isinstance(first, Const)
        and first.value == name
    )


def _strict(catalog: Catalog, expr: Expr, name: str) -> bool:
    """Whether the expression is NULL when the setting is."""
    if _asks(catalog, expr, name):
        return True
    below = [child for child in _operands(catalog, expr) if any(_asks(catalog, node, name) for node in walk(child))]
    inside = any(_asks(catalog, node, name) for node, _ in walk_deep(expr))
    return bool(below) and inside and all(_strict(catalog, child, name) for child in below)


def _operands(catalog: Catalog, expr: Expr) -> Iterator[Expr]:
    """The arguments of a node that is NULL when one of them is; none of any other."""
    match expr:
        case OpExpr(kind="op", opno=opno):
            operator = catalog.operators.get(opno)
            proc = None if operator is None else catalog.procs.get(operator.oprcode)
            if proc is not None and proc.proisstrict:
                yield from expr.args
        case OpExpr(kind="nullif"):
            yield expr.args[0]
        case ScalarArrayOpExpr():
            yield expr.args[0]
        case FuncExpr(funcid=funcid):
            proc = catalog.procs.get(funcid)
            if proc is not None and proc.proisstrict:
                yield from expr.args
        case CoerceViaIO() | RelabelType():
            yield expr.arg
        case SubLink():
            return
