"""Constraint nodes in, pg_constraint rows and their indexes out (parse_utilcmd.c, tablecmds.c)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from rlslint.analyze.entry import rejections, stored_expr
from rlslint.analyze.typename import names_of
from rlslint.catalog.rows import Constraint, Index, IndexKey, Relation, StoredExpr
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Oid, Var
from rlslint.records import replace
from rlslint.replay.foreign import foreign_key
from rlslint.replay.indexes import (
    add_index,
    check_method,
    clone_index,
    constraint_of,
    default_key,
    index_key,
    predicate,
    require_partition_key,
)
from rlslint.replay.inherit import inherited_check
from rlslint.replay.lookup import find_index
from rlslint.replay.naming import choose_constraint_name, index_column_names, index_name, truncate
from rlslint.replay.not_null import set_not_null
from rlslint.replay.reloptions import changed_options
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Raw, Statement

_KEYS = ("CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_EXCLUSION")


def add_constraints(
    session: Session,
    statement: Statement,
    relid: Oid,
    written: Sequence[tuple[Raw, str | None]],
    not_nulls: Callable[[], None],
) -> None:
    """The constraints of a new table: checks, NOT NULLs, keys with the primary key first, foreign keys.

    ``not_nulls`` makes the NOT NULLs of columns when it is their turn.
    """
    keys = [item for item in written if item[0]["contype"] in _KEYS]
    for contype in ("CONSTR_CHECK", "CONSTR_NOTNULL"):
        for node, column in written:
            if node["contype"] == contype:
                add_constraint(session, statement, relid, node, column)
    not_nulls()
    primary = [item for item in keys if item[0]["contype"] == "CONSTR_PRIMARY"]
    if len(primary) > 1:
        name = session.catalog.relations[relid].relname
        raise DDLError("42P16", f'multiple primary keys for table "{name}" are not allowed')
    distinct: list[tuple[Raw, str | None]] = []
    for item in (*primary, *(item for item in keys if item not in primary)):
        if not _merge_duplicate(distinct, item):
            distinct.append(item)
    for node, column in distinct:
        add_constraint(session, statement, relid, node, column)
    for node, column in written:
        if node["contype"] == "CONSTR_FOREIGN":
            add_constraint(session, statement, relid, node, column)


def _merge_duplicate(kept: list[tuple[Raw, str | None]], item: tuple[Raw, str | None]) -> bool:
    """The same key written twice is one index, unless each has its own name (transformIndexConstraints)."""
    if item[0]["contype"] == "CONSTR_EXCLUSION":
        return False
    for at, (node, column) in enumerate(kept):
        if node["contype"] == "CONSTR_EXCLUSION" or _key_shape(node, column) != _key_shape(*item):
            continue
        if "conname" in node and "conname" in item[0]:
            continue
        if "conname" in item[0]:
            kept[at] = ({**node, "conname": item[0]["conname"]}, column)
        return True
    return False


def _key_shape(node: Raw, column: str | None) -> tuple[Any, ...]:
    include = tuple(item["String"]["sval"] for item in node.get("including", ()))
    flags = ("deferrable", "initdeferred", "nulls_not_distinct")
    return (tuple(_names(node, column)), include, *(bool(node.get(flag)) for flag in flags))


def add_constraint(session: Session, statement: Statement, relid: Oid, node: Raw, column: str | None = None) -> None:
    """Add one constraint; ``column`` is the column that it was written behind.

    Raises DDLError (42703, 42704, 42710, 42830, 42P16 ...), NotFollowed.
    """
    match node["contype"]:
        case "CONSTR_PRIMARY" | "CONSTR_UNIQUE":
            _key(session, statement, relid, node, column)
        case "CONSTR_FOREIGN":
            foreign_key(session, statement, relid, node, _named_columns(session, relid, _fk_names(node, column)))
        case "CONSTR_CHECK":
            _check(session, statement, relid, node)
        case "CONSTR_EXCLUSION":
            _exclusion(session, statement, relid, node)
        case "CONSTR_NOTNULL":
            for name in _names(node, column):
                set_not_null(
                    session,
                    relid,
                    name,
                    conname=node.get("conname"),
                    origin=statement.span,
                    no_inherit=bool(node.get("is_no_inherit")),
                    validated=not node.get("skip_validation"),
                )


def _names(node: Raw, column: str | None) -> list[str]:
    return [key["String"]["sval"] for key in node.get("keys", ())] or ([column] if column else [])


def _fk_names(node: Raw, column: str | None) -> list[str]:
    return [key["String"]["sval"] for key in node.get("fk_attrs", ())] or ([column] if column else [])


def _named_columns(session: Session, relid: Oid, names: list[str]) -> tuple[int, ...]:
    return attnums(
        session.catalog.relations[relid],
        names,
        "42703",
        'column "{}" referenced in foreign key constraint does not exist',
    )


def attnums(table: Relation, names: list[str], sqlstate: str, message: str) -> tuple[int, ...]:
    """Numbers of columns. Raises DDLError with the given message, NotFollowed where not all columns are known."""
    found = []
    for name in names:
        attribute = table.attribute(name)
        if attribute is None:
            if not table.complete:
                raise Missing("42703", f'column "{name}" of {table.relname} is created by no file')
            raise DDLError(sqlstate, message.format(name))
        found.append(attribute.attnum)
    return tuple(found)


def put_constraint(session: Session, row: Constraint) -> Constraint:
    """Store a constraint. Raises DDLError 42710 when the table has one of the name."""
    for held in session.catalog.constraints_of(row.conrelid):
        if held.conname == row.conname:
            table = session.catalog.relations[row.conrelid]
            raise DDLError("42710", f'constraint "{row.conname}" for relation "{table.relname}" already exists')
    return session.catalog.constraints.put(row)


def _key(session: Session, statement: Statement, relid: Oid, node: Raw, column: str | None) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    primary = node["contype"] == "CONSTR_PRIMARY"
    contype: Literal["p", "u"] = "p" if primary else "u"
    if "indexname" in node:
        _using_index(session, statement, table, node, contype)
        return
    names = _names(node, column)
    keys = attnums(table, names, "42703", 'column "{}" named in key does not exist')
    if len(set(keys)) < len(keys):
        word = "primary key" if primary else "unique"
        raise DDLError("42701", f"column appears twice in {word} constraint")
    _one_primary_key(session, table, contype)
    included = [item["String"]["sval"] for item in node.get("including", ())]
    include = attnums(table, included, "42703", 'column "{}" named in key does not exist')
    if primary:
        for name in names:
            set_not_null(session, relid, name, origin=statement.span)
        table = catalog.relations[relid]
    index_keys = tuple(default_key(session, table, number, "btree") for number in keys)
    require_partition_key(table, index_keys, unique=True, what=f"{'PRIMARY KEY' if primary else 'UNIQUE'} constraint")
    label = "pkey" if primary else "key"
    name = node.get("conname") or index_name(
        session, table.relname, [*names, *included], table.relnamespace, label, constraint=True
    )
    _free_constraint_name(session, table, truncate(name), named="conname" in node)
    index = add_index(
        session,
        Index(
            oid=catalog.new_oid(),
            relname=truncate(name),
            relnamespace=table.relnamespace,
            indrelid=relid,
            amname="btree",
            keys=index_keys,
            include=include,
            attnames=index_column_names([*names, *included]),
            indisunique=True,
            indisprimary=primary,
            indnullsnotdistinct=bool(node.get("nulls_not_distinct")),
            reloptions=changed_options((), "btree", node.get("options", ())),
            origin=statement.span,
        ),
    )
    _of_index(session, statement, table, node, index, contype, keys)
    _to_partitions(session, statement, table, index)


def _free_constraint_name(session: Session, table: Relation, name: str, *, named: bool) -> None:
    if named and any(row.conname == name for row in session.catalog.constraints_of(table.oid)):
        # the index of that name is met first when there is one
        if not session.catalog.indexes.find("name", (table.relnamespace, name)):
            raise DDLError("42710", f'constraint "{name}" for relation "{table.relname}" already exists')


def _to_partitions(session: Session, statement: Statement, table: Relation, index: Index) -> None:
    if table.relkind == "p":
        for child in tuple(session.catalog.children_of(table.oid)):
            clone_index(session, statement, index, table, child.oid, parent=index.oid)


def _one_primary_key(session: Session, table: Relation, contype: str) -> None:
    if contype == "p" and any(row.contype == "p" for row in session.catalog.constraints_of(table.oid)):
        raise DDLError("42P16", f'multiple primary keys for table "{table.relname}" are not allowed')


def _of_index(
    session: Session,
    statement: Statement,
    table: Relation,
    node: Raw,
    index: Index,
    contype: Literal["p", "u", "x"],
    keys: tuple[int, ...],
) -> None:
    put_constraint(
        session,
        Constraint(
            oid=session.catalog.new_oid(),
            conname=index.relname,
            conrelid=table.oid,
            contype=contype,
            conkey=keys,
            conindid=index.oid,
            condeferrable=bool(node.get("deferrable")),
            condeferred=bool(node.get("initdeferred")),
            origin=statement.span,
        ),
    )


def _using_index(
    session: Session, statement: Statement, table: Relation, node: Raw, contype: Literal["p", "u"]
) -> None:
    catalog = session.catalog
    if table.relkind == "p":
        raise DDLError("0A000", "ALTER TABLE / ADD CONSTRAINT USING INDEX is not supported on partitioned tables")
    wanted = node["indexname"]
    index = catalog.indexes.first("name", (table.relnamespace, wanted)) or find_index(session, None, wanted)
    if index is None:
        raise DDLError("42704", f'index "{wanted}" does not exist')
    if constraint_of(session, index) is not None:
        raise DDLError("55000", f'index "{wanted}" is already associated with a constraint')
    if index.indrelid != table.oid:
        raise DDLError("55000", f'index "{wanted}" does not belong to table "{table.relname}"')
    if not index.indisunique:
        raise DDLError("42809", f'"{wanted}" is not a unique index')
    if any(key.attnum == 0 for key in index.keys):
        raise DDLError("42809", f'index "{wanted}" contains expressions')
    if index.indpred is not None:
        raise DDLError("42809", f'"{wanted}" is a partial index')
    if any(key.descending or key.nulls_first for key in index.keys):
        raise DDLError("42809", f'index "{wanted}" column number 1 does not have default sorting behavior')
    _one_primary_key(session, table, contype)
    keys = tuple(key.attnum for key in index.keys)
    if contype == "p":
        for number in keys:
            set_not_null(session, table.oid, table.column(number).attname, origin=statement.span)
    name = truncate(node.get("conname", index.relname))
    if name != index.relname and (
        catalog.relations.find("name", (table.relnamespace, name))
        or catalog.indexes.find("name", (table.relnamespace, name))
    ):
        raise DDLError("42P07", f'relation "{name}" already exists')
    renamed = catalog.indexes.put(replace(index, relname=name, indisprimary=contype == "p", origin=statement.span))
    _of_index(session, statement, table, node, renamed, contype, keys)


def _check(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    stored = stored_expr(
        catalog, statement, node["raw_expr"], relid, session.search_path, where="check constraints", boolean=True
    )
    for problem in rejections(stored.expr):
        raise DDLError(problem.sqlstate or "42601", problem.reason)
    used = _used(stored)
    if "conname" in node:
        name = truncate(node["conname"])
    else:
        column = table.column(used[0]).attname if len(used) == 1 and used[0] > 0 else ""
        name = choose_constraint_name(session, table.relname, column, "check", table.relnamespace)
    no_inherit = bool(node.get("is_no_inherit"))
    if no_inherit and table.relkind == "p":
        raise DDLError("42P16", f'cannot add NO INHERIT constraint to partitioned table "{table.relname}"')
    row = Constraint(
        oid=catalog.new_oid(),
        conname=name,
        conrelid=relid,
        contype="c",
        conkey=tuple(number for number in used if number > 0),
        conexpr=stored,
        convalidated=not node.get("skip_validation"),
        conenforced=bool(node.get("is_enforced")),
        connoinherit=no_inherit,
        origin=statement.span,
    )
    for held in catalog.constraints_of(relid):
        if held.conname == name and held.contype == "c" and not held.conislocal:
            catalog.constraints.put(replace(held, conislocal=True))
            return
    put_constraint(session, row)
    if not no_inherit:
        check_to_children(session, row, table)


def check_to_children(session: Session, row: Constraint, table: Relation) -> None:
    """Give a check to all child tables. Raises DDLError 42710."""
    for child in tuple(session.catalog.children_of(table.oid)):
        inherited_check(session, row, table, child.oid)
        for held in session.catalog.constraints_of(child.oid):
            if held.conname == row.conname:
                check_to_children(session, held, child)


def _used(stored: StoredExpr) -> list[int]:
    return sorted(
        {one.attnum for one, level in walk_deep(stored.expr) if isinstance(one, Var) and level == one.levelsup}
    )


def _exclusion(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    method = node.get("access_method", "btree")
    keys: list[IndexKey] = []
    names: list[str] = []
    for item in node.get("exclusions", ()):
        element, operator = item["List"]["items"]
        key, name = index_key(session, statement, table, element["IndexElem"], method)
        schema, symbol = names_of(operator["List"]["items"])
        found = catalog.find_operators(schema, symbol, session.search_path)
        keys.append(replace(key, exclude_op=found[0].oid if found else 0))
        names.append(name)
    if table.relkind == "p" and session.catalog.pg_version < 17:
        raise DDLError("0A000", "exclusion constraints are not supported on partitioned tables")
    check_method(method, keys=len(keys), include=False, unique=False)
    if method in ("gin", "brin"):
        raise DDLError("0A000", f'access method "{method}" does not support exclusion constraints')
    where = node.get("where_clause")
    name = node.get("conname") or index_name(session, table.relname, names, table.relnamespace, "excl", constraint=True)
    index = add_index(
        session,
        Index(
            oid=catalog.new_oid(),
            relname=truncate(name),
            relnamespace=table.relnamespace,
            indrelid=relid,
            amname=method,
            keys=tuple(keys),
            attnames=index_column_names(names),
            indpred=None if where is None else predicate(session, statement, where, relid),
            reloptions=changed_options((), method, node.get("options", ())),
            origin=statement.span,
        ),
    )
    _of_index(session, statement, table, node, index, "x", tuple(key.attnum for key in keys))
    _to_partitions(session, statement, table, index)


def inherit_checks(session: Session, statement: Statement, relid: Oid, parents: list[Relation]) -> None:
    """Give a new table its parents' checks."""
    for parent in parents:
        for row in session.catalog.constraints_of(parent.oid):
            if row.contype == "c" and not row.connoinherit:
                inherited_check(session, replace(row, origin=statement.span), parent, relid)
