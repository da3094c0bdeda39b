"""Conditions on a relation in, the columns that an index for them would lead with out."""

from __future__ import annotations

from collections.abc import Sequence

from rlslint.analyze.collate import other_collation
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Oid, OpExpr, ScalarArrayOpExpr, Var
from rlslint.plan import clauses
from rlslint.plan.flat import Qual, Rel
from rlslint.plan.mutate import outer_vars, relids


def key_columns(catalog: Catalog, rel: Rel, quals: Sequence[Qual]) -> dict[int, Oid]:
    """Columns compared for equality with something known before the scan: what the session brings first, then what
    comes from an outer row or another table, then literals. With each the collation that it is compared by where that is
    not its own, else 0."""
    ranked: list[tuple[int, int, Oid]] = []
    for qual in quals:
        match qual.expr:
            case OpExpr(kind="op", args=(left, right)) | ScalarArrayOpExpr(use_or=True, args=(left, right)):
                pass
            case _:
                continue
        operator = catalog.operators.get(qual.expr.opno)
        if operator is None or operator.oprname != "=":
            continue
        for side, other in ((left, right), (right, left)):
            column = clauses.strip_collate(side)
            if not isinstance(column, Var) or column.levelsup or column.varno != rel.rtindex or column.attnum < 1:
                continue
            beside = relids(other)
            if rel.rtindex in beside or clauses.volatile_when_run(catalog, other):
                continue
            rank = 2 if hasattr(other, "value") and not other.children() else 0
            if beside or outer_vars(other):
                rank = 1
            ranked.append((rank, column.attnum, other_collation(catalog, column.collation, (left, right))))
            break
    found: dict[int, Oid] = {}
    for _, attnum, collation in sorted(ranked, key=lambda one: one[0]):
        found.setdefault(attnum, collation)
    return found
