"""A scalar subquery that looks up a row by its key in, a list of keys asked for once out.

Proof. Let a condition hold, among ANDs and ORs only, ``e = (SELECT m.c FROM m WHERE m.k = row.k AND p)``, where a unique
index over columns of m that are compared for equality there lets it find one row at most. Where it finds none its value is
NULL, and the whole is not true; where it finds one, the whole is true exactly when ``e = m.c`` is true of that row. So it is
true exactly when ``e IN (SELECT m.c FROM m WHERE m.k = row.k AND p)`` is, for which membership.py has its forms. A subquery
that could find two rows would fail, and is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.analyze.opclass import both_ways
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Expr, OpExpr, SubLink, SubLinkType, Var
from rlslint.plan import clauses
from rlslint.plan.clauses import strip_relabel
from rlslint.plan.mutate import has_vars_of_level
from rlslint.suggest.rewrites.membership import turned, turned_forms
from rlslint.suggest.rewrites.writing import Form, Writing, bare_scalar, conjuncts


def look_up_forms(writing: Writing, node: Expr) -> Iterator[Form]:
    """The forms of one positive part of a condition."""
    if not isinstance(node, OpExpr) or node.kind != "op" or len(node.args) != 2:
        return
    for value, right, opno in both_ways(writing.catalog, node.opno, *node.args):
        link = strip_relabel(right)
        if (
            not opno
            or not isinstance(link, SubLink)
            or link.kind is not SubLinkType.EXPR
            or not clauses.correlated(link)
        ):
            continue
        start, end = writing.place(link)
        if bare_scalar(link) is not None or start < 0 or not _finds_one(writing.catalog, link.subselect):
            continue
        asked = SubLink(
            type=node.type,
            kind=SubLinkType.ANY,
            subselect=link.subselect,
            lefthand=(value,),
            opnos=(opno,),
            righttypes=(right.type,),
            raw=node.raw,
        )
        found = None if clauses.contain_volatile(writing.catalog, node) else turned(writing, asked, (start, start, end))
        if found is not None:
            yield from turned_forms(writing, node, found)
            return


def _finds_one(catalog: Catalog, query: Query) -> bool:
    """Whether a unique index lets it find one row at most."""
    if len(query.rtable) != 1 or query.rtable[0].kind != "relation" or query.setop:
        return False
    relid = query.rtable[0].relid
    relation = catalog.relations.get(relid)
    # a unique index says nothing of the rows of tables that inherit from its own
    if relation is None or (relation.relkind != "p" and next(catalog.children_of(relid), None) is not None):
        return False
    fixed = {attnum for part in conjuncts(query.where) for attnum in _fixed(catalog, part)}
    late = {one.conkey for one in catalog.constraints_of(relid) if one.contype in ("p", "u") and one.condeferrable}
    return any(
        index.indisunique
        and index.indisvalid
        and index.indpred is None
        and (columns := tuple(key.attnum for key in index.keys)) not in late
        and all(columns)
        and fixed.issuperset(columns)
        for index in catalog.indexes_of(relid)
    )


def _fixed(catalog: Catalog, part: Expr) -> Iterator[int]:
    """The column of the subquery's table that a condition compares for equality with what is not of that table."""
    if not isinstance(part, OpExpr) or part.kind != "op" or len(part.args) != 2:
        return
    operator = catalog.operators.get(part.opno)
    if operator is None or operator.oprname != "=":
        return
    for one, other in (part.args, part.args[::-1]):
        column = strip_relabel(one)
        if isinstance(column, Var) and not column.levelsup and column.attnum > 0 and not has_vars_of_level(other, 0):
            yield column.attnum
