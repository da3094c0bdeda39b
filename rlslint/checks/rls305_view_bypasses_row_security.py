"""RLS305: a view shows rows that the caller's own row security would hide."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.rows import Relation
from rlslint.checks.exposure import clients_with, reachable
from rlslint.checks.model import Facts, Match, Need, NeedInvoker, NeedNote
from rlslint.nodes.parsenodes import walk_query
from rlslint.nodes.primnodes import Oid, SQLValueFunction
from rlslint.plan.clauses import is_true
from rlslint.rewrite.access import check_as_user, query_tables
from rlslint.rewrite.functions import asks_session
from rlslint.rewrite.rowsecurity import applicable_quals, bypasses

_INVOKER_SINCE = 15
_SESSION = frozenset({"current_user", "session_user", "user", "current_role"})


def check(facts: Facts) -> Iterator[Match]:
    """One match a view, or materialized view, that a client role may read and that reads a table as a role to which its
    policies do not apply, though to the client they do.

    A view that compares with the session's user itself may be meant to be the fence: said as information.
    """
    for view in facts.views:
        if view.query is None or view.origin is None:
            continue
        if not reachable(facts, view.relnamespace):
            continue
        hidden: dict[Oid, dict[Oid, None]] = {}
        for role in clients_with(facts, view, "select"):
            for relid in _unveiled(facts, view, role):
                hidden.setdefault(relid, {})[role] = None
        if not hidden:
            continue
        materialized = view.relkind == "m"
        fenced = not materialized and _asks_session(facts, view)
        yield Match(
            span=view.origin,
            relation=view,
            roles=tuple(dict.fromkeys(role for roles in hidden.values() for role in roles)),
            message="materialized" if materialized else "fenced" if fenced else None,
            severity="info" if fenced else None,
            facts={
                "view": facts.name(view.oid),
                "tables": [facts.name(relid) for relid in hidden],
                "owner": facts.catalog.rolname(view.relowner),
            },
            needs=_needs(facts, view),
        )


def _unveiled(facts: Facts, view: Relation, role: Oid) -> Iterator[Oid]:
    """Tables of which the view may show the role more than the role's own row security does."""
    catalog = facts.catalog
    assert view.query is not None
    # a materialized view is filled by its owner
    runs, check_as = (view.relowner, 0) if view.relkind == "m" else (role, check_as_user(view))
    for access in query_tables(catalog, view.query, runs, check_as=check_as):
        table = catalog.relations[access.relid]
        if access.role == role or table.relkind not in ("r", "p"):
            continue
        if bypasses(catalog, table, access.role) in (None, "off") or bypasses(catalog, table, role) is not None:
            continue
        quals = applicable_quals(catalog, table.oid, role, "r", check=False)
        simplifier = facts.simplifier(role)
        everything = any(is_true(simplifier.qual_expr(one.expr)) for one in quals.permissive) and all(
            is_true(simplifier.qual_expr(one.expr)) for one in quals.restrictive
        )
        if not everything or (role == PUBLIC and not quals.permissive):
            yield table.oid


def _asks_session(facts: Facts, view: Relation) -> bool:
    assert view.query is not None
    return any(
        (isinstance(node, SQLValueFunction) and node.name in _SESSION) or asks_session(facts.catalog, node)
        for node, _ in walk_query(view.query)
    )


def _needs(facts: Facts, view: Relation) -> tuple[Need, ...]:
    name = facts.name(view.oid)
    if view.relkind == "m":
        text = (
            f"revoke SELECT on {name}, or put it where clients do not come and a view with its own condition before it"
        )
        return (NeedNote(text),)
    if facts.catalog.pg_version < _INVOKER_SINCE:
        return (
            NeedNote(f"PostgreSQL {_INVOKER_SINCE} has views with the caller's rights: SET (security_invoker = true)"),
        )
    return NeedInvoker(view.oid), NeedNote(f"ALTER VIEW {name} SET (security_invoker = true)", unless_cured=True)
