"""A condition above an outer join and a column in, whether NULL in the column lets no row pass out: find_nonnullable_vars()
of clauses.c."""

from __future__ import annotations

from rlslint.catalog.catalog import Catalog
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
)
from rlslint.plan import clauses


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
