"""A helper function in, the queries and expressions of its body out, resolved, its arguments as `Param`.

SQL bodies as PostgreSQL resolves them; of PL/pgSQL every query and expression on its own, variables not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rlslint.analyze.entry import analyze_function_body, analyze_query
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import Query
from rlslint.rewrite.functions import function_search_path
from rlslint.source.model import SourceFile, Span
from rlslint.source.parse import parse_plpgsql, parse_synthetic

_ASSIGNMENT = re.compile(r'\s*[\w."$\[\]]+\s*(?::=|=)\s*')


def body_queries(catalog: Catalog, proc: Proc) -> tuple[tuple[Query, bool], ...]:
    """(query, whether its value is what the function gives back); () for another language or what does not parse."""
    known = catalog.remembered("body_queries", *catalog.stores[:4], catalog.procs, catalog.operators, catalog.casts)
    key = id(proc)
    if key not in known:
        # the row is kept, so that its identity stays its own
        known[key] = proc, tuple(_queries(catalog, proc))
    found: tuple[tuple[Query, bool], ...] = known[key][1]
    return found


def _queries(catalog: Catalog, proc: Proc) -> Iterator[tuple[Query, bool]]:
    path = function_search_path(proc)
    if proc.prolang == "sql":
        body = analyze_function_body(catalog, proc, path) or ()
        yield from ((query, number == len(body)) for number, query in enumerate(body, start=1))
        return
    if proc.prolang != "plpgsql" or proc.statement is None:
        return
    names = argument_names(proc)
    params = tuple(zip(names, proc.proargtypes, strict=False))
    for text, result in _expressions(parse_plpgsql(proc.statement.text), returning=False):
        place = Span(SourceFile("", text), 0, len(text))
        for candidate in (text, f"SELECT {text}", "SELECT " + _ASSIGNMENT.sub("", text, count=1)):
            statements, problems = parse_synthetic(candidate, place)
            if not problems:
                for one in statements:
                    if one.kind == "SelectStmt":
                        yield analyze_query(catalog, one, one.node, path, params=params, function=proc.proname), result
                break


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
