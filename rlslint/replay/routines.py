"""An ObjectWithArgs of the parse tree in, the function it means out (parser/parse_func.c, LookupFuncWithArgs)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.func import has_unseen
from rlslint.analyze.typename import names_of, resolve_type_name
from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.rows import Proc
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw

KINDS: Final = {
    "OBJECT_FUNCTION": "fw",
    "OBJECT_PROCEDURE": "p",
    "OBJECT_AGGREGATE": "a",
    "OBJECT_ROUTINE": "fawp",
}
"""prokind's letters that each object type of a statement means."""


def find_function(session: Session, target: Raw, kinds: str) -> Proc | None:
    """The function that an ObjectWithArgs' fields mean (LookupFuncWithArgs); None when no file creates it.

    Raises DDLError 42725 (ambiguous), 42883 where the name is there with other arguments only.
    """
    catalog = session.catalog
    schema, name = names_of(target["objname"])
    rows = [row for row in catalog.find_procs(schema, name, session.search_path) if row.prokind in kinds]
    if target.get("args_unspecified"):
        if len(rows) > 1 and rows[0].pronamespace == rows[1].pronamespace:
            raise DDLError("42725", f'function name "{name}" is not unique')
        return rows[0] if rows else None
    given = target.get("objargs", [])
    wanted = tuple(
        resolve_type_name(catalog, item["TypeName"], session.search_path)[0] if "TypeName" in item else 0
        for item in given
    )
    if 0 in wanted and not has_unseen(catalog, None, session.search_path):
        session.absent("42704", f"a type of an argument of {name}() is created by no file")
    for row in rows:
        if row.proargtypes == wanted:
            return row
    for row in rows:
        if len(row.proargtypes) == len(wanted) and all(
            one == two or 0 in (one, two) for one, two in zip(row.proargtypes, wanted, strict=True)
        ):
            return row
    own = [row for row in rows if row.oid >= FIRST_NORMAL_OID and row.origin is not None]
    if own and 0 not in wanted:
        raise DDLError("42883", f"function {name} does not exist with these arguments")
    return None
