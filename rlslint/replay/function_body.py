"""A new function in, an error where its body is wrong (fmgr_sql_validator, check_sql_fn_retval, plpgsql_validator)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze import types as t
from rlslint.analyze.coerce import find_pathway
from rlslint.analyze.entry import analyze_function_body
from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Oid, Unresolved
from rlslint.replay.reads import require_tables
from rlslint.replay.require import require_query
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Statement
from rlslint.source.parse import parse_synthetic, plpgsql_error

_VOID: Final = 2278
_TRIGGERS: Final = frozenset({2279, 3838})
_DML: Final = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


def check_body(session: Session, statement: Statement, proc: Proc) -> None:
    """What PostgreSQL rejects in a body when it is made, where the files are all there is. Raises DDLError, Missing."""
    if session.require_known is None or session.settings.get("check_function_bodies") in ("off", "false", "no", "0"):
        return
    if proc.prolang == "plpgsql":
        error = plpgsql_error(statement.text)
        if error is not None:
            raise DDLError(*error)
    if proc.prolang != "sql":
        return
    queries = analyze_function_body(session.catalog, proc, session.search_path)
    for query in queries or ():
        require_query(session, statement, query)
    if queries and proc.prokind == "f":
        require_result(session.catalog, proc, queries[-1])
    if queries is None and not proc.prosqlbody:
        _check_statements(session, statement, proc)


def _check_statements(session: Session, statement: Statement, proc: Proc) -> None:
    """A body that does not only read."""
    statements, problems = parse_synthetic(proc.prosrc, statement.span)
    if problems:
        return
    own_path = any(name == "search_path" for name, _ in proc.proconfig)
    for one in statements:
        if one.kind in _DML and not own_path:
            require_tables(session, one)
    last = statements[-1] if statements else None
    gives = last is not None and (
        last.kind == "SelectStmt" or "returningClause" in last.node or "returningList" in last.node
    )
    if proc.prokind == "f" and proc.prorettype not in (0, _VOID) and not gives:
        raise DDLError("42P13", "return type mismatch: the final statement must be SELECT or have RETURNING")


def require_result(catalog: Catalog, proc: Proc, query: Query) -> None:
    """Raise DDLError 42P13 where the query's columns cannot be assigned to the result. What is not known is let through."""
    if proc.prorettype in _TRIGGERS:
        raise DDLError("42P13", f"SQL functions cannot return type {format_type(catalog, proc.prorettype)}")
    if proc.prorettype in (0, _VOID) or t.POLYMORPHIC & {proc.prorettype, *proc.proargtypes, *proc.proallargtypes}:
        return
    if any(isinstance(one.expr, Unresolved) and one.name == "*" for one in query.targets):
        return
    given = [t.TEXT if one.expr.type == t.UNKNOWN else one.expr.type for one in query.targets]
    wanted = _columns(catalog, proc)
    if wanted is None:
        return
    declared = format_type(catalog, proc.prorettype)
    whole = proc.prorettype != t.RECORD and (
        not t.is_composite(catalog, proc.prorettype) or (len(given) == 1 and _fits(catalog, given[0], proc.prorettype))
    )
    if whole:
        wanted = [proc.prorettype]
    if len(given) != len(wanted):
        raise DDLError("42P13", f"return type mismatch in function declared to return {declared}")
    for one, other in zip(given, wanted, strict=True):
        if not _fits(catalog, one, other):
            raise DDLError(
                "42P13",
                f"return type mismatch in function declared to return {declared}: {format_type(catalog, one)} "
                f"instead of {format_type(catalog, other)}",
            )


def _columns(catalog: Catalog, proc: Proc) -> list[Oid] | None:
    """The types of the result's columns; None where they are not declared, or not known."""
    outs = [oid for mode, oid in zip(proc.proargmodes, proc.proallargtypes, strict=False) if mode in "obt"]
    if proc.prorettype == t.RECORD:
        return outs or None
    row = catalog.types.get(t.base_type(catalog, proc.prorettype))
    if row is None or not row.known:
        return None
    table = catalog.relations.get(row.typrelid)
    if table is None:
        return [proc.prorettype]
    if not table.complete:
        return None
    return [column.atttypid for column in table.attributes if not column.attisdropped]


def _fits(catalog: Catalog, source: Oid, target: Oid) -> bool:
    if 0 in (source, target) or source == target or t.RECORD in (source, target):
        return True
    return find_pathway(catalog, target, source, "a")[0] != "none"
