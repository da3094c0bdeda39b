"""A query or DML statement in; `DDLError` out where it names a table or a column that is not there.

What it reads or writes changes nothing in the catalog. But where it fails, so does the code that it stands in. Only for
a replay in which the files are all there is, and only what is wrong in whatever way the rest of it is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from rlslint.catalog.rows import Relation
from rlslint.replay.lookup import find_relation, shown
from rlslint.replay.require import may_be_unseen
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw, Statement

_CATALOGS: Final = ("pg_catalog", "information_schema", "pg_temp")
_SYSTEM: Final[frozenset[str]] = frozenset({"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid", "oid", "value"})
_OTHER_SOURCES: Final = ("RangeFunction", "RangeSubselect", "RangeTableFunc", "JsonTable", "CommonTableExpr", "alias")
"""Members of FROM whose columns are not looked up here, and aliases, which may rename columns."""


def require_tables(session: Session, statement: Statement) -> list[Relation] | None:
    """The tables that it names; None when some are not known. Raises DDLError 42P01, and 42703 for target columns."""
    if session.require_known is None or may_be_unseen(session, statement, session.catalog.newest_oid):
        return None
    node = statement.node
    ctes = {one["ctename"] for one in found(node, "CommonTableExpr")}
    tables: list[Relation] = []
    complete = True
    for rangevar in _range_vars(node):
        name, schema = rangevar["relname"], rangevar.get("schemaname")
        if (schema is None and name in ctes) or schema in _CATALOGS or (schema is None and name.startswith("pg_")):
            complete = False
            continue
        table = find_relation(session, rangevar)
        if table is None:
            raise DDLError("42P01", f'relation "{shown(rangevar)}" does not exist')
        tables.append(table)
        complete = complete and table.complete
    target = find_relation(session, node["relation"]) if "relation" in node else None
    if target is not None and target.complete:
        for item in (*node.get("cols", ()), *_set(node)):
            name = item["ResTarget"].get("name", "")
            if name and target.attribute(name) is None:
                raise DDLError("42703", f'column "{name}" of relation "{target.relname}" does not exist')
    return tables if complete else None


def require_columns(session: Session, statement: Statement, variables: Collection[str]) -> None:
    """The same, and the columns that it names without a table; ``variables`` are names that code gives them."""
    node = statement.node
    if require_tables(session, statement) is None:
        return
    query = node.get("selectStmt") if statement.kind == "InsertStmt" else None
    if query is not None:
        # what is inserted into is no source of what is read
        _require_names(session, query, variables)
        node = {key: value for key, value in node.items() if key != "selectStmt"}
    _require_names(session, node, variables)


def _require_names(session: Session, node: Raw, variables: Collection[str]) -> None:
    if any(True for kind in _OTHER_SOURCES for _ in found(node, kind)):
        return
    tables = [find_relation(session, rangevar) for rangevar in _range_vars(node)]
    if all(table is not None and table.complete for table in tables):
        _require_level(session, node, _SYSTEM | set(variables))


def _require_level(session: Session, node: Raw, outer: frozenset[str]) -> None:
    """One query with what its own FROM and those around it give; then the queries in it."""
    inner: list[Raw] = []
    level = _without_queries(node, inner)
    known = set(outer)
    for rangevar in _range_vars(level):
        table = find_relation(session, rangevar)
        if table is not None:
            known |= {table.relname, *(one.attname for one in table.attributes if not one.attisdropped)}
    named = {one["name"] for one in found(level, "ResTarget") if "name" in one}
    for column in found(level, "ColumnRef") if "larg" not in node else ():
        fields = column["fields"]
        name = fields[0].get("String", {}).get("sval") if len(fields) == 1 else None
        if name is not None and name not in known and name not in named:
            raise DDLError("42703", f'column "{name}" does not exist')
    for query in inner:
        _require_level(session, query, frozenset(known))


def _without_queries(node: Any, inner: list[Raw]) -> Any:
    """A tree without the queries in it, which are put into ``inner``."""
    if isinstance(node, list):
        return [_without_queries(item, inner) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if key in ("SelectStmt", "larg", "rarg") and isinstance(value, dict) and _is_query(value):
            inner.append(value)
        else:
            kept[key] = _without_queries(value, inner)
    return kept


def _is_query(node: Raw) -> bool:
    return "targetList" in node or "valuesLists" in node or "op" in node


def _range_vars(node: Raw) -> Iterator[Raw]:
    if "relation" in node:
        yield node["relation"]
    yield from found({key: value for key, value in node.items() if key not in ("relation", "intoClause")}, "RangeVar")


def _set(node: Raw) -> list[Raw]:
    return list(node.get("targetList", ())) if "cols" not in node and "fromClause" not in node else []


def found(tree: Any, tag: str) -> Iterator[Raw]:
    """The nodes of a kind anywhere in a tree."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if tag in node and isinstance(node[tag], dict):
                yield node[tag]
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
