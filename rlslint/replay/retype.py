"""A column's new type in, the indexes and checks on it resolved again out (tablecmds.c, ATPostAlterTypeCleanup)."""

from __future__ import annotations

from rlslint.analyze import types as t
from rlslint.analyze.coerce import binary_coercible
from rlslint.analyze.deparse import DEFAULT_PATH, resolve_text, same_shape
from rlslint.analyze.entry import rejections, stored_expr
from rlslint.analyze.opclass import default_opclass
from rlslint.analyze.ruleutils import Unworded, worded
from rlslint.analyze.typename import format_type
from rlslint.catalog.rows import Index, Relation, StoredExpr
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Oid, Var
from rlslint.records import replace
from rlslint.replay.foreign import check_types
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw


def retype(session: Session, relid: Oid, number: int) -> None:
    """Make indexes and checks on a column again with its new type (ATPostAlterTypeCleanup)."""
    catalog = session.catalog
    table = catalog.relations[relid]
    for index in catalog.indexes_of(relid):
        catalog.indexes.put(_rebuilt(session, table, index, number))
    for row in catalog.constraints_of(relid):
        if row.conexpr is not None and number in row.conkey:
            catalog.constraints.put(replace(row, conexpr=again(session, relid, row.conexpr)))

    for row in (*catalog.constraints_of(relid), *catalog.constraints.find("referenced", relid)):
        if row.contype == "f" and row.confkey:
            check_types(
                session, catalog.relations[row.conrelid], row.conkey, catalog.relations[row.confrelid], row.confkey
            )


def _rebuilt(session: Session, table: Relation, index: Index, number: int) -> Index:
    keys = []
    for key in index.keys:
        if key.expr is not None and _uses(key.expr, number):
            expr = again(session, table.oid, key.expr)
            key = replace(key, expr=expr, opclass=_class_for(session, index, key.opclass, expr.expr.type))
        elif key.attnum == number:
            column = table.column(number)
            opclass = _class_for(session, index, key.opclass, column.atttypid)
            key = replace(key, opclass=opclass, collation=column.attcollation)
        keys.append(key)
    predicate = index.indpred
    if predicate is not None and _uses(predicate, number):
        predicate = again(session, table.oid, predicate)
    return replace(index, keys=tuple(keys), indpred=predicate)


def _class_for(session: Session, index: Index, held: Oid, oid: Oid) -> Oid:
    """The operator class after a change of type: a default one gives way to the new type's default."""
    catalog = session.catalog
    row = catalog.opclasses.get(held)
    if row is not None and not row.opcdefault:
        known = catalog.types.get(oid)
        if known is not None and known.known and not binary_coercible(catalog, oid, row.opcintype):
            raise DDLError(
                "42804", f'operator class "{row.opcname}" does not accept data type {format_type(catalog, oid)}'
            )
        return held
    found = default_opclass(catalog, oid, index.amname)
    if found is None and oid and index.amname == "btree":
        raise DDLError(
            "42704",
            f'data type {format_type(catalog, oid)} has no default operator class for access method "{index.amname}"',
        )
    return found.oid if found is not None else 0


def _uses(stored: StoredExpr, number: int) -> bool:
    return any(isinstance(one, Var) and one.attnum == number for one, _ in walk_deep(stored.expr))


def again(session: Session, relid: Oid, stored: StoredExpr) -> StoredExpr:
    """Resolve an expression over a table once more, its columns' types having changed. Raises DDLError.

    Columns that were renamed since have their old names while the text is read.
    """
    if not stored.raw:
        return stored
    catalog = session.catalog
    boolean = stored.expr.type == t.BOOL
    try:
        # PostgreSQL reads its own words again, in which literals have their types
        text = worded(catalog, stored.expr, catalog.relations[relid], DEFAULT_PATH)
    except Unworded:
        return _as_written(session, relid, stored, boolean=boolean)
    fresh = resolve_text(catalog, text, stored.span, relid, boolean=boolean)
    if fresh is None:
        return _as_written(session, relid, stored, boolean=boolean)
    for problem in rejections(fresh.expr):
        raise DDLError(problem.sqlstate or "42601", problem.reason)
    try:
        written = _as_written(session, relid, stored, boolean=boolean)
    except DDLError:
        return fresh
    # the author's words stay where they mean the same
    return written if same_shape(written.expr, fresh.expr) else fresh


def _as_written(session: Session, relid: Oid, stored: StoredExpr, *, boolean: bool) -> StoredExpr:
    catalog = session.catalog
    table = catalog.relations[relid]
    written = {
        one.attnum: one.raw["ColumnRef"]["fields"][-1]["String"]["sval"]
        for one, _ in walk_deep(stored.expr)
        if isinstance(one, Var) and one.attnum > 0 and one.raw is not None and _is_column(one.raw)
    }
    names = set(written.values())
    catalog.relations.put(
        replace(
            table,
            attributes=tuple(
                replace(one, attname=written.get(one.attnum, "" if one.attname in names else one.attname))
                for one in table.attributes
            ),
        )
    )
    fresh = stored_expr(catalog, stored.statement, stored.raw, relid, stored.search_path, boolean=boolean)
    catalog.relations.put(table)
    for problem in rejections(fresh.expr):
        raise DDLError(problem.sqlstate or "42601", problem.reason)
    return replace(stored, expr=fresh.expr)


def _is_column(raw: Raw) -> bool:
    return "ColumnRef" in raw and "String" in raw["ColumnRef"]["fields"][-1]
