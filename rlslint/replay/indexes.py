"""CREATE INDEX in, pg_index rows out; indexes copied from one table to another (commands/indexcmds.c)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.coerce import binary_coercible
from rlslint.analyze.entry import rejections, stored_expr
from rlslint.analyze.func import has_unseen
from rlslint.analyze.opclass import default_opclass, named_opclass
from rlslint.analyze.targets import figure_column_name
from rlslint.analyze.typename import format_type, names_of
from rlslint.analyze.types import type_collation
from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.rows import Constraint, Index, IndexKey, Relation, StoredExpr
from rlslint.nodes.primnodes import CollateExpr, Const, Oid, Var
from rlslint.records import dataclass, replace
from rlslint.replay.columns import named_collation
from rlslint.replay.immutable import require_immutable
from rlslint.replay.inherit import column_map, mapped, mapped_numbers
from rlslint.replay.lookup import is_taken, relation, require_free
from rlslint.replay.naming import index_column_names, index_name, truncate
from rlslint.replay.not_null import set_not_null
from rlslint.replay.reloptions import changed_options
from rlslint.replay.session import DDLError, Handler, Missing, Session
from rlslint.source.model import Raw, Statement

_UNIQUE_METHODS: Final = frozenset({"btree"})
_KNOWN_METHODS: Final = frozenset({"btree", "hash", "gin", "gist", "brin", "spgist"})
_INCLUDE_METHODS: Final = frozenset({"btree", "gist", "spgist"})
_ONE_COLUMN_METHODS: Final = frozenset({"hash"})


def create_index(session: Session, statement: Statement) -> None:
    """CREATE INDEX, for a partitioned table with those of its partitions.

    Raises DDLError (0A000, 42601, 42703, 42704, 42809, 42P07), NotFollowed.
    """
    node = statement.node
    table = relation(session, node["relation"])
    if table.relkind not in "rpm":
        raise DDLError("42809", f'cannot create index on relation "{table.relname}"')
    if node.get("concurrent") and table.relkind == "p":
        raise DDLError("0A000", f'cannot create index on partitioned table "{table.relname}" concurrently')
    method = "gist" if node.get("accessMethod") == "rtree" else node.get("accessMethod", "btree")
    keys, names = index_keys(session, statement, table, [item["IndexElem"] for item in node["indexParams"]], method)
    include = include_columns(table, [item["IndexElem"] for item in node.get("indexIncludingParams", ())])
    names += [table.column(number).attname for number in include]
    unique = bool(node.get("unique"))
    check_method(method, keys=len(keys), include=bool(include), unique=unique)
    where = node.get("whereClause")
    require_partition_key(table, keys, unique=unique, what="unique constraint")
    indpred = None if where is None else predicate(session, statement, where, table.oid)
    if "idxname" in node and is_taken(session, table.relnamespace, truncate(node["idxname"])):
        # the index that is not made had to be one that could be
        if node.get("if_not_exists"):
            return
        require_free(session, table.relnamespace, truncate(node["idxname"]))
    index = add_index(
        session,
        Index(
            oid=session.catalog.new_oid(),
            relname=truncate(node["idxname"])
            if "idxname" in node
            else index_name(session, table.relname, names, table.relnamespace, "idx", constraint=False),
            relnamespace=table.relnamespace,
            indrelid=table.oid,
            amname=method,
            keys=keys,
            include=include,
            attnames=index_column_names(names),
            indpred=indpred,
            indisunique=unique,
            indnullsnotdistinct=bool(node.get("nulls_not_distinct")),
            indisvalid=not (
                table.relkind == "p" and not node["relation"].get("inh") and _has_partitions(session, table)
            ),
            reloptions=changed_options((), method, node.get("options", ())),
            origin=statement.span,
        ),
    )
    if table.relkind == "p" and node["relation"].get("inh"):
        for child in tuple(session.catalog.children_of(table.oid)):
            if child.relkind in "rp":
                clone_index(session, statement, index, table, child.oid, parent=index.oid)


def _has_partitions(session: Session, table: Relation) -> bool:
    return next(iter(session.catalog.children_of(table.oid)), None) is not None


def check_method(method: str, *, keys: int, include: bool, unique: bool) -> None:
    """What the access method cannot do. Raises DDLError 0A000."""
    if method not in _KNOWN_METHODS:
        return
    if unique and method not in _UNIQUE_METHODS:
        raise DDLError("0A000", f'access method "{method}" does not support unique indexes')
    if include and method not in _INCLUDE_METHODS:
        raise DDLError("0A000", f'access method "{method}" does not support included columns')
    if keys > 1 and method in _ONE_COLUMN_METHODS:
        raise DDLError("0A000", f'access method "{method}" does not support multicolumn indexes')


def require_partition_key(table: Relation, keys: tuple[IndexKey, ...], *, unique: bool, what: str) -> None:
    """A unique index of a partitioned table has all partition columns. Raises DDLError 0A000."""
    if not unique or table.relkind != "p":
        return
    columns = {table.column(key.attnum).attname for key in keys if key.attnum > 0}
    for part in table.partkey[1:]:
        if part not in columns:
            raise DDLError("0A000", f"{what} on partitioned table must include all partitioning columns")


def predicate(session: Session, statement: Statement, raw: Raw, relid: Oid) -> StoredExpr | None:
    """A partial index's WHERE; None where it is TRUE (make_ands_implicit). Raises DDLError for what PostgreSQL rejects."""
    stored = stored_expr(
        session.catalog, statement, raw, relid, session.search_path, where="index predicates", boolean=True
    )
    for problem in rejections(stored.expr):
        raise DDLError(problem.sqlstate or "42601", problem.reason)
    require_immutable(session, stored.expr, "functions in index predicate must be marked IMMUTABLE")
    if isinstance(stored.expr, Const) and stored.expr.value in ("true", "t"):
        return None
    return stored


