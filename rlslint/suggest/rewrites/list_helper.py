"""A call of a helper that asks about one row in, a list asked for once out: a set-returning helper beside it.

Proof. Let f(..., k, ...) be a STABLE function whose body is nothing but ``EXISTS (SELECT ... FROM m WHERE m.c = k AND p)``,
where p refers to no argument that comes from the row, and let g(...) be a STABLE function with the same owner's or
caller's rights and the same settings that gives back ``SELECT m.c FROM m WHERE p``. f's answer is true exactly when some
row of m makes p true with ``m.c = k`` true, and ``k = ANY (ARRAY(SELECT g(...)))`` is true exactly then (membership.py).
A STRICT f is not true for a NULL in k either; its other arguments go to g, which is STRICT then, too. What a call of f
leaves to a default, that of g leaves to the same one.
``(SELECT f(..., k, ...))`` without FROM has the value of f, and ``f(..., k, ...) = true`` is true when f is. What stays a
plain scan for f, once a row, is one scan for g.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rlslint.analyze.entry import analyze_function_body, rejections, unknowns
from rlslint.analyze.typename import format_type, quote_identifier, quote_qualified
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Proc, StoredExpr
from rlslint.nodes.parsenodes import Query, query_expressions, walk_deep
from rlslint.nodes.primnodes import Expr, FuncExpr, Oid, OpExpr, Param, ScalarArrayOpExpr, SubLink, SubLinkType, Var
from rlslint.plan.clauses import is_true, strip_relabel
from rlslint.plan.mutate import has_vars_of_level, mutate
from rlslint.rewrite.bodies import argument_names, only_query
from rlslint.rewrite.functions import function_search_path
from rlslint.source.extent import expression_extent, tokens
from rlslint.suggest.rewrites.membership import Turned, is_element, of_session, turned
from rlslint.suggest.rewrites.writing import Form, Writing, agrees, bare_scalar, is_bare, same_query, written

_LONGEST = 63
"""Bytes of a name (NAMEDATALEN - 1)."""


@dataclass(frozen=True, slots=True)
class ListHelper:
    """The function to be made, and the form of the condition that calls it."""

    proc: Proc
    """The helper that it stands beside."""
    name: str
    argtypes: tuple[Oid, ...]
    create: str
    drop: str
    form: Form
    numbers: tuple[int, ...]
    """Of its arguments, their numbers in the old helper."""
    expected: Query

    def is_right(self, catalog: Catalog) -> bool:
        """Whether the function, made in the catalog, resolves to what it should."""
        made = self.find(catalog)
        body = None if made is None else analyze_function_body(catalog, made, function_search_path(catalog, made))
        return body is not None and len(body) == 1 and same_query(body[0], self.expected)

    def find(self, catalog: Catalog) -> Proc | None:
        """The function in the catalog."""
        for proc in catalog.procs.find("name", self.name):
            if proc.pronamespace == self.proc.pronamespace and proc.proargtypes == self.argtypes:
                return proc
        return None

    def grants(self, catalog: Catalog) -> Iterator[str]:
        """What gives EXECUTE to those who have it on the old helper, and to nobody else."""
        made = self.find(catalog)
        if made is None:
            return
        target = f"FUNCTION {_signature(catalog, self.proc.pronamespace, self.name, self.argtypes)}"
        had, has = _executors(self.proc), _executors(made)
        for role in sorted(has - had):
            yield f"REVOKE EXECUTE ON {target} FROM {_role(catalog, role)};"
        for role in sorted(had - has):
            yield f"GRANT EXECUTE ON {target} TO {_role(catalog, role)};"


def list_helper(writing: Writing, part: Expr) -> ListHelper | None:
    """The list form of a positive part of a condition that is a call with one argument from the row."""
    catalog = writing.catalog
    node = asked_for(catalog, part)
    proc = catalog.procs.get(node.funcid) if isinstance(node, FuncExpr) else None
    if not isinstance(node, FuncExpr) or proc is None or proc.prokind != "f" or proc.proretset or proc.prosqlbody:
        return None
    node = node.in_order()
    from_row = [i for i, arg in enumerate(node.args) if has_vars_of_level(arg, 0)]
    if len(from_row) != 1 or proc.origin is None:
        return None
    (index,) = from_row
    defaults = default_words(proc, node)
    if defaults is None:
        return None
    found = _question(catalog, proc, index + 1)
    if found is None:
        return None
    question, asked = found
    answer = turned(question, asked)
    if answer is None or len(answer.pairs) != 1 or answer.outside:
        return None
    (pair,) = answer.pairs
    if not isinstance(strip_relabel(pair.outer), Var) or not is_element(catalog, pair.inner.type):
        return None
    others = tuple(number for number in range(1, len(proc.proargtypes) + 1) if number != index + 1)
    numbers = _numbers(answer.query, others if proc.proisstrict else ())
    if numbers is None or not _bound(catalog, answer, node, numbers):
        return None
    return _made(writing, part, node, index, proc, answer, numbers, defaults)


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


def _made(
    writing: Writing,
    part: Expr,
    node: FuncExpr,
    index: int,
    proc: Proc,
    answer: Turned,
    numbers: tuple[int, ...],
    defaults: dict[int, str],
) -> ListHelper | None:
    catalog = writing.catalog
    (pair,) = answer.pairs
    column = pair.inner_words.rpartition(".")[2].strip('"')
    name = f"{proc.proname}_{column}s"
    schema = catalog.nspname(proc.pronamespace)
    given = tuple(number for number in numbers if number not in defaults)
    words = {number: writing.words(written(node.args[number - 1])) for number in given}
    outer = writing.operand(written(node.args[index]))
    if not outer or not all(words.values()) or len(name.encode()) > _LONGEST or not column.isidentifier():
        return None
    names = argument_names(proc)
    arguments = ", ".join(
        f"{quote_identifier(names[number - 1]) if names[number - 1] else ''}"
        f" {format_type(catalog, proc.proargtypes[number - 1])}"
        f"{f' DEFAULT {defaults[number]}' if number in defaults else ''}".strip()
        for number in numbers
    )
    argtypes = tuple(proc.proargtypes[number - 1] for number in numbers)
    quote = "$$" if "$$" not in answer.select else "$list$"
    if "$list$" in answer.select:
        return None
    select = _renamed(answer.select, proc, name)
    body = " ".join(select.split()) if "--" not in select else select.strip()
    head = f"CREATE OR REPLACE FUNCTION {quote_qualified(schema, name)}({arguments})"
    rights = f"{' STRICT' if proc.proisstrict else ''}{_rights(catalog, proc)}"
    create = (
        f"{head} RETURNS SETOF {format_type(catalog, pair.inner.type)}\n  LANGUAGE sql STABLE{rights}\n"
        f"  AS {quote} {body} {quote};"
    )
    call = f"{quote_qualified(schema, name)}({', '.join(words[number] for number in given)})"
    start, end = writing.place(part)
    form = Form(
        edits=((start, end, f"{outer} = ANY (ARRAY(SELECT {call}))"),),
        node=part,
        accepts=lambda new: _is_asked_once(catalog, new, node, index, pair.opno, given),
        title=f"ask once for the list: {name}() beside {proc.proname}()",
        applicability="safe" if proc.provolatile != "v" else "conditional",
        assumes=(f"{proc.proname}() gives one answer throughout a statement",) if proc.provolatile == "v" else (),
    )
    renumbered = {number: place for place, number in enumerate(numbers, start=1)}
    return ListHelper(
        proc=proc,
        name=name,
        argtypes=argtypes,
        create=create,
        drop=f"DROP FUNCTION IF EXISTS {_signature(catalog, proc.pronamespace, name, argtypes)};",
        form=form,
        numbers=numbers,
        expected=_renumbered(answer.query, renumbered),
    )


def _renamed(select: str, proc: Proc, name: str) -> str:
    """The query with arguments that are named by their function (``asks.k``) named by the new one."""
    stream = tokens(select)
    parts: list[str] = []
    position = 0
    for one, dot, other in zip(stream, stream[1:], stream[2:], strict=False):
        words = select[one.start : one.end], select[other.start : other.end]
        if dot.name == "ASCII_46" and words[0] == proc.proname and words[1] in argument_names(proc):
            parts += [select[position : one.start], quote_identifier(name)]
            position = one.end
    return "".join(parts) + select[position:]


def _rights(catalog: Catalog, proc: Proc) -> str:
    """SECURITY DEFINER and settings as the old helper has them; a definer's search_path is fixed in any case."""
    parts = [" SECURITY DEFINER" if proc.prosecdef else ""]
    settings = dict(proc.proconfig)
    if proc.prosecdef and "search_path" not in settings:
        schemas = [name for name in function_search_path(catalog, proc) if catalog.namespaces.find("name", name)]
        settings["search_path"] = ", ".join((*schemas, "pg_temp"))
    for name, value in settings.items():
        # a list of names is kept as it is written; the empty one is stored as the name without characters
        empty = value in ("", '""')
        parts.append(
            f" SET {name} = {value if name == 'search_path' and not empty else _literal('' if empty else value)}"
        )
    return "".join(parts)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _question(catalog: Catalog, proc: Proc, number: int) -> tuple[Writing, SubLink] | None:
    """The EXISTS that the body consists of, the argument from the row in it a column of the query around."""
    body = only_query(catalog, proc)
    if body is None:
        return None
    statement, query = body
    if not is_bare(query) or query.distinct:
        return None
    expr = query.targets[0].expr
    if not isinstance(expr, SubLink) or expr.kind is not SubLinkType.EXISTS or expr.raw is None:
        return None
    if rejections(expr) or unknowns(expr):
        return None

    def put(node: Expr, level: int) -> Expr:
        if isinstance(node, Param) and node.number == number:
            return Var(type=node.type, varno=1, attnum=1, levelsup=level, location=node.location, raw=node.raw)
        return node

    asked = mutate(expr, put)
    start, end = expression_extent(statement, expr.raw)
    if not isinstance(asked, SubLink) or asked is expr or start < 0:
        return None
    path = function_search_path(catalog, proc)
    stored = StoredExpr(expr=asked, raw=expr.raw, statement=statement, search_path=path, start=start, end=end)
    return Writing.as_it_stands(catalog, stored), asked


