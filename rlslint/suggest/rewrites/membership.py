"""A subquery that asks per row in, a list asked for once out: EXISTS and IN turned inside out.

Proof. Let a condition hold, among ANDs and ORs only, one of

    EXISTS (SELECT ... FROM m WHERE m.k = row.k AND p AND q)        (1)
    e IN (SELECT m.c FROM m WHERE m.k = row.k AND p AND q)          (2)
    row.k IN (SELECT m.k FROM m WHERE p)                            (3)

where p does not refer to the row, q refers to nothing else, and nothing in it is VOLATILE. A policy lets a row through
when its condition is true, and of an AND or OR over such a part only whether the part is true counts, so NULL and false
may be exchanged. (1) is true exactly when some row of m makes each of its conjuncts true; (2) the same with the conjunct
``e = m.c``; (3) when p is true for some row of m with ``row.k = m.k`` true. None of these changes with duplicates in m.
``q AND row.k = ANY (ARRAY(SELECT m.k FROM m WHERE p [AND e = m.c]))`` is true exactly when q is true and some row of m
makes p (and ``e = m.c``) true with ``row.k = m.k`` true: a NULL among the elements, or NULL in row.k, makes ``= ANY``
NULL at most. The operator stays the same one or becomes its commutator, and collations stay those of the two columns.
The array's subquery reads m as the same role under the same row security. Elements of an array type are left alone,
since ARRAY() would make them one array of more dimensions. With several equalities, ``(row.a, row.b) IN (SELECT ...)``
serves in place of ``= ANY``: true under the same condition, and hashed.
"""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.analyze.opclass import both_ways
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, TargetEntry, query_expressions, walk_deep, walk_query
from rlslint.nodes.primnodes import (
    BoolExpr,
    Const,
    Expr,
    FuncExpr,
    Oid,
    OpExpr,
    RelabelType,
    SQLValueFunction,
    SubLink,
    SubLinkType,
    Unresolved,
    Var,
)
from rlslint.plan import clauses
from rlslint.plan.exists import simplify_exists
from rlslint.plan.mutate import has_vars_of_level, outer_vars, shift_levels
from rlslint.records import dataclass, replace
from rlslint.suggest.rewrites.subquery_text import opening, position, select_text
from rlslint.suggest.rewrites.writing import Form, Writing, agrees, conjuncts, is_in, is_membership, written

TITLE = "ask once for the list of keys: = ANY (ARRAY(SELECT ...))"
TITLE_IN = "ask once for the list of keys: IN (SELECT ...)"


@dataclass(frozen=True, slots=True)
class Pair:
    """``inner = outer``: ``outer`` in the terms of the query around, its text, and the operator ``outer op inner``."""

    outer: Expr
    inner: Expr
    opno: Oid
    outer_words: str
    inner_words: str


def membership_forms(writing: Writing, node: Expr) -> Iterator[Form]:
    """The forms of one positive part of a condition, the most useful first."""
    if not isinstance(node, SubLink) or clauses.contain_volatile(writing.catalog, node):
        return
    if node.kind is SubLinkType.ANY and not clauses.correlated(node):
        yield from _uncorrelated(writing, node)
    elif node.kind in (SubLinkType.ANY, SubLinkType.EXISTS):
        yield from _inside_out(writing, node)


def _uncorrelated(writing: Writing, node: SubLink) -> Iterator[Form]:
    """(3)."""
    if len(node.lefthand) != 1 or not _is_equal(writing.catalog, node.opnos[0]) or node.subselect.for_update:
        return
    (outer,) = node.lefthand
    target = node.subselect.targets[0].expr
    unseen = _unseen_columns(node)
    # PostgreSQL took the policy, so what it knows of a table that no file creates is comparable with the left side
    kind = target.type or node.righttypes[0]
    if unseen is None or not has_vars_of_level(outer, 0) or not is_element(writing.catalog, kind):
        return
    opened = opening(writing, node)
    if opened is None:
        return
    operator, start, end = opened
    yield Form(
        edits=((operator, start + 1, "= ANY (ARRAY("), (end - 1, end, "))")),
        node=node,
        accepts=lambda new: is_membership(new, outer, node.opnos[0], node.subselect),
        title=TITLE,
        applicability="conditional" if unseen else "safe",
        assumes=(f"{' and '.join(unseen)} in the subquery belong to its table, which no file creates",)
        if unseen
        else (),
    )


