"""RLS203: an unqualified name that was meant for the policy's table binds to the table of the subquery."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match, NeedQualify
from rlslint.rewrite.captures import captures
from rlslint.rewrite.model import PolicyClause


def check(facts: Facts) -> Iterator[Match]:
    """One match a captured name; an error where the comparison is of a column with itself."""
    for policy in facts.policies:
        relation = facts.catalog.relations[policy.polrelid]
        for which, stored in (("using", policy.polqual), ("check", policy.polwithcheck)):
            if stored is None:
                continue
            clause = PolicyClause(policy, "using" if which == "using" else "check", stored)
            for capture in captures(facts.catalog, policy, stored):
                yield Match(
                    span=stored.statement.span_of(capture.start, capture.end),
                    relation=relation,
                    policy=policy,
                    severity="error" if capture.tautology else "warning",
                    confidence="high" if capture.tautology else "medium",
                    message="tautology" if capture.tautology else None,
                    facts={
                        "table": facts.name(policy.polrelid),
                        "column": capture.column,
                        "relation": capture.inner,
                        "reads_as": f"{capture.inner}.{capture.column}",
                        "meant": f"{relation.relname}.{capture.column}",
                    },
                    needs=(NeedQualify(clause, capture.start, capture.end, capture.column),),
                )
