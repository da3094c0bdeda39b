"""A policy's condition in, the places where a NULL makes it something that is never true out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, required_conditions, walk_deep
from rlslint.nodes.primnodes import (
    BoolExpr,
    Const,
    Expr,
    NullTest,
    Oid,
    OpExpr,
    ScalarArrayOpExpr,
    SubLink,
    SubLinkType,
    Var,
    bare,
)
from rlslint.records import dataclass, replace
from rlslint.rewrite.model import PolicyClause


@dataclass(frozen=True, slots=True)
class NullTrap:
    """``not_in``: ``NOT IN`` over a nullable column of ``relid``; ``literal``: compared with the constant NULL;
    ``elsewhere``: ``<>`` on a nullable column of the policy's table that the policy ``other`` lets be NULL."""

    kind: Literal["not_in", "literal", "elsewhere"]
    node: Expr
    relid: Oid = 0
    column: str = ""
    other: str = ""


def null_traps(catalog: Catalog, clause: PolicyClause) -> Iterator[NullTrap]:
    """Every trap of one condition."""
    for node, _ in walk_deep(clause.expr):
        sublink = _denied_membership(catalog, node)
        if sublink is not None:
            nullable = _nullable_output(catalog, sublink.subselect)
            if nullable is not None:
                relid, column = nullable
                yield NullTrap("not_in", node, relid, column)
        elif isinstance(node, OpExpr) and node.kind == "op" and _compares_null(catalog, node):
            yield NullTrap("literal", node)
    yield from _elsewhere(catalog, clause)


def _denied_membership(catalog: Catalog, node: Expr) -> SubLink | None:
    """The subquery of ``x NOT IN (SELECT ...)`` or ``x <> ALL (SELECT ...)``."""
    if isinstance(node, BoolExpr) and node.op == "not":
        inner = node.args[0]
        if isinstance(inner, SubLink) and inner.kind is SubLinkType.ANY and _named(catalog, inner.opnos, "="):
            return inner
    if isinstance(node, SubLink) and node.kind is SubLinkType.ALL and _named(catalog, node.opnos, "<>"):
        return node
    return None


def _named(catalog: Catalog, opnos: tuple[Oid, ...], name: str) -> bool:
    return all((row := catalog.operators.get(opno)) is not None and row.oprname == name for opno in opnos)


def _compares_null(catalog: Catalog, node: OpExpr) -> bool:
    operator = catalog.operators.get(node.opno)
    proc = None if operator is None else catalog.procs.get(operator.oprcode)
    strict = proc is not None and proc.proisstrict and operator is not None and operator.oprresult == 16
    return strict and any(isinstance(arg, Const) and arg.value is None for arg in map(bare, node.args))


def _nullable_output(catalog: Catalog, query: Query) -> tuple[Oid, str] | None:
    """(table, column) of an output column that may be NULL in some row that comes out, or None."""
    if query.setop is not None:
        return next((found for arm in query.arms if (found := _nullable_output(catalog, arm))), None)
    for target in query.targets:
        var = bare(target.expr)
        if not isinstance(var, Var) or var.levelsup or var.attnum <= 0 or _excluded(catalog, query, var):
            continue
        rte = query.rtable[var.varno - 1]
        if rte.kind == "subquery" and rte.subquery is not None and rte.subquery.setop is None:
            inner = rte.subquery.targets[var.attnum - 1]
            found = _nullable_output(catalog, _only(rte.subquery, inner.expr))
            if found is not None:
                return found
        relation = catalog.relations.get(rte.relid) if rte.kind == "relation" else None
        if relation is not None and relation.relkind in ("r", "p") and relation.complete:
            attribute = relation.column(var.attnum)
            if not attribute.attnotnull:
                return relation.oid, attribute.attname
    return None


def _only(query: Query, expr: Expr) -> Query:
    return replace(query, targets=tuple(target for target in query.targets if target.expr is expr))


def _excluded(catalog: Catalog, query: Query, var: Var) -> bool:
    """Whether a condition of the query lets no row with that NULL out: IS NOT NULL, or a strict comparison of it."""
    for qual in required_conditions(query):
        if isinstance(qual, NullTest) and not qual.is_null and bare(qual.arg) == var:
            return True
        if isinstance(qual, (OpExpr, ScalarArrayOpExpr)) and any(bare(arg) == var for arg in qual.args):
            operator = catalog.operators.get(qual.opno)
            proc = None if operator is None else catalog.procs.get(operator.oprcode)
            if proc is not None and proc.proisstrict and getattr(qual, "kind", "op") == "op":
                return True
    return False


def _elsewhere(catalog: Catalog, clause: PolicyClause) -> Iterator[NullTrap]:
    relation = catalog.relations[clause.policy.polrelid]
    own = set(_tested(clause.expr))
    allowed: dict[int, str] = {}
    for policy in catalog.policies_of(relation.oid):
        for stored in (policy.polqual, policy.polwithcheck):
            if stored is not None and stored is not clause.stored:
                for attnum in _let_be_null(stored.expr):
                    allowed.setdefault(attnum, policy.polname)
    if not allowed:
        return
    for node in _top_level(clause.expr):
        if not isinstance(node, OpExpr) or node.kind != "op" or not _named(catalog, (node.opno,), "<>"):
            continue
        for arg in map(bare, node.args):
            if isinstance(arg, Var) and not arg.levelsup and arg.attnum in allowed and arg.attnum not in own:
                attribute = relation.column(arg.attnum)
                if not attribute.attnotnull:
                    yield NullTrap("elsewhere", node, relation.oid, attribute.attname, allowed[arg.attnum])


def _top_level(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, BoolExpr) and expr.op in ("and", "or"):
        for arg in expr.args:
            yield from _top_level(arg)
    else:
        yield expr


def _let_be_null(expr: Expr) -> Iterator[int]:
    """Columns for which ``IS NULL`` is an arm of an OR."""
    if isinstance(expr, BoolExpr) and expr.op in ("and", "or"):
        for arg in expr.args:
            if expr.op == "or" and isinstance(arg, NullTest) and arg.is_null:
                inner = bare(arg.arg)
                if isinstance(inner, Var) and not inner.levelsup:
                    yield inner.attnum
            yield from _let_be_null(arg)


def _tested(expr: Expr) -> Iterator[int]:
    for node, level in walk_deep(expr):
        if isinstance(node, NullTest) and not level:
            inner = bare(node.arg)
            if isinstance(inner, Var) and not inner.levelsup:
                yield inner.attnum
