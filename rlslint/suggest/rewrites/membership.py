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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
    Var,
)
from rlslint.plan import clauses
from rlslint.plan.exists import simplify_exists
from rlslint.plan.mutate import has_vars_of_level, outer_vars, shift_levels
from rlslint.source.extent import Token
from rlslint.suggest.rewrites.writing import Edit, Form, Writing, agrees, conjuncts, is_in, is_membership

TITLE = "ask once for the list of keys: = ANY (ARRAY(SELECT ...))"
TITLE_IN = "ask once for the list of keys: IN (SELECT ...)"


@dataclass(frozen=True, slots=True)
class _Pair:
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
    if not has_vars_of_level(outer, 0) or not _element(writing.catalog, node.subselect.targets[0].expr.type):
        return
    opened = _opening(writing, node)
    if opened is None:
        return
    operator, start, end = opened
    yield Form(
        edits=((operator, start + 1, "= ANY (ARRAY("), (end - 1, end, "))")),
        node=node,
        accepts=lambda new: is_membership(new, outer, node.opnos[0], node.subselect),
        title=TITLE,
    )


def _inside_out(writing: Writing, node: SubLink) -> Iterator[Form]:
    """(1) and (2)."""
    query = _simple(node)
    if query is None or query.where is None:
        return
    opened = _opening(writing, node)
    if opened is None:
        return
    sorted_out = _sort_out(writing, node, query)
    if sorted_out is None:
        return
    pairs, kept, outside, removed, asked = sorted_out
    session = any(_of_session(writing.catalog, expr) for expr in [*kept, *([asked[0]] if asked else [])])
    where = [*kept]
    if asked is not None:
        where.insert(_position(query, removed, kept), asked[0])
    inner = replace(
        query,
        where=None if not where else where[0] if len(where) == 1 else BoolExpr(type=16, op="and", args=tuple(where)),
        targets=tuple(TargetEntry(expr=pair.inner, name=None) for pair in pairs),
    )
    select = _select_text(writing, node, query, opened, pairs, removed, asked[1] if asked else "")
    if select is None:
        return
    start, end = writing.place(node)
    before = "".join(f"{writing.operand(part)} AND " for part in outside)
    for array in (True, False):
        if array and (len(pairs) > 1 or not session or not _element(writing.catalog, pairs[0].inner.type)):
            continue
        outer = ", ".join(pair.outer_words for pair in pairs)
        if array:
            text = f"{before}{outer} = ANY (ARRAY({select}))"
        else:
            text = f"{before}{f'({outer})' if len(pairs) > 1 else outer} IN ({select})"
        if outside and _among_or(writing, node):
            text = f"({text})"
        yield Form(
            edits=((start, end, text),),
            node=node,
            accepts=_Accepts(tuple(pairs), tuple(outside), inner, array),
            title=TITLE if array else TITLE_IN,
        )


@dataclass(frozen=True, slots=True)
class _Accepts:
    pairs: tuple[_Pair, ...]
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
) -> tuple[list[_Pair], list[Expr], list[Expr], list[Expr], tuple[Expr, str] | None] | None:
    """(pairs, conjuncts that stay, conjuncts that go outside, conjuncts that leave the WHERE, ``e = m.c``)."""
    pairs: list[_Pair] = []
    kept: list[Expr] = []
    outside: list[Expr] = []
    removed: list[Expr] = []
    asked = None
    if node.kind is SubLinkType.ANY:
        found = _lefthand(writing, node)
        if found is None:
            return None
        if isinstance(found, _Pair):
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


def _lefthand(writing: Writing, node: SubLink) -> _Pair | tuple[Expr, str] | None:
    """``e`` of ``e IN (SELECT m.c ...)``: a pair where it reads the row, else the conjunct ``e = m.c`` and its text."""
    if len(node.lefthand) != 1 or not _is_equal(writing.catalog, node.opnos[0]):
        return None
    (left,) = node.lefthand
    target = node.subselect.targets[0].expr
    left_words, target_words = writing.operand(_written(left)), writing.operand(_written(target))
    if not left_words or not target_words or has_vars_of_level(target, 1) or isinstance(target, (Const, SubLink)):
        return None
    if has_vars_of_level(left, 0):
        if any(isinstance(part, SubLink) for part, _ in walk_deep(left)):
            return None
        return _Pair(left, target, node.opnos[0], left_words, target_words)
    if outer_vars(left):
        return None
    moved = shift_levels(left, 1)
    equal = OpExpr(type=16, opno=node.opnos[0], args=(moved, _coerced(target, node.righttypes[0])))
    return equal, f"{left_words} = {target_words}"


def _coerced(target: Expr, oid: Oid) -> Expr:
    if target.type == oid:
        return target
    return RelabelType(type=oid, arg=target)


def _written(expr: Expr) -> Expr:
    """The expression that somebody wrote: without coercions that PostgreSQL put around it."""
    while isinstance(expr, RelabelType) and not expr.explicit:
        expr = expr.arg
    if isinstance(expr, FuncExpr) and expr.form == "implicit_cast":
        return expr.args[0]
    return expr


