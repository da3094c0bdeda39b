"""EXISTS on the key that a foreign key refers to in, ``column IS NOT NULL`` out, where the two are equal.

Proof. Let ``EXISTS (SELECT ... FROM m WHERE m.k = row.c)`` hold nothing but the key's comparison, with a validated foreign
key from c to m.k that is not deferrable. For a stored row with c not NULL the constraint has a row in m with that key, so
EXISTS is true; with c NULL the comparison is never true and EXISTS is false. A new row that has no parent fails EXISTS
with 42501 and, once the policy no longer asks, the constraint with 23503: refused either way, and said in the assumption.
Row security on m would hide parents from EXISTS but not from the constraint, so there must be none; the roles must be
allowed to read m, or EXISTS would have raised an error for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.nodes.primnodes import Expr, NullTest, OpExpr, SubLink, SubLinkType, Var
from rlslint.suggest.rewrites.writing import Form, Writing, conjuncts


def foreign_key_forms(writing: Writing, node: Expr) -> Iterator[Form]:
    """The one form."""
    if not isinstance(node, SubLink) or node.kind is not SubLinkType.EXISTS:
        return
    query = node.subselect
    if len(query.rtable) != 1 or query.setop or query.has_aggs or query.limit or query.offset or query.having:
        return
    only = conjuncts(query.where)
    if len(only) != 1 or not isinstance(only[0], OpExpr) or len(only[0].args) != 2:
        return
    operator = writing.catalog.operators.get(only[0].opno)
    left, right = only[0].args
    inner, outer = (left, right) if isinstance(left, Var) and left.levelsup == 0 else (right, left)
    if not isinstance(inner, Var) or not isinstance(outer, Var) or (inner.levelsup, outer.levelsup) != (0, 1):
        return
    relation = writing.catalog.relations.get(query.rtable[0].relid)
    if operator is None or operator.oprname != "=" or relation is None or relation.relrowsecurity:
        return
    if relation.relkind not in "rp" or not _constrained(writing, outer.attnum, relation.oid, inner.attnum):
        return
    words, (start, end) = writing.words(outer), writing.place(node)
    if start < 0 or not words:
        return
    yield Form(
        edits=((start, end, f"{words} IS NOT NULL"),),
        node=node,
        accepts=lambda new: (
            isinstance(new, NullTest)
            and not new.is_null
            and isinstance(new.arg, Var)
            and (new.arg.attnum, new.arg.levelsup, new.arg.varno) == (outer.attnum, 0, outer.varno)
        ),
        title=f"leave it to the foreign key, which already asks whether {relation.relname} has the row",
        applicability="conditional",
        assumes=(
            "a new row without a parent may fail with 23503 (foreign key) instead of 42501",
            f"the roles may read {relation.relname}",
        ),
    )


def _constrained(writing: Writing, attnum: int, relid: int, key: int) -> bool:
    return any(
        one.contype == "f"
        and (one.conkey, one.confrelid, one.confkey) == ((attnum,), relid, (key,))
        and one.convalidated
        and not one.condeferrable
        for one in writing.catalog.constraints_of(writing.relid)
    )
