"""CREATE and ALTER SEQUENCE in, relations of kind S out (commands/sequence.c)."""

from __future__ import annotations

from typing import Final

from rlslint.catalog.rows import Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.columns import required_column
from rlslint.replay.grants import default_acl
from rlslint.replay.lookup import find_relation, is_taken, relation_named, require_free, shown, target_relation
from rlslint.replay.names import options, strings
from rlslint.replay.session import DDLError, Handler, Missing, Session
from rlslint.source.model import Raw, Statement


def create_sequence(session: Session, statement: Statement) -> None:
    """CREATE SEQUENCE. Raises DDLError 42P07, NotFollowed."""
    node = statement.node
    target = node["sequence"]
    namespace, persistence = target_relation(session, target)
    if node.get("if_not_exists") and is_taken(session, namespace, target["relname"]):
        return
    require_free(session, namespace, target["relname"])
    session.catalog.relations.put(
        Relation(
            oid=session.catalog.new_oid(),
            relname=target["relname"],
            relnamespace=namespace,
            relkind="S",
            relowner=session.role,
            relacl=default_acl(session, "S", namespace),
            relpersistence=persistence,
            ownedby=_owner(session, node, namespace) or (0, 0),
            origin=statement.span,
        )
    )


def alter_sequence(session: Session, statement: Statement) -> None:
    """ALTER SEQUENCE. Raises DDLError (42809, 55000), NotFollowed."""
    node = statement.node
    sequence = find_relation(session, node["sequence"])
    if sequence is None:
        if node.get("missing_ok"):
            return
        raise Missing("42P01", f"sequence {shown(node['sequence'])} is created by no file")
    if sequence.relkind != "S":
        raise DDLError("42809", f'"{sequence.relname}" is not a sequence')
    owner = _owner(session, node, sequence.relnamespace)
    if owner is not None:
        session.catalog.relations.put(replace(sequence, ownedby=owner))


def _owner(session: Session, node: Raw, namespace: Oid) -> tuple[Oid, int] | None:
    """The column of OWNED BY; (0, 0) for NONE, None without the option (process_owned_by)."""
    for name, element in options(node.get("options", [])):
        if name != "owned_by":
            continue
        words = strings(element["arg"]["List"]["items"])
        if words == ["none"]:
            return 0, 0
        if len(words) < 2:
            raise DDLError("42601", "invalid OWNED BY option")
        table = relation_named(session, element["arg"]["List"]["items"][:-1])
        if table is None:
            raise Missing("42P01", f"table {'.'.join(words[:-1])} is created by no file")
        if table.relnamespace != namespace:
            raise DDLError("55000", "sequence must be in same schema as table it is linked to")
        return table.oid, required_column(table, words[-1]).attnum
    return None


HANDLERS: Final[dict[str, Handler]] = {"CreateSeqStmt": create_sequence, "AlterSeqStmt": alter_sequence}
