"""RLS205: a policy reads a table, or calls a function, that the role has no privilege on."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import PUBLIC
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Oid, SubLink, walk
from rlslint.plan.model import place
from rlslint.rewrite.denials import Denial, denials
from rlslint.rewrite.model import PolicyClause, StatementName
from rlslint.rewrite.privileges import NEEDS, evaluated_clauses


def check(facts: Facts) -> Iterator[Match]:
    """One match an object, with the roles that lack a privilege on it.

    A policy for everybody counts where nobody who uses its table has the privilege: one who has is whom it is there for.
    """
    for clause, roles in _evaluated(facts).items():
        found: dict[tuple[str, Oid, Oid], list[tuple[Oid, Denial]]] = {}
        for role in roles:
            for denial in denials(facts.catalog, clause.expr, role):
                found.setdefault((denial.kind, denial.oid, denial.function), []).append((role, denial))
        for pairs in found.values():
            refused = tuple(dict.fromkeys(role for role, _ in pairs))
            if PUBLIC in clause.policy.polroles and len(refused) < len(roles):
                continue
            yield _match(facts, clause, pairs[0][1], refused, roles)


def _match(
    facts: Facts,
    clause: PolicyClause,
    denial: Denial,
    refused: tuple[Oid, ...],
    roles: dict[Oid, dict[StatementName, None]],
) -> Match:
    proc = facts.catalog.procs.get(denial.function)
    called = facts.catalog.procs.get(denial.oid) if denial.kind == "function" else None
    if denial.kind in ("table", "view"):
        name = facts.name(denial.oid)
    else:
        name = denial.name if called is None else facts.catalog.qualified_name(called)
    privilege = {"function": "EXECUTE", "schema": "USAGE"}.get(denial.kind, "SELECT")
    return Match(
        span=clause.stored.span if denial.node is None else place(clause, denial.node),
        relation=facts.catalog.relations[clause.policy.polrelid],
        policy=clause.policy,
        statements=tuple(dict.fromkeys(statement for role in refused for statement in roles[role])),
        roles=refused,
        message="helper" if proc is not None else denial.kind if denial.kind == "function" else None,
        facts={
            "table": facts.name(clause.policy.polrelid),
            "relation": name,
            "relname": denial.name,
            "kind": denial.kind,
            "columns": list(denial.columns),
            "which": f"the columns {', '.join(denial.columns)} of " if denial.columns else "",
            "function": "" if proc is None else facts.catalog.qualified_name(proc),
            "privilege": privilege,
            "error": denial.message,
            "roles": facts.role_names(refused),
            "sqlstate": "42501",
        },
        needs=(
            NeedNote(
                "ask through a SECURITY DEFINER function with SET search_path = '' that answers only the question, or "
                f"grant the role {privilege} on just what it needs of {name}"
            ),
        ),
    )


def _evaluated(facts: Facts) -> dict[PolicyClause, dict[Oid, dict[StatementName, None]]]:
    """Conditions that are left when constants are folded, by role, for statements that the role may run at all."""
    found: dict[PolicyClause, dict[Oid, dict[StatementName, None]]] = {}
    for plan in facts.plans:
        relation = facts.catalog.relations[plan.relid]
        if all(facts.granted(plan.role, relation, privilege) for privilege in NEEDS[plan.statement]):
            for evaluated in evaluated_clauses(plan.row_security):
                if evaluated.whole or any(isinstance(node, SubLink) for node in walk(evaluated.clause.expr)):
                    found.setdefault(evaluated.clause, {}).setdefault(plan.role, {})[plan.statement] = None
    return found
