"""CREATE VIEW, CREATE MATERIALIZED VIEW, CREATE TABLE AS and SELECT INTO in, relations out (view.c, createas.c)."""

from __future__ import annotations

from typing import Final, Literal

from rlslint.analyze import types as t
from rlslint.analyze.entry import analyze_query
from rlslint.analyze.typename import format_type
from rlslint.analyze.typmod import column_typmod
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Attribute, Relation
from rlslint.nodes.parsenodes import Query, nested_queries, query_expressions, walk_deep
from rlslint.nodes.primnodes import Oid, SubLink, Unresolved, walk
from rlslint.records import replace
from rlslint.replay.grants import default_acl
from rlslint.replay.lookup import is_taken, require_free, target_relation
from rlslint.replay.names import strings
from rlslint.replay.reloptions import changed_options
from rlslint.replay.require import require_query
from rlslint.replay.rowtypes import add_row_type
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.source.model import Raw, Statement

_CHECK_OPTIONS: Final = {"LOCAL_CHECK_OPTION": "local", "CASCADED_CHECK_OPTION": "cascaded"}


def create_view(session: Session, statement: Statement) -> None:
    """CREATE [OR REPLACE] VIEW. Raises DDLError (42701, 42P07, 42P16, 42809 and what its query meets)."""
    node = statement.node
    catalog = session.catalog
    target = node["view"]
    if target.get("relpersistence") == "u":
        raise DDLError("42601", "views cannot be unlogged because they do not have storage")
    query = resolved_query(session, statement, node["query"]["SelectStmt"])
    namespace, persistence = target_relation(session, target, temporary=uses_temporary(catalog, query))
    attributes, complete = output_attributes(session, statement, query, strings(node.get("aliases", [])))
    reloptions = changed_options((), "view", node.get("options", ()))
    check = _CHECK_OPTIONS.get(node.get("withCheckOption", ""))
    if check is not None:
        if "check_option" in dict(reloptions):
            raise DDLError("22023", 'parameter "check_option" specified more than once')
        reloptions = (*reloptions, ("check_option", check))
    row = Relation(
        oid=0,
        relname=target["relname"],
        relnamespace=namespace,
        relkind="v",
        relowner=session.role,
        relacl=default_acl(session, "r", namespace),
        attributes=attributes,
        relpersistence=persistence,
        reloptions=reloptions,
        query=query,
        query_text=statement.text,
        complete=complete,
        origin=statement.span,
    )
    held = catalog.relations.first("name", (namespace, row.relname))
    if held is None or not node.get("replace"):
        require_free(session, namespace, row.relname)
        add_row_type(session, replace(row, oid=catalog.new_oid()))
        return
    if held.relkind != "v":
        raise DDLError("42809", f'"{held.relname}" is not a view')
    _check_replacement(catalog, held, row)
    catalog.relations.put(
        replace(
            held,
            attributes=_kept_acls(held, row),
            reloptions=row.reloptions,
            query=query,
            query_text=row.query_text,
            complete=complete,
            origin=statement.span,
        )
    )


def _kept_acls(held: Relation, row: Relation) -> tuple[Attribute, ...]:
    old = held.attributes
    return tuple(
        replace(one, attacl=old[at].attacl, attdefault=old[at].attdefault) if at < len(old) else one
        for at, one in enumerate(row.attributes)
    )


def _check_replacement(catalog: Catalog, held: Relation, row: Relation) -> None:
    """What CREATE OR REPLACE VIEW must not change (checkViewColumns)."""
    if not (held.complete and row.complete):
        return
    if len(row.attributes) < len(held.attributes):
        raise DDLError("42P16", "cannot drop columns from view")
    for old, new in zip(held.attributes, row.attributes, strict=False):
        if old.attname != new.attname:
            raise DDLError("42P16", f'cannot change name of view column "{old.attname}" to "{new.attname}"')
        if 0 in (old.atttypid, new.atttypid):
            continue
        if old.atttypid != new.atttypid:
            raise DDLError(
                "42P16",
                f'cannot change data type of view column "{old.attname}" from '
                f"{format_type(catalog, old.atttypid)} to {format_type(catalog, new.atttypid)}",
            )


def resolved_query(session: Session, statement: Statement, raw: Raw, params: tuple[tuple[str, Oid], ...] = ()) -> Query:
    """The query behind a view or table, with what code around it gives a meaning to. Raises DDLError for what PostgreSQL
    rejects in it."""
    query = analyze_query(session.catalog, statement, raw, session.search_path, params=params)
    _reject(query)
    return query


