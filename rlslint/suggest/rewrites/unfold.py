"""A call of a SQL helper in, its condition in its place out: where a form of a part of that condition is to be used.

Proof. PostgreSQL itself puts the body of such a function in the place of a call (inline_function in clauses.c): LANGUAGE
sql, one SELECT of one expression without FROM, with the caller's rights and settings, not STRICT. The arguments here are
columns and constants, which may be written as often as the body names them. Whoever runs the statement may EXECUTE the
function, since PUBLIC may; what the body calls is asked for as the same role either way, but not the schemas that its names
stand in: a role without USAGE there, whom the call fails for, passes afterwards, which is said. A PL/pgSQL body that is
nothing but RETURN of an expression gives that expression's value with the same rights, names that could be a column and an
argument left aside; one that is not declared STABLE looks at the tables anew each time (exec_eval_simple_expr).
"""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.analyze.deparse import resolve_text, same_shape
from rlslint.analyze.entry import rejections, unknowns
from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Proc
from rlslint.findings import Applicability
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Const, Expr, FuncExpr, Param, Var
from rlslint.plan.clauses import strip_relabel
from rlslint.plan.mutate import mutate, shift_levels
from rlslint.rewrite.bodies import argument_names, only_query
from rlslint.source.extent import expression_extent
from rlslint.suggest.rewrites.one_answer import one_answer
from rlslint.suggest.rewrites.writing import Form, Writing, is_bare, written


def unfolded(writing: Writing, node: Expr) -> Iterator[Form]:
    """The one form."""
    proc = writing.catalog.procs.get(node.funcid) if isinstance(node, FuncExpr) else None
    if not isinstance(node, FuncExpr) or proc is None or proc.origin is None or len(node.args) != len(proc.proargtypes):
        return
    if (
        proc.prolang not in ("sql", "plpgsql")
        or proc.prosecdef
        or proc.proconfig
        or proc.proisstrict
        or proc.proretset
        or proc.prosqlbody
    ):
        return
    if proc.proacl is not None and (PUBLIC, "execute") not in proc.proacl:
        return
    if not all(isinstance(strip_relabel(arg), (Var, Const)) for arg in node.args):
        return
    args = node.in_order().args
    found = only_query(writing.catalog, proc)
    if found is None:
        return
    statement, query = found
    if not is_bare(query):
        return
    body = query.targets[0].expr
    if body.raw is None or body.type != node.type or rejections(body) or unknowns(body):
        return
    if proc.prolang == "plpgsql" and _conflicts(proc, body):
        return
    first, last = expression_extent(statement, body.raw)
    edits = []
    for part, _ in walk_deep(body):
        if isinstance(part, Param):
            start, end = expression_extent(statement, part.raw) if part.raw is not None else (-1, -1)
            words = writing.operand(written(args[part.number - 1]))
            if start < first or end > last or not words:
                return
            edits.append((start, end, words))
    pieces: list[str] = []
    position = first
    for start, end, words in sorted(set(edits)):
        pieces += [statement.text[position:start], words]
        position = end
    text = "".join(pieces) + statement.text[position:last]
    start, end = writing.place(node)
    if start < 0 or first < 0 or "--" in text:
        return

    def put(part: Expr, level: int) -> Expr:
        return shift_levels(args[part.number - 1], level) if isinstance(part, Param) else part

    expected = mutate(body, put)
    assumes = [f"whoever it is for has USAGE on schema {schema}" for schema in _closed_schemas(writing.catalog, body)]
    applicability: Applicability = "conditional" if assumes else "safe"
    if proc.prolang == "plpgsql" and proc.provolatile == "v":
        applicability, more = one_answer(writing.catalog, proc, (writing.relid,))
        assumes += more
    yield Form(
        edits=((start, end, f"({' '.join(text.split())})"),),
        node=node,
        accepts=lambda new: same_shape(new, expected),
        title=f"the condition of {proc.proname}() in its place",
        applicability=applicability,
        assumes=tuple(assumes),
    )


def _closed_schemas(catalog: Catalog, body: Expr) -> list[str]:
    """Schemas of the files whose functions the body calls by names that not everybody may look up: the body is parsed as
    whoever runs the statement, a policy's condition as who made it (42501 for lack of USAGE)."""
    procs = (catalog.procs.get(node.funcid) for node, _ in walk_deep(body) if isinstance(node, FuncExpr))
    schemas = {proc.pronamespace: None for proc in procs if proc is not None}
    rows = [row for oid in schemas if (row := catalog.namespaces.get(oid)) is not None and row.origin is not None]
    return [quote_identifier(row.nspname) for row in rows if (PUBLIC, "usage") not in row.nspacl]


def _conflicts(proc: Proc, body: Expr) -> bool:
    """Whether a name in it could be a column and an argument: PL/pgSQL then fails, or takes the other one."""
    names = set(argument_names(proc))
    fields = (
        part.raw["ColumnRef"]["fields"]
        for part, _ in walk_deep(body)
        if part.raw is not None and "ColumnRef" in part.raw and not isinstance(part, Param)
    )
    return any("String" in one[0] and one[0]["String"]["sval"] in names for one in fields)


def unfolded_writing(writing: Writing, form: Form) -> Writing | None:
    """The whole condition with the form in it, to be edited further; None where it would mean something else."""
    text = writing.check(form)
    fresh = (
        None if text is None else resolve_text(writing.catalog, text, writing.stored.span, writing.relid, boolean=True)
    )
    return None if fresh is None else Writing(writing.catalog, fresh, writing.relid)
