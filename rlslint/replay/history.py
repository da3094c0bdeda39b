"""A statement about to be replayed in, what it does to tables with row security out: each `Event` with the table before it.

RLS307 and RLS4xx are about steps: what a migration did at its time counts for them, not what the schema is in the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rlslint.catalog.rows import Relation
from rlslint.replay.lookup import find_relation, relation_named
from rlslint.replay.reads import found, require_tables
from rlslint.replay.session import Action, Event, Handler, Session
from rlslint.source.model import Statement

_ROW_SECURITY: Final[dict[str, Action]] = {
    "AT_EnableRowSecurity": "enable",
    "AT_DisableRowSecurity": "disable",
    "AT_ForceRowSecurity": "force",
    "AT_NoForceRowSecurity": "no_force",
}
_WRITES: Final[dict[str, Action]] = {
    "InsertStmt": "insert",
    "UpdateStmt": "update",
    "DeleteStmt": "delete",
    "MergeStmt": "merge",
}
_READS: Final = re.compile(r"\b(?:from|select|table|using|with)\b", re.IGNORECASE)
"""Words without which a statement names no other table than its own."""
_ROWS: Final = re.compile(
    r"(?i:insert\s+into)\s+(?:(?P<schema>[a-z_][a-z0-9_]{0,62})\.)?(?P<table>[a-z_][a-z0-9_]{0,62})"
    r"\s*(?:\(|\s(?i:values)\b)"
)
"""An INSERT whose table is named in small letters without quotes: the name as it is folded."""


def observe(session: Session, statement: Statement) -> None:
    """Note what the statement is about to do. Call it before the statement is replayed."""
    if statement.kind not in _OBSERVED:
        # the trees of data statements are built when they are asked for
        return
    node = statement.node
    match statement.kind:
        case "CreatePolicyStmt":
            _note(session, statement, "create_policy", find_relation(session, node["table"]), node["policy_name"])
        case "AlterPolicyStmt":
            _note(session, statement, "alter_policy", find_relation(session, node["table"]), node["policy_name"])
        case "DropStmt" if node.get("removeType") == "OBJECT_POLICY":
            for item in node["objects"]:
                parts = item["List"]["items"]
                name = parts[-1]["String"]["sval"]
                _note(session, statement, "drop_policy", relation_named(session, parts[:-1]), name)
        case "AlterTableStmt" if node.get("objtype") == "OBJECT_TABLE":
            for item in node.get("cmds", ()):
                action = _ROW_SECURITY.get(item.get("AlterTableCmd", {}).get("subtype", ""))
                if action is not None:
                    _note(session, statement, action, find_relation(session, node["relation"]))


_OBSERVED: Final = frozenset({"CreatePolicyStmt", "AlterPolicyStmt", "DropStmt", "AlterTableStmt"})


def _note(session: Session, statement: Statement, action: Action, table: Relation | None, polname: str = "") -> None:
    if table is None or session.migration < 0:
        return
    policies = session.catalog.policies_of(table.oid)
    if action in ("drop_policy", "alter_policy") and all(policy.polname != polname for policy in policies):
        return
    if (action, table.relrowsecurity) in (("enable", True), ("disable", False)):
        return
    session.events.append(
        Event(
            migration=session.migration,
            statement=statement,
            action=action,
            relation=table,
            policies=policies,
            polname=polname,
            role=session.role,
            as_login=session.role == session.start_role,
            settings=tuple(session.settings.items()),
            transaction=session.transaction,
            existed=table.oid <= session.migration_start,
        )
    )


def write(session: Session, statement: Statement) -> None:
    """INSERT, UPDATE, DELETE, MERGE: nothing in the catalog changes; noted where row security may bind who runs it."""
    require_tables(session, statement)
    rows = _ROWS.match(statement.text) if statement.kind == "InsertStmt" else None
    if rows is not None and _READS.search(statement.text) is None:
        # rows of literals, of which files hold thousands: no tree is needed to see where they go
        target = session.catalog.find_relation(rows["schema"], rows["table"], session.search_path)
        if target is not None and target.relrowsecurity:
            _note(session, statement, "insert", target)
        return
    node = statement.node
    target = find_relation(session, node["relation"])
    if target is not None and target.relrowsecurity:
        _note_write(session, statement, _WRITES[statement.kind], target)
    sources = {key: value for key, value in node.items() if key not in ("relation", "returningList")}
    ctes = {cte["ctename"] for cte in found(sources, "CommonTableExpr")}
    seen: set[int] = set()
    for rangevar in found(sources, "RangeVar"):
        if "schemaname" not in rangevar and rangevar["relname"] in ctes:
            continue
        table = find_relation(session, rangevar)
        if table is not None and table.relrowsecurity and table.oid not in seen:
            seen.add(table.oid)
            _note_write(session, statement, "read", table)


def _note_write(session: Session, statement: Statement, action: Action, table: Relation) -> None:
    before = len(session.events)
    _note(session, statement, action, table)
    if len(session.events) > before and action in ("update", "delete"):
        # what the statement reads: WHERE, FROM and the right sides of SET
        parts = [value for key, value in statement.node.items() if key != "relation"]
        if any(True for _ in found(parts, "ColumnRef")):
            session.events[-1] = session.events[-1].reading()


HANDLERS: Final[dict[str, Handler]] = dict.fromkeys(_WRITES, write)


def first_policy(event: Event, events: Sequence[Event]) -> Event | None:
    """The first policy that is made on the event's table in its file or a later one."""
    return next(
        (
            one
            for one in events
            if one.action == "create_policy"
            and one.relation.oid == event.relation.oid
            and one.migration >= event.migration
        ),
        None,
    )
