"""Conditions and columns in, what NULL or NOT NULL does to them out: find_nonnullable_vars() of clauses.c and
restriction_is_always_true() of initsplan.c."""

from __future__ import annotations

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    BooleanTest,
    BoolExpr,
    CoerceViaIO,
    Expr,
    FuncExpr,
    NullTest,
    OpExpr,
    ScalarArrayOpExpr,
    Var,
)
from rlslint.plan import clauses
from rlslint.plan.clauses import make_bool


def strict_for(catalog: Catalog, clause: Expr, subexpr: Expr) -> bool:
    """Whether the clause is not true where the expression is NULL (find_nonnullable_vars_walker)."""
    clause, subexpr = clauses.strip_relabel(clause), clauses.strip_relabel(subexpr)
    if clause == subexpr:
        return True
    match clause:
        case OpExpr(kind="op", args=args):
            return clauses.is_strict_op(catalog, clause.opno) and any(strict_for(catalog, a, subexpr) for a in args)
        case FuncExpr(args=args):
            proc = catalog.procs.get(clause.funcid)
            return proc is not None and proc.proisstrict and any(strict_for(catalog, a, subexpr) for a in args)
        case ScalarArrayOpExpr(use_or=True, args=(left, _)):
            return clauses.is_strict_op(catalog, clause.opno) and strict_for(catalog, left, subexpr)
        case NullTest(is_null=False, arg=arg) | CoerceViaIO(arg=arg) | ArrayCoerceExpr(arg=arg):
            return strict_for(catalog, arg, subexpr)
        case BooleanTest(arg=arg, test="is_true" | "is_false" | "is_not_unknown"):
            return strict_for(catalog, arg, subexpr)
        case BoolExpr(op="not", args=(arg,)):
            return strict_for(catalog, arg, subexpr)
    return False


def restriction(catalog: Catalog, relation: Relation | None, expr: Expr) -> Expr | None:
    """A condition on one base relation with what NOT NULL columns decide for every row taken for decided; None where it
    always holds (add_base_clause_to_rel of initsplan.c, from version 17)."""
    if catalog.pg_version < 17 or relation is None:
        return expr
    known = _always(relation, expr)
    return expr if known is None else None if known else make_bool(False, expr)


def _always(relation: Relation, expr: Expr) -> bool | None:
    """restriction_is_always_true() and restriction_is_always_false(): a NULL test of a column, or an OR of conditions."""
    match expr:
        case NullTest(arg=Var(levelsup=0, attnum=attnum)) if attnum > 0:
            return None if not relation.column(attnum).attnotnull else not expr.is_null
        case BoolExpr(op="or", args=args):
            arms = [_always(relation, arm) for arm in args]
            return True if True in arms else False if all(arm is False for arm in arms) else None
    return None
