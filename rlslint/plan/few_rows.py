"""A table in, the most rows that its unique keys leave room for out: of settings that are one row by design."""

from __future__ import annotations

from math import prod

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Constraint, Index, IndexKey, Relation
from rlslint.nodes.primnodes import BoolExpr, CollateExpr, Const, Expr, Oid, OpExpr, ScalarArrayOpExpr, Var, walk
from rlslint.plan import clauses
from rlslint.plan.predicates import array_elements


def most_rows(catalog: Catalog, relid: Oid) -> int | None:
    """Rows; None where no unique key over values that can be counted says how many there may be. A unique index lets every
    combination of its values in once, and NULLs any number of times unless it is NULLS NOT DISTINCT."""
    relation = catalog.relations[relid]
    if relation.relkind != "p" and any(True for _ in catalog.children_of(relid)):
        # what inherits is read with it, and its keys bind none of that
        return None
    checks = [
        one for one in catalog.constraints_of(relid) if one.contype == "c" and one.convalidated and one.conenforced
    ]
    counts = (
        _combinations(catalog, relation, index, checks)
        for index in catalog.indexes_of(relid)
        if index.indisunique and index.indisvalid and index.indpred is None and index.keys
    )
    return min((count for count in counts if count is not None), default=None)


def _combinations(catalog: Catalog, relation: Relation, index: Index, checks: list[Constraint]) -> int | None:
    each = [_values(catalog, relation, index, key, checks) for key in index.keys]
    known = [count for count in each if count is not None]
    return prod(known) if len(known) == len(each) else None


def _values(catalog: Catalog, relation: Relation, index: Index, key: IndexKey, checks: list[Constraint]) -> int | None:
    """How many values the key can have: of a flag, an enum, or what a CHECK lists; an expression over no column has one."""
    if key.expr is not None:
        constant = isinstance(key.expr.expr, Const) and key.expr.expr.value is not None
        return 1 if constant else None
    column = relation.column(key.attnum)
    if not column.attnotnull and not index.indnullsnotdistinct:
        return None
    if key.collation not in (0, column.attcollation):
        # a CHECK goes by the column's
        checks = []
    row = catalog.types.get(column.atttypid)
    counts = [2] if column.atttypid == clauses.BOOL else [len(row.labels)] if row is not None and row.labels else []
    for check in checks:
        parts = () if check.conexpr is None else clauses.make_and((check.conexpr.expr,))
        counts += [count for part in parts if (count := _listed(catalog, part, key)) is not None]
    return min(counts) + (not column.attnotnull) if counts else None


def _listed(catalog: Catalog, expr: Expr, key: IndexKey) -> int | None:
    """How many values of the column, NULL aside, the condition lets in."""
    match expr:
        case Var():
            return 1 if expr.attnum == key.attnum else None
        case BoolExpr(op="not", args=(Var() as column,)):
            return 1 if column.attnum == key.attnum else None
        case BoolExpr(op="or", args=args):
            counts = [_listed(catalog, arg, key) for arg in args]
            known = [count for count in counts if count is not None]
            return sum(known) if len(known) == len(counts) else None
        case OpExpr(args=(left, right)) if _is_equality(catalog, expr, key):
            sides = ((left, right), (right, left))
            return 1 if any(_is(one, key.attnum) and _is_value(other) for one, other in sides) else None
        case ScalarArrayOpExpr(use_or=True, args=(left, right)) if _is_equality(catalog, expr, key):
            elements = array_elements(right)
            if elements is None or not _is(left, key.attnum) or not all(map(_is_value, elements)):
                return None
            return len(set(elements))
    return None


def _is_value(expr: Expr) -> bool:
    """With a NULL among what it lists, a CHECK is false for nothing."""
    return isinstance(expr, Const) and expr.value is not None


def _is(expr: Expr, attnum: int) -> bool:
    column = clauses.strip_relabel(expr)
    return isinstance(column, Var) and column.attnum == attnum


def _is_equality(catalog: Catalog, expr: OpExpr | ScalarArrayOpExpr, key: IndexKey) -> bool:
    """Whether it compares as the index does: values that another operator holds equal (of bpchar, of a collation that knows
    no case) may be several to the index."""
    operator, opclass = catalog.operators.get(expr.opno), catalog.opclasses.get(key.opclass)
    if operator is None or opclass is None or operator.oprname != "=":
        return False
    if any(isinstance(node, CollateExpr) for node in walk(expr)):
        return False
    own = (one.amopopr for one in catalog.amops.find("family", opclass.opcfamily) if one.amoppurpose == "s")
    return expr.opno in own