def include_columns(table: Relation, elements: list[Raw]) -> tuple[int, ...]:
    """Numbers of INCLUDE columns. Raises DDLError (0A000, 42703), NotFollowed."""
    found = []
    for element in elements:
        if "name" not in element:
            raise DDLError("0A000", "expressions are not supported in included columns")
        found.append(_column(table, element["name"]))
    return tuple(found)


def add_index(session: Session, index: Index) -> Index:
    """Put an index; its name must be free in the schema. Raises DDLError 42P07."""
    require_free(session, index.relnamespace, index.relname)
    return session.catalog.indexes.put(index)


def default_key(session: Session, table: Relation, number: int, method: str) -> IndexKey:
    """A plain column with its type's default operator class. Raises DDLError 42704 where there is none."""
    attribute = table.column(number)
    opclass = _default_class(session, attribute.atttypid, method)
    return IndexKey(attnum=number, opclass=opclass, collation=attribute.attcollation)


def _default_class(session: Session, oid: Oid, method: str) -> Oid:
    catalog = session.catalog
    found = default_opclass(catalog, oid, method)
    if found is not None:
        return found.oid
    row = catalog.types.get(oid)
    if row is None or not row.known or row.oid >= FIRST_NORMAL_OID:
        return 0
    message = f'data type {format_type(catalog, oid)} has no default operator class for access method "{method}"'
    if method in ("btree", "hash"):
        raise DDLError("42704", message)
    # an extension that is not known may bring operator classes for built-in types (btree_gist, pg_trgm)
    if method in _KNOWN_METHODS and not has_unseen(catalog, None, session.search_path):
        session.absent("42704", message)
    return 0


def _named_class(session: Session, words: list[Raw], oid: Oid, method: str) -> Oid:
    """The operator class that is written (ResolveOpClass). Raises DDLError 42704, 42804."""
    catalog = session.catalog
    schema, name = names_of(words)
    row = catalog.types.get(oid)
    named = named_opclass(catalog, schema, name, method)
    if named is None:
        if method in _KNOWN_METHODS and not has_unseen(catalog, schema, session.search_path):
            session.absent("42704", f'operator class "{name}" does not exist for access method "{method}"')
        return 0
    if row is not None and row.known and not binary_coercible(catalog, oid, named.opcintype):
        raise DDLError("42804", f'operator class "{name}" does not accept data type {format_type(catalog, oid)}')
    return named.oid


