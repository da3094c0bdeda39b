"""RLS213: a row becomes visible to who inserts it only when another row has been written afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.plan.model import place
from rlslint.rewrite.lateness import Late, too_late
from rlslint.rewrite.model import PolicyClause, Quals, StatementName
from rlslint.rewrite.rowsecurity import applicable_quals


def check(facts: Facts) -> Iterator[Match]:
    """One match a SELECT policy and role that may insert, when no SELECT policy can hold for a row that is being made."""
    for plan in facts.plans:
        if plan.statement != "insert_returning" or plan.row_security.bypass is not None:
            continue
        relation = facts.catalog.relations[plan.relid]
        insert = applicable_quals(facts.catalog, plan.relid, plan.role, "a", check=True).permissive
        if facts.never_true(insert) or facts.blind(plan.relid, plan.role):
            continue
        if not all(facts.granted(plan.role, relation, privilege) for privilege in ("insert", "select")):
            continue
        found = _first(facts, plan.relid, applicable_quals(facts.catalog, plan.relid, plan.role, "r", check=False))
        if found is None:
            continue
        clause, late = found
        # the same condition may be what is asked of new rows: then nothing can be inserted at all
        barred = _first(facts, plan.relid, applicable_quals(facts.catalog, plan.relid, plan.role, "a", check=True))
        yield Match(
            span=place(clause, late.node),
            relation=relation,
            policy=clause.policy,
            statements=_EVERY if barred else ("insert_returning", "upsert"),
            roles=(plan.role,),
            message="never" if barred else "own_table" if late.relid == plan.relid else None,
            facts={
                "table": facts.name(plan.relid),
                "relname": relation.relname,
                "relation": facts.name(late.relid),
                "column": facts.catalog.relations[late.relid].column(late.column).attname,
                "key": relation.column(late.key).attname,
                "sqlstate": "42501",
            },
            needs=(
                NeedNote(
                    "let the SELECT policy hold for the row itself as well, for instance OR created_by = the user"
                ),
            ),
        )


_EVERY: Final[tuple[StatementName, ...]] = ("insert", "insert_many", "insert_returning", "upsert")


def _first(facts: Facts, relid: int, quals: Quals) -> tuple[PolicyClause, Late] | None:
    """The condition that stands in the way: a restrictive one, or the permissive ones when it is all of them."""
    for clause in quals.restrictive:
        late = too_late(facts.catalog, relid, clause.expr)
        if late is not None:
            return clause, late
    found = [(clause, too_late(facts.catalog, relid, clause.expr)) for clause in quals.permissive]
    live = [(clause, late) for clause, late in found if not facts.never_true((clause,))]
    if not live or any(late is None for _, late in live):
        return None
    clause, late = live[-1]
    return None if late is None else (clause, late)