def _unseen_columns(node: SubLink) -> tuple[str, ...] | None:
    """Columns that may belong to a table that no file creates; None where anything else is unknown."""
    found: dict[str, None] = {}
    for part, _ in walk_deep(node):
        if isinstance(part, Unresolved):
            fields = () if part.raw is None else part.raw.get("ColumnRef", {}).get("fields", ())
            if not fields or part.sqlstate is not None or "String" not in fields[-1]:
                return None
            found[fields[-1]["String"]["sval"]] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Turned:
    """A subquery that asks about one row, turned inside out."""

    pairs: tuple[Pair, ...]
    outside: tuple[Expr, ...]
    """Conjuncts that read nothing of the subquery's tables, in the terms of the subquery."""
    query: Query
    """What gives the list of keys."""
    select: str
    """Its text."""
    bound: bool
    """Whether it compares with something that the session brings: without, the list would be as long as the table."""


def turned(writing: Writing, node: SubLink, opened: tuple[int, int, int] | None = None) -> Turned | None:
    """(1) and (2). ``opened``: where the subquery stands, if not after IN or EXISTS (`opening`)."""
    query = _simple(node)
    if query is None or query.where is None or clauses.contain_volatile(writing.catalog, node):
        return None
    opened = opened or opening(writing, node)
    sorted_out = None if opened is None else _sort_out(writing, node, query)
    if opened is None or sorted_out is None:
        return None
    pairs, kept, outside, removed, asked = sorted_out
    bound = any(of_session(writing.catalog, expr) for expr in [*kept, *([asked[0]] if asked else [])])
    where = [*kept]
    if asked is not None:
        where.insert(position(query, removed, kept), asked[0])
    inner = replace(
        query,
        where=None if not where else where[0] if len(where) == 1 else BoolExpr(type=16, op="and", args=tuple(where)),
        targets=tuple(TargetEntry(expr=pair.inner, name=None) for pair in pairs),
    )
    select = select_text(
        writing, node, query, opened, [pair.inner_words for pair in pairs], removed, asked[1] if asked else ""
    )
    return None if select is None else Turned(tuple(pairs), tuple(outside), inner, select, bound)


def _inside_out(writing: Writing, node: SubLink) -> Iterator[Form]:
    found = turned(writing, node)
    if found is not None:
        yield from turned_forms(writing, node, found)


def turned_forms(writing: Writing, node: Expr, found: Turned) -> Iterator[Form]:
    """The forms in which the list takes the place of a part of a condition."""
    start, end = writing.place(node)
    before = "".join(f"{writing.operand(part)} AND " for part in found.outside)
    for array in (True, False):
        if array and (
            len(found.pairs) > 1 or not found.bound or not is_element(writing.catalog, found.pairs[0].inner.type)
        ):
            continue
        outer = ", ".join(pair.outer_words for pair in found.pairs)
        if array:
            text = f"{before}{outer} = ANY (ARRAY({found.select}))"
        else:
            text = f"{before}{f'({outer})' if len(found.pairs) > 1 else outer} IN ({found.select})"
        if found.outside and _among_or(writing, node):
            text = f"({text})"
        yield Form(
            edits=((start, end, text),),
            node=node,
            accepts=_Accepts(found.pairs, found.outside, found.query, array),
            title=TITLE if array else TITLE_IN,
        )


@dataclass(frozen=True, slots=True)
class _Accepts:
    pairs: tuple[Pair, ...]
    outside: tuple[Expr, ...]
    query: Query
    array: bool

    def __call__(self, new: Expr) -> bool:
        *before, last = conjuncts(new)
        outside = [shift_levels(expr, -1) for expr in self.outside]
        if len(before) != len(outside) or not all(agrees(a, b) for a, b in zip(before, outside, strict=True)):
            return False
        if self.array:
            (pair,) = self.pairs
            return is_membership(last, pair.outer, pair.opno, self.query)
        return is_in(last, [pair.outer for pair in self.pairs], [pair.opno for pair in self.pairs], self.query)


def _simple(node: SubLink) -> Query | None:
    """The subquery without what does not count, where rows are neither grouped, combined nor skipped."""
    query = node.subselect
    if query.ctes or query.group_by or query.order_by or query.setop:
        return None
    if node.kind is SubLinkType.EXISTS:
        simple = simplify_exists(query)
    elif query.limit is None and query.offset is None and not (query.has_aggs or query.has_windows or query.for_update):
        simple = replace(query, targets=(), distinct=False)
    else:
        simple = None
    if simple is None or query.having is not None or not query.fromlist:
        return None
    rest = replace(simple, where=None)
    if any(isinstance(expr, Var) and expr.levelsup == level for expr, level in walk_query(rest, 1)):
        return None
    if any(
        isinstance(expr, FuncExpr) and expr.retset for one in query_expressions(query) for expr, _ in walk_deep(one)
    ):
        return None
    return simple