def _column(table: Relation, name: str) -> int:
    attribute = table.attribute(name)
    if attribute is not None:
        return attribute.attnum
    if not table.complete:
        raise Missing("42703", f'column "{name}" of {table.relname} is created by no file')
    if name in ("ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"):
        raise DDLError("0A000", "index creation on system columns is not supported")
    raise DDLError("42703", f'column "{name}" does not exist')


def index_keys(
    session: Session, statement: Statement, table: Relation, elements: list[Raw], method: str
) -> tuple[tuple[IndexKey, ...], list[str]]:
    """The keys, and the names that they give the index's columns."""
    keys: list[IndexKey] = []
    names: list[str] = []
    for element in elements:
        key, name = index_key(session, statement, table, element, method)
        keys.append(key)
        names.append(name)
    return tuple(keys), names


def index_key(session: Session, statement: Statement, table: Relation, node: Raw, method: str) -> tuple[IndexKey, str]:
    """One key, and its part of the index's chosen name (ComputeIndexAttrs)."""
    catalog = session.catalog
    if "name" in node:
        attribute = table.column(_column(table, node["name"]))
        name, oid = attribute.attname, attribute.atttypid
        key = IndexKey(attnum=attribute.attnum, collation=attribute.attcollation)
    else:
        stored = stored_expr(
            catalog, statement, node["expr"], table.oid, session.search_path, where="index expressions"
        )
        for problem in rejections(stored.expr):
            raise DDLError(problem.sqlstate or "42601", problem.reason)
        require_immutable(session, stored.expr, "functions in index expression must be marked IMMUTABLE")
        oid = stored.expr.type
        name = expression_name(node["expr"])
        bare, collated = stored.expr, None
        while isinstance(bare, CollateExpr):
            collated, bare = bare.collation if collated is None else collated, bare.arg
        if isinstance(bare, Var) and bare.attnum > 0:
            # a column in parentheses is a column, with COLLATE too
            attribute = table.column(bare.attnum)
            key = IndexKey(attnum=attribute.attnum, collation=attribute.attcollation if collated is None else collated)
        else:
            key = IndexKey(expr=stored)
    row = catalog.types.get(oid)
    if "collation" in node and row is not None and row.known and not type_collation(catalog, oid):
        raise DDLError("42804", f"collations are not supported by type {format_type(catalog, oid)}")
    if "opclass" in node:
        key = replace(key, opclass=_named_class(session, node["opclass"], oid, method))
    else:
        key = replace(key, opclass=_default_class(session, oid, method))
    if "collation" in node:
        key = replace(key, collation=named_collation(node["collation"]))
    order = node.get("ordering", "SORTBY_DEFAULT")
    nulls = node.get("nulls_ordering", "SORTBY_NULLS_DEFAULT")
    if method not in ("btree",) and method in _KNOWN_METHODS:
        if order != "SORTBY_DEFAULT":
            raise DDLError("0A000", f'access method "{method}" does not support ASC/DESC options')
        if nulls != "SORTBY_NULLS_DEFAULT":
            raise DDLError("0A000", f'access method "{method}" does not support NULLS FIRST/LAST options')
    descending = order == "SORTBY_DESC"
    first = nulls == "SORTBY_NULLS_FIRST" or (descending and nulls == "SORTBY_NULLS_DEFAULT")
    return replace(key, descending=descending, nulls_first=first), name


def expression_name(raw: Raw) -> str:
    """The name an expression gives its index column (FigureIndexColname)."""
    name = figure_column_name(raw)
    return "expr" if name == "?column?" else name