def _reject(query: Query) -> None:
    for expr in query_expressions(query):
        for node, _ in walk_deep(expr):
            if isinstance(node, Unresolved) and node.sqlstate is not None:
                raise DDLError(node.sqlstate, node.reason)
    for rte in query.rtable:
        if rte.kind == "subquery" and rte.subquery is not None:
            _reject(rte.subquery)
    for _, cte in query.ctes:
        _reject(cte)
    for arm in query.arms:
        _reject(arm)


def uses_temporary(catalog: Catalog, query: Query) -> bool:
    """Whether the query reads a temporary table or view, subqueries included (isQueryUsingTempRelation)."""
    for rte in query.rtable:
        table = catalog.relations.get(rte.relid) if rte.kind == "relation" else None
        if table is not None and table.relpersistence == "t":
            return True
    inner = [node.subselect for expr in query_expressions(query) for node in walk(expr) if isinstance(node, SubLink)]
    return any(uses_temporary(catalog, one) for one in (*nested_queries(query), *inner))


def output_attributes(
    session: Session, statement: Statement, query: Query, names: list[str]
) -> tuple[tuple[Attribute, ...], bool]:
    """The columns of a query's result, and whether they are all known. Raises DDLError (42601, 42701)."""
    attributes: list[Attribute] = []
    complete = True
    for place, target in enumerate(query.targets):
        if target.name == "*" and isinstance(target.expr, Unresolved):
            complete = False
            continue
        number = len(attributes) + 1
        name = names[number - 1] if number <= len(names) else (target.name or "?column?")
        oid = t.TEXT if target.expr.type == t.UNKNOWN else target.expr.type
        attributes.append(
            Attribute(
                attnum=number,
                attname=name,
                atttypid=oid,
                atttypmod=column_typmod(session.catalog, query, place),
                attcollation=t.type_collation(session.catalog, oid),
                origin=statement.span,
            )
        )
    if complete and len(names) > len(attributes):
        raise DDLError("42601", "too many column names were specified")
    seen: set[str] = set()
    for attribute in attributes:
        if attribute.attname in seen:
            raise DDLError("42701", f'column "{attribute.attname}" specified more than once')
        seen.add(attribute.attname)
    return tuple(attributes), complete


def create_table_as(session: Session, statement: Statement) -> None:
    """CREATE TABLE AS and CREATE MATERIALIZED VIEW. Raises DDLError (42701, 42P07 ...)."""
    node = statement.node
    kind: Literal["r", "m"] = "m" if node.get("objtype") == "OBJECT_MATVIEW" else "r"
    select = node["query"].get("SelectStmt")
    _create_as(session, statement, node["into"], select, kind, if_not_exists=bool(node.get("if_not_exists")))


def select_into(session: Session, statement: Statement) -> None:
    """SELECT ... INTO. Raises DDLError (42701, 42P07 ...)."""
    select = {key: value for key, value in statement.node.items() if key != "intoClause"}
    _create_as(session, statement, statement.node["intoClause"], select, "r", if_not_exists=False)


def _create_as(
    session: Session,
    statement: Statement,
    into: Raw,
    select: Raw | None,
    kind: Literal["r", "m"],
    *,
    if_not_exists: bool,
) -> None:
    target = into["rel"]
    # EXECUTE of a prepared statement: the columns are not known
    # a view knows no variables: its query is stored
    params = session.params if kind == "r" else ()
    query = None if select is None else resolved_query(session, statement, select, params)
    if query is not None and session.require_known is not None:
        require_query(session, statement, query)
    if kind == "m" and query is not None and uses_temporary(session.catalog, query):
        raise DDLError("0A000", "materialized views must not use temporary tables or views")
    namespace, persistence = target_relation(session, target)
    if if_not_exists and is_taken(session, namespace, target["relname"]):
        return
    require_free(session, namespace, target["relname"])
    attributes: tuple[Attribute, ...] = ()
    complete = False
    if query is not None:
        attributes, complete = output_attributes(session, statement, query, strings(into.get("colNames", [])))
    add_row_type(
        session,
        Relation(
            oid=session.catalog.new_oid(),
            relname=target["relname"],
            relnamespace=namespace,
            relkind=kind,
            relowner=session.role,
            relacl=default_acl(session, "r", namespace),
            attributes=attributes,
            relpersistence=persistence,
            query=query if kind == "m" else None,
            query_text=statement.text if kind == "m" else "",
            complete=complete,
            reloptions=changed_options((), "table", into.get("options", ())),
            origin=statement.span,
        ),
    )


HANDLERS: Final[dict[str, Handler]] = {"ViewStmt": create_view, "CreateTableAsStmt": create_table_as}
