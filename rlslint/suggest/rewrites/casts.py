"""A cast on a column in, the cast on the other side out, so that the column's own index serves.

Proof. For the types of `_FAITHFUL` the output function is injective and gives one text for each value: ``col::text =
x::text`` with x of col's type is true, false or NULL exactly when ``col = x`` is. That is safe. ``col::text = y`` with a
text y is ``col = y::type`` wherever y is NULL or the text that the type itself writes: elsewhere the cast raises an
error, or finds a value that is written in another way, which is what the assumption excludes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlslint.analyze.typename import format_type
from rlslint.nodes.primnodes import CoerceViaIO, Expr, FuncExpr, Oid, OpExpr, SubLink, Var
from rlslint.plan.clauses import strip_relabel
from rlslint.plan.mutate import relids
from rlslint.suggest.rewrites.writing import Form, Writing, agrees, bare_scalar, is_equality

_TEXTS: Final = frozenset({25, 1043})
_FAITHFUL: Final = frozenset({2950, 20, 21, 23, 16})
"""uuid, int8, int2, int4, bool; enums besides."""


def cast_forms(writing: Writing, node: Expr) -> Iterator[Form]:
    """``col::text = ...`` as ``col = ...``."""
    if not isinstance(node, OpExpr) or not is_equality(node, writing.catalog, *_sides(node)):
        return
    left, right = node.args
    for column, other in ((left, right), (right, left)):
        bare = _uncast(column)
        if not isinstance(bare, Var) or bare is column or not _faithful(writing, bare.type):
            continue
        if column.type not in _TEXTS or relids(other):
            continue
        value = _uncast(_scalar(other))
        first = column is left
        if value.type == bare.type and value is not other:
            yield from _both(writing, node, column, bare, other, value)
        else:
            yield from _moved(writing, node, column, bare, other, first=first)
        return


def _sides(node: OpExpr) -> tuple[Expr, Expr]:
    return (node.args[0], node.args[1]) if len(node.args) == 2 else (node, node)


def _scalar(expr: Expr) -> Expr:
    inner = bare_scalar(expr)
    return expr if inner is None else inner


def _uncast(expr: Expr) -> Expr:
    """The operand of a cast to text."""
    expr = strip_relabel(expr)
    if isinstance(expr, CoerceViaIO):
        return expr.arg
    if isinstance(expr, FuncExpr) and expr.form == "explicit_cast" and expr.type in _TEXTS:
        return expr.args[0]
    return expr


def _faithful(writing: Writing, oid: Oid) -> bool:
    row = writing.catalog.types.get(oid)
    return oid in _FAITHFUL or (row is not None and row.typtype == "e")


def _both(writing: Writing, node: OpExpr, column: Expr, bare: Var, other: Expr, value: Expr) -> Iterator[Form]:
    """Both sides are cast: neither needs it."""
    left, right = node.args
    words = {id(column): writing.words(bare), id(other): _value_words(writing, other)}
    start, end = writing.place(node)
    text = f"{words[id(left)]} = {words[id(right)]}"
    if start < 0 or not all(words.values()):
        return
    sides = (bare, value) if column is left else (value, bare)
    yield Form(
        edits=((start, end, text),),
        node=node,
        accepts=lambda new: is_equality(new, writing.catalog, *sides),
        title="compare without casts, so that the column's index serves",
    )


def _value_words(writing: Writing, other: Expr) -> str:
    """The other side's text without its cast, still in the scalar subquery it may stand in."""
    if isinstance(other, SubLink):
        inner = writing.operand(_uncast(other.subselect.targets[0].expr))
        return f"(SELECT {inner})" if inner else ""
    return writing.operand(_uncast(other))


def _moved(writing: Writing, node: OpExpr, column: Expr, bare: Var, other: Expr, *, first: bool) -> Iterator[Form]:
    kind = format_type(writing.catalog, bare.type)
    start, end = writing.place(node)
    column_words, other_words = writing.words(bare), writing.operand(other)
    if start < 0 or not column_words or not other_words:
        return
    cast = f"{other_words}::{kind}"

    def accepts(new: Expr) -> bool:
        if not isinstance(new, OpExpr) or len(new.args) != 2:
            return False
        ours, value = new.args if first else new.args[::-1]
        return agrees(ours, bare) and value.type == bare.type and agrees(_read(value), strip_relabel(other))

    name = writing.catalog.relations[writing.relid].column(bare.attnum).attname
    yield Form(
        edits=((start, end, f"{column_words} = {cast}" if first else f"{cast} = {column_words}"),),
        node=node,
        accepts=accepts,
        title=f"cast the value, not {name}, so that the column's index serves",
        applicability="conditional",
        assumes=(f"{' '.join(other_words.split())} is NULL or a {kind} as PostgreSQL writes it",),
    )


def _read(value: Expr) -> Expr:
    """The operand of a cast from text."""
    value = strip_relabel(value)
    if isinstance(value, CoerceViaIO):
        return strip_relabel(value.arg)
    if isinstance(value, FuncExpr) and value.form == "explicit_cast":
        return strip_relabel(value.args[0])
    return value
