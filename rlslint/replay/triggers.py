"""CREATE, DROP and RENAME TRIGGER in, pg_trigger rows out (commands/trigger.c)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.func import has_unseen
from rlslint.analyze.typename import names_of
from rlslint.catalog.rows import Trigger
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.lookup import find_relation, owner_named, reject_index, shown
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.replay.trigger_checks import needed_columns, require_place, require_trigger_function
from rlslint.source.model import Raw, Statement


def create_trigger(session: Session, statement: Statement) -> None:
    """CREATE [OR REPLACE] [CONSTRAINT] TRIGGER. Passed over on a table that no file creates.

    Raises DDLError 42710 and what `trigger_checks` knows.
    """
    node = statement.node
    catalog = session.catalog
    relation = find_relation(session, node["relation"])
    if relation is None:
        reject_index(session, node["relation"])
        session.absent("42P01", f"table {shown(node['relation'])} is created by no file")
        return
    require_place(relation, node)
    columns = needed_columns(relation, node)
    schema, name = names_of(node["funcname"])
    procs = [row for row in catalog.find_procs(schema, name, session.search_path) if not row.proargtypes]
    if not procs and not has_unseen(catalog, schema, session.search_path):
        session.absent("42883", f"function {name}() is created by no file")
    if procs:
        require_trigger_function(procs[0])
    old = _find(session, relation.oid, node["trigname"])
    if old is not None and (not node.get("replace") or old.tgconstraint):
        raise DDLError("42710", f'trigger "{node["trigname"]}" for relation "{relation.relname}" already exists')
    catalog.triggers.put(
        Trigger(
            oid=catalog.new_oid() if old is None else old.oid,
            tgname=node["trigname"],
            tgrelid=relation.oid,
            tgfoid=procs[0].oid if procs else 0,
            tgconstraint=bool(node.get("isconstraint")),
            columns=columns,
            origin=statement.span,
        )
    )


def drop_trigger(session: Session, statement: Statement, obj: Raw, missing_ok: bool, cascade: bool = False) -> None:
    """One object of DROP TRIGGER: the table's name parts and the trigger's name. Raises DDLError 42704."""
    parts = obj["List"]["items"]
    name = parts[-1]["String"]["sval"]
    relation = owner_named(session, parts[:-1])
    if relation is None:
        if not missing_ok:
            session.absent("42P01", f"table {parts[-2]['String']['sval']} is created by no file")
        return
    trigger = _find(session, relation.oid, name)
    if trigger is not None:
        session.catalog.triggers.remove(trigger.oid)
    elif not missing_ok and relation.complete:
        raise DDLError("42704", f'trigger "{name}" for table "{relation.relname}" does not exist')


def rename_trigger(session: Session, statement: Statement) -> None:
    """ALTER TRIGGER ... RENAME TO. Raises DDLError 42704, 42710."""
    node = statement.node
    relation = find_relation(session, node["relation"])
    if relation is None:
        session.absent("42P01", f"table {shown(node['relation'])} is created by no file")
        return
    trigger = _find(session, relation.oid, node["subname"])
    if trigger is None:
        raise DDLError("42704", f'trigger "{node["subname"]}" for table "{relation.relname}" does not exist')
    if _find(session, relation.oid, node["newname"]) is not None:
        raise DDLError("42710", f'trigger "{node["newname"]}" for relation "{relation.relname}" already exists')
    session.catalog.triggers.put(replace(trigger, tgname=node["newname"]))


def _find(session: Session, relid: Oid, name: str) -> Trigger | None:
    for trigger in session.catalog.triggers.find("table", relid):
        if trigger.tgname == name:
            return trigger
    return None


HANDLERS: Final[dict[str, Handler]] = {"CreateTrigStmt": create_trigger}
