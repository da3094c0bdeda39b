"""RENAME, SET SCHEMA and OWNER TO in, renamed rows out; kinds other than relations go to their modules (alter.c)."""

from __future__ import annotations

from typing import Final

from rlslint.catalog.rows import Constraint, Index, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay import extensions, functions, operators, policies, roles, schemas, triggers, types
from rlslint.replay.alter_column import is_inherited
from rlslint.replay.alter_table import change_owner
from rlslint.replay.columns import put_attribute, required_column
from rlslint.replay.indexes import constraint_of
from rlslint.replay.lookup import ensure_namespace, find_index, find_relation, require_free, shown
from rlslint.replay.names import role_of
from rlslint.replay.naming import truncate
from rlslint.replay.not_null import is_inherited_not_null
from rlslint.replay.rowtypes import move_row_type
from rlslint.replay.session import DDLError, Handler, Missing, Session
from rlslint.replay.typed import require_untyped, tables_of
from rlslint.source.model import Raw, Statement

_RENAMES: Final[dict[str, Handler]] = {
    "OBJECT_POLICY": policies.rename_policy,
    "OBJECT_FUNCTION": functions.rename_function,
    "OBJECT_PROCEDURE": functions.rename_function,
    "OBJECT_ROUTINE": functions.rename_function,
    "OBJECT_AGGREGATE": functions.rename_function,
    "OBJECT_TYPE": types.rename_type,
    "OBJECT_DOMAIN": types.rename_type,
    "OBJECT_DOMCONSTRAINT": types.rename_domain_constraint,
    "OBJECT_SCHEMA": schemas.rename_schema,
    "OBJECT_TRIGGER": triggers.rename_trigger,
    "OBJECT_ROLE": roles.rename_role,
}
_MOVES: Final[dict[str, Handler]] = {
    "OBJECT_FUNCTION": functions.set_schema_function,
    "OBJECT_PROCEDURE": functions.set_schema_function,
    "OBJECT_ROUTINE": functions.set_schema_function,
    "OBJECT_AGGREGATE": functions.set_schema_function,
    "OBJECT_TYPE": types.set_schema_type,
    "OBJECT_DOMAIN": types.set_schema_type,
    "OBJECT_EXTENSION": extensions.set_schema_extension,
}
_OWNERS: Final[dict[str, Handler]] = {
    "OBJECT_FUNCTION": functions.own_function,
    "OBJECT_PROCEDURE": functions.own_function,
    "OBJECT_ROUTINE": functions.own_function,
    "OBJECT_AGGREGATE": functions.own_function,
    "OBJECT_TYPE": types.own_type,
    "OBJECT_DOMAIN": types.own_type,
    "OBJECT_SCHEMA": schemas.own_schema,
    "OBJECT_OPERATOR": operators.own_operator,
}
_RELATIONS: Final = {
    "OBJECT_TABLE": ("rpfvmS", "table"),
    "OBJECT_VIEW": ("v", "view"),
    "OBJECT_MATVIEW": ("m", "materialized view"),
    "OBJECT_SEQUENCE": ("S", "sequence"),
    "OBJECT_FOREIGN_TABLE": ("f", "foreign table"),
    "OBJECT_INDEX": ("rpfvmS", "index"),
}


def rename(session: Session, statement: Statement) -> None:
    """RenameStmt. Raises DDLError (42701, 42704, 42710, 42P07, 42P16 ...), NotFollowed."""
    kind = statement.node["renameType"]
    if kind in _RELATIONS:
        _rename_relation(session, statement)
    elif kind in ("OBJECT_COLUMN", "OBJECT_ATTRIBUTE"):
        _rename_column(session, statement)
    elif kind == "OBJECT_TABCONSTRAINT":
        _rename_constraint(session, statement)
    elif kind in _RENAMES:
        _RENAMES[kind](session, statement)


