"""A function in, its arguments and its signature as PostgreSQL shows them out (ruleutils.c, regproc.c)."""

from __future__ import annotations

from rlslint.analyze.typename import format_type, quote_identifier
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc


def arguments(catalog: Catalog, proc: Proc) -> str:
    """The arguments that tell overloads apart (pg_get_function_identity_arguments)."""
    types = proc.proallargtypes or proc.proargtypes
    parts = []
    for i, oid in enumerate(types):
        mode = proc.proargmodes[i] if proc.proargmodes else "i"
        if mode == "t":
            continue
        word = {"o": "OUT ", "b": "INOUT ", "v": "VARIADIC "}.get(mode, "IN " if proc.prokind == "p" else "")
        name = proc.proargnames[i] if i < len(proc.proargnames) else ""
        parts.append(word + (f"{quote_identifier(name)} " if name else "") + format_type(catalog, oid))
    return ", ".join(parts)


def signature(catalog: Catalog, proc: Proc, search_path: tuple[str, ...]) -> str:
    """``name(type, type)`` with the schema where the search path does not find it (regprocedureout)."""
    types = ", ".join(format_type(catalog, oid) for oid in proc.proargtypes)
    seen = catalog.find_procs(None, proc.proname, search_path)
    first = next((row for row in seen if row.proargtypes == proc.proargtypes), None)
    name = quote_identifier(proc.proname)
    if first is None or first.oid != proc.oid:
        name = f"{quote_identifier(catalog.nspname(proc.pronamespace))}.{name}"
    return f"{name}({types})"
