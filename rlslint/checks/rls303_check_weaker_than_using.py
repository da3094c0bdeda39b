"""RLS303: an UPDATE may move a row out of what its owner can see."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.rows import StoredExpr
from rlslint.checks.exposure import live_clauses
from rlslint.checks.model import Facts, Match, NeedNote
from rlslint.implication.compare import Condition, compare
from rlslint.implication.words import describe
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import BoolExpr, Expr, FuncExpr, Oid, SQLValueFunction, SubLink, Var
from rlslint.rewrite.functions import is_current_setting
from rlslint.rewrite.model import PolicyClause
from rlslint.rewrite.rowsecurity import applicable_quals


def check(facts: Facts) -> Iterator[Match]:
    """One match a permissive policy for UPDATE or ALL whose WITH CHECK does not ask of the new row what USING asks about
    the session's user: somebody else's name may be put in.

    Conditions on the row alone (status = 'draft') are meant to change. Where every SELECT policy asks it of the new row
    anyway, only an UPDATE that reads no column can do it: said as information.
    """
    for clause, roles in live_clauses(facts).items():
        policy = clause.policy
        if policy.origin is None or not policy.polpermissive or policy.polcmd not in ("w", "*"):
            continue
        if clause.clause != "check" or policy.polqual is None:
            continue
        relation = facts.catalog.relations[policy.polrelid]
        for role in roles:
            row = _moved(facts, clause, policy.polqual, role)
            if row is None:
                continue
            guarded = _guarded(facts, policy.polqual, relation.oid, role)
            yield Match(
                span=clause.stored.span,
                relation=relation,
                policy=policy,
                statements=("update",),
                roles=(role,),
                severity="info" if guarded else None,
                message="guarded" if guarded else None,
                facts={"table": facts.name(relation.oid), "row": row},
                needs=(
                    NeedNote("leave WITH CHECK out (USING is then asked of the new row too), or repeat the condition"),
                ),
            )


def _moved(facts: Facts, clause: PolicyClause, using: StoredExpr, role: Oid) -> str | None:
    """A new row that passes the checks though no USING of the role's would let its owner reach it, in words."""
    catalog, relid = facts.catalog, clause.policy.polrelid
    reachable = [one.stored for one in applicable_quals(catalog, relid, role, "w", check=False).permissive]
    asked = [_about(facts, one) for one in reachable]
    if not all(asked):
        # some USING does not ask who it is: there is nothing to drop
        return None
    restrictive = applicable_quals(catalog, relid, role, "w", check=True).restrictive
    # what USING says without looking at the row holds for the new row as well: the old one has passed it
    session = [part for part in _conjuncts(using.expr) if not _reads_row(part)]
    verdict = compare(
        catalog,
        relid,
        role,
        Condition(tuple(_part(one, parts) for one, parts in zip(reachable, asked, strict=True))),
        Condition((clause.stored,), (*(one.stored for one in restrictive), *(_part(using, [one]) for one in session))),
        stored=False,
        grows_only=True,
    )
    if verdict.kind != "wider" or verdict.case is None:
        return None
    return describe(catalog, verdict.case, (clause.stored, *reachable))


def _about(facts: Facts, using: StoredExpr) -> list[Expr]:
    """Conjuncts that compare the row with who is there: not those about the row alone, nor about the session alone."""
    return [part for part in _conjuncts(using.expr) if _reads_row(part) and _asks_who(facts, part)]


def _conjuncts(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, BoolExpr) and expr.op == "and":
        for arg in expr.args:
            yield from _conjuncts(arg)
    else:
        yield expr


def _part(using: StoredExpr, parts: list[Expr]) -> StoredExpr:
    """Some conjuncts of a condition as a condition."""
    return StoredExpr(
        expr=parts[0] if len(parts) == 1 else BoolExpr(type=16, op="and", args=tuple(parts)),
        raw=using.raw,
        statement=using.statement,
        search_path=using.search_path,
        start=using.start,
        end=using.end,
    )


def _reads_row(expr: Expr) -> bool:
    return any(isinstance(node, Var) and node.levelsup == level for node, level in walk_deep(expr))


def _asks_who(facts: Facts, expr: Expr) -> bool:
    """Whether a function, the session or another table is asked."""
    return any(
        isinstance(node, (SubLink, SQLValueFunction))
        or (
            isinstance(node, FuncExpr)
            and (proc := facts.catalog.procs.get(node.funcid)) is not None
            and (proc.statement is not None or is_current_setting(proc))
        )
        for node, _ in walk_deep(expr)
    )


def _guarded(facts: Facts, using: StoredExpr, relid: Oid, role: Oid) -> bool:
    """Whether the SELECT policies ask the same of a new row."""
    quals = applicable_quals(facts.catalog, relid, role, "r", check=False)
    if not quals.permissive:
        return True
    seen = Condition(tuple(one.stored for one in quals.permissive), tuple(one.stored for one in quals.restrictive))
    verdict = compare(facts.catalog, relid, role, Condition((using,)), seen, stored=False, grows_only=True)
    return verdict.kind in ("equal", "narrower")