def constraint_of(session: Session, index: Index) -> Constraint | None:
    """The constraint that an index belongs to."""
    for row in session.catalog.constraints_of(index.indrelid):
        if row.conindid == index.oid and row.contype != "f":
            return row
    return None


@dataclass(frozen=True, slots=True)
class _Shape:
    """What makes two indexes of a parent and a child the same (CompareIndexInfo)."""

    amname: str
    keys: tuple[object, ...]
    include: tuple[int, ...]
    unique: bool
    predicate: object


def clone_index(
    session: Session, statement: Statement, index: Index, source: Relation, relid: Oid, *, parent: Oid
) -> None:
    """Give a table an index like another table's, with its constraint (generateClonedIndexStmt, DefineIndex).

    With ``parent`` it becomes the partition's part of that index, a fitting index without a parent being taken first.
    """
    catalog = session.catalog
    table = catalog.relations[relid]
    constraint = constraint_of(session, index)
    copy = mapped_index(session, index, source, table)
    require_partition_key(table, copy.keys, unique=copy.indisunique, what="unique constraint")
    if parent:
        for held in catalog.indexes_of(relid):
            mine = constraint_of(session, held)
            if held.inhparent or shape(held) != shape(copy) or (constraint is not None and mine is None):
                continue
            attach_index(session, held, parent, mine, constraint)
            return
    label = "idx" if constraint is None else {"p": "pkey", "u": "key"}.get(constraint.contype, "excl")
    name = index_name(
        session, table.relname, index.attnames, table.relnamespace, label, constraint=constraint is not None
    )
    made = add_index(
        session,
        replace(
            copy,
            oid=catalog.new_oid(),
            relname=name,
            relnamespace=table.relnamespace,
            inhparent=parent,
            indisvalid=True,
            origin=statement.span,
        ),
    )
    if constraint is not None:
        if constraint.contype == "p":
            if any(row.contype == "p" for row in catalog.constraints_of(relid)):
                raise DDLError("42P16", f'multiple primary keys for table "{table.relname}" are not allowed')
            for key in made.keys:
                if not table.column(key.attnum).attnotnull:
                    set_not_null(session, relid, table.column(key.attnum).attname, origin=statement.span)
        catalog.constraints.put(
            replace(
                constraint,
                oid=catalog.new_oid(),
                conname=name,
                conrelid=relid,
                conkey=mapped_numbers(constraint.conkey, source, table),
                conindid=made.oid,
                coninhparent=constraint.oid if parent else 0,
                origin=statement.span,
            )
        )
    if table.relkind == "p":
        for child in tuple(catalog.children_of(relid)):
            clone_index(session, statement, made, table, child.oid, parent=made.oid)


def attach_index(
    session: Session, index: Index, parent: Oid, mine: Constraint | None, above: Constraint | None
) -> None:
    """Make an index part of a partitioned index."""
    session.catalog.indexes.put(replace(index, inhparent=parent))
    if mine is not None and above is not None:
        session.catalog.constraints.put(replace(mine, coninhparent=above.oid))


def mapped_index(session: Session, index: Index, source: Relation, table: Relation) -> Index:
    """An index with another table's column numbers."""
    mapping = column_map(source, table)
    keys = tuple(
        replace(key, attnum=mapping.get(key.attnum, key.attnum), expr=mapped(session, key.expr, source, table))
        for key in index.keys
    )
    return replace(
        index,
        indrelid=table.oid,
        keys=keys,
        include=tuple(mapping.get(number, number) for number in index.include),
        indpred=mapped(session, index.indpred, source, table),
    )


def shape(index: Index) -> object:
    """What two indexes must share to be attached to each other."""
    return _Shape(
        index.amname,
        tuple(
            (key.attnum, key.expr and key.expr.expr, key.opclass, key.collation, key.exclude_op) for key in index.keys
        ),
        index.include,
        index.indisunique,
        index.indpred and index.indpred.expr,
    )


HANDLERS: Final[dict[str, Handler]] = {"IndexStmt": create_index}
