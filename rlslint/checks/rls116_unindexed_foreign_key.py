"""RLS116: a foreign key of a table with row security that no index covers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from rlslint.catalog.rows import Constraint, Index, Relation
from rlslint.checks.globs import fits
from rlslint.checks.model import Facts, Match, NeedIndex
from rlslint.nodes.primnodes import BoolExpr, Expr, NullTest, Var


def check(facts: Facts, *, ignored_columns: tuple[str, ...]) -> Iterator[Match]:
    """One match a foreign key; the registry makes one finding a table of them."""
    for relation in facts.tables:
        if not relation.relrowsecurity or relation.relispartition or facts.small(relation.oid):
            continue
        for constraint in facts.catalog.constraints_of(relation.oid):
            if constraint.contype != "f" or constraint.origin is None:
                continue
            index, part = _index(facts, constraint)
            if index is not None and _finds(facts, constraint, part):
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
                }
                | ({"index": index.relname, "part": facts.column_names(relation.oid, part)} if index else {}),
                message="part" if index else None,
                needs=(NeedIndex(relation.oid, constraint.conkey),),
            )


def _ignored(facts: Facts, relation: Relation, constraint: Constraint, globs: tuple[str, ...]) -> bool:
    """Whether the options name one of its columns."""
    table = facts.catalog.qualified_name(relation)
    names = facts.column_names(relation.oid, constraint.conkey)
    return any(fits(globs, name, f"{relation.relname}.{name}", f"{table}.{name}") for name in names)


def _index(facts: Facts, constraint: Constraint) -> tuple[Index | None, tuple[int, ...]]:
    """The index that leads with most of the columns, in any order, and these; one of a part of the rows counts where only
    NULLs are left out, which no look-up by the key asks for."""
    wanted = set(constraint.conkey)
    best: tuple[Index | None, tuple[int, ...]] = (None, ())
    for index in facts.catalog.indexes_of(constraint.conrelid):
        if not index.indisvalid or index.amname not in ("btree", "hash"):
            continue
        if index.indpred is not None and not all(_says_not_null(one, wanted) for one in _conjuncts(index.indpred.expr)):
            continue
        part = tuple(key.attnum for key in takewhile(lambda key: key.attnum in wanted, index.keys))
        if len(part) > len(best[1]):
            best = index, part
    return best


def _finds(facts: Facts, constraint: Constraint, part: tuple[int, ...]) -> bool:
    """Whether a look-up by these columns finds the rows of one row of the other table: by all of them, or where those that
    they refer to are a key by themselves."""
    referenced = {other for own, other in zip(constraint.conkey, constraint.confkey, strict=False) if own in part}
    keys = (
        {key.attnum for key in index.keys}
        for index in facts.catalog.indexes_of(constraint.confrelid)
        if index.indisunique and index.indisvalid and index.indpred is None
    )
    return set(part) == set(constraint.conkey) or any(columns <= referenced for columns in keys)


def _conjuncts(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, BoolExpr) and expr.op == "and":
        for arg in expr.args:
            yield from _conjuncts(arg)
    else:
        yield expr


def _says_not_null(expr: Expr, columns: set[int]) -> bool:
    return isinstance(expr, NullTest) and not expr.is_null and isinstance(expr.arg, Var) and expr.arg.attnum in columns