def _pair(writing: Writing, conjunct: Expr) -> _Pair | None:
    """``inner = outer`` or ``outer = inner``."""
    catalog = writing.catalog
    if not isinstance(conjunct, OpExpr) or conjunct.kind != "op" or len(conjunct.args) != 2:
        return None
    if not _is_equal(catalog, conjunct.opno):
        return None
    left, right = conjunct.args
    for outer, inner, opno in (
        (left, right, conjunct.opno),
        (right, left, clauses.commutator(catalog, conjunct.opno)),
    ):
        if not opno or has_vars_of_level(outer, 0) or has_vars_of_level(inner, 1):
            continue
        if not has_vars_of_level(outer, 1) or any(isinstance(part, SubLink) for part, _ in walk_deep(outer)):
            continue
        outside = shift_levels(outer, -1)
        return _Pair(outside, inner, opno, writing.operand(_written(outer)), writing.operand(_written(inner)))
    return None


def _is_equal(catalog: Catalog, opno: Oid) -> bool:
    operator = catalog.operators.get(opno)
    return operator is not None and operator.oprname == "=" and operator.oprresult == 16


def _element(catalog: Catalog, oid: Oid) -> bool:
    """Whether ARRAY() of such values is an array of them."""
    row = catalog.types.get(oid)
    return row is not None and row.typarray != 0 and row.typelem == 0


def _of_session(catalog: Catalog, expr: Expr) -> bool:
    """Whether it compares with something that the session brings: without, the list would be as long as the table."""
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


# The text ---------------------------------------------------------------------------------------------------------------


def _opening(writing: Writing, node: SubLink) -> tuple[int, int, int] | None:
    """(start of ``IN`` or ``EXISTS`` or ``=``, start of its bracket, end of the closing one)."""
    start, end = writing.place(node)
    if start < 0:
        return None
    begin = start
    if node.kind is SubLinkType.ANY:
        first = writing.place(_written(node.lefthand[0]))
        if first[0] < 0:
            return None
        begin = writing.widened(*first)[1]
    stream = writing.between(begin, end)
    # IN (, EXISTS (, = ANY (
    for i, token in enumerate(stream[:4]):
        if token.name == "ASCII_40" and i > 0 and i + 1 < len(stream):
            whole = stream[i + 1].name in ("SELECT", "WITH", "VALUES") and stream[-1].end == end
            return (stream[0].start, token.start, end) if whole else None
    return None


def _position(query: Query, removed: Sequence[Expr], kept: Sequence[Expr]) -> int:
    """Where among the kept conjuncts the one stands that takes the place of the first removed."""
    position = 0
    for conjunct in conjuncts(query.where):
        if any(conjunct is one for one in removed):
            return position
        position += 1
    return position


def _select_text(
    writing: Writing,
    node: SubLink,
    query: Query,
    opened: tuple[int, int, int],
    pairs: Sequence[_Pair],
    removed: Sequence[Expr],
    asked: str,
) -> str | None:
    """The subquery's text: other output columns, and a WHERE without what left it."""
    _, bracket, end = opened
    stream = writing.between(bracket + 1, end - 1)
    source = _keyword(stream, "FROM")
    if not stream or stream[0].name != "SELECT" or source is None:
        return None
    edits: list[Edit] = [(stream[0].end, source[0], f" {', '.join(pair.inner_words for pair in pairs)} ")]
    filtered = _keyword(stream, "WHERE")
    places = [writing.place(part) for part in conjuncts(query.where)]
    if filtered is None or any(start < 0 for start, _ in places):
        return None
    wide = [writing.widened(start, stop) for start, stop in places]
    last = wide[-1][1]
    gone = [any(part is one for one in removed) for part in conjuncts(query.where)]
    if all(gone):
        edits.append((filtered[0] if not asked else filtered[1], last, f" {asked}" if asked else ""))
    else:
        edits += _cut(wide, gone, asked)
    if node.subselect.limit is not None:
        edits.append((last, end - 1, ""))
    text = writing.text
    parts: list[str] = []
    position = bracket + 1
    for start, stop, replacement in sorted(edits):
        if start < position:
            return None
        parts += [text[position:start], replacement]
        position = stop
    return ("".join(parts) + text[position : end - 1]).rstrip()


def _cut(wide: Sequence[tuple[int, int]], gone: Sequence[bool], asked: str) -> Iterator[Edit]:
    """Take conjuncts out with the AND next to them; ``asked`` takes the place of the first."""
    for i, (start, stop) in enumerate(wide):
        if not gone[i]:
            continue
        if asked:
            yield start, stop, asked
            asked = ""
        elif any(not one for one in gone[:i]):
            yield wide[i - 1][1], stop, ""
        else:
            yield start, wide[i + 1][0], ""


def _keyword(stream: Sequence[Token], name: str) -> tuple[int, int] | None:
    depth = 0
    for token in stream:
        if token.name == "ASCII_40":
            depth += 1
        elif token.name == "ASCII_41":
            depth -= 1
        elif depth == 0 and token.name == name:
            return token.start, token.end
    return None
