"""An expression in, the collation that its value is compared by out: assign_collations_walker() of parse_collate.c.

current_user and whatever else is of type ``name`` has the C collation, and one that is not the default beats the default of
a column: ``owner_text = current_user`` compares by C, which no index in the database's collation can serve.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from rlslint.analyze.types import type_collation
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import CaseExpr, CollateExpr, Expr, FieldSelect, Oid, SubLink, SubLinkType, Unresolved, Var

DEFAULT_COLLATION: Final = 100
C_COLLATION: Final = 950

_NONE, _IMPLICIT, _CONFLICT, _EXPLICIT = range(4)


class _State(NamedTuple):
    """A derivation; ``collation`` is None where it is not known which."""

    strength: int
    collation: Oid | None


def expression_collation(catalog: Catalog, expr: Expr) -> Oid | None:
    """The collation of an expression's value (exprCollation): 0 where its type has none or its parts disagree, None where it
    is not known."""
    return _state(catalog, expr).collation


def input_collation(catalog: Catalog, args: Iterable[Expr]) -> Oid | None:
    """The collation that an operator or function with these arguments goes by (exprInputCollation): 0 where none of them has
    one or they disagree, None where it is not known."""
    return _merged(_state(catalog, arg) for arg in args).collation


def other_collation(catalog: Catalog, column: Oid, args: Iterable[Expr]) -> Oid:
    """The collation that a comparison goes by where it is known to be another than the ``column``'s own, else 0."""
    used = input_collation(catalog, args) if column else 0
    return used if used and used != column else 0


def _state(catalog: Catalog, expr: Expr) -> _State:
    match expr:
        case CollateExpr(collation=collation):
            return _State(_EXPLICIT, collation)
        case Unresolved():
            return _State(_IMPLICIT, None)
    own = type_collation(catalog, expr.type)
    if not own:
        return _State(_NONE, 0)
    below = _merged(_state(catalog, part) for part in _parts(expr))
    match expr:
        case Var(collation=collation):
            return _State(_IMPLICIT, collation or None)
        case SubLink(kind=SubLinkType.EXPR | SubLinkType.ARRAY, subselect=query) if query.targets:
            return _State(_IMPLICIT, expression_collation(catalog, query.targets[0].expr))
    return below if below.strength > _NONE else _State(_IMPLICIT, own)


def _parts(expr: Expr) -> tuple[Expr, ...]:
    """The parts that an expression's collation comes from."""
    match expr:
        case CaseExpr(whens=whens, default=default):
            return (*(result for _, result in whens), *(() if default is None else (default,)))
        case SubLink() | FieldSelect():
            return ()
    return expr.children()


def _merged(states: Iterable[_State]) -> _State:
    """merge_collation_state(): the stronger derivation counts; of two implicit ones that differ the one that is not the
    default."""
    best = _State(_NONE, 0)
    for state in states:
        if state.strength > best.strength:
            best = state
        elif state.strength == best.strength == _IMPLICIT and state.collation != best.collation:
            if None in (state.collation, best.collation):
                best = _State(_IMPLICIT, None)
            elif best.collation == DEFAULT_COLLATION:
                best = state
            elif state.collation != DEFAULT_COLLATION:
                best = _State(_CONFLICT, 0)
    return best