def _params(query: Query) -> Iterator[Param]:
    for expr in query_expressions(query):
        for node, _ in walk_deep(expr):
            if isinstance(node, Param):
                yield node


def _numbers(query: Query, asked: tuple[int, ...]) -> tuple[int, ...] | None:
    """Numbers of the arguments that are left, with those ``asked`` for; None where one is written as ``$n`` and would
    get another number."""
    params = list(_params(query))
    numbers = tuple(sorted({*asked, *(param.number for param in params)}))
    for param in params:
        positional = param.raw is not None and "ParamRef" in param.raw
        if positional and numbers.index(param.number) + 1 != param.number:
            return None
    return numbers


def _renumbered(query: Query, numbers: dict[int, int]) -> Query:
    def put(node: Expr, level: int) -> Expr:
        return replace(node, number=numbers[node.number]) if isinstance(node, Param) else node

    holder = SubLink(type=0, kind=SubLinkType.EXISTS, subselect=query)
    changed = mutate(holder, put)
    assert isinstance(changed, SubLink)
    return changed.subselect


def _bound(catalog: Catalog, answer: Turned, node: FuncExpr, numbers: tuple[int, ...]) -> bool:
    """Whether the list is one user's: without, it would be as long as the table."""
    given = (node.args[number - 1] for number in numbers if number <= len(node.args))
    return answer.bound or any(of_session(catalog, arg) for arg in given)


