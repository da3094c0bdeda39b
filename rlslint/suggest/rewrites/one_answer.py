"""A function that is asked once in, what must hold for that to be what it answers for every row out.

A STABLE function sees the data as of the start of the statement. A VOLATILE one sees what the statement has written so far
(a snapshot of its own for each of its queries): of a table that is being written it may say another thing from row to row.
"""

from __future__ import annotations

from collections.abc import Iterable

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.findings import Applicability
from rlslint.nodes.primnodes import Oid
from rlslint.rewrite.access import query_tables
from rlslint.rewrite.functions import body_tables, calls_closure


def one_answer(
    catalog: Catalog, proc: Proc, relids: Iterable[Oid], what: str = "gives"
) -> tuple[Applicability, tuple[str, ...]]:
    """(applicability, assumptions) of asking ``proc`` once for each statement on tables (``relids``) whose policies ask it."""
    if proc.provolatile != "v":
        return "safe", ()
    said = f"{proc.proname}() {what} one answer throughout a statement"
    read = {relid for one in calls_closure(catalog, proc) for relid in _opened(catalog, body_tables(catalog, one))}
    written = sorted(relid for relid in set(relids) & read if _is_written(catalog, relid))
    if not written:
        return "conditional", (said,)
    names = ", ".join(catalog.qualified_name(catalog.relations[relid]) for relid in written)
    return "unsafe", (f"{said}, although it is VOLATILE and reads {names}, which the statement may be writing",)


def _opened(catalog: Catalog, relids: Iterable[Oid]) -> Iterable[Oid]:
    """The tables, and those behind views."""
    for relid in relids:
        yield relid
        query = catalog.relations[relid].query
        if query is not None:
            yield from (one.relid for one in query_tables(catalog, query, 0))


def _is_written(catalog: Catalog, relid: Oid) -> bool:
    """Whether a policy lets rows of the table be written."""
    return any(one.polpermissive and one.polcmd != "r" for one in catalog.policies_of(relid))
