"""RLS114: an index that the users' own conditions cannot use, because the policy must be checked first."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import Index
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.checks.policy_scans import whole_scans
from rlslint.nodes.primnodes import Oid, Var, walk
from rlslint.plan.barrier import searched_by, serves_leakproof

_ADVICE = (
    "let an index serve the policy itself, so that few rows are left to filter, or search in a SECURITY DEFINER function "
    "that checks who asks; do not declare anything LEAKPROOF that is not"
)


def check(facts: Facts) -> Iterator[Match]:
    """One match a table: its indexes whose operators may not run before the policy, which no index serves."""
    tables: dict[Oid, list[Oid]] = {}
    for plan in whole_scans(facts):
        if plan.statement == "select" and plan.scan.filters:
            tables.setdefault(plan.relid, []).append(plan.role)
    for relid, roles in tables.items():
        indexes = [index for index in facts.catalog.indexes_of(relid) if _held_back(facts, index)]
        if not indexes or indexes[0].origin is None:
            continue
        yield Match(
            span=indexes[0].origin,
            relation=facts.catalog.relations[relid],
            statements=("select",),
            roles=tuple(roles),
            facts={
                "table": facts.name(relid),
                "indexes": [index.relname for index in indexes],
                "columns": list(dict.fromkeys(name for index in indexes for name in _columns(facts, index))),
                "method": indexes[0].amname,
            },
            needs=(NeedNote(_ADVICE),),
        )


def _columns(facts: Facts, index: Index) -> list[str]:
    """Those that the operators that leak search by. What an index holds besides may serve, as may its order."""
    keys = searched_by(index)
    numbers = {key.attnum for key in keys if key.expr is None}
    numbers.update(
        node.attnum for key in keys if key.expr is not None for node in walk(key.expr.expr) if isinstance(node, Var)
    )
    return facts.column_names(index.indrelid, tuple(sorted(numbers)))


def _held_back(facts: Facts, index: Index) -> bool:
    return index.origin is not None and not index.indisunique and not serves_leakproof(facts.catalog, index)
