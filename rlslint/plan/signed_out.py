"""A policy's condition in, whether it can hold for a request without a signed-in user out: SQL's three-valued logic with
the session functions NULL, as they are for such a request."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    BoolExpr,
    CoerceViaIO,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    OpExpr,
    RelabelType,
    ScalarArrayOpExpr,
    SubLink,
    SubLinkType,
)
from rlslint.plan import clauses

_NULL_WITHOUT_USER: Final = frozenset({"auth.uid", "auth.email", "auth.user_id"})
_ROLE: Final = "auth.role"
ANONYMOUS_ROLES: Final = ("anon", "web_anon")
"""What an API's requests without a user run as: Supabase's and Neon's, and PostgREST's tutorial's."""
SIGNED_IN_ROLES: Final = ("authenticated",)
"""What those with one run as."""


def never_for_nobody(catalog: Catalog, expr: Expr, anonymous: Collection[str]) -> bool:
    """Whether the condition certainly is false or NULL for a request without a user, which runs as one of the
    ``anonymous`` roles."""
    match expr:
        case BoolExpr(op="and", args=args):
            return any(never_for_nobody(catalog, arg, anonymous) for arg in args)
        case BoolExpr(op="or", args=args):
            return all(never_for_nobody(catalog, arg, anonymous) for arg in args)
        case NullTest(arg=arg, is_null=False):
            return _null(catalog, arg, anonymous)
        case OpExpr(kind="op", args=(left, right)):
            if _is_role(catalog, left) or _is_role(catalog, right):
                return _another_role(catalog, expr, anonymous)
            return _null(catalog, expr, anonymous)
        case SubLink(kind=SubLinkType.EXISTS, subselect=query) if not query.has_aggs and query.setop is None:
            return query.where is not None and never_for_nobody(catalog, query.where, anonymous)
        case SubLink(kind=SubLinkType.ANY, subselect=query, lefthand=left):
            if query.setop is not None or query.has_aggs:
                return False
            empty = query.where is not None and never_for_nobody(catalog, query.where, anonymous)
            return empty or all(_null(catalog, one, anonymous) for one in left)
    return _null(catalog, expr, anonymous)


def roles_asked_for(catalog: Catalog, expr: Expr) -> frozenset[str]:
    """Texts that the condition compares the request's role with."""
    return frozenset(
        side.value
        for node, _ in walk_deep(expr)
        if isinstance(node, OpExpr) and any(_is_role(catalog, side) for side in node.args)
        for side in map(clauses.strip_relabel, node.args)
        if isinstance(side, Const) and side.value is not None
    )


def names_who_asks(role: str) -> str:
    """What must hold so that a policy about ``auth.role()`` is one for that role."""
    return f"auth.role() is {role} where {role} runs the statement and nowhere else"


def holds_only_for(catalog: Catalog, expr: Expr, role: str) -> bool:
    """Whether the condition is true for requests of that role at most: ``auth.role() = 'service_role' AND ...``."""
    match expr:
        case BoolExpr(op="and", args=args):
            return any(holds_only_for(catalog, arg, role) for arg in args)
        case BoolExpr(op="or", args=args):
            return all(holds_only_for(catalog, arg, role) for arg in args)
        case OpExpr(kind="op", args=(left, right)):
            operator = catalog.operators.get(expr.opno)
            names = {one.value for one in map(clauses.strip_relabel, expr.args) if isinstance(one, Const)}
            asks = _is_role(catalog, left) or _is_role(catalog, right)
            return asks and operator is not None and operator.oprname == "=" and names == {role}
    return False


def any_user_passes(catalog: Catalog, expr: Expr, signed_in: Collection[str]) -> bool:
    """Whether the condition asks for nothing but a signed-in user: ``auth.uid() IS NOT NULL``, or that the request runs as
    one of the ``signed_in`` roles."""
    match expr:
        case NullTest(arg=arg, is_null=False):
            return _asks_who(catalog, arg)
        case OpExpr(kind="op"):
            return any(holds_only_for(catalog, expr, role) for role in signed_in)
    return False


def _asks_who(catalog: Catalog, expr: Expr) -> bool:
    """Whether it is the user's id or the like, by itself: what is computed from it may be NULL for a user, too."""
    match expr:
        case RelabelType(arg=arg) | CoerceViaIO(arg=arg):
            return _asks_who(catalog, arg)
        case SubLink(kind=SubLinkType.EXPR, subselect=query) if not query.fromlist and len(query.targets) == 1:
            return query.setop is None and query.where is None and _asks_who(catalog, query.targets[0].expr)
        case FuncExpr():
            proc = catalog.procs.get(expr.funcid)
            return proc is not None and catalog.qualified_name(proc) in _NULL_WITHOUT_USER
    return False


def holds_only_for_others(catalog: Catalog, expr: Expr, role: str) -> bool:
    """Whether the condition is true for requests of one other role at most."""
    return any(name != role and holds_only_for(catalog, expr, name) for name in roles_asked_for(catalog, expr))


def _null(catalog: Catalog, expr: Expr, anonymous: Collection[str]) -> bool:
    match expr:
        case Const(value=None):
            return True
        case RelabelType(arg=arg) | CoerceViaIO(arg=arg) | ArrayCoerceExpr(arg=arg):
            return _null(catalog, arg, anonymous)
        case FuncExpr(args=args):
            proc = catalog.procs.get(expr.funcid)
            if proc is None:
                return False
            if catalog.qualified_name(proc) in _NULL_WITHOUT_USER:
                return True
            return proc.proisstrict and any(_null(catalog, arg, anonymous) for arg in args)
        case OpExpr(kind="op", args=args) | ScalarArrayOpExpr(args=args):
            return clauses.is_strict_op(catalog, expr.opno) and any(_null(catalog, arg, anonymous) for arg in args)
        case SubLink(kind=SubLinkType.EXPR, subselect=query) if query.setop is None and len(query.targets) == 1:
            if not query.fromlist:
                return _null(catalog, query.targets[0].expr, anonymous)
            return not query.has_aggs and query.where is not None and never_for_nobody(catalog, query.where, anonymous)
    return False


def _is_role(catalog: Catalog, expr: Expr) -> bool:
    if isinstance(expr, SubLink) and expr.kind is SubLinkType.EXPR and not expr.subselect.fromlist:
        return len(expr.subselect.targets) == 1 and _is_role(catalog, expr.subselect.targets[0].expr)
    proc = catalog.procs.get(expr.funcid) if isinstance(expr, FuncExpr) else None
    return proc is not None and catalog.qualified_name(proc) == _ROLE


def _another_role(catalog: Catalog, expr: OpExpr, anonymous: Collection[str]) -> bool:
    """``auth.role() = 'authenticated'``."""
    operator = catalog.operators.get(expr.opno)
    values = [clauses.strip_relabel(arg) for arg in expr.args]
    names = [one.value for one in values if isinstance(one, Const)]
    return operator is not None and operator.oprname == "=" and names != [] and not set(names) & set(anonymous)
