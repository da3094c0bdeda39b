"""A call of a helper that asks about one row in, a list asked for once out: a set-returning helper beside it.

Proof. Let f(..., k, ...) be a STABLE function whose body is ``a OR EXISTS (SELECT ... FROM m WHERE m.c = k AND p) [AND q]
OR ...``, where a, p and q refer to no argument that comes from the row, and let g(...) be a STABLE function with the same
owner's or caller's rights and the same settings that gives back ``SELECT m.c FROM m WHERE p [AND q] UNION ALL ...``. An
EXISTS is true exactly when some row of m makes p true with ``m.c = k`` true, so that all of them are exactly when
``k = ANY (ARRAY(SELECT g(...)))`` is true (membership.py). What a says is asked of a function of its own, h(...), with the
same rights: f is true exactly when ``h(...) OR k = ANY (...)`` is. A STRICT f is not true for a NULL in k either; its other
arguments go to g, which is STRICT then, too, and it has no a. What a call of f leaves to a default, that of g leaves to the
same one. ``(SELECT f(..., k, ...))`` without FROM has the value of f, and ``f(..., k, ...) = true`` is true when f is. What
stays a plain scan for f, once a row, is one scan for g.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlslint.analyze.typename import format_type, quote_qualified
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import Query, TargetEntry, query_expressions, walk_deep
from rlslint.nodes.primnodes import (
    BoolExpr,
    Expr,
    FuncExpr,
    Oid,
    OpExpr,
    Param,
    ScalarArrayOpExpr,
    SubLink,
    SubLinkType,
    Var,
)
from rlslint.plan.clauses import is_true, strip_relabel
from rlslint.plan.mutate import has_vars_of_level
from rlslint.records import dataclass
from rlslint.source.extent import expression_extent
from rlslint.suggest.rewrites.beside import Beside, beside
from rlslint.suggest.rewrites.helper_body import HelperBody, helper_body
from rlslint.suggest.rewrites.membership import is_element, of_session
from rlslint.suggest.rewrites.one_answer import one_answer
from rlslint.suggest.rewrites.writing import Form, Writing, agrees, bare_scalar, written


@dataclass(frozen=True, slots=True)
class ListHelper:
    """The functions to be made, and the form of the condition that calls them."""

    proc: Proc
    """The helper that they stand beside."""
    made: tuple[Beside, ...]
    form: Form

    @property
    def create(self) -> str:
        """What makes them."""
        return "\n".join(one.create for one in self.made)

    @property
    def drop(self) -> str:
        """What takes them away again."""
        return "\n".join(one.drop for one in self.made)

    def is_right(self, catalog: Catalog) -> bool:
        """Whether the functions, made in the catalog, resolve to what they should."""
        return all(one.is_right(catalog) for one in self.made)

    def grants(self, catalog: Catalog) -> Iterator[str]:
        """What gives EXECUTE to those who have it on the old helper, and to nobody else."""
        for one in self.made:
            yield from one.grants(catalog)


def list_helper(writing: Writing, part: Expr) -> ListHelper | None:
    """The list form of a positive part of a condition that is a call with one argument from the row."""
    catalog = writing.catalog
    node = asked_for(catalog, part)
    proc = catalog.procs.get(node.funcid) if isinstance(node, FuncExpr) else None
    if not isinstance(node, FuncExpr) or proc is None:
        return None
    node = node.in_order()
    from_row = [i for i, arg in enumerate(node.args) if has_vars_of_level(arg, 0)]
    if len(from_row) != 1:
        return None
    (index,) = from_row
    defaults = default_words(proc, node)
    if defaults is None:
        return None
    body = helper_body(catalog, proc, index + 1)
    if body is None:
        return None
    pairs = [one.pair for one in body.questions]
    if not all(isinstance(strip_relabel(one.outer), Var) and is_element(catalog, one.inner.type) for one in pairs):
        return None
    given = [arg for i, arg in enumerate(node.args) if i != index]
    # the list is one user's: without, it would be as long as the table
    if not all(one.bound for one in body.questions) and not any(of_session(catalog, arg) for arg in given):
        return None
    return _made(writing, part, _Call(proc, node, index, defaults), body)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a helper, its arguments in order; ``index`` is the one that comes from the row."""

    proc: Proc
    node: FuncExpr
    index: int
    defaults: dict[int, str]

    def made(
        self,
        writing: Writing,
        label: str,
        returns: str,
        body: str,
        queries: Sequence[Query],
        asked: tuple[int, ...] = (),
    ) -> _Made | None:
        """A function beside the helper, and its call with those arguments that its body reads, or that are ``asked`` for."""
        numbers = _numbers(queries, asked)
        if numbers is None:
            return None
        given = tuple(number for number in numbers if number not in self.defaults)
        words = [writing.words(written(self.node.args[number - 1])) for number in given]
        name = f"{self.proc.proname}_{label}"
        function = beside(writing.catalog, self.proc, self.defaults, name, returns, numbers, body, queries)
        if function is None or not all(words):
            return None
        schema = writing.catalog.nspname(self.proc.pronamespace)
        call = f"{quote_qualified(schema, name)}({', '.join(words)})"
        return _Made(function, call, tuple(self.node.args[number - 1] for number in given))


@dataclass(frozen=True, slots=True)
class _Made:
    """A function, its call as it is written, and the call's arguments."""

    beside: Beside
    call: str
    args: tuple[Expr, ...]

    def is_called(self, catalog: Catalog, expr: Expr) -> bool:
        """Whether it is that call."""
        proc = self.beside.find(catalog)
        return (
            isinstance(expr, FuncExpr)
            and proc is not None
            and expr.funcid == proc.oid
            and len(expr.args) == len(self.args)
            and all(agrees(a, b) for a, b in zip(expr.args, self.args, strict=True))
        )


