"""A helper function in, the queries and expressions of its body out, resolved, its arguments as `Param`.

SQL bodies as PostgreSQL resolves them; of PL/pgSQL every query and expression on its own, variables not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from rlslint.analyze.entry import analyze_function_body, analyze_query, rejections
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Unresolved
from rlslint.rewrite.functions import function_search_path, statements_of
from rlslint.source.model import SourceFile, Span, Statement
from rlslint.source.parse import parse_plpgsql, parse_synthetic

_T = TypeVar("_T")


def body_queries(catalog: Catalog, proc: Proc) -> tuple[tuple[Query, bool], ...]:
    """(query, whether its value is what the function gives back); () for another language or what does not parse."""
    return _remembered(catalog, proc, lambda catalog, proc: tuple(_queries(catalog, proc)), "body_queries")


def _remembered(catalog: Catalog, proc: Proc, make: Callable[[Catalog, Proc], _T], name: str) -> _T:
    """What is made of a body, once while nothing changes that its names stand for."""
    stores = (catalog.namespaces, catalog.relations, catalog.types, catalog.procs, catalog.operators, catalog.casts)
    known = catalog.remembered(name, *stores)
    key = (id(proc), catalog.start_search_path, len(catalog.unknown_schemas), len(catalog.extensions))
    if key not in known:
        # the row is kept, so that its identity stays its own
        known[key] = proc, make(catalog, proc)
    found: _T = known[key][1]
    return found


def _queries(catalog: Catalog, proc: Proc) -> Iterator[tuple[Query, bool]]:
    path = function_search_path(catalog, proc)
    if proc.prolang == "sql":
        body = analyze_function_body(catalog, proc, path) or ()
        yield from ((query, number == len(body)) for number, query in enumerate(body, start=1))
        return
    if proc.prolang != "plpgsql" or proc.statement is None:
        return
    for text, result in _expressions(parse_plpgsql(proc.statement.text), returning=False):
        for one in statements_of(text):
            if one.kind == "SelectStmt":
                yield _select(catalog, proc, one, path), result


def only_query(catalog: Catalog, proc: Proc) -> tuple[Statement, Query] | None:
    """The SELECT whose value a body of one statement gives back, as it is written and resolved."""
    return _remembered(catalog, proc, _only_query, "only_query")


def _only_query(catalog: Catalog, proc: Proc) -> tuple[Statement, Query] | None:
    text = proc.prosrc if proc.prolang == "sql" else None
    if proc.prolang == "plpgsql" and proc.statement is not None:
        text = _only_return(parse_plpgsql(proc.statement.text))
    if text is None:
        return None
    statements, problems = parse_synthetic(text, Span(SourceFile("", text), 0, len(text)))
    if len(statements) != 1 or problems or statements[0].kind != "SelectStmt":
        return None
    return statements[0], _select(catalog, proc, statements[0], function_search_path(catalog, proc))


def refused(catalog: Catalog, proc: Proc) -> Unresolved | None:
    """What PostgreSQL refuses in the one expression of a body, whenever the function runs."""
    body = only_query(catalog, proc)
    if body is None or len(body[1].targets) != 1:
        return None
    return next(iter(rejections(body[1].targets[0].expr)), None)


def _only_return(tree: Any) -> str | None:
    match tree:
        case [{"PLpgSQL_function": {"action": {"PLpgSQL_stmt_block": {"body": [statement]} as block}}}]:
            if "exceptions" in block or not isinstance(statement, dict):
                return None
            expr = statement.get("PLpgSQL_stmt_return", {}).get("expr", {}).get("PLpgSQL_expr", {}).get("query")
            return f"SELECT {expr}" if isinstance(expr, str) else None
    return None


def _select(catalog: Catalog, proc: Proc, statement: Statement, path: tuple[str, ...]) -> Query:
    params = tuple(zip(argument_names(proc), proc.proargtypes, strict=False))
    return analyze_query(catalog, statement, statement.node, path, params=params, function=proc.proname)


def argument_names(proc: Proc) -> tuple[str, ...]:
    """Names of the input arguments, empty where unnamed."""
    names = proc.proargnames or ("",) * len(proc.proargtypes)
    if not proc.proargmodes:
        return names
    return tuple(name for name, mode in zip(names, proc.proargmodes, strict=False) if mode in "ibv")


def _expressions(tree: Any, *, returning: bool) -> Iterator[tuple[str, bool]]:
    """Texts of the queries in a PL/pgSQL tree, and whether RETURN gives their value back."""
    if isinstance(tree, list):
        for item in tree:
            yield from _expressions(item, returning=returning)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key == "PLpgSQL_expr" and isinstance(value.get("query"), str):
                yield value["query"], returning
            else:
                inside = returning or key in ("PLpgSQL_stmt_return", "PLpgSQL_stmt_return_query")
                yield from _expressions(value, returning=inside)
