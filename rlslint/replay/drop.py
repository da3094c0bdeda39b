"""DROP statements in, rows taken away: relations here, other kinds by their own modules (commands/dropcmds.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rlslint.analyze.typename import names_of
from rlslint.replay import extensions, functions, operators, policies, schemas, triggers, types
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.lookup import find_index_named, owner_named, relation_named
from rlslint.replay.references import Address
from rlslint.replay.session import DDLError, Handler, Missing, NotFollowed, Session
from rlslint.source.model import Raw, Statement

DropOne = Callable[[Session, Statement, Raw, bool, bool], None]
"""Drops one object: (session, statement, object, missing_ok, cascade)."""

_RELATIONS: Final = {
    "OBJECT_TABLE": ("rp", "table"),
    "OBJECT_VIEW": ("v", "view"),
    "OBJECT_MATVIEW": ("m", "materialized view"),
    "OBJECT_SEQUENCE": ("S", "sequence"),
    "OBJECT_FOREIGN_TABLE": ("f", "foreign table"),
    "OBJECT_INDEX": ("", "index"),
}
_OTHERS: Final[dict[str, DropOne]] = {
    "OBJECT_POLICY": policies.drop_policy,
    "OBJECT_FUNCTION": functions.drop_function,
    "OBJECT_PROCEDURE": functions.drop_function,
    "OBJECT_ROUTINE": functions.drop_function,
    "OBJECT_AGGREGATE": functions.drop_function,
    "OBJECT_TRIGGER": triggers.drop_trigger,
    "OBJECT_TYPE": types.drop_type,
    "OBJECT_DOMAIN": types.drop_type,
    "OBJECT_SCHEMA": schemas.drop_schema,
    "OBJECT_EXTENSION": extensions.drop_extension,
    "OBJECT_CAST": operators.drop_cast,
    "OBJECT_OPERATOR": operators.drop_operator,
}
_WITHOUT_EFFECT: Final = frozenset(
    {
        "OBJECT_CONVERSION",
        "OBJECT_EVENT_TRIGGER",
        "OBJECT_PUBLICATION",
        "OBJECT_RULE",
        "OBJECT_STATISTIC_EXT",
        "OBJECT_TRANSFORM",
        "OBJECT_TSCONFIGURATION",
        "OBJECT_TSDICTIONARY",
        "OBJECT_TSPARSER",
        "OBJECT_TSTEMPLATE",
    }
)
"""No row is kept of these, and nothing that is kept goes with them."""
_WITHOUT_CASCADE: Final = frozenset(
    {"OBJECT_ACCESS_METHOD", "OBJECT_COLLATION", "OBJECT_FDW", "OBJECT_FOREIGN_SERVER", "OBJECT_LANGUAGE"}
)
"""The same, but CASCADE takes tables, columns, indexes or functions along."""


def drop(session: Session, statement: Statement) -> None:
    """DropStmt. Raises DDLError (2BP01, 42809 ...), NotFollowed for what no file creates."""
    node = statement.node
    kind = node["removeType"]
    missing_ok = bool(node.get("missing_ok"))
    cascade = node.get("behavior") == "DROP_CASCADE"
    if kind in _RELATIONS:
        targets = [
            found for item in node["objects"] if (found := _relation(session, kind, item, missing_ok)) is not None
        ]
        if node.get("concurrent"):
            _require_concurrent(session, node, targets, cascade=cascade)
        if targets:
            perform_deletion(session, list(dict.fromkeys(targets)), cascade=cascade)
        return
    drop_one = _OTHERS.get(kind)
    if drop_one is None:
        if kind == "OBJECT_RULE":
            for item in node["objects"]:
                owner_named(session, item["List"]["items"][:-1])
        if kind in _WITHOUT_EFFECT or (kind in _WITHOUT_CASCADE and not cascade):
            return
        what = kind.removeprefix("OBJECT_").replace("_", " ").lower()
        raise NotFollowed(f"DROP of a kind of object that is not followed: {what}")
    for item in node["objects"]:
        drop_one(session, statement, item, missing_ok, cascade)


def _require_concurrent(session: Session, node: Raw, targets: list[Address], *, cascade: bool) -> None:
    """What DROP INDEX CONCURRENTLY does not do (RemoveRelations). Raises DDLError 0A000."""
    if len(node["objects"]) > 1:
        raise DDLError("0A000", "DROP INDEX CONCURRENTLY does not support dropping multiple objects")
    if cascade:
        raise DDLError("0A000", "DROP INDEX CONCURRENTLY does not support CASCADE")
    for target in targets:
        index = session.catalog.indexes[target.oid]
        if session.catalog.relations[index.indrelid].relkind == "p":
            raise DDLError("0A000", f'cannot drop partitioned index "{index.relname}" concurrently')


def _relation(session: Session, kind: str, item: Raw, missing_ok: bool) -> Address | None:
    parts = item["List"]["items"]
    kinds, words = _RELATIONS[kind]
    relation = relation_named(session, parts)
    index = find_index_named(session, parts)
    name = names_of(parts)[1]
    if relation is None and index is None:
        if missing_ok:
            return None
        sqlstate = "42704" if kind in ("OBJECT_INDEX", "OBJECT_FOREIGN_TABLE") else "42P01"
        raise Missing(sqlstate, f"{words} {'.'.join(part['String']['sval'] for part in parts)} is created by no file")
    if index is not None:
        if kind != "OBJECT_INDEX":
            raise DDLError("42809", f'"{name}" is not a {words}')
        return Address("index", index.oid)
    assert relation is not None
    if relation.relkind not in kinds or not kinds:
        raise DDLError("42809", f'"{name}" is not {"an" if kind == "OBJECT_INDEX" else "a"} {words}')
    return Address("relation", relation.oid)


HANDLERS: Final[dict[str, Handler]] = {"DropStmt": drop}
