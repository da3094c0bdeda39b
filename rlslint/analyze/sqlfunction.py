"""A SQL function in, the resolved queries of its body out (functioncmds.c, functions.c: sql_fn_parser_setup)."""

from __future__ import annotations

import re

from rlslint.analyze.func import input_names
from rlslint.analyze.query import transform_select
from rlslint.analyze.scope import Context, Scope
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import Query
from rlslint.source.model import SourceFile, Span
from rlslint.source.parse import parse_synthetic

_ATOMIC = re.compile(r"\s*BEGIN\s+ATOMIC\b(.*)\bEND\s*;?\s*\Z", re.IGNORECASE | re.DOTALL)
_RETURN = re.compile(r"\s*RETURN\b", re.IGNORECASE)


def function_body(catalog: Catalog, proc: Proc, search_path: tuple[str, ...]) -> tuple[Query, ...] | None:
    """The statements of a LANGUAGE sql function, its arguments known by name and by number.

    Names are looked up with the function's own SET search_path, else with ``search_path``; in a BEGIN ATOMIC body with
    the one in force when it was created. None when it is in another language, does not parse, or holds anything but
    SELECT.
    """
    if proc.prolang != "sql":
        return None
    stores = (catalog.namespaces, catalog.relations, catalog.types, catalog.procs, catalog.operators, catalog.casts)
    known = catalog.remembered("function_body", *stores)
    key = (id(proc), search_path, len(catalog.unknown_schemas), len(catalog.extensions))
    if key not in known:
        # the row is kept, so that its identity stays its own
        known[key] = proc, _function_body(catalog, proc, search_path)
    found: tuple[Query, ...] | None = known[key][1]
    return found


def _function_body(catalog: Catalog, proc: Proc, search_path: tuple[str, ...]) -> tuple[Query, ...] | None:
    text = proc.prosrc
    if proc.prosqlbody:
        search_path = proc.search_path or search_path
        atomic = _ATOMIC.match(text)
        text = atomic[1] if atomic else text
        text = _RETURN.sub("SELECT", text, count=1) if _RETURN.match(text) else text
    else:
        for name, value in proc.proconfig:
            if name == "search_path":
                search_path = parse_search_path(value)
    place = proc.origin or Span(SourceFile("", text), 0, len(text))
    statements, problems = parse_synthetic(text, place)
    if problems or not statements or any(one.kind != "SelectStmt" for one in statements):
        return None
    names = input_names(proc)
    names += ("",) * (len(proc.proargtypes) - len(names))
    params = tuple(zip(names, proc.proargtypes, strict=False))
    contexts = [(Context(catalog, one, search_path, params, proc.proname), one.node) for one in statements]
    try:
        return tuple(transform_select(Scope(context), node) for context, node in contexts)
    except RecursionError:
        return None


def parse_search_path(value: str) -> tuple[str, ...]:
    """The schemas of a search_path setting; quoted names may hold commas, empty ones name nothing."""
    parts = re.findall(r"""\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([^,\s]+))\s*,?""", value)
    names = (double.replace('""', '"') or single.replace("''", "'") or plain.lower() for double, single, plain in parts)
    return tuple(name for name in names if name)
