"""An arm of an OR that is the same for every row in, a range of an indexed column out: everything or nothing.

Proof. Let c be a column that is never NULL, of a type with a least and a greatest value, and k a condition that reads no
column of the row and is not VOLATILE. ``c BETWEEN (SELECT CASE WHEN k THEN least END) AND (SELECT CASE WHEN k THEN
greatest END)`` is true for every row when k is true; when k is false or NULL both bounds are NULL, and it is NULL for
every row. Among ANDs and ORs only, where NULL and false come to the same, it may stand for k.

What it is for: the planner reads a table through indexes only when every arm of an OR has one (BitmapOr), and k has none.
A range of unknown bounds is taken for half a per cent of the table (DEFAULT_RANGE_INEQ_SEL in selfuncs.h).
"""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.analyze.typename import format_type, quote_identifier
from rlslint.analyze.types import ENDS
from rlslint.catalog.rows import Attribute
from rlslint.nodes.primnodes import BoolExpr, CaseExpr, Const, Expr, Oid, OpExpr, Var
from rlslint.plan import clauses
from rlslint.plan.mutate import has_vars_of_level
from rlslint.suggest.rewrites.writing import Form, Writing, agrees, bare_scalar


def constant_arm_forms(writing: Writing, node: Expr) -> Iterator[Form]:
    """The one form, where the table has an index that leads with such a column."""
    if isinstance(node, Const) or has_vars_of_level(node, 0) or clauses.contain_volatile(writing.catalog, node):
        return
    column = _column(writing)
    words, (start, end) = writing.words(node), writing.place(node)
    if column is None or start < 0 or not words or "--" in words:
        return
    kind = format_type(writing.catalog, column.atttypid)
    least, greatest = (f"(SELECT CASE WHEN {words} THEN '{value}'::{kind} END)" for value in ENDS[column.atttypid])
    text = f"{quote_identifier(column.attname)} BETWEEN {least} AND {greatest}"
    yield Form(
        edits=((*writing.widened(start, end), f"({text})"),),
        node=node,
        accepts=lambda new: _accepts(writing, new, node, column.attnum),
        title=f"a range of {column.attname} that holds every row or none, so that this arm has an index as well",
    )


def _column(writing: Writing) -> Attribute | None:
    """The leading column of the primary key, or of another index of all rows."""
    catalog = writing.catalog
    table = catalog.relations[writing.relid]
    for index in sorted(catalog.indexes_of(writing.relid), key=lambda one: not one.indisprimary):
        if not index.indisvalid or index.indpred is not None or index.amname != "btree" or not index.keys[0].attnum:
            continue
        column = table.column(index.keys[0].attnum)
        if column.attnotnull and column.atttypid in ENDS:
            return column
    return None


def _accepts(writing: Writing, new: Expr, old: Expr, attnum: int) -> bool:
    if not isinstance(new, BoolExpr) or new.op != "and" or len(new.args) != 2:
        return False
    for part, sign, number in zip(new.args, (">=", "<="), (0, 1), strict=True):
        if not isinstance(part, OpExpr) or len(part.args) != 2:
            return False
        operator = writing.catalog.operators.get(part.opno)
        column, bound = part.args
        inner = bare_scalar(bound)
        if operator is None or operator.oprname != sign or not isinstance(column, Var) or column.levelsup:
            return False
        if column.attnum != attnum or not isinstance(inner, CaseExpr) or inner.default is not None:
            return False
        ((condition, value),) = inner.whens
        if not agrees(condition, old) or value.type != column.type or clauses.contain_volatile(writing.catalog, value):
            return False
        if has_vars_of_level(value, 0) or not _is_end(value, number, column.type):
            return False
    return True


def _is_end(value: Expr, number: int, kind: Oid) -> bool:
    """Whether a value is written as the least or the greatest of its type."""
    written = list(_constants(value))
    return len(written) == 1 and written[0].value == ENDS[kind][number]


def _constants(expr: Expr) -> Iterator[Const]:
    if isinstance(expr, Const):
        yield expr
    for child in expr.children():
        yield from _constants(child)
