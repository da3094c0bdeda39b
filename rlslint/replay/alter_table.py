"""ALTER TABLE, INDEX, VIEW and SEQUENCE commands in, changed rows out (tablecmds.c, ATExecCmd)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rlslint.catalog.acl import with_owner
from rlslint.catalog.rows import Attribute, Index, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay import alter_column, alter_constraint, typed
from rlslint.replay.alter_constraint import has_check
from rlslint.replay.lookup import find_index, find_relation, relation, shown
from rlslint.replay.names import role_of
from rlslint.replay.not_null import is_inherited_not_null
from rlslint.replay.partitions import (
    attach_index_partition,
    attach_partition,
    detach_partition,
    merge_into_existing,
)
from rlslint.replay.reloptions import Options, changed_options
from rlslint.replay.session import DDLError, Handler, Missing, Session
from rlslint.replay.types import give_type
from rlslint.source.model import Raw, Span, Statement

Command = Callable[[Session, Statement, Oid, Raw], None]
"""Carries out one AlterTableCmd on a relation: (session, statement, relid, the command's fields)."""

_PASSES: Final = (
    {"AT_DropColumn", "AT_DropConstraint", "AT_DropNotNull", "AT_DropIdentity", "AT_DropExpression"},
    {"AT_AlterColumnType"},
    {"AT_AddColumn"},
    {"AT_SetExpression"},
    {"AT_SetNotNull", "AT_CookedColumnDefault", "AT_ColumnDefault", "AT_AddIdentity", "AT_SetIdentity"},
)
"""Commands are carried out in passes, whatever their order; constraints and the rest come last (ATPrepCmd)."""


def alter_table(session: Session, statement: Statement) -> None:
    """AlterTableStmt. Raises DDLError, NotFollowed for relations that no file creates."""
    node = statement.node
    rangevar = node["relation"]
    commands = [item["AlterTableCmd"] for item in node["cmds"]]
    table = find_relation(session, rangevar)
    if table is None:
        _without_table(session, statement, rangevar, commands)
        return
    _check_kind(table, node.get("objtype", "OBJECT_TABLE"))
    for command in commands:
        _require_kind(table, command["subtype"])
    if sum(command["subtype"] in ("AT_SetLogged", "AT_SetUnLogged") for command in commands) > 1:
        raise DDLError("0A000", "cannot change persistence setting twice")
    recurse = bool(rangevar.get("inh"))
    queue = sorted(commands, key=_pass)
    while queue:
        command = {**queue.pop(0), "recurse": recurse}
        if command["subtype"] == "AT_AddColumn":
            left = alter_column.add_column(session, statement, table.oid, command)
            added = [{"subtype": "AT_AddConstraint", "def": {"Constraint": one}} for one in left]
            queue = sorted([*added, *queue], key=_pass)
            continue
        action = _COMMANDS.get(command["subtype"])
        if action is not None:
            action(session, statement, table.oid, command)


def _pass(command: Raw) -> int:
    kind = command["subtype"]
    if kind == "AT_ColumnDefault" and "def" not in command:
        return 0
    for number, kinds in enumerate(_PASSES):
        if kind in kinds:
            return number
    if kind == "AT_AddConstraint":
        contype = command["def"]["Constraint"]["contype"]
        if "indexname" in command["def"]["Constraint"]:
            return 11
        return {"CONSTR_PRIMARY": 12, "CONSTR_UNIQUE": 12, "CONSTR_EXCLUSION": 12, "CONSTR_FOREIGN": 13}.get(
            contype, 10
        )
    return 20


def _without_table(session: Session, statement: Statement, rangevar: Raw, commands: list[Raw]) -> None:
    """ALTER INDEX, and ALTER TABLE that names an index."""
    index = find_index(session, rangevar.get("schemaname"), rangevar["relname"])
    if index is None:
        if statement.node.get("missing_ok"):
            return
        kind = "index" if statement.node.get("objtype") == "OBJECT_INDEX" else "table"
        raise Missing("42P01", f"{kind} {shown(rangevar)} is created by no file")
    for command in commands:
        match command["subtype"]:
            case "AT_AttachPartition":
                attach_index_partition(session, statement, rangevar, command["def"]["PartitionCmd"])
            case "AT_SetRelOptions" | "AT_ResetRelOptions" if not _is_partitioned(session, index):
                index = session.catalog.indexes.put(
                    replace(index, reloptions=_with_options(index.reloptions, index.amname, command))
                )
            case "AT_SetStatistics":
                key = index.keys[command["num"] - 1] if 0 < command.get("num", 0) <= len(index.keys) else None
                if key is not None and key.attnum:
                    raise DDLError("0A000", f'cannot alter statistics on a non-expression column of "{index.relname}"')
            case "AT_SetTableSpace" | "AT_ChangeOwner":
                pass
            case _:
                raise DDLError("42809", f'ALTER action cannot be performed on relation "{index.relname}"')


def _is_partitioned(session: Session, index: Index) -> bool:
    return session.catalog.relations[index.indrelid].relkind == "p"


def _check_kind(table: Relation, objtype: str) -> None:
    wanted = {"OBJECT_VIEW": "v", "OBJECT_MATVIEW": "m", "OBJECT_SEQUENCE": "S", "OBJECT_FOREIGN_TABLE": "f"}
    if objtype in wanted and table.relkind != wanted[objtype]:
        words = objtype.removeprefix("OBJECT_").lower().replace("matview", "materialized view").replace("_", " ")
        raise DDLError("42809", f'"{table.relname}" is not a {words}')
    if objtype == "OBJECT_INDEX":
        raise DDLError("42809", f'"{table.relname}" is not an index')
    if objtype == "OBJECT_TABLE" and table.relkind == "c":
        raise DDLError("42809", f'"{table.relname}" is a composite type')


def _require_kind(table: Relation, subtype: str) -> None:
    """What a command can be given to (ATSimplePermissions). Raises DDLError 42809."""
    if table.relkind not in _KINDS.get(subtype, "rpvmSfc"):
        raise DDLError("42809", f'ALTER action {subtype} cannot be performed on relation "{table.relname}"')


def _row_security(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    match node["subtype"]:
        case "AT_EnableRowSecurity":
            changed = replace(table, relrowsecurity=True)
        case "AT_DisableRowSecurity":
            changed = replace(table, relrowsecurity=False)
        case "AT_ForceRowSecurity":
            changed = replace(table, relforcerowsecurity=True)
        case _:
            changed = replace(table, relforcerowsecurity=False)
    session.catalog.relations.put(replace(changed, rls_origin=statement.span))


def _change_owner(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    change_owner(session, relid, role_of(session, node["newowner"]))


def change_owner(session: Session, relid: Oid, owner: Oid) -> None:
    """Give a relation, its row type and the sequences of its columns another owner (ATExecChangeOwner)."""
    catalog = session.catalog
    table = catalog.relations[relid]
    catalog.relations.put(with_owner(table, owner))
    row = catalog.types.get(table.reltype)
    if row is not None:
        give_type(catalog, row, owner)
    for sequence in tuple(catalog.relations):
        if sequence.ownedby[0] == relid:
            catalog.relations.put(with_owner(sequence, owner))


def _relation_options(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    kind = {"p": "partitioned", "v": "view"}.get(table.relkind, "table")
    values = _with_options(table.reloptions, kind, node)
    session.catalog.relations.put(replace(table, reloptions=values, origin=_view_origin(table, statement)))


def _with_options(old: Options, kind: str, node: Raw) -> Options:
    given = node.get("def", {}).get("List", {}).get("items", [])
    return changed_options(old, kind, given, reset=node["subtype"] == "AT_ResetRelOptions")


def _view_origin(table: Relation, statement: Statement) -> Span | None:
    return statement.span if table.relkind == "v" else table.origin


def _add_inherit(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    child = catalog.relations[relid]
    typed.require_untyped(child, "change inheritance of")
    parent = relation(session, node["def"]["RangeVar"])
    if child.relispartition:
        raise DDLError("42809", "cannot change inheritance of a partition")
    if parent.relkind not in "rpf":
        raise DDLError("42809", f'"{parent.relname}" is not a table')
    if "p" in (child.relkind, parent.relkind):
        raise DDLError("42809", "cannot change inheritance of partitioned table")
    if parent.oid in child.inhparents:
        raise DDLError("42P07", f'relation "{parent.relname}" would be inherited from more than once')
    ancestor: list[Oid] = [parent.oid]
    while ancestor:
        oid = ancestor.pop()
        if oid == relid:
            raise DDLError("42P07", "circular inheritance not allowed")
        ancestor += catalog.relations[oid].inhparents
    merged = merge_into_existing(session, child, parent, partition=False)
    catalog.relations.put(replace(merged, inhparents=(*child.inhparents, parent.oid), origin=statement.span))


def _drop_inherit(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    catalog = session.catalog
    child = catalog.relations[relid]
    parent = relation(session, node["def"]["RangeVar"])
    if child.relispartition:
        raise DDLError("42809", "cannot change inheritance of a partition")
    if parent.oid not in child.inhparents:
        raise DDLError("42P01", f'relation "{parent.relname}" is not a parent of relation "{child.relname}"')
    remaining = tuple(oid for oid in child.inhparents if oid != parent.oid)
    others = [catalog.relations[oid] for oid in remaining]
    attributes: list[Attribute] = []
    for column in child.attributes:
        inherited = any(other.attribute(column.attname) is not None for other in others)
        attributes.append(column if inherited else replace(column, attislocal=True))
    catalog.relations.put(replace(child, attributes=tuple(attributes), inhparents=remaining, origin=statement.span))
    for row in catalog.constraints_of(relid):
        if row.contype == "c" and not any(has_check(session, other, row.conname) for other in others):
            catalog.constraints.put(replace(row, conislocal=True))
        left = catalog.relations[relid]
        if row.contype == "n" and not is_inherited_not_null(session, left, left.column(row.conkey[0]).attname):
            catalog.constraints.put(replace(row, conislocal=True))


def _attach(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    attach_partition(session, statement, session.catalog.relations[relid], node["def"]["PartitionCmd"])


def _detach(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    detach_partition(session, statement, session.catalog.relations[relid], node["def"]["PartitionCmd"])


def _finalize(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    # DETACH ... CONCURRENTLY leaves something to do only where it was interrupted
    partition = relation(session, node["def"]["PartitionCmd"]["name"])
    raise DDLError("55000", f'partition "{partition.relname}" is not being detached')


def _persistence(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    table = session.catalog.relations[relid]
    logged = node["subtype"] == "AT_SetLogged"
    if table.relpersistence == "t":
        raise DDLError("42P16", f'cannot change logged status of table "{table.relname}" because it is temporary')
    rows = session.catalog.constraints_of(relid) if logged else session.catalog.constraints.find("referenced", relid)
    for row in rows:
        other = session.catalog.relations.get(row.confrelid if logged else row.conrelid)
        if row.contype == "f" and other is not None and other.oid != relid:
            if other.relpersistence == ("u" if logged else "p"):
                raise DDLError("42P16", f'could not change table "{table.relname}": "{other.relname}" is in its way')
    session.catalog.relations.put(replace(table, relpersistence="p" if logged else "u"))


def _triggers(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    enabled = not node["subtype"].startswith("AT_Disable")
    rows = session.catalog.triggers.find("table", relid)
    table = session.catalog.relations[relid]
    if "name" in node and not any(row.tgname == node["name"] for row in rows) and table.complete:
        raise DDLError("42704", f'trigger "{node["name"]}" for table "{table.relname}" does not exist')
    for row in rows:
        if node.get("name") in (None, row.tgname):
            session.catalog.triggers.put(replace(row, tgenabled=enabled))


def _needs_index(session: Session, statement: Statement, relid: Oid, node: Raw) -> None:
    name = node.get("name") or node.get("def", {}).get("ReplicaIdentityStmt", {}).get("name")
    table = session.catalog.relations[relid]
    if name and not any(index.relname == name for index in session.catalog.indexes_of(relid)) and table.complete:
        raise DDLError("42704", f'index "{name}" for table "{table.relname}" does not exist')


_KINDS: Final = {
    **dict.fromkeys(("AT_AddColumn", "AT_DropColumn", "AT_AlterColumnType"), "rpcf"),
    **dict.fromkeys(("AT_ColumnDefault", "AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity"), "rpvf"),
    **dict.fromkeys(("AT_SetNotNull", "AT_DropNotNull", "AT_SetExpression", "AT_DropExpression"), "rpf"),
    **dict.fromkeys(("AT_SetStatistics", "AT_SetStorage", "AT_SetOptions", "AT_ResetOptions"), "rpmf"),
    **dict.fromkeys(("AT_AddConstraint", "AT_DropConstraint", "AT_ValidateConstraint"), "rpf"),
    **dict.fromkeys(("AT_AddInherit", "AT_DropInherit", "AT_EnableTrig", "AT_DisableTrig"), "rpf"),
    **dict.fromkeys(("AT_EnableRowSecurity", "AT_DisableRowSecurity"), "rp"),
    **dict.fromkeys(("AT_ForceRowSecurity", "AT_NoForceRowSecurity"), "rp"),
    **dict.fromkeys(("AT_ClusterOn", "AT_ReplicaIdentity"), "rpm"),
    **dict.fromkeys(("AT_SetLogged", "AT_SetUnLogged"), "rS"),
    **dict.fromkeys(("AT_SetRelOptions", "AT_ResetRelOptions"), "rpvm"),
    "AT_AlterConstraint": "rp",
    **dict.fromkeys(("AT_AddOf", "AT_DropOf"), "r"),
    "AT_AttachPartition": "p",
    **dict.fromkeys(("AT_DetachPartition", "AT_DetachPartitionFinalize"), "p"),
}
"""The kinds of relations that commands are for."""

_COMMANDS: Final[dict[str, Command]] = {
    **alter_column.COMMANDS,
    **alter_constraint.COMMANDS,
    "AT_ChangeOwner": _change_owner,
    "AT_SetRelOptions": _relation_options,
    "AT_ResetRelOptions": _relation_options,
    "AT_AddInherit": _add_inherit,
    "AT_DropInherit": _drop_inherit,
    "AT_AttachPartition": _attach,
    "AT_DetachPartition": _detach,
    "AT_DetachPartitionFinalize": _finalize,
    "AT_AddOf": typed.add_of,
    "AT_DropOf": typed.drop_of,
    "AT_EnableRowSecurity": _row_security,
    "AT_DisableRowSecurity": _row_security,
    "AT_ForceRowSecurity": _row_security,
    "AT_NoForceRowSecurity": _row_security,
    "AT_SetLogged": _persistence,
    "AT_SetUnLogged": _persistence,
    "AT_EnableTrig": _triggers,
    "AT_EnableAlwaysTrig": _triggers,
    "AT_EnableReplicaTrig": _triggers,
    "AT_DisableTrig": _triggers,
    "AT_EnableTrigAll": _triggers,
    "AT_DisableTrigAll": _triggers,
    "AT_EnableTrigUser": _triggers,
    "AT_DisableTrigUser": _triggers,
    "AT_ClusterOn": _needs_index,
    "AT_ReplicaIdentity": _needs_index,
}

HANDLERS: Final[dict[str, Handler]] = {"AlterTableStmt": alter_table}
