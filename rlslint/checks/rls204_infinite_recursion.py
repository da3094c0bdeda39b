"""RLS204: policies that lead back to their own table."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.rewrite.recursion import Edge, statement_error


def check(facts: Facts) -> Iterator[Match]:
    """One match a ring of policies, at the newest policy in it; the tables it takes down are in ``facts``."""
    rings: dict[frozenset[int], tuple[tuple[Edge, ...], str, str, dict[int, None], dict[int, None]]] = {}
    for plan in facts.plans:
        if plan.row_security.bypass is not None:
            continue
        error = statement_error(facts.catalog, plan.relid, plan.role, plan.statement, privileges=False)
        if error is None or not error.cycle:
            continue
        key = frozenset(edge.clause.policy.oid for edge in error.cycle)
        ring = rings.setdefault(key, (error.cycle, error.sqlstate, error.message, {}, {}))
        ring[3][plan.relid] = None
        ring[4][plan.role] = None
    for cycle, sqlstate, message, tables, roles in rings.values():
        newest = max(cycle, key=lambda edge: edge.clause.policy.oid)
        policy = newest.clause.policy
        through = sorted({_function(facts, edge) for edge in cycle if edge.function})
        yield Match(
            span=newest.clause.stored.span,
            relation=facts.catalog.relations[policy.polrelid],
            policy=policy,
            roles=tuple(roles),
            message="stack_depth" if sqlstate == "54001" else None,
            facts={
                "table": facts.name(policy.polrelid),
                "sqlstate": sqlstate,
                "error": message,
                "ring": [facts.name(edge.clause.policy.polrelid) for edge in cycle],
                "policies": sorted({edge.clause.policy.polname for edge in cycle}),
                "functions": through,
                "tables": [facts.name(relid) for relid in tables],
            },
            related=tuple(
                (edge.clause.stored.span, f'policy "{edge.clause.policy.polname}" is part of the ring')
                for edge in cycle
                if edge.clause.policy.oid != policy.oid
            ),
            needs=(
                NeedNote(
                    "read the other table through a SECURITY DEFINER function that a role bypassing row security owns, "
                    "with SET search_path = '', so that its policies do not run again"
                ),
            ),
        )


def _function(facts: Facts, edge: Edge) -> str:
    proc = facts.catalog.procs[edge.function]
    return facts.catalog.qualified_name(proc)
