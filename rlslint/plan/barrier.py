"""An index in, whether any condition that it serves may run before a policy out (restriction_is_securely_promotable of
restrictinfo.c): a condition of the user waits behind row security unless everything in it over the row is LEAKPROOF."""

from __future__ import annotations

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Index, IndexKey
from rlslint.plan import clauses


def searched_by(index: Index) -> tuple[IndexKey, ...]:
    """The keys of which one alone serves: of a btree the first."""
    return index.keys if index.amname in ("gin", "gist", "brin") else index.keys[:1]


def serves_leakproof(catalog: Catalog, index: Index) -> bool:
    """False only where it is certain: every operator of the leading key's family leaks, or the key itself does."""
    keys = searched_by(index)
    return any(_leakproof(catalog, key.opclass) or not key.opclass for key in keys if key.expr is None) or any(
        not clauses.contain_leaked_vars(catalog, key.expr.expr)
        and (_leakproof(catalog, key.opclass) or not key.opclass)
        for key in keys
        if key.expr is not None
    )


def _leakproof(catalog: Catalog, opclass: int) -> bool:
    """Whether one of the operators that search by the class's own type is LEAKPROOF."""
    row = catalog.opclasses.get(opclass)
    if row is None:
        return True
    operators = [amop.amopopr for amop in catalog.amops.find("family", row.opcfamily) if amop.amoppurpose == "s"]
    procs = [clauses.op_proc(catalog, opno) for opno in operators]
    return not procs or any(proc is None or proc.proleakproof for proc in procs)
