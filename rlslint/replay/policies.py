"""CREATE, ALTER, DROP and RENAME POLICY in, pg_policy rows out (commands/policy.c)."""

from __future__ import annotations

from typing import Final, Literal

from rlslint.analyze.entry import rejections, stored_expr
from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.rows import Policy, Relation, StoredExpr
from rlslint.nodes.primnodes import Oid, Unresolved
from rlslint.records import replace
from rlslint.replay.lookup import owner_named
from rlslint.replay.lookup import relation as required_relation
from rlslint.replay.names import roles_of
from rlslint.replay.session import DDLError, Handler, Missing, PolicyChange, RejectedPolicy, Session
from rlslint.source.extent import expression_extent
from rlslint.source.model import Raw, Span, Statement

_COMMANDS: Final[dict[str, Literal["*", "r", "a", "w", "d"]]] = {
    "all": "*",
    "select": "r",
    "insert": "a",
    "update": "w",
    "delete": "d",
}


def create_policy(session: Session, statement: Statement) -> None:
    """CREATE POLICY. Raises DDLError (42601, 42710, 42809, or what its expressions meet), NotFollowed."""
    node = statement.node
    catalog = session.catalog
    command = _COMMANDS[node.get("cmd_name", "all")]
    if "with_check" in node and command in ("r", "d"):
        raise DDLError("42601", "WITH CHECK cannot be applied to SELECT or DELETE")
    if "qual" in node and command == "a":
        raise DDLError("42601", "only WITH CHECK expression allowed for INSERT")
    relation = _table(session, node["table"])
    name = node["policy_name"]
    roles = policy_roles(session, node["roles"])
    qual = _expression(session, statement, node.get("qual"), relation)
    check = _expression(session, statement, node.get("with_check"), relation)
    old = _find(session, relation.oid, name)
    before = catalog.policies_of(relation.oid)
    if old is not None and old.oid > session.unfollowed:
        raise DDLError("42710", f'policy "{name}" for table "{relation.relname}" already exists')
    if old is not None:
        # the migration is taken to work, so what could not be followed in between has dropped the older one
        catalog.policies.remove(old.oid)
    catalog.policies.put(
        Policy(
            oid=catalog.new_oid(),
            polname=name,
            polrelid=relation.oid,
            polcmd=command,
            polpermissive=bool(node.get("permissive")),
            polroles=roles,
            polqual=qual,
            polwithcheck=check,
            to_public_implicitly=_is_implicit(node["roles"]),
            origin=statement.span,
            statement=statement,
        )
    )
    _note(session, statement, relation.oid, before)


def alter_policy(session: Session, statement: Statement) -> None:
    """ALTER POLICY ... TO, USING, WITH CHECK. Raises DDLError (42601, 42704), NotFollowed."""
    node = statement.node
    relation = _table(session, node["table"])
    policy = _required(session, relation, node["policy_name"])
    if "with_check" in node and policy.polcmd in ("r", "d"):
        raise DDLError("42601", "only USING expression allowed for SELECT, DELETE")
    if "qual" in node and policy.polcmd == "a":
        raise DDLError("42601", "only WITH CHECK expression allowed for INSERT")
    changed = replace(policy, origin=statement.span, statement=statement)
    if "roles" in node:
        roles = policy_roles(session, node["roles"])
        changed = replace(changed, polroles=roles, to_public_implicitly=False)
    if "qual" in node:
        changed = replace(changed, polqual=_expression(session, statement, node["qual"], relation))
    if "with_check" in node:
        changed = replace(changed, polwithcheck=_expression(session, statement, node["with_check"], relation))
    before = session.catalog.policies_of(relation.oid)
    session.catalog.policies.put(changed)
    _note(session, statement, relation.oid, before)


def drop_policy(session: Session, statement: Statement, obj: Raw, missing_ok: bool, cascade: bool = False) -> None:
    """One object of DROP POLICY: the table's name parts and the policy's name. DDLError 42704, NotFollowed."""
    parts = obj["List"]["items"]
    name = parts[-1]["String"]["sval"]
    relation = owner_named(session, parts[:-1])
    if relation is None:
        if missing_ok:
            return
        raise Missing("42P01", f'policy "{name}" is dropped from a table that is created by no file')
    policy = _find(session, relation.oid, name)
    if policy is not None:
        before = session.catalog.policies_of(relation.oid)
        session.catalog.policies.remove(policy.oid)
        _note(session, statement, relation.oid, before)
    elif not missing_ok:
        raise DDLError("42704", f'policy "{name}" for table "{relation.relname}" does not exist')


def rename_policy(session: Session, statement: Statement) -> None:
    """ALTER POLICY ... RENAME TO. Raises DDLError (42704, 42710), NotFollowed."""
    node = statement.node
    relation = _table(session, node["relation"])
    new = node["newname"]
    if _find(session, relation.oid, new) is not None:
        raise DDLError("42710", f'policy "{new}" for table "{relation.relname}" already exists')
    policy = _required(session, relation, node["subname"])
    session.catalog.policies.put(replace(policy, polname=new))


def policy_roles(session: Session, specs: list[Raw]) -> tuple[Oid, ...]:
    """The roles of a TO clause: PUBLIC alone when it is among them (policy_role_list_to_array)."""
    roles = roles_of(session, specs)
    return (PUBLIC,) if PUBLIC in roles else tuple(dict.fromkeys(roles))


def _note(session: Session, statement: Statement, relid: Oid, before: tuple[Policy, ...]) -> None:
    after = session.catalog.policies_of(relid)
    session.policy_changes.append(PolicyChange(session.migration, statement, relid, before, after))


def _is_implicit(specs: list[Raw]) -> bool:
    """Without TO the grammar puts in a PUBLIC that has no place."""
    return len(specs) == 1 and specs[0]["RoleSpec"].get("location", 0) < 0


def _table(session: Session, rangevar: Raw) -> Relation:
    relation = required_relation(session, rangevar)
    if relation.relkind not in "rp":
        raise DDLError("42809", f'"{relation.relname}" is not a table')
    return relation


def _find(session: Session, relid: Oid, name: str) -> Policy | None:
    for policy in session.catalog.policies_of(relid):
        if policy.polname == name:
            return policy
    return None


def _required(session: Session, relation: Relation, name: str) -> Policy:
    policy = _find(session, relation.oid, name)
    if policy is None:
        raise DDLError("42704", f'policy "{name}" for table "{relation.relname}" does not exist')
    return policy


def _expression(session: Session, statement: Statement, raw: Raw | None, relation: Relation) -> StoredExpr | None:
    if raw is None:
        return None
    stored = stored_expr(
        session.catalog, statement, raw, relation.oid, session.search_path, where="policy expressions", boolean=True
    )
    for node in rejections(stored.expr):
        assert node.sqlstate is not None
        span = _place(statement, node, stored)
        name = statement.node["policy_name"]
        session.rejected_policies.append(
            RejectedPolicy(statement, name, relation.oid, node.sqlstate, node.reason, span)
        )
        raise DDLError(node.sqlstate, node.reason)
    return stored


def _place(statement: Statement, node: Unresolved, stored: StoredExpr) -> Span:
    """Where the part that cannot be resolved stands, as far as its own place is known."""
    if node.raw is None:
        return stored.span
    start, end = expression_extent(statement, node.raw)
    return stored.span if start < 0 else statement.span_of(start, end)


HANDLERS: Final[dict[str, Handler]] = {"CreatePolicyStmt": create_policy, "AlterPolicyStmt": alter_policy}
