"""A function in, the tables its body reads and the functions it calls out: by name, as they resolve when it runs.

SQL and PL/pgSQL bodies are opened; any other language is not seen into. Dynamic SQL (EXECUTE) is not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from rlslint.analyze.entry import parse_search_path
from rlslint.catalog.catalog import PG_CATALOG, Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.primnodes import Expr, FuncExpr, Oid
from rlslint.records import dataclass
from rlslint.source.model import SourceFile, Span, Statement
from rlslint.source.parse import parse_plpgsql, parse_synthetic

Name = tuple[str | None, str]
"""(schema or None, name)."""

_SESSION_VALUES = frozenset({"current_user", "session_user", "user", "current_role"})
_ASSIGNMENT = re.compile(r'\s*[\w."$\[\]]+\s*(?::=|=)\s*')


@dataclass(frozen=True, slots=True)
class BodyNames:
    """What a body mentions: tables it reads (not those it only writes) and functions it calls."""

    tables: tuple[Name, ...]
    functions: tuple[Name, ...]
    words: frozenset[str] = frozenset()
    """Its string literals, and the last part of each column's name."""
    session_values: frozenset[str] = frozenset()
    """current_user and its like, in lower case."""


def body_tables(catalog: Catalog, proc: Proc) -> tuple[Oid, ...]:
    """Tables and views that the function's body reads."""
    path = function_search_path(catalog, proc)
    found = (catalog.find_relation(schema, name, path) for schema, name in _names(proc).tables)
    return tuple(dict.fromkeys(row.oid for row in found if row is not None))


def body_functions(catalog: Catalog, proc: Proc) -> tuple[Proc, ...]:
    """User functions that the body calls, every overload of a name."""
    path = function_search_path(catalog, proc)
    rows: dict[Oid, Proc] = {}
    for schema, name in _names(proc).functions:
        for row in catalog.find_procs(schema, name, path):
            if row.statement is not None:
                rows[row.oid] = row
    return tuple(rows.values())


def body_words(proc: Proc) -> frozenset[str]:
    """String literals and column names in the body."""
    return _names(proc).words


def session_reads(catalog: Catalog, proc: Proc, seen: frozenset[Oid] = frozenset()) -> str | None:
    """What of the session the function's answer depends on (``current_setting``, ``current_user``), functions that it
    calls included; None for nothing that can be seen, or a language that is not seen into."""
    if proc.oid in seen:
        return None
    names = _names(proc)
    if names.session_values:
        return min(names.session_values)
    if any(name == "current_setting" and schema in (None, "pg_catalog") for schema, name in names.functions):
        return "current_setting"
    for called in body_functions(catalog, proc):
        found = session_reads(catalog, called, seen | {proc.oid})
        if found is not None:
            return found
    return None


def is_current_setting(proc: Proc | None) -> bool:
    """PostgreSQL's own current_setting(), not one of that name in another schema."""
    return proc is not None and proc.proname == "current_setting" and proc.pronamespace == PG_CATALOG


def asks_session(catalog: Catalog, node: Expr) -> bool:
    """Whether a node calls current_setting(), or a function of the files that reads something of the session."""
    proc = catalog.procs.get(node.funcid) if isinstance(node, FuncExpr) else None
    if proc is None:
        return False
    return is_current_setting(proc) or (proc.statement is not None and session_reads(catalog, proc) is not None)


def calls_closure(catalog: Catalog, proc: Proc) -> tuple[Proc, ...]:
    """The function and every user function that it calls, through any depth."""
    found: dict[Oid, Proc] = {}
    stack = [proc]
    while stack:
        row = stack.pop()
        if row.oid not in found:
            found[row.oid] = row
            stack.extend(body_functions(catalog, row))
    return tuple(found.values())


def function_search_path(catalog: Catalog, proc: Proc) -> tuple[str, ...]:
    """The search_path its body runs with: its own SET, else that of a session that sets none."""
    for name, value in proc.proconfig:
        if name == "search_path":
            return parse_search_path(value)
    return catalog.start_search_path


def _names(proc: Proc) -> BodyNames:
    if proc.statement is None or proc.prolang not in ("sql", "plpgsql"):
        return BodyNames((), ())
    return _body_names(proc.prolang, proc.prosrc, proc.statement.text)


@lru_cache(maxsize=4096)
def _body_names(language: str, body: str, create_function: str) -> BodyNames:
    texts = [body] if language == "sql" else list(_plpgsql_expressions(parse_plpgsql(create_function)))
    tables: dict[Name, None] = {}
    functions: dict[Name, None] = {}
    words: set[str] = set()
    session_values: set[str] = set()
    for text in texts:
        # the target of INSERT, UPDATE and DELETE stands under "relation" and is written, not read
        for node in ({k: v for k, v in one.node.items() if k != "relation"} for one in statements_of(text)):
            ctes = {cte["CommonTableExpr"]["ctename"] for cte in _find(node, "ctes") for cte in cte}
            for rangevar in _nodes(node, "RangeVar"):
                name = (rangevar.get("schemaname"), rangevar["relname"])
                if not (name[0] is None and name[1] in ctes):
                    tables[name] = None
            for call in _nodes(node, "FuncCall"):
                parts = [part["String"]["sval"] for part in call["funcname"] if "String" in part]
                functions[(parts[-2] if len(parts) > 1 else None, parts[-1])] = None
            for value in _nodes(node, "SQLValueFunction"):
                function = str(value["op"]).removeprefix("SVFOP_").lower()
                if function in _SESSION_VALUES:
                    session_values.add(function)
            for const in _nodes(node, "A_Const"):
                words.add(str(const.get("sval", {}).get("sval", "")))
            for column in _nodes(node, "ColumnRef"):
                words.update(part["String"]["sval"] for part in column["fields"][-1:] if "String" in part)
    return BodyNames(tuple(tables), tuple(functions), frozenset(words), frozenset(session_values))


def statements_of(text: str) -> tuple[Statement, ...]:
    """What an expression of PL/pgSQL is to PostgreSQL: a statement, an expression to SELECT, or an assignment with one on
    its right; () where it is none of these."""
    place = Span(SourceFile("", text), 0, len(text))
    for candidate in (text, f"SELECT {text}", "SELECT " + _ASSIGNMENT.sub("", text, count=1)):
        statements, problems = parse_synthetic(candidate, place)
        if not problems:
            return tuple(statements)
    return ()


def _plpgsql_expressions(tree: Any) -> Iterator[str]:
    for expr in _find(tree, "PLpgSQL_expr"):
        if isinstance(expr.get("query"), str):
            yield expr["query"]


def _nodes(tree: Any, tag: str) -> Iterator[Any]:
    yield from _find(tree, tag)


def _find(tree: Any, key: str) -> Iterator[Any]:
    """Values under ``key`` anywhere in a JSON tree."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            for name, value in node.items():
                if name == key:
                    yield value
                stack.append(value)
        elif isinstance(node, list):
            stack.extend(node)