def _target(session: Session, statement: Statement, kind: str) -> Relation | Index | None:
    """The relation or index meant. Raises DDLError 42809, NotFollowed; None under IF EXISTS."""
    rangevar = statement.node["relation"]
    kinds, words = _RELATIONS.get(kind, ("rpfvmc", "table"))
    table = find_relation(session, rangevar)
    if table is not None:
        if table.relkind not in kinds:
            raise DDLError("42809", f'"{table.relname}" is not a {words}')
        return table
    index = find_index(session, rangevar.get("schemaname"), rangevar["relname"])
    if index is not None:
        if kind not in ("OBJECT_INDEX", "OBJECT_TABLE", "OBJECT_COLUMN"):
            raise DDLError("42809", f'"{index.relname}" is not a {words}')
        return index
    if statement.node.get("missing_ok"):
        return None
    raise Missing("42P01", f"{words} {shown(rangevar)} is created by no file")


def _rename_relation(session: Session, statement: Statement) -> None:
    catalog = session.catalog
    target = _target(session, statement, statement.node["renameType"])
    name = truncate(statement.node["newname"])
    if target is None:
        return
    require_free(session, target.relnamespace, name)
    if isinstance(target, Index):
        constraint = constraint_of(session, target)
        if constraint is not None:
            _free_constraint(session, constraint, name)
            catalog.constraints.put(replace(constraint, conname=name))
        catalog.indexes.put(replace(target, relname=name))
        return
    move_row_type(session, catalog.relations.put(replace(target, relname=name)))


def _free_constraint(session: Session, constraint: Constraint, name: str) -> None:
    for row in session.catalog.constraints_of(constraint.conrelid):
        if row.conname == name:
            table = session.catalog.relations[constraint.conrelid]
            raise DDLError("42710", f'constraint "{name}" for relation "{table.relname}" already exists')


def _rename_column(session: Session, statement: Statement) -> None:
    node = statement.node
    target = _target(session, statement, "OBJECT_COLUMN")
    if target is None:
        return
    old, new = node["subname"], truncate(node["newname"])
    if isinstance(target, Index):
        _rename_index_column(session, target, old, new)
        return
    require_untyped(target, "rename column of")
    column = required_column(target, old)
    if is_inherited(session, target, old):
        raise DDLError("42P16", f'cannot rename inherited column "{old}"')
    children = next(iter(session.catalog.children_of(target.oid)), None) is not None
    if children and not node["relation"].get("inh"):
        raise DDLError("42P16", f'inherited column "{column.attname}" must be renamed in child tables too')
    for one in tables_of(session.catalog, target, cascade=node.get("behavior") == "DROP_CASCADE"):
        _rename_in(session, one.oid, old, new)
    _rename_in(session, target.oid, old, new)


def _rename_index_column(session: Session, index: Index, old: str, new: str) -> None:
    if old not in index.attnames:
        raise DDLError("42703", f'column "{old}" does not exist')
    if new in index.attnames:
        raise DDLError("42701", f'column "{new}" of relation "{index.relname}" already exists')
    names = tuple(new if name == old else name for name in index.attnames)
    session.catalog.indexes.put(replace(index, attnames=names))


def _rename_in(session: Session, relid: Oid, old: str, new: str) -> None:
    catalog = session.catalog
    for child in tuple(catalog.children_of(relid)):
        if child.attribute(old) is not None:
            if is_inherited(session, child, old, but=relid):
                raise DDLError("42P16", f'cannot rename inherited column "{old}"')
            _rename_in(session, child.oid, old, new)
    table = catalog.relations[relid]
    column = required_column(table, old)
    if table.attribute(new) is not None:
        raise DDLError("42701", f'column "{new}" of relation "{table.relname}" already exists')
    if new in ("ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"):
        raise DDLError("42701", f'column name "{new}" conflicts with a system column name')
    put_attribute(session, relid, replace(column, attname=new))
    if old in table.partkey[1:]:
        partkey = (table.partkey[0], *(new if part == old else part for part in table.partkey[1:]))
        catalog.relations.put(replace(catalog.relations[relid], partkey=partkey))


