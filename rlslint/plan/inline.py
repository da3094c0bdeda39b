"""A call of a SQL function in, the expression it is replaced by out, or why not: inline_function() of clauses.c."""

from __future__ import annotations

from rlslint.analyze.entry import analyze_function_body
from rlslint.analyze.sql_body import contain_nonstrict, simple_expression
from rlslint.catalog.acl import has_privilege
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.primnodes import Const, Expr, FuncExpr, Oid, Param, RelabelType, SubLink, Unresolved, walk
from rlslint.plan import clauses
from rlslint.plan.mutate import mutate
from rlslint.records import replace
from rlslint.rewrite.functions import function_search_path


def inlinable_body(catalog: Catalog, role: Oid, proc: Proc) -> Expr | str:
    """The body's expression in terms of the function's parameters, or the reason why no call of it is inlined."""
    if proc.prolang != "sql":
        return f"LANGUAGE {proc.prolang}"
    if proc.prosecdef:
        return "SECURITY DEFINER"
    if proc.proconfig:
        return "SET " + proc.proconfig[0][0]
    if proc.prokind != "f" or proc.proretset:
        return "it returns a set"
    if not has_privilege(catalog, role, proc, "execute"):
        return "the role may not execute it"
    body = analyze_function_body(catalog, proc, function_search_path(catalog, proc))
    if body is None or len(body) != 1:
        return "its body is not one statement" if body else "its body could not be read"
    expr = simple_expression(body[0])
    if expr is None:
        return "its body is more than one SELECT expression"
    if any(isinstance(node, Unresolved) for node in walk(expr)):
        return "its body could not be resolved"
    if any(isinstance(node, SubLink) for node in walk(expr)):
        return "its body holds a subquery"
    if expr.type and proc.prorettype and expr.type != proc.prorettype:
        if not _same_but_relabel(expr, proc.prorettype):
            return "its body has another type than it returns"
        expr = RelabelType(type=proc.prorettype, arg=expr)
    return _volatility(catalog, proc, expr) or _strictness(catalog, proc, expr) or expr


def inline_call(catalog: Catalog, proc: Proc, body: Expr, call: FuncExpr) -> Expr | str:
    """An inlinable body with the call's arguments put in, or the reason why this call is not inlined."""
    if len(proc.proargtypes) != len(call.args):
        return "its arguments have defaults that are not known here"
    call = call.in_order()
    return _refused_arguments(catalog, call, body) or _substitute(body, call)


def inline_if_plain(catalog: Catalog, role: Oid, proc: Proc, call: FuncExpr) -> tuple[str, Expr] | None:
    """What a call would be replaced by were its function declared without what keeps it from being inlined, with that
    obstacle; None where the body itself is not one expression."""
    if proc.prolang != "sql" or proc.prokind != "f" or proc.proretset or len(proc.proargtypes) != len(call.args):
        return None
    reason = inlinable_body(catalog, role, proc)
    body = analyze_function_body(catalog, proc, function_search_path(catalog, proc))
    if not isinstance(reason, str) or body is None or len(body) != 1:
        return None
    expr = simple_expression(body[0])
    if expr is None or any(isinstance(node, Unresolved) for node in walk(expr)):
        return None
    if expr.type != proc.prorettype and not _same_but_relabel(expr, proc.prorettype):
        return None
    return reason, _substitute(expr, call.in_order())


def _same_but_relabel(expr: Expr, target: Oid) -> bool:
    return {expr.type, target} <= {25, 1043} or isinstance(expr, Const)


def _volatility(catalog: Catalog, proc: Proc, expr: Expr) -> str | None:
    """The body must not be more volatile than the function is declared."""
    if proc.provolatile == "i" and clauses.contain_mutable(catalog, expr):
        return "it is declared IMMUTABLE and its body is not"
    if proc.provolatile == "s" and clauses.contain_volatile(catalog, expr):
        return "it is declared STABLE and its body is VOLATILE"
    return None


def _strictness(catalog: Catalog, proc: Proc, expr: Expr) -> str | None:
    """A STRICT function's body must be strict itself and use every parameter."""
    if not proc.proisstrict:
        return None
    if contain_nonstrict(catalog, expr):
        return "it is STRICT and its body is not"
    used = {node.number for node in walk(expr) if isinstance(node, Param)}
    if used != set(range(1, len(proc.proargtypes) + 1)):
        return "it is STRICT and its body does not use every argument"
    return None


def _refused_arguments(catalog: Catalog, call: FuncExpr, expr: Expr) -> str | None:
    """An argument that is used twice must be cheap and not volatile."""
    counts = [0] * (len(call.args) + 1)
    for node in walk(expr):
        if isinstance(node, Param) and 0 < node.number < len(counts):
            counts[node.number] += 1
    for arg, count in zip(call.args, counts[1:], strict=True):
        if isinstance(arg, Const):
            continue
        if count > 1:
            if any(isinstance(node, SubLink) for node in walk(arg)):
                return "it uses an argument more than once that is a subquery"
            if not _cheap(catalog, arg):
                return "it uses an argument more than once that is costly"
            if clauses.contain_volatile(catalog, arg):
                return "it uses an argument more than once that is VOLATILE"
    return None


def _cheap(catalog: Catalog, arg: Expr) -> bool:
    """No more than ten operators' worth (10 * cpu_operator_cost)."""
    cost = 0
    for node in walk(arg):
        for proc in clauses.node_procs(catalog, node):
            cost += 1 if proc is not None and proc.prolang in ("internal", "c") else 100
    return cost <= 10


def _substitute(expr: Expr, call: FuncExpr) -> Expr:
    def change(node: Expr, level: int) -> Expr:
        if isinstance(node, Param) and 0 < node.number <= len(call.args):
            # what is put in is not visited again: the arguments keep their own places
            return call.args[node.number - 1]
        # the body was written elsewhere: it stands where the call stands
        return replace(node, location=call.location, raw=call.raw)

    return mutate(expr, change)