def default_words(proc: Proc, node: FuncExpr) -> dict[int, str] | None:
    """The defaults that a call takes, by the argument's number; None where one is no constant, or cannot be told."""
    first, last = len(node.args) + 1, len(proc.proargtypes)
    if first > last:
        return {}
    if node.argnumbers or proc.provariadic or proc.statement is None or proc.statement.kind != "CreateFunctionStmt":
        return None
    inputs = [one["FunctionParameter"] for one in proc.statement.node.get("parameters", ())]
    inputs = [one for one in inputs if one.get("mode") not in ("FUNC_PARAM_OUT", "FUNC_PARAM_TABLE")]
    found = {}
    for number in range(first, last + 1):
        raw = inputs[number - 1].get("defexpr") if number <= len(inputs) else None
        start, end = (-1, -1) if raw is None or "A_Const" not in raw else expression_extent(proc.statement, raw)
        if start < 0:
            return None
        found[number] = proc.statement.text[start:end]
    return found


def asked_for(catalog: Catalog, part: Expr) -> Expr:
    """What a positive part asks for: without the scalar subquery and the ``= true`` around it."""
    inner = bare_scalar(part)
    if inner is not None:
        return asked_for(catalog, inner)
    if isinstance(part, OpExpr) and len(part.args) == 2 and part.type == 16:
        operator = catalog.operators.get(part.opno)
        for one, other in (part.args, part.args[::-1]):
            if operator is not None and operator.oprname == "=" and one.type == 16 and is_true(other):
                return asked_for(catalog, one)
    return part


def _made(writing: Writing, part: Expr, call: _Call, body: HelperBody) -> ListHelper | None:
    catalog, proc = writing.catalog, call.proc
    pair = body.questions[0].pair
    column = pair.inner_words.rpartition(".")[2].strip('"')
    start, end = writing.place(part)
    outer = writing.operand(written(call.node.args[call.index]))
    if not outer or not column.isidentifier() or start < 0:
        return None
    others = tuple(number for number in range(1, len(proc.proargtypes) + 1) if number != call.index + 1)
    kind = f"SETOF {format_type(catalog, pair.inner.type)}"
    select = "\nUNION ALL\n".join(one.select for one in body.questions)
    listed = call.made(
        writing, f"{column}s", kind, select, [one.query for one in body.questions], others if proc.proisstrict else ()
    )
    if listed is None:
        return None
    made = [listed]
    text = f"{outer} = ANY (ARRAY(SELECT {listed.call}))"
    if body.always:
        exprs = tuple(expr for expr, _ in body.always)
        said = exprs[0] if len(exprs) == 1 else BoolExpr(type=16, op="or", args=exprs)
        words = " OR ".join(words for _, words in body.always)
        query = Query(targets=(TargetEntry(expr=said, name=None),))
        always = call.made(writing, "always", "boolean", f"SELECT {words}", [query])
        if always is None:
            return None
        made.append(always)
        text = f"((SELECT {always.call}) OR {text})"
    applicability, assumes = one_answer(catalog, proc, (writing.relid,))
    form = Form(
        edits=((start, end, text),),
        node=part,
        accepts=lambda new: _is_asked_once(catalog, new, call.node.args[call.index], pair.opno, made),
        title=f"ask once for the list: {listed.beside.name}() beside {proc.proname}()",
        applicability=applicability,
        assumes=assumes,
    )
    return ListHelper(proc, tuple(one.beside for one in made), form)


def _params(query: Query) -> Iterator[Param]:
    for expr in query_expressions(query):
        for node, _ in walk_deep(expr):
            if isinstance(node, Param):
                yield node


def _numbers(queries: Sequence[Query], asked: tuple[int, ...]) -> tuple[int, ...] | None:
    """Numbers of the arguments that are left, with those ``asked`` for; None where one is written as ``$n`` and would
    get another number."""
    params = [param for query in queries for param in _params(query)]
    numbers = tuple(sorted({*asked, *(param.number for param in params)}))
    for param in params:
        positional = param.raw is not None and "ParamRef" in param.raw
        if positional and numbers.index(param.number) + 1 != param.number:
            return None
    return numbers


def _is_asked_once(catalog: Catalog, new: Expr, outer: Expr, opno: Oid, made: Sequence[_Made]) -> bool:
    """Whether ``new`` is ``row's argument = ANY (ARRAY(SELECT g(the others)))`` with that operator, beside
    ``(SELECT h(the others))`` where there is an h."""
    if len(made) > 1:
        if not isinstance(new, BoolExpr) or new.op != "or" or len(new.args) != 2:
            return False
        inner = bare_scalar(new.args[0])
        if inner is None or not made[1].is_called(catalog, inner):
            return False
        new = new.args[1]
    if not isinstance(new, ScalarArrayOpExpr) or not new.use_or or new.opno != opno:
        return False
    left, right = new.args
    link = strip_relabel(right)
    if not isinstance(link, SubLink) or link.kind is not SubLinkType.ARRAY or len(link.subselect.targets) != 1:
        return False
    if link.subselect.rtable or link.subselect.where is not None:
        return False
    return agrees(strip_relabel(left), strip_relabel(outer)) and made[0].is_called(
        catalog, link.subselect.targets[0].expr
    )
