"""Constraints of tables: a Constraint node in, pg_constraint rows (and their indexes) out (parse_utilcmd.c, tablecmds.c)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from rlslint.analyze.entry import stored_expr
from rlslint.analyze.typename import names_of
from rlslint.catalog.rows import Constraint, Index, IndexKey, Relation, StoredExpr
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Oid, Var
from rlslint.replay.indexes import add_index, default_key, index_key
from rlslint.replay.lookup import find_relation
from rlslint.replay.naming import choose_constraint_name, index_name, name_addition, truncate
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw, Statement


def add_constraint(session: Session, statement: Statement, relid: Oid, node: Raw, column: str | None = None) -> None:
    """Add one constraint; ``column`` is the column that it was written behind."""
    match node["contype"]:
        case "CONSTR_PRIMARY" | "CONSTR_UNIQUE":
            _key(session, statement, relid, node, column)
        case "CONSTR_FOREIGN":
            _foreign(session, statement, relid, node, column)
        case "CONSTR_CHECK":
            _check(session, statement, relid, node, column)
        case "CONSTR_EXCLUSION":
            _exclusion(session, statement, relid, node)
        case "CONSTR_NOTNULL":
            keys = [key["String"]["sval"] for key in node.get("keys", ())] or ([column] if column else [])
            set_not_null(session, relid, [number for name in keys for number in attnums(session, relid, [name])])


def attnums(session: Session, relid: Oid, names: list[str]) -> tuple[int, ...]:
    """Numbers of columns. Raises DDLError 42703."""
    table = session.catalog.relations[relid]
    found = []
    for name in names:
        attribute = table.attribute(name)
        if attribute is None:
            raise DDLError("42703", f'column "{name}" named in key does not exist')
        found.append(attribute.attnum)
    return tuple(found)


def set_not_null(session: Session, relid: Oid, numbers: list[int] | tuple[int, ...], value: bool = True) -> None:
    """Set or clear NOT NULL of columns, in child tables too."""
    table = session.catalog.relations[relid]
    names = {table.column(number).attname for number in numbers}
    attributes = tuple(
        replace(one, attnotnull=value) if one.attname in names and not one.attisdropped else one
        for one in table.attributes
    )
    session.catalog.relations.put(replace(table, attributes=attributes))
    for child in tuple(session.catalog.children_of(relid)):
        inherited = [a.attnum for a in child.attributes if a.attname in names and not a.attisdropped]
        if inherited:
            set_not_null(session, child.oid, inherited, value)


def _taken(session: Session, table: Relation) -> set[str]:
    return {row.conname for row in session.catalog.constraints_of(table.oid)}


def _put(session: Session, table: Relation, row: Constraint) -> Constraint:
    if row.conname in _taken(session, table):
        raise DDLError("42710", f'constraint "{row.conname}" for relation "{table.relname}" already exists')
    return session.catalog.constraints.put(row)


def _key(session: Session, statement: Statement, relid: Oid, node: Raw, column: str | None) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    primary = node["contype"] == "CONSTR_PRIMARY"
    contype: Literal["p", "u"] = "p" if primary else "u"
    if primary and any(row.contype == "p" for row in catalog.constraints_of(relid)):
        raise DDLError("42P16", f'multiple primary keys for table "{table.relname}" are not allowed')
    if "indexname" in node:
        _using_index(session, statement, table, node, contype)
        return
    names = [key["String"]["sval"] for key in node.get("keys", ())] or ([column] if column else [])
    keys = attnums(session, relid, names)
    include = attnums(session, relid, [item["String"]["sval"] for item in node.get("including", ())])
    name = truncate(node["conname"]) if "conname" in node else index_name(
        session, table.relname, names, table.relnamespace, primary=primary, unique=True, exclusion=False
    )
    if primary:
        set_not_null(session, relid, keys)
    index = add_index(
        session,
        Index(
            oid=catalog.new_oid(),
            relname=name,
            relnamespace=table.relnamespace,
            indrelid=relid,
            amname="btree",
            keys=tuple(default_key(session, table, number, "btree") for number in keys),
            include=include,
            indisunique=True,
            indisprimary=primary,
            indnullsnotdistinct=bool(node.get("nulls_not_distinct")),
            origin=statement.span,
        ),
    )
    _put(
        session,
        table,
        Constraint(
            oid=catalog.new_oid(),
            conname=name,
            conrelid=relid,
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
    index = catalog.indexes.first("name", (table.relnamespace, node["indexname"]))
    if index is None:
        raise DDLError("42704", f'index "{node["indexname"]}" does not exist')
    name = truncate(node.get("conname", index.relname))
    keys = tuple(key.attnum for key in index.keys)
    if contype == "p":
        set_not_null(session, table.oid, keys)
    catalog.indexes.put(replace(index, relname=name, indisprimary=contype == "p", origin=statement.span))
    _put(
        session,
        table,
        Constraint(
            oid=catalog.new_oid(),
            conname=name,
            conrelid=table.oid,
            contype=contype,
            conkey=keys,
            conindid=index.oid,
            condeferrable=bool(node.get("deferrable")),
            origin=statement.span,
        ),
    )


def _foreign(session: Session, statement: Statement, relid: Oid, node: Raw, column: str | None) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    names = [key["String"]["sval"] for key in node.get("fk_attrs", ())] or ([column] if column else [])
    keys = attnums(session, relid, names)
    target = find_relation(session, node["pktable"])
    confkey: tuple[int, ...] = ()
    if target is not None:
        wanted = [key["String"]["sval"] for key in node.get("pk_attrs", ())]
        confkey = attnums(session, target.oid, wanted) if wanted else _primary_key(session, target)
    name = truncate(node["conname"]) if "conname" in node else choose_constraint_name(
        table.relname, name_addition(names), "fkey", _taken(session, table)
    )
    index = next(
        (
            one
            for one in (catalog.indexes_of(target.oid) if target is not None else ())
            if one.indisunique and {key.attnum for key in one.keys} == set(confkey)
        ),
        None,
    )
    _put(
        session,
        table,
        Constraint(
            oid=catalog.new_oid(),
            conname=name,
            conrelid=relid,
            contype="f",
            conkey=keys,
            confrelid=target.oid if target is not None else 0,
            confkey=confkey,
            confdeltype=node.get("fk_del_action", "a"),
            confupdtype=node.get("fk_upd_action", "a"),
            confmatchtype=node.get("fk_matchtype", "s"),
            conindid=index.oid if index is not None else 0,
            condeferrable=bool(node.get("deferrable")),
            condeferred=bool(node.get("initdeferred")),
            convalidated=not node.get("skip_validation"),
            origin=statement.span,
        ),
    )


def _primary_key(session: Session, table: Relation) -> tuple[int, ...]:
    for row in session.catalog.constraints_of(table.oid):
        if row.contype == "p":
            return row.conkey
    if table.complete:
        raise DDLError("42704", f'there is no primary key for referenced table "{table.relname}"')
    return ()


def _check(session: Session, statement: Statement, relid: Oid, node: Raw, column: str | None) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    stored = stored_expr(catalog, statement, node["raw_expr"], relid, session.search_path, boolean=True)
    used = _columns(table, stored)
    name = truncate(node["conname"]) if "conname" in node else choose_constraint_name(
        table.relname, used[0] if len(used) == 1 else (column or "") if not used else "", "check",
        _taken(session, table),
    )  # fmt: skip
    row = Constraint(
        oid=catalog.new_oid(),
        conname=name,
        conrelid=relid,
        contype="c",
        conkey=tuple(sorted({one.attnum for one in table.attributes if one.attname in used})),
        conexpr=stored,
        convalidated=not node.get("skip_validation"),
        connoinherit=bool(node.get("is_no_inherit")),
        origin=statement.span,
    )
    _put(session, table, row)
    if not row.connoinherit:
        for child in tuple(catalog.children_of(relid)):
            if name not in _taken(session, child):
                catalog.constraints.put(replace(row, oid=catalog.new_oid(), conrelid=child.oid, coninhparent=row.oid))


def _columns(table: Relation, stored: StoredExpr) -> list[str]:
    numbers = {node.attnum for node, level in walk_deep(stored.expr) if isinstance(node, Var) and level == 0}
    return [table.column(number).attname for number in sorted(numbers) if number > 0]


def _exclusion(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    table = catalog.relations[relid]
    method = node.get("access_method", "btree")
    keys: list[IndexKey] = []
    names: list[str] = []
    for item in node.get("exclusions", ()):
        element, operator = (part for part in item["List"]["items"])
        key, name = index_key(session, statement, table, element["IndexElem"], method)
        _, symbol = names_of(operator["List"]["items"])
        found = catalog.find_operators(None, symbol, session.search_path)
        keys.append(replace(key, exclude_op=found[0].oid if found else 0))
        names.append(name)
    where = node.get("where_clause")
    name = truncate(node["conname"]) if "conname" in node else index_name(
        session, table.relname, names, table.relnamespace, primary=False, unique=False, exclusion=True
    )
    index = add_index(
        session,
        Index(
            oid=catalog.new_oid(),
            relname=name,
            relnamespace=table.relnamespace,
            indrelid=relid,
            amname=method,
            keys=tuple(keys),
            indpred=None
            if where is None
            else stored_expr(catalog, statement, where, relid, session.search_path, boolean=True),
            origin=statement.span,
        ),
    )
    _put(
        session,
        table,
        Constraint(
            oid=catalog.new_oid(),
            conname=name,
            conrelid=relid,
            contype="x",
            conkey=tuple(key.attnum for key in keys),
            conindid=index.oid,
            origin=statement.span,
        ),
    )
