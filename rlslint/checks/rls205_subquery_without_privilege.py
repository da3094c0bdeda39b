"""RLS205: a policy's subquery reads a table that the role has no privilege on."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import place
from rlslint.rewrite.access import TableAccess, tables_read
from rlslint.rewrite.model import PolicyClause, StatementName
from rlslint.rewrite.privileges import has_any_column, may_read
from rlslint.rewrite.recursion import clauses_of


def check(facts: Facts) -> Iterator[Match]:
    """One match a table, where no role that the policy is there for may read it.

    Only tables on which some role was granted something: where the files hold no grant at all, grants are made elsewhere.
    """
    applied: dict[PolicyClause, dict[Oid, dict[StatementName, None]]] = {}
    for plan in facts.plans:
        for clause in clauses_of(plan.row_security):
            applied.setdefault(clause, {}).setdefault(plan.role, {})[plan.statement] = None
    for clause, roles in applied.items():
        denied: dict[Oid, list[tuple[Oid, TableAccess]]] = {}
        allowed: set[Oid] = set()
        for role in roles:
            for access in tables_read(facts.catalog, clause.expr, role):
                relation = facts.catalog.relations[access.relid]
                if may_read(facts.catalog, access.role, relation, access.columns):
                    allowed.add(access.relid)
                elif relation.relacl and _uses_table(facts, clause, role):
                    denied.setdefault(access.relid, []).append((role, access))
        for relid, pairs in denied.items():
            if relid in allowed:
                continue
            sublink = pairs[0][1].sublink
            refused = tuple(dict.fromkeys(role for role, _ in pairs))
            yield Match(
                span=clause.stored.span if sublink is None else place(clause, sublink),
                relation=facts.catalog.relations[clause.policy.polrelid],
                policy=clause.policy,
                statements=tuple(dict.fromkeys(name for role in refused for name in roles[role])),
                roles=refused,
                facts={
                    "table": facts.name(clause.policy.polrelid),
                    "relation": facts.name(relid),
                    "relname": facts.catalog.relations[relid].relname,
                    "roles": facts.role_names(refused),
                    "sqlstate": "42501",
                },
                needs=(
                    NeedNote(
                        f"ask through a SECURITY DEFINER function with SET search_path = '' that answers only the "
                        f"question, or grant the role SELECT on the columns of {facts.name(relid)} that it needs"
                    ),
                ),
            )


def _uses_table(facts: Facts, clause: PolicyClause, role: Oid) -> bool:
    """Whether the role can do anything with the policy's own table; if not, the policy is not there for it."""
    relation = facts.catalog.relations[clause.policy.polrelid]
    commands = {"r": ("select",), "a": ("insert",), "w": ("update",), "d": ("delete",)}
    wanted = commands.get(clause.policy.polcmd, ("select", "insert", "update", "delete"))
    return any(has_any_column(facts.catalog, role, relation, privilege) for privilege in wanted)
