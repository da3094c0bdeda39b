"""NOT NULL of columns in, what pg_attribute and, from version 18, pg_constraint hold of it out (tablecmds.c, heap.c).

From 18 on every column that is NOT NULL has a constraint with a name, which children inherit with that name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Constraint, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.columns import put_attribute
from rlslint.replay.naming import choose_constraint_name, truncate
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import Span

CONSTRAINTS_SINCE = 18


def not_null_of(catalog: Catalog, relid: Oid, number: int) -> Constraint | None:
    """The constraint that makes a column NOT NULL; None before version 18."""
    for row in catalog.constraints_of(relid):
        if row.contype == "n" and row.conkey == (number,):
            return row
    return None


def set_not_null(
    session: Session,
    relid: Oid,
    name: str,
    *,
    conname: str | None = None,
    origin: Span | None = None,
    inherited: bool = False,
    recurse: bool = True,
    no_inherit: bool = False,
    validated: bool = True,
) -> None:
    """Make a column NOT NULL, in child tables too. ``inherited``: because a parent's is, under the parent's name.

    Raises DDLError 0A000, 42703, 42710, 42P16, 55000, Missing.
    """
    catalog = session.catalog
    table = catalog.relations[relid]
    column = table.attribute(name)
    if column is None:
        if not table.complete:
            raise Missing("42703", f'column "{name}" of {table.relname} is created by no file')
        raise DDLError("42703", f'column "{name}" of relation "{table.relname}" does not exist')
    put_attribute(session, relid, replace(column, attnotnull=True))
    if catalog.pg_version >= CONSTRAINTS_SINCE and table.relkind in "rpf":
        row = not_null_of(catalog, relid, column.attnum)
        if row is None:
            chosen = _free(session, table, truncate(conname) if conname else None, name, inherited=inherited)
            row = Constraint(
                oid=catalog.new_oid(),
                conname=chosen,
                conrelid=relid,
                contype="n",
                conkey=(column.attnum,),
                convalidated=validated,
                connoinherit=no_inherit,
                conislocal=not inherited,
                origin=origin if origin is not None else table.origin,
            )
        else:
            if not inherited:
                _require_like(table, row, conname, no_inherit=no_inherit)
            local = row.conislocal or not inherited
            row = replace(row, conislocal=local, convalidated=row.convalidated or validated)
        catalog.constraints.put(row)
        conname, no_inherit = row.conname, row.connoinherit
    if not recurse or no_inherit:
        return
    for child in tuple(catalog.children_of(relid)):
        if child.attribute(name) is not None:
            set_not_null(session, child.oid, name, conname=conname, origin=origin, inherited=True, validated=validated)


def _require_like(table: Relation, row: Constraint, conname: str | None, *, no_inherit: bool) -> None:
    """AdjustNotNullInheritance(): one constraint a column, whatever is asked for."""
    if row.connoinherit != no_inherit:
        what = f'NOT NULL constraint "{row.conname}" on relation "{table.relname}"'
        raise DDLError("55000", f"cannot change NO INHERIT status of {what}")
    if conname is not None and truncate(conname) != row.conname:
        raise DDLError("55000", f'cannot create not-null constraint "{conname}": "{row.conname}" is there')


def _free(session: Session, table: Relation, conname: str | None, column: str, *, inherited: bool) -> str:
    taken = {row.conname for row in session.catalog.constraints_of(table.oid)}
    if conname is not None and conname not in taken:
        return conname
    if conname is not None and not inherited:
        raise DDLError("42710", f'constraint "{conname}" for relation "{table.relname}" already exists')
    return choose_constraint_name(session, table.relname, column, "not_null", table.relnamespace)


def drop_not_null(session: Session, relid: Oid, name: str, *, recurse: bool = True) -> None:
    """Let a column be NULL again, and those columns of child tables that are NOT NULL because of it."""
    catalog = session.catalog
    column = catalog.relations[relid].attribute(name)
    if column is None:
        return
    put_attribute(session, relid, replace(column, attnotnull=False))
    row = not_null_of(catalog, relid, column.attnum)
    if row is not None:
        catalog.constraints.remove(row.oid)
    for child in tuple(catalog.children_of(relid)):
        held = child.attribute(name)
        if held is None:
            continue
        mine = not_null_of(catalog, child.oid, held.attnum)
        if catalog.pg_version < CONSTRAINTS_SINCE:
            if recurse:
                drop_not_null(session, child.oid, name)
        elif mine is not None and not recurse:
            catalog.constraints.put(replace(mine, conislocal=True))
        elif mine is not None and not mine.conislocal and not is_inherited_not_null(session, child, name):
            drop_not_null(session, child.oid, name)


def is_inherited_not_null(session: Session, table: Relation, name: str) -> bool:
    """Whether a parent's column is NOT NULL for its children too."""
    catalog = session.catalog
    for oid in table.inhparents:
        parent = catalog.relations.get(oid)
        column = parent.attribute(name) if parent is not None else None
        if column is None or not column.attnotnull:
            continue
        row = not_null_of(catalog, oid, column.attnum)
        if row is None or not row.connoinherit:
            return True
    return False


def name_not_nulls(
    session: Session, relid: Oid, *, local: Collection[str], names: Mapping[str, str], no_inherit: Collection[str]
) -> None:
    """Give the NOT NULL columns of a new table their constraints (AddRelationNotNullConstraints).

    ``local``: columns that it declares NOT NULL itself; the others are so because a parent's are. ``names``: what is
    written behind a column, or comes from a LIKE. Raises DDLError 42710.
    """
    catalog = session.catalog
    if catalog.pg_version < CONSTRAINTS_SINCE:
        return
    table = catalog.relations[relid]
    for column in [one for one in table.attributes if one.attname in local and one.attnotnull]:
        set_not_null(
            session,
            relid,
            column.attname,
            conname=names.get(column.attname),
            no_inherit=column.attname in no_inherit,
            recurse=False,
        )
    for column in catalog.relations[relid].attributes:
        if column.attname in local or not column.attnotnull or not_null_of(catalog, relid, column.attnum) is not None:
            continue
        above = (
            row.conname
            for oid in table.inhparents
            if (held := catalog.relations[oid].attribute(column.attname)) is not None
            and (row := not_null_of(catalog, oid, held.attnum)) is not None
        )
        set_not_null(session, relid, column.attname, conname=next(above, None), inherited=True, recurse=False)