def _sort_out(
    writing: Writing, node: SubLink, query: Query
) -> tuple[list[Pair], list[Expr], list[Expr], list[Expr], tuple[Expr, str] | None] | None:
    """(pairs, conjuncts that stay, conjuncts that go outside, conjuncts that leave the WHERE, ``e = m.c``)."""
    pairs: list[Pair] = []
    kept: list[Expr] = []
    outside: list[Expr] = []
    removed: list[Expr] = []
    asked = None
    if node.kind is SubLinkType.ANY:
        found = _lefthand(writing, node)
        if found is None:
            return None
        if isinstance(found, Pair):
            pairs.append(found)
        else:
            asked = found
    for conjunct in conjuncts(query.where):
        if not has_vars_of_level(conjunct, 1):
            if outer_vars(conjunct):
                return None
            kept.append(conjunct)
            continue
        if not has_vars_of_level(conjunct, 0):
            outside.append(conjunct)
            removed.append(conjunct)
            continue
        pair = _pair(writing, conjunct)
        if pair is None:
            return None
        pairs.append(pair)
        removed.append(conjunct)
    if not pairs or not all(pair.outer_words and pair.inner_words for pair in pairs):
        return None
    if any(isinstance(part, SubLink) for expr in outside for part, _ in walk_deep(expr)):
        return None
    return pairs, kept, outside, removed, asked


def _lefthand(writing: Writing, node: SubLink) -> Pair | tuple[Expr, str] | None:
    """``e`` of ``e IN (SELECT m.c ...)``: a pair where it reads the row, else the conjunct ``e = m.c`` and its text."""
    if len(node.lefthand) != 1 or not _is_equal(writing.catalog, node.opnos[0]):
        return None
    (left,) = node.lefthand
    target = node.subselect.targets[0].expr
    left_words, target_words = writing.operand(written(left)), writing.operand(written(target))
    if not left_words or not target_words or has_vars_of_level(target, 1) or isinstance(target, (Const, SubLink)):
        return None
    if has_vars_of_level(left, 0):
        if any(isinstance(part, SubLink) for part, _ in walk_deep(left)):
            return None
        return Pair(left, target, node.opnos[0], left_words, target_words)
    if outer_vars(left):
        return None
    moved = shift_levels(left, 1)
    equal = OpExpr(type=16, opno=node.opnos[0], args=(moved, _coerced(target, node.righttypes[0])))
    return equal, f"{left_words} = {target_words}"


def _coerced(target: Expr, oid: Oid) -> Expr:
    if target.type == oid:
        return target
    return RelabelType(type=oid, arg=target)


def _pair(writing: Writing, conjunct: Expr) -> Pair | None:
    """``inner = outer`` or ``outer = inner``."""
    catalog = writing.catalog
    if not isinstance(conjunct, OpExpr) or conjunct.kind != "op" or len(conjunct.args) != 2:
        return None
    if not _is_equal(catalog, conjunct.opno):
        return None
    left, right = conjunct.args
    for outer, inner, opno in both_ways(catalog, conjunct.opno, left, right):
        if not opno or has_vars_of_level(outer, 0) or has_vars_of_level(inner, 1):
            continue
        if not has_vars_of_level(outer, 1) or any(isinstance(part, SubLink) for part, _ in walk_deep(outer)):
            continue
        outside = shift_levels(outer, -1)
        return Pair(outside, inner, opno, writing.operand(written(outer)), writing.operand(written(inner)))
    return None


def _is_equal(catalog: Catalog, opno: Oid) -> bool:
    operator = catalog.operators.get(opno)
    return operator is not None and operator.oprname == "=" and operator.oprresult == 16


def is_element(catalog: Catalog, oid: Oid) -> bool:
    """Whether ARRAY() of such values is an array of them."""
    row = catalog.types.get(oid)
    return row is not None and row.typarray != 0 and row.typelem == 0


def of_session(catalog: Catalog, expr: Expr) -> bool:
    """Whether it holds something that the session brings."""
    return any(
        isinstance(part, SQLValueFunction)
        or (
            isinstance(part, FuncExpr)
            and (proc := catalog.procs.get(part.funcid)) is not None
            and proc.provolatile == "s"
        )
        for part, _ in walk_deep(expr)
    )


def _among_or(writing: Writing, node: Expr) -> bool:
    """Whether an OR stands around the node: then an AND put in its place needs brackets."""

    def search(expr: Expr) -> bool | None:
        if not isinstance(expr, BoolExpr):
            return None
        for arg in expr.args:
            if arg is node:
                return expr.op != "and"
            found = search(arg)
            if found is not None:
                return found
        return None

    return bool(search(writing.expr))
