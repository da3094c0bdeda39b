"""A node of an expression in, the functions that it calls itself out (nodeFuncs.c, check_functions_in_node)."""

from __future__ import annotations

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.primnodes import Aggref, Expr, FuncExpr, Oid, OpExpr, RowCompareExpr, ScalarArrayOpExpr, SubLink


def op_proc(catalog: Catalog, opno: Oid) -> Proc | None:
    """The function behind an operator, or None when it is not known."""
    operator = catalog.operators.get(opno)
    return None if operator is None else catalog.procs.get(operator.oprcode)


def node_procs(catalog: Catalog, node: Expr) -> tuple[Proc | None, ...]:
    """Functions that the node itself calls (check_functions_in_node); None for one that is not known."""
    if isinstance(node, (OpExpr, ScalarArrayOpExpr)):
        return (op_proc(catalog, node.opno),)
    if isinstance(node, (FuncExpr, Aggref)):
        return (catalog.procs.get(node.funcid),)
    if isinstance(node, (SubLink, RowCompareExpr)):
        return tuple(op_proc(catalog, opno) for opno in node.opnos)
    return ()
