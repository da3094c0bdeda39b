"""Functions that policies call in, ALTER FUNCTION and functions beside them out."""

from __future__ import annotations

from rlslint.analyze.typename import format_type, quote_qualified
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy, Proc
from rlslint.checks.model import NeedStable
from rlslint.findings import Suggestion
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import FuncExpr, Oid
from rlslint.suggest.rewrites.list_helper import ListHelper
from rlslint.suggest.rewrites.one_answer import one_answer
from rlslint.suggest.trial import applied

_WORDS = {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}


def declare_stable(catalog: Catalog, need: NeedStable) -> Suggestion | None:
    """STABLE instead of VOLATILE, which functions are when nothing is said.

    Equal where the function only reads: a STABLE one sees the data as of the start of the statement.
    """
    proc = catalog.procs.get(need.funcid)
    if proc is None or proc.origin is None or proc.provolatile != "v" or proc.prokind != "f":
        return None
    askers = {policy.polrelid for policy in catalog.policies if _asks(policy, proc.oid)}
    applicability, assumes = one_answer(catalog, proc, askers, "writes nothing and gives")
    head = f"ALTER FUNCTION {signature(catalog, proc)} "
    return Suggestion(
        kind="rewrite_policy",
        title=f"declare {proc.proname}() STABLE",
        applicability=applicability,
        assumes=assumes,
        up=f"{head}STABLE;",
        down=f"{head}{_WORDS[proc.provolatile]};",
    )


def _asks(policy: Policy, funcid: Oid) -> bool:
    return any(
        isinstance(node, FuncExpr) and node.funcid == funcid
        for stored in (policy.polqual, policy.polwithcheck)
        if stored is not None
        for node, _ in walk_deep(stored.expr)
    )


def listing(catalog: Catalog, helper: ListHelper) -> Suggestion | None:
    """The function that lists what a helper asks about, for whom the helper is for; None where it would mean another."""
    with applied(catalog, [helper.create]) as change:
        if change.rejected is not None or not helper.is_right(catalog):
            return None
        up = "\n".join([helper.create, *helper.grants(catalog)])
    return Suggestion(
        kind="rewrite_policy",
        title=f"a function that lists what {helper.proc.proname}() asks about"
        + (", and one that says what it needs no row for" if len(helper.made) > 1 else ""),
        applicability=helper.form.applicability,
        assumes=helper.form.assumes,
        up=up,
        down=helper.drop,
    )


def signature(catalog: Catalog, proc: Proc) -> str:
    """``schema.name(types)``, quoted."""
    types = ", ".join(format_type(catalog, oid) for oid in proc.proargtypes)
    return f"{quote_qualified(catalog.nspname(proc.pronamespace), proc.proname)}({types})"
