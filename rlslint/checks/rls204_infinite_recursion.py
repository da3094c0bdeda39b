"""RLS204: policies that lead back to their own table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field
from rlslint.rewrite.model import StatementName
from rlslint.rewrite.recursion import Edge, statement_error


@dataclass
class _Ring:
    cycle: tuple[Edge, ...]
    sqlstate: str
    message: str
    tables: dict[Oid, None] = field(default_factory=dict)
    roles: dict[Oid, None] = field(default_factory=dict)
    statements: dict[StatementName, None] = field(default_factory=dict)


def check(facts: Facts) -> Iterator[Match]:
    """One match a ring of policies, at the newest policy in it; the tables it takes down are in ``facts``."""
    for ring in _rings(facts):
        newest = max(ring.cycle, key=lambda edge: edge.clause.policy.oid)
        policy = newest.clause.policy
        functions = sorted({_function(facts, edge) for edge in ring.cycle if edge.function})
        yield Match(
            span=newest.clause.stored.span,
            relation=facts.catalog.relations[policy.polrelid],
            policy=policy,
            statements=tuple(ring.statements),
            roles=tuple(ring.roles),
            message="stack_depth" if functions else None,
            facts={
                "table": facts.name(policy.polrelid),
                "sqlstate": ring.sqlstate,
                "error": ring.message,
                "ring": [facts.name(edge.clause.policy.polrelid) for edge in ring.cycle],
                "policies": sorted({edge.clause.policy.polname for edge in ring.cycle}),
                "functions": functions,
                "tables": [facts.name(relid) for relid in ring.tables],
                "besides": _besides(ring.statements),
            },
            related=tuple(
                (edge.clause.stored.span, f'policy "{edge.clause.policy.polname}" is part of the ring')
                for edge in ring.cycle
                if edge.clause.policy.oid != policy.oid
            ),
            needs=(
                NeedNote(
                    "read the table through a SECURITY DEFINER function that a role bypassing row security owns, with "
                    "SET search_path = '', so that its policies do not run again"
                ),
            ),
        )


def _rings(facts: Facts) -> list[_Ring]:
    rings: dict[frozenset[Oid], _Ring] = {}
    for plan in facts.plans:
        if plan.row_security.bypass is not None:
            continue
        error = statement_error(facts.catalog, plan.relid, plan.role, plan.statement, privileges=False)
        if error is None or not error.cycle or any(_definer(facts, edge) for edge in error.cycle):
            continue
        key = frozenset(edge.clause.policy.oid for edge in error.cycle)
        ring = rings.setdefault(key, _Ring(error.cycle, error.sqlstate, error.message))
        ring.tables[plan.relid] = None
        ring.roles[plan.role] = None
        ring.statements[plan.statement] = None
    return list(rings.values())


def _besides(statements: Iterable[StatementName]) -> str:
    """What reads columns meets the SELECT policies as well, whatever policies UPDATE and DELETE have of their own."""
    return (
        ", UPDATE and DELETE that read a column (WHERE)"
        if "select" in statements and "update" not in statements
        else ""
    )


def _definer(facts: Facts, edge: Edge) -> bool:
    """A SECURITY DEFINER function that row security binds all the same is RLS215's business."""
    proc = facts.catalog.procs.get(edge.function)
    return proc is not None and proc.prosecdef


def _function(facts: Facts, edge: Edge) -> str:
    proc = facts.catalog.procs[edge.function]
    return facts.catalog.qualified_name(proc)
