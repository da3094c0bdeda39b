"""CREATE INDEX in, pg_index rows out (indexcmds.c)."""

from __future__ import annotations

from dataclasses import replace

from rlslint.analyze.entry import stored_expr
from rlslint.analyze.opclass import default_opclass, named_opclass
from rlslint.analyze.query import figure_column_name
from rlslint.analyze.typename import names_of
from rlslint.catalog.rows import Index, IndexKey, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.replay.lookup import is_taken, relation, require_free
from rlslint.replay.naming import index_name, truncate
from rlslint.replay.session import DDLError, NotFollowed, Session
from rlslint.source.model import Raw, Statement

_COLLATIONS = {"default": 100, "C": 950, "POSIX": 951, "ucs_basic": 962, "unicode": 963, "C.utf8": 12345}


def create_index(session: Session, statement: Statement) -> None:
    """IndexStmt."""
    node = statement.node
    table = relation(session, node["relation"])
    if table.relkind not in ("r", "p", "m"):
        raise DDLError("42809", f'cannot create index on relation "{table.relname}"')
    if "idxname" in node and is_taken(session, table.relnamespace, truncate(node["idxname"])):
        if node.get("if_not_exists"):
            return
        require_free(session, table.relnamespace, truncate(node["idxname"]))
    _create(session, statement, table, node.get("idxname"), parent=0)


def _create(session: Session, statement: Statement, table: Relation, wanted: str | None, *, parent: Oid) -> None:
    node = statement.node
    catalog = session.catalog
    method = node.get("accessMethod", "btree")
    keys: list[IndexKey] = []
    names: list[str] = []
    for item in node["indexParams"]:
        key, name = index_key(session, statement, table, item["IndexElem"], method)
        keys.append(key)
        # two columns of one name are numbered (ChooseIndexColumnNames)
        names.append(name if name not in names else f"{name}{sum(one.startswith(name) for one in names)}")
    include = []
    for item in node.get("indexIncludingParams", ()):
        attribute = table.attribute(item["IndexElem"]["name"])
        if attribute is None:
            raise DDLError("42703", f'column "{item["IndexElem"]["name"]}" does not exist')
        include.append(attribute.attnum)
        names.append(attribute.attname)
    unique = bool(node.get("unique"))
    name = truncate(wanted) if wanted else index_name(
        session, table.relname, names, table.relnamespace, primary=False, unique=False, exclusion=False
    )
    where = node.get("whereClause")
    index = add_index(
        session,
        Index(
            oid=catalog.new_oid(),
            relname=name,
            relnamespace=table.relnamespace,
            indrelid=table.oid,
            amname=method,
            keys=tuple(keys),
            include=tuple(include),
            indpred=None
            if where is None
            else stored_expr(catalog, statement, where, table.oid, session.search_path, boolean=True),
            indisunique=unique,
            indnullsnotdistinct=bool(node.get("nulls_not_distinct")),
            indisvalid=table.relkind != "p" or node["relation"].get("inh", False),
            inhparent=parent,
            origin=statement.span,
        ),
    )
    if table.relkind == "p" and node["relation"].get("inh", False):
        for child in tuple(catalog.children_of(table.oid)):
            if child.relkind in ("r", "p"):
                _create(session, statement, child, None, parent=index.oid)


def add_index(session: Session, index: Index) -> Index:
    """Put an index; its name must be free in the schema."""
    require_free(session, index.relnamespace, index.relname)
    return session.catalog.indexes.put(index)


def default_key(session: Session, table: Relation, number: int, method: str) -> IndexKey:
    """A plain column with its type's default operator class."""
    attribute = table.column(number)
    opclass = default_opclass(session.catalog, attribute.atttypid, method)
    return IndexKey(
        attnum=number, opclass=opclass.oid if opclass else 0, collation=attribute.attcollation
    )


def index_key(
    session: Session, statement: Statement, table: Relation, node: Raw, method: str
) -> tuple[IndexKey, str]:
    """One key, and its part of the index's chosen name."""
    catalog = session.catalog
    if "name" in node:
        attribute = table.attribute(node["name"])
        if attribute is None:
            if not table.complete:
                raise NotFollowed(f'column "{node["name"]}" of {table.relname} is created by no file')
            raise DDLError("42703", f'column "{node["name"]}" does not exist')
        key = default_key(session, table, attribute.attnum, method)
        name, oid = attribute.attname, attribute.atttypid
    else:
        stored = stored_expr(catalog, statement, node["expr"], table.oid, session.search_path)
        oid = stored.expr.type
        opclass = default_opclass(catalog, oid, method)
        key = IndexKey(expr=stored, opclass=opclass.oid if opclass else 0)
        column = figure_column_name(node["expr"])
        name = "expr" if column == "?column?" else column
    if "opclass" in node:
        schema, opcname = names_of(node["opclass"])
        named = named_opclass(catalog, schema, opcname, method)
        key = replace(key, opclass=named.oid if named else 0)
    if "collation" in node:
        key = replace(key, collation=_COLLATIONS.get(names_of(node["collation"])[1], 1))
    descending = node.get("ordering") == "SORTBY_DESC"
    nulls_first = node.get("nulls_ordering") == "SORTBY_NULLS_FIRST" or (
        descending and node.get("nulls_ordering", "SORTBY_NULLS_DEFAULT") == "SORTBY_NULLS_DEFAULT"
    )
    return replace(key, descending=descending, nulls_first=nulls_first), name


HANDLERS = {"IndexStmt": create_index}
