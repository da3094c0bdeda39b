"""A helper that asks about one row in, the questions that its body puts out: what could be listed, and what need not be.

A body is ``a OR b OR ...`` of parts that say nothing of the row, and of questions: ``EXISTS (...)`` about it, alone or in an
AND with more that says nothing of the row. Another helper that is asked about the row is opened in its turn: f says what it
says where its body runs with the same rights and settings, its names mean the same, and it may be called (`_same_rights`).
Of what g is given of the row it is true exactly when one of its own questions is, or what it says whatever the row; a
STRICT g, which is not true of a NULL, neither finds by a comparison, and has nothing of the latter.
"""

from __future__ import annotations

from collections.abc import Sequence

from rlslint.analyze.entry import rejections, unknowns
from rlslint.catalog.acl import has_privilege
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Proc, StoredExpr
from rlslint.nodes.parsenodes import Query, walk_deep
from rlslint.nodes.primnodes import BoolExpr, Expr, FuncExpr, Oid, Param, SubLink, SubLinkType, Var
from rlslint.plan import clauses
from rlslint.plan.mutate import mutate
from rlslint.records import dataclass, replace
from rlslint.rewrite.bodies import only_query
from rlslint.rewrite.functions import function_search_path
from rlslint.source.extent import expression_extent
from rlslint.source.model import Statement
from rlslint.suggest.rewrites.membership import Pair, turned
from rlslint.suggest.rewrites.writing import Writing, conjuncts, disjuncts, is_bare


@dataclass(frozen=True, slots=True)
class Question:
    """One EXISTS turned inside out: ``pair`` is what it asks about, ``query`` and ``select`` give the list of keys."""

    pair: Pair
    query: Query
    select: str
    bound: bool
    """Whether it compares with something that the session brings: without, the list would be as long as the table."""


@dataclass(frozen=True, slots=True)
class HelperBody:
    """The body's questions, and what makes the helper true whatever the row: (expression, text)."""

    questions: tuple[Question, ...]
    always: tuple[tuple[Expr, str], ...]


def helper_body(catalog: Catalog, proc: Proc, number: int, opened: tuple[Oid, ...] = ()) -> HelperBody | None:
    """The body, where nothing else is asked about the argument ``number``, which comes from the row. ``opened``: the
    helpers that it is asked by."""
    if proc.prokind != "f" or proc.proretset or proc.prosqlbody or proc.origin is None:
        return None
    body = only_query(catalog, proc)
    if body is None:
        return None
    statement, query = body
    if not is_bare(query) or query.distinct:
        return None
    expr = query.targets[0].expr
    if rejections(expr) or unknowns(expr) or clauses.contain_volatile(catalog, expr):
        return None
    questions: list[Question] = []
    always: list[tuple[Expr, str]] = []
    for arm in disjuncts(expr):
        if not _asks(arm, number):
            words = _words(statement, arm)
            if not words:
                return None
            always.append((arm, words))
            continue
        found = _opened(catalog, proc, arm, number, (*opened, proc.oid))
        if found is None:
            question = _question(catalog, proc, statement, arm, number)
            found = None if question is None else HelperBody((question,), ())
        if found is None:
            return None
        questions += found.questions
        always += found.always
    if proc.proisstrict and always:
        # which is not true of a NULL, where what it says whatever the row may be
        return None
    if not questions or any(
        (one.pair.opno, one.pair.inner.type) != (questions[0].pair.opno, questions[0].pair.inner.type)
        for one in questions
    ):
        return None
    return HelperBody(tuple(questions), tuple(always))


def _asks(expr: Expr, number: int) -> bool:
    return any(isinstance(node, Param) and node.number == number for node, _ in walk_deep(expr))


def _words(statement: Statement, expr: Expr) -> str:
    """The text of an expression; empty where nobody wrote it or a comment stands in it."""
    start, end = (-1, -1) if expr.raw is None else expression_extent(statement, expr.raw)
    words = statement.text[start:end] if start >= 0 else ""
    return "" if "--" in words else words


def _opened(catalog: Catalog, proc: Proc, arm: Expr, number: int, opened: tuple[Oid, ...]) -> HelperBody | None:
    """What another helper puts out that is given the row's argument and nothing else."""
    asked = catalog.procs.get(arm.funcid) if isinstance(arm, FuncExpr) else None
    if not isinstance(arm, FuncExpr) or asked is None or asked.oid in opened or not _same_rights(catalog, proc, asked):
        return None
    if len(arm.args) != 1 or len(asked.proargtypes) != 1 or not isinstance(arm.args[0], Param):
        return None
    return helper_body(catalog, asked, 1, opened)


def _same_rights(catalog: Catalog, proc: Proc, asked: Proc) -> bool:
    """Whether a body runs as it is, with the same settings, in the one function as in the other that the first calls, and
    the first may call it."""
    settings = [{name: value for name, value in one.proconfig if name != "search_path"} for one in (proc, asked)]
    as_owner = proc.prosecdef and proc.proowner == asked.proowner
    anybody = has_privilege(catalog, PUBLIC, asked, "execute")
    return (
        (as_owner or not asked.prosecdef)
        and (settings[0] == settings[1] or not settings[1])
        and proc.pronamespace == asked.pronamespace
        and (anybody or (as_owner and "execute" not in asked.ownerlacks))
    )


def _question(catalog: Catalog, proc: Proc, statement: Statement, arm: Expr, number: int) -> Question | None:
    parts = conjuncts(arm)
    asking = [part for part in parts if _asks(part, number)]
    beside = [part for part in parts if not _asks(part, number)]
    if len(asking) != 1 or not isinstance(asking[0], SubLink) or asking[0].kind is not SubLinkType.EXISTS:
        return None
    words = [_words(statement, part) for part in beside]
    found = _exists(catalog, proc, statement, asking[0], number)
    answer = None if found is None else turned(*found)
    if answer is None or len(answer.pairs) != 1 or answer.outside or not all(words):
        return None
    (pair,) = answer.pairs
    query, select = answer.query, answer.select
    if beside:
        where = [*conjuncts(query.where), *beside]
        query = replace(query, where=where[0] if len(where) == 1 else BoolExpr(type=16, op="and", args=tuple(where)))
        select = _narrowed(select, words, first=answer.query.where is None)
    return Question(pair, query, select, answer.bound)


def _narrowed(select: str, words: Sequence[str], *, first: bool) -> str:
    """The query, which ends in its WHERE where it has one (``first``: it has none), with more conditions."""
    return f"{select}\n {'WHERE' if first else 'AND'} {' AND '.join(f'({one})' for one in words)}"


def _exists(
    catalog: Catalog, proc: Proc, statement: Statement, expr: SubLink, number: int
) -> tuple[Writing, SubLink] | None:
    """The EXISTS, with the argument from the row in it a column of the query around."""

    def put(node: Expr, level: int) -> Expr:
        if isinstance(node, Param) and node.number == number:
            return Var(type=node.type, varno=1, attnum=1, levelsup=level, location=node.location, raw=node.raw)
        return node

    if expr.raw is None:
        return None
    asked = mutate(expr, put)
    start, end = expression_extent(statement, expr.raw)
    if not isinstance(asked, SubLink) or asked is expr or start < 0:
        return None
    path = function_search_path(catalog, proc)
    stored = StoredExpr(expr=asked, raw=expr.raw, statement=statement, search_path=path, start=start, end=end)
    return Writing.as_it_stands(catalog, stored), asked
