"""RLS211: a condition that a NULL turns into something that is never true."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.plan.model import place
from rlslint.rewrite.nulls import null_traps


def check(facts: Facts) -> Iterator[Match]:
    """One match a NOT IN over a nullable column, a comparison with NULL, or an inequality on a column for which
    another policy of the table says what NULL means."""
    for clause, roles in facts.applied.items():
        relation = facts.catalog.relations[clause.policy.polrelid]
        for trap in null_traps(facts.catalog, clause):
            yield Match(
                span=place(clause, trap.node),
                relation=relation,
                policy=clause.policy,
                statements=facts.statements_under(clause),
                roles=tuple(roles),
                severity="error" if trap.kind == "literal" else None,
                confidence="medium" if trap.kind == "elsewhere" else None,
                message=None if trap.kind == "not_in" else trap.kind,
                facts={
                    "table": facts.name(relation.oid),
                    "column": trap.column,
                    "relation": facts.name(trap.relid) if trap.relid else "",
                    "other": trap.other,
                },
                needs=(NeedNote(_CURES[trap.kind]),),
            )


_CURES = {
    "not_in": "NOT EXISTS (SELECT ... WHERE the columns are equal), or leave the NULLs out: WHERE ... IS NOT NULL",
    "literal": "IS NULL, IS NOT NULL or IS DISTINCT FROM",
    "elsewhere": "IS DISTINCT FROM, which counts NULL as a value",
}