def _is_asked_once(catalog: Catalog, new: Expr, old: FuncExpr, index: int, opno: Oid, numbers: tuple[int, ...]) -> bool:
    """Whether ``new`` is ``row's argument = ANY (ARRAY(SELECT g(the others)))`` with that operator."""
    if not isinstance(new, ScalarArrayOpExpr) or not new.use_or or new.opno != opno:
        return False
    left, right = new.args
    link = strip_relabel(right)
    if not isinstance(link, SubLink) or link.kind is not SubLinkType.ARRAY or len(link.subselect.targets) != 1:
        return False
    call = link.subselect.targets[0].expr
    if not isinstance(call, FuncExpr) or not call.retset or link.subselect.rtable or link.subselect.where is not None:
        return False
    others = [old.args[number - 1] for number in numbers]
    return agrees(strip_relabel(left), strip_relabel(old.args[index])) and all(
        agrees(a, b) for a, b in zip(call.args, others, strict=True)
    )


def _signature(catalog: Catalog, namespace: Oid, name: str, argtypes: tuple[Oid, ...]) -> str:
    types = ", ".join(format_type(catalog, oid) for oid in argtypes)
    return f"{quote_qualified(catalog.nspname(namespace), name)}({types})"


def _executors(proc: Proc) -> frozenset[Oid]:
    """Whom EXECUTE is granted to; the owner's own is not counted."""
    if proc.proacl is None:
        return frozenset({PUBLIC})
    return frozenset(role for role, privilege in proc.proacl if privilege == "execute" and role != proc.proowner)


def _role(catalog: Catalog, role: Oid) -> str:
    return "PUBLIC" if role == PUBLIC else quote_identifier(catalog.rolname(role))
