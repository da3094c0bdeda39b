"""RLS116: a foreign key of a table with row security that no index covers."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import Constraint, Relation
from rlslint.checks.globs import fits
from rlslint.checks.model import Facts, Match, NeedIndex
from rlslint.nodes.primnodes import BoolExpr, Expr, NullTest, Var


def check(facts: Facts, *, ignored_columns: tuple[str, ...]) -> Iterator[Match]:
    """One match a foreign key; the registry makes one finding a table of them."""
    for relation in facts.tables:
        if not relation.relrowsecurity or relation.relispartition or facts.small(relation.oid):
            continue
        for constraint in facts.catalog.constraints_of(relation.oid):
            if constraint.contype != "f" or constraint.origin is None or _covered(facts, constraint):
                continue
            if _ignored(facts, relation, constraint, ignored_columns):
                continue
            yield Match(
                span=constraint.origin,
                relation=relation,
                facts={
                    "table": facts.name(relation.oid),
                    "columns": facts.column_names(relation.oid, constraint.conkey),
                    "relation": facts.name(constraint.confrelid) if constraint.confrelid else "the table it refers to",
                },
                needs=(NeedIndex(relation.oid, constraint.conkey),),
            )


def _ignored(facts: Facts, relation: Relation, constraint: Constraint, globs: tuple[str, ...]) -> bool:
    """Whether the options name one of its columns."""
    table = facts.catalog.qualified_name(relation)
    names = facts.column_names(relation.oid, constraint.conkey)
    return any(fits(globs, name, f"{relation.relname}.{name}", f"{table}.{name}") for name in names)


def _covered(facts: Facts, constraint: Constraint) -> bool:
    """An index whose first keys are the columns, in any order; one of a part of the rows counts where only NULLs are left
    out, which no look-up by the key asks for."""
    wanted = set(constraint.conkey)
    for index in facts.catalog.indexes_of(constraint.conrelid):
        leading = {key.attnum for key in index.keys[: len(wanted)]}
        if index.indisvalid and index.amname in ("btree", "hash") and leading == wanted:
            if index.indpred is None or all(_says_not_null(one, wanted) for one in _conjuncts(index.indpred.expr)):
                return True
    return False


def _conjuncts(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, BoolExpr) and expr.op == "and":
        for arg in expr.args:
            yield from _conjuncts(arg)
    else:
        yield expr


def _says_not_null(expr: Expr, columns: set[int]) -> bool:
    return isinstance(expr, NullTest) and not expr.is_null and isinstance(expr.arg, Var) and expr.arg.attnum in columns