def _rename_constraint(session: Session, statement: Statement) -> None:
    catalog = session.catalog
    node = statement.node
    table = _target(session, statement, "OBJECT_TABLE")
    if table is None:
        return
    old, new = node["subname"], truncate(node["newname"])
    if isinstance(table, Index):
        raise DDLError("42809", f'"{table.relname}" is not a table')
    for row in catalog.constraints_of(table.oid):
        if row.conname == old:
            break
    else:
        if not table.complete:
            raise Missing("42704", f'constraint "{old}" of {table.relname} is created by no file')
        raise DDLError("42704", f'constraint "{old}" for table "{table.relname}" does not exist')
    if row.contype == "c":
        parents = [catalog.relations[oid] for oid in table.inhparents]
        if any(one.conname == old and one.contype == "c" for up in parents for one in catalog.constraints_of(up.oid)):
            raise DDLError("42P16", f'cannot rename inherited constraint "{old}"')
    if row.contype == "n" and is_inherited_not_null(session, table, table.column(row.conkey[0]).attname):
        raise DDLError("42P16", f'cannot rename inherited constraint "{old}"')
    index = catalog.indexes.get(row.conindid) if row.contype in "pux" else None
    if index is not None:
        require_free(session, index.relnamespace, new)
        catalog.indexes.put(replace(index, relname=new))
    _rename_check(session, row, new)


def _rename_check(session: Session, row: Constraint, new: str) -> None:
    catalog = session.catalog
    _free_constraint(session, row, new)
    catalog.constraints.put(replace(row, conname=new))
    if row.contype not in "cn" or row.connoinherit:
        return
    for child in tuple(catalog.children_of(row.conrelid)):
        same = [one for one in catalog.constraints_of(child.oid) if one.conname == row.conname]
        if not same and row.contype == "n":
            raise DDLError("42704", f'constraint "{row.conname}" for table "{child.relname}" does not exist')
        for one in same:
            if one.contype == row.contype:
                _rename_check(session, one, new)


def set_schema(session: Session, statement: Statement) -> None:
    """AlterObjectSchemaStmt. Raises DDLError (42710, 42P07), NotFollowed."""
    node = statement.node
    kind = node["objectType"]
    if kind in _MOVES:
        _MOVES[kind](session, statement)
        return
    if kind not in _RELATIONS:
        return
    catalog = session.catalog
    target = _target(session, statement, kind)
    if target is None:
        return
    if isinstance(target, Index):
        raise DDLError("42809", f'cannot change schema of index "{target.relname}"')
    namespace = ensure_namespace(session, node["newschema"]).oid
    if target.relkind == "S" and target.ownedby[0]:
        raise DDLError("0A000", "cannot move an owned sequence into another schema")
    if namespace == target.relnamespace:
        return
    _move(session, target, namespace)
    for index in catalog.indexes_of(target.oid):
        require_free(session, namespace, index.relname)
        catalog.indexes.put(replace(index, relnamespace=namespace))
    for sequence in tuple(catalog.relations):
        if sequence.ownedby[0] == target.oid:
            _move(session, sequence, namespace)


def _move(session: Session, relation: Relation, namespace: Oid) -> None:
    require_free(session, namespace, relation.relname)
    move_row_type(session, session.catalog.relations.put(replace(relation, relnamespace=namespace)))


def set_owner(session: Session, statement: Statement) -> None:
    """AlterOwnerStmt. Raises NotFollowed."""
    node: Raw = statement.node
    kind = node["objectType"]
    if kind in _OWNERS:
        _OWNERS[kind](session, statement)
    elif kind in _RELATIONS and "relation" in node:
        target = _target(session, statement, kind)
        if isinstance(target, Relation):
            change_owner(session, target.oid, role_of(session, node["newowner"]))


HANDLERS: Final[dict[str, Handler]] = {
    "RenameStmt": rename,
    "AlterObjectSchemaStmt": set_schema,
    "AlterOwnerStmt": set_owner,
}
