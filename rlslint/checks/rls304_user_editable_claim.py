"""RLS304: a policy believes what the user writes about himself."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.exposure import live_clauses, policy_functions, signature
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Const, Expr, FuncExpr, OpExpr, SubLink, SubscriptingRef, walk
from rlslint.plan.model import place
from rlslint.rewrite.access import tables_read
from rlslint.rewrite.functions import asks_session, body_words, session_reads

_PATHS = frozenset({"->", "->>", "#>", "#>>", "?", "@>"})
_EXTRACT = frozenset({"json_extract_path", "json_extract_path_text", "jsonb_extract_path", "jsonb_extract_path_text"})
_NOTE = NeedNote("keep what policies trust where only the server writes it: app_metadata, or a table of your own")


def check(facts: Facts) -> Iterator[Match]:
    """One match a condition that reads such a claim from the session, or such a column of auth.users; or a function
    that a policy calls and that does."""
    for clause, roles in live_clauses(facts).items():
        relation = facts.catalog.relations[clause.policy.polrelid]
        if clause.policy.origin is None:
            continue
        found = _claim(facts, clause.expr) or _column(facts, clause.expr, roles[0])
        if found is not None:
            claim, where = found
            yield Match(
                span=place(clause, where),
                relation=relation,
                policy=clause.policy,
                roles=roles,
                facts={"table": facts.name(relation.oid), "claim": claim},
                needs=(_NOTE,),
            )
    for proc, clause, roles in policy_functions(facts):
        claims = sorted(body_words(proc) & set(facts.user_editable_claims))
        reads = session_reads(facts.catalog, proc) is not None or any(name.startswith("raw_") for name in claims)
        if claims and reads and proc.origin is not None:
            relation = facts.catalog.relations[clause.policy.polrelid]
            yield Match(
                span=proc.origin,
                relation=relation,
                policy=clause.policy,
                roles=roles,
                message="function",
                facts={"table": facts.name(relation.oid), "claim": claims[0], "function": signature(facts, proc)},
                related=((clause.stored.span, "the policy that calls it"),),
                needs=(_NOTE,),
            )


def _claim(facts: Facts, expr: Expr) -> tuple[str, Expr] | None:
    for node, _ in walk_deep(expr):
        parts = _parts(facts, node)
        if not parts or not _from_session(facts, parts[0]):
            continue
        for part in parts[1:]:
            for leaf in walk(part):
                if isinstance(leaf, Const) and leaf.value is not None:
                    for claim in facts.user_editable_claims:
                        if claim in leaf.value.strip("{}").replace('"', "").split(","):
                            return claim, node
    return None


def _parts(facts: Facts, node: Expr) -> tuple[Expr, ...]:
    match node:
        case OpExpr(args=(left, right)):
            operator = facts.catalog.operators.get(node.opno)
            return (left, right) if operator is not None and operator.oprname in _PATHS else ()
        case FuncExpr(args=args):
            proc = facts.catalog.procs.get(node.funcid)
            return args if proc is not None and proc.proname in _EXTRACT else ()
        case SubscriptingRef():
            return (node.arg, *node.subscripts)
    return ()


def _from_session(facts: Facts, expr: Expr) -> bool:
    """Whether the value comes out of the request: current_setting, or a function that reads it."""
    return any(asks_session(facts.catalog, node) for node, _ in walk_deep(expr))


def _column(facts: Facts, expr: Expr, role: int) -> tuple[str, Expr] | None:
    """A column of auth.users that users write themselves, in a subquery."""
    for access in tables_read(facts.catalog, expr, role):
        relation = facts.catalog.relations[access.relid]
        if facts.catalog.nspname(relation.relnamespace) != "auth" or relation.relname != "users":
            continue
        for number in sorted(access.columns):
            name = relation.column(number).attname if number > 0 else ""
            if name in facts.user_editable_claims:
                where = access.sublink
                return (name, where) if isinstance(where, SubLink) else None
    return None
