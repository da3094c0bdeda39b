"""A table in, the indexes by which its whole tree can be read out: partitions and tables that inherit are read with it,
each by an index of its own (expand_inherited_rtentry() of inherit.c, add_paths_to_append_rel() of allpaths.c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Index, IndexKey, Relation
from rlslint.nodes.primnodes import Expr, Oid, Var, walk
from rlslint.records import replace


def tree_indexes(catalog: Catalog, relid: Oid) -> tuple[Index, ...]:
    """Valid indexes in order of creation. One that is made on each partition by itself is taken for an index of the whole,
    under the name that the first partition's has. A table that others inherit from is taken for the largest of them."""
    relation = catalog.relations[relid]
    own = tuple(index for index in catalog.indexes_of(relid) if index.indisvalid)
    leaves = (
        tuple(one for one in catalog.descendants_of(relation.oid) if one.relkind != "p")
        if relation.relkind == "p"
        else ()
    )
    if not leaves:
        return own
    first, *others = leaves
    found = list(own)
    for index in catalog.indexes_of(first.oid):
        as_own = _as_of(index, first, relation)
        if as_own is None or not index.indisvalid or any(_same(as_own, other) for other in own):
            continue
        if _everywhere(catalog, first, index, others):
            found.append(as_own)
    return tuple(sorted(found, key=lambda index: index.oid))


def pruned_by(relation: Relation) -> int:
    """The column (attnum) whose value says in which partition a row lies, of a table partitioned by a list of values: with
    ``=`` on it only the partition of that value is read (partprune.c), and its rows are those wanted. 0 for none."""
    if relation.relkind != "p" or len(relation.partkey) != 2 or relation.partkey[0] != "list":
        return 0
    attribute = relation.attribute(relation.partkey[1])
    return 0 if attribute is None else attribute.attnum


def read_with(
    catalog: Catalog, relation: Relation, indexes: Sequence[Index], conditions: Sequence[Expr]
) -> Iterator[str]:
    """What is to be said of tables that are read with one, or are left out of it, in words."""
    listed = pruned_by(relation)
    if listed and any(isinstance(node, Var) and node.attnum == listed for expr in conditions for node in walk(expr)):
        yield f"of {relation.relname} only the partitions that hold the {relation.column(listed).attname} are read"
    for index in indexes if relation.relkind != "p" else ():
        for child in catalog.descendants_of(relation.oid):
            if not _everywhere(catalog, relation, index, (child,)):
                yield f"{child.relname} inherits from {relation.relname}, has no index like {index.relname} and is read whole"


def _everywhere(catalog: Catalog, home: Relation, index: Index, others: Sequence[Relation]) -> bool:
    """Whether each of the other tables has the like of an index."""
    for other in others:
        wanted = _as_of(index, home, other)
        if wanted is None or not any(one.indisvalid and _same(one, wanted) for one in catalog.indexes_of(other.oid)):
            return False
    return True


def _as_of(index: Index, home: Relation, other: Relation) -> Index | None:
    """The index as another table of the tree would have it, whose columns may have other numbers; None where expressions
    would have to be told apart by them."""
    keys: list[IndexKey] = []
    for key in index.keys:
        number = _number(key.attnum, home, other)
        if number is None:
            return None
        keys.append(replace(key, attnum=number))
    include = [_number(attnum, home, other) for attnum in index.include]
    if any(key.expr is not None for key in index.keys) or index.indpred is not None:
        names = [attribute.attname for attribute in other.attributes]
        if [attribute.attname for attribute in home.attributes][: len(names)] != names[: len(home.attributes)]:
            return None
    held = tuple(number for number in include if number is not None)
    return replace(index, indrelid=other.oid, keys=tuple(keys), include=held)


def _number(attnum: int, home: Relation, other: Relation) -> int | None:
    """A column's number in another table of the tree; 0 stays, for an expression."""
    if not attnum:
        return 0
    attribute = other.attribute(home.column(attnum).attname)
    return None if attribute is None else attribute.attnum


def _same(one: Index, other: Index) -> bool:
    """Whether both serve the same conditions."""
    if one.amname != other.amname or len(one.keys) != len(other.keys):
        return False
    for a, b in zip(one.keys, other.keys, strict=True):
        if (a.attnum, a.opclass, a.collation) != (b.attnum, b.opclass, b.collation):
            return False
        if (a.expr is None) != (b.expr is None) or (a.expr and b.expr and a.expr.expr != b.expr.expr):
            return False
    if one.indpred is None or other.indpred is None:
        return one.indpred is other.indpred
    return one.indpred.expr == other.indpred.expr
