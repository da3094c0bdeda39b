"""RLS202: a policy's subquery reads a table of which the role can see no row."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Oid, SubLink
from rlslint.plan.model import place
from rlslint.rewrite.access import tables_read
from rlslint.rewrite.model import PolicyClause
from rlslint.rewrite.privileges import may_read
from rlslint.rewrite.recursion import clauses_of
from rlslint.rewrite.rowsecurity import row_security


def check(facts: Facts) -> Iterator[Match]:
    """One match a table in a subquery, where that is so for every role that the policy is there for."""
    for clause, roles in _clauses(facts).items():
        blind: dict[tuple[Oid, SubLink | None], list[Oid]] = {}
        seen: set[tuple[Oid, SubLink | None]] = set()
        for role in roles:
            for access in tables_read(facts.catalog, clause.expr, role):
                key = (access.relid, access.sublink)
                if not may_read(facts.catalog, access.role, facts.catalog.relations[access.relid], access.columns):
                    # permission denied comes before row security: RLS205's business
                    seen.add(key)
                    continue
                security = row_security(facts.catalog, access.relid, access.role, "select")
                if security.bypass is None and security.scan_excluded:
                    blind.setdefault(key, []).append(role)
                else:
                    seen.add(key)
        for key, blind_roles in blind.items():
            relid, sublink = key
            if key in seen or facts.catalog.relations[relid].relkind == "v":
                continue
            yield Match(
                span=clause.stored.span if sublink is None else place(clause, sublink),
                relation=facts.catalog.relations[clause.policy.polrelid],
                policy=clause.policy,
                roles=tuple(blind_roles),
                facts={
                    "table": facts.name(clause.policy.polrelid),
                    "relation": facts.name(relid),
                    "roles": facts.role_names(tuple(blind_roles)),
                },
                needs=(NeedNote(_cure(facts, relid)),),
            )


def _cure(facts: Facts, relid: Oid) -> str:
    return (
        f"give the role a SELECT policy on {facts.name(relid)} that covers the rows this condition needs, or ask "
        "through a SECURITY DEFINER function with a fixed search_path"
    )


def _clauses(facts: Facts) -> dict[PolicyClause, tuple[Oid, ...]]:
    """Every clause with the roles it is applied to and that do not bypass row security."""
    found: dict[PolicyClause, dict[Oid, None]] = {}
    for plan in facts.plans:
        for clause in clauses_of(plan.row_security):
            found.setdefault(clause, {})[plan.role] = None
    return {clause: tuple(roles) for clause, roles in found.items()}
