"""RLS116: a foreign key of a table with row security that no index covers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from rlslint.catalog.rows import Constraint, Index, Relation
from rlslint.checks.globs import fits
from rlslint.checks.model import Facts, Match, NeedIndex
from rlslint.checks.policy_scans import holds_all_but_nulls


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
            near = _holding(facts, constraint)
            message: str | None = None
            more: dict[str, object] = {}
            if index is not None:
                message = "part"
                more = {"index": index.relname, "part": facts.column_names(relation.oid, part)}
            elif near is not None:
                message, more = "not_leading", {"index": near.relname}
            yield Match(
                span=constraint.origin,
                relation=relation,
                facts={
                    "table": facts.name(relation.oid),
                    "columns": facts.column_names(relation.oid, constraint.conkey),
                    "relation": facts.name(constraint.confrelid) if constraint.confrelid else "the table it refers to",
                }
                | more,
                message=message,
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
        if not holds_all_but_nulls(index, wanted):
            continue
        part = tuple(key.attnum for key in takewhile(lambda key: key.attnum in wanted, index.keys))
        if len(part) > len(best[1]):
            best = index, part
    return best


def _holding(facts: Facts, constraint: Constraint) -> Index | None:
    """An index that holds all of the columns, but none of them first: it may be read from end to end in the table's place,
    or, since 18, once for each value of what it leads with."""
    wanted = set(constraint.conkey)
    for index in facts.catalog.indexes_of(constraint.conrelid):
        if index.indisvalid and index.amname == "btree" and holds_all_but_nulls(index, wanted):
            if wanted <= {key.attnum for key in index.keys}:
                return index
    return None


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
