"""Names to OIDs and back: regclass, regtype, regrole, regnamespace, regproc and regprocedure in DO blocks."""

from __future__ import annotations

import re

from rlslint.analyze.procname import signature
from rlslint.analyze.typename import format_type
from rlslint.replay.plpgsql_functions import FUNCTIONS, text_of
from rlslint.replay.plpgsql_stored import Reg, Value
from rlslint.replay.routines import find_function
from rlslint.replay.session import DDLError, Missing, Session
from rlslint.source.model import SourceFile, Span
from rlslint.source.parse import parse_synthetic


class Undecided(Exception):
    """The value depends on data, or on what is not followed here."""


def to_reg(session: Session, kind: str, value: Value) -> Value:
    """A name or an OID as regclass, regrole, regtype, regnamespace. Raises Undecided for what no file creates."""
    catalog = session.catalog
    if isinstance(value, int):
        return Reg(value, _reg_name(session, kind, value) if value else "-")
    parts = re.findall(r'"((?:[^"]|"")*)"|([^."]+)', text_of(value))
    words = [quoted.replace('""', '"') if quoted else bare.strip().lower() for quoted, bare in parts]
    if not words:
        raise Undecided("an empty name")
    schema = words[-2] if len(words) > 1 else None
    oid: int | None = None
    match kind:
        case "regclass":
            relation = catalog.find_relation(schema, words[-1], session.search_path)
            index = catalog.find_index(schema, words[-1], session.search_path)
            oid = relation.oid if relation is not None else (index.oid if index is not None else None)
        case "regrole":
            role = catalog.find_role(words[-1])
            oid = None if role is None else role.oid
        case "regtype":
            type_ = catalog.find_type(schema, words[-1], session.search_path)
            oid = None if type_ is None else type_.oid
        case "regprocedure" | "regproc":
            oid = _procedure(session, kind, text_of(value))
        case "regnamespace":
            oid = catalog.namespace_oid(words[-1])
    if oid is None:
        raise Undecided(f"{text_of(value)} is created by no file")
    return Reg(oid, _reg_name(session, kind, oid))


def _reg_name(session: Session, kind: str, oid: int) -> str:
    catalog = session.catalog
    if kind == "regrole":
        return catalog.rolname(oid)
    if kind == "regnamespace":
        return catalog.nspname(oid)
    if kind in ("regprocedure", "regproc"):
        proc = catalog.procs.get(oid)
        if proc is not None:
            shown = signature(catalog, proc, session.search_path)
            return shown if kind == "regprocedure" else shown[: shown.rindex("(")]
        return str(oid)
    if kind == "regclass":
        row = catalog.relations.get(oid) or catalog.indexes.get(oid)
        if row is not None:
            visible = catalog.find_relation(None, row.relname, session.search_path)
            if visible is not None and visible.oid == oid:
                return FUNCTIONS["quote_ident"](session, [row.relname])  # type: ignore[return-value]
            schema, name = (
                FUNCTIONS["quote_ident"](session, [word]) for word in (catalog.nspname(row.relnamespace), row.relname)
            )
            return f"{schema}.{name}"
    type_ = catalog.types.get(oid)
    return str(oid) if type_ is None else format_type(catalog, oid)


def _procedure(session: Session, kind: str, text: str) -> int | None:
    """The function that a text names: with its argument types, or one whose name alone is enough."""
    place = Span(SourceFile("", text), 0, len(text))
    statements, problems = parse_synthetic(f"ALTER ROUTINE {text} STABLE", place)
    if problems or len(statements) != 1 or statements[0].kind != "AlterFunctionStmt":
        raise Undecided(f"{text} is not a function's name")
    target = statements[0].node["func"]
    if bool(target.get("args_unspecified")) == (kind == "regprocedure"):
        raise Undecided(f"{text} is not a function's name")
    try:
        found = find_function(session, target, "fawp")
    except (DDLError, Missing):
        return None
    return None if found is None else found.oid
