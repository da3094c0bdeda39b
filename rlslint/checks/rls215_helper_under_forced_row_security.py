"""RLS215: a SECURITY DEFINER helper is bound by row security all the same, and finds nothing or comes back to itself."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.catalog import BOOTSTRAP_SUPERUSER
from rlslint.catalog.rows import Proc, Relation
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.nodes.primnodes import FuncExpr, Oid
from rlslint.plan.model import place
from rlslint.rewrite.access import function_calls
from rlslint.rewrite.functions import body_functions, body_tables
from rlslint.rewrite.rowsecurity import applicable_quals, bypasses
from rlslint.rewrite.truth import may_pass


def check(facts: Facts) -> Iterator[Match]:
    """One match a call in a policy and a table that its helper reads under row security in vain."""
    for clause, roles in facts.applied.items():
        calls: dict[Oid, FuncExpr] = {}
        for call in function_calls(clause.expr):
            calls.setdefault(call.funcid, call)
        for call in calls.values():
            proc = facts.catalog.procs.get(call.funcid)
            if proc is None or proc.statement is None or not proc.prosecdef:
                continue
            for relid in body_tables(facts.catalog, proc):
                relation = facts.catalog.relations[relid]
                outcome = _outcome(facts, proc, relation)
                if outcome is None:
                    continue
                known = proc.proowner != BOOTSTRAP_SUPERUSER
                yield Match(
                    span=place(clause, call),
                    relation=facts.catalog.relations[clause.policy.polrelid],
                    policy=clause.policy,
                    statements=facts.statements_under(clause),
                    roles=tuple(roles),
                    message=outcome,
                    confidence=None if known else "medium",
                    facts={
                        "table": facts.name(clause.policy.polrelid),
                        "function": facts.catalog.qualified_name(proc),
                        "relation": facts.name(relid),
                        "owner": facts.catalog.rolname(proc.proowner) if known else "the role that migrates",
                        "why": _why(facts, relation, proc),
                        "sqlstate": "54001" if outcome == "recursion" else None,
                    },
                    related=((proc.origin, "the helper"),) if proc.origin is not None else (),
                    needs=(
                        NeedNote(
                            f"lift FORCE ROW LEVEL SECURITY from {facts.name(relid)}, or give the helper to a role with "
                            "BYPASSRLS (ALTER FUNCTION ... OWNER TO)"
                        ),
                    ),
                )


def _outcome(facts: Facts, proc: Proc, relation: Relation) -> str | None:
    """``recursion``, ``no_rows``, or None: the owner bypasses row security, or some policy may show it rows."""
    if not relation.relrowsecurity or relation.relkind not in ("r", "p"):
        return None
    # who runs the files is not known without a preset; whoever forces row security is bound by it
    forced = proc.proowner == BOOTSTRAP_SUPERUSER == relation.relowner and relation.relforcerowsecurity
    if not forced and bypasses(facts.catalog, relation, proc.proowner) is not None:
        return None
    quals = applicable_quals(facts.catalog, relation.oid, proc.proowner, "r", check=False)
    for clause in quals.clauses:
        called = (facts.catalog.procs.get(call.funcid) for call in function_calls(clause.expr))
        if any(one is not None and _reads(facts, one, relation.oid, frozenset()) for one in called):
            return "recursion"
    return None if may_pass(facts.catalog, quals) else "no_rows"


def _reads(facts: Facts, proc: Proc, relid: Oid, seen: frozenset[Oid]) -> bool:
    if proc.oid in seen or proc.statement is None:
        return False
    if relid in body_tables(facts.catalog, proc):
        return True
    return any(_reads(facts, one, relid, seen | {proc.oid}) for one in body_functions(facts.catalog, proc))


def _why(facts: Facts, relation: Relation, proc: Proc) -> str:
    if relation.relforcerowsecurity:
        return "it has FORCE ROW LEVEL SECURITY"
    return f"{facts.catalog.rolname(proc.proowner)} neither owns it nor bypasses row security"
