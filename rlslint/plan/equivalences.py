"""Conditions of flat relations in, the same with the equalities that follow from them out: equivclass.c."""

from __future__ import annotations

from collections.abc import Sequence

from rlslint.analyze.opclass import commutator
from rlslint.analyze.types import BOOL
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import Const, Expr, Oid, OpExpr, SubLink, walk
from rlslint.plan import clauses
from rlslint.plan.flat import Flat, Qual
from rlslint.plan.mutate import relids
from rlslint.records import replace


def equivalences(catalog: Catalog, flat: Flat) -> None:
    """Adds the equalities that follow from others: a = b and b = $1 give a = $1 (equivclass.c). What is compared with
    several values known before the scan is compared with one of them; that they are equal is asked once."""
    classes: list[list[Expr]] = []
    operators: dict[tuple[int, int], int] = {}
    sources = _equalities(catalog, flat)
    if len(sources) < 2:
        # of one nothing follows
        return
    for qual in sources:
        assert isinstance(qual.expr, OpExpr)
        left, right = qual.expr.args
        operators[(left.type, right.type)] = qual.expr.opno
        operators.setdefault((right.type, left.type), commutator(catalog, qual.expr.opno))
        touched = [members for members in classes if _among(left, members) or _among(right, members)]
        merged: list[Expr] = []
        for one in [*(one for members in touched for one in members), left, right]:
            if not _among(one, merged):
                merged.append(one)
        classes = [members for members in classes if not any(members is one for one in touched)] + [merged]
    classes = [members for members in classes if len(members) > 2]
    if not classes:
        return
    known = {qual.expr for qual in flat.joins} | {qual.expr for rel in flat.rels for qual in rel.quals}
    for members in classes:
        constants = [member for member in members if not relids(member)]
        if len(constants) > 1 and _with_one_constant(catalog, flat, members, constants, operators, sources):
            known = {qual.expr for qual in flat.joins} | {qual.expr for rel in flat.rels for qual in rel.quals}
        for i, left in enumerate(members):
            for right in members[i + 1 :]:
                _derive(catalog, flat, left, right, operators, known, bool(constants))
        if constants:
            # each member is compared with the constant, so joins between members add nothing
            needless = {
                qual.expr
                for qual in sources
                if isinstance(qual.expr, OpExpr)
                and all(_among(arg, members) and not _among(arg, constants) for arg in qual.expr.args)
            }
            flat.joins = [qual for qual in flat.joins if qual.expr not in needless]
            for rel in flat.rels:
                rel.quals = [qual for qual in rel.quals if qual.expr not in needless]


def _with_one_constant(
    catalog: Catalog,
    flat: Flat,
    members: list[Expr],
    constants: list[Expr],
    operators: dict[tuple[int, int], int],
    sources: Sequence[Qual],
) -> bool:
    """Compares everything in a class with one constant: a literal, else the last (generate_base_implied_equalities_const).
    False, and nothing done, where an operator is missing."""
    chosen = next((one for one in constants if isinstance(one, Const)), constants[-1])
    opnos = {
        type_: operators.get((type_, chosen.type)) or _equality(catalog, type_, chosen.type)
        for type_ in {member.type for member in members}
    }
    if not all(opnos.values()):
        return False
    for rel in flat.rels:
        kept: list[Qual] = []
        for qual in rel.quals:
            new = qual
            if (
                qual in sources
                and isinstance(qual.expr, OpExpr)
                and all(_among(arg, members) for arg in qual.expr.args)
            ):
                one, other = qual.expr.args
                member = other if _among(one, constants) else one
                if not _among(chosen, (one, other)) and (_among(one, constants) or _among(other, constants)):
                    expr = OpExpr(type=BOOL, opno=opnos[member.type] or 0, args=(member, chosen), raw=qual.expr.raw)
                    new = replace(qual, expr=expr)
            if not _among(new.expr, [one.expr for one in kept]):
                kept.append(new)
        rel.quals = kept
    for one in constants:
        if one is not chosen:
            flat.constant.append(Qual(OpExpr(type=BOOL, opno=opnos[one.type] or 0, args=(one, chosen))))
    members[:] = [member for member in members if member is chosen or not _among(member, constants)]
    return True


def _among(expr: Expr, members: Sequence[Expr]) -> bool:
    """Whether one of them is equal to the expression (equal()). A subquery is a parameter of its own by now, so that two of
    the same words are not (SS_process_sublinks)."""
    alone = any(isinstance(node, SubLink) for node in walk(expr))
    return any(one is expr or (not alone and one == expr) for one in members)


def _equalities(catalog: Catalog, flat: Flat) -> list[Qual]:
    found = []
    inner = {rel.rtindex for rel in flat.rels if rel.join in ("inner", "semi")}
    for qual in [*flat.joins, *(q for rel in flat.rels if rel.join in ("inner", "semi") for q in rel.quals)]:
        if says_equal(catalog, qual) and qual.relids <= inner:
            found.append(qual)
    return found


def says_equal(catalog: Catalog, qual: Qual) -> bool:
    """Whether the condition makes two expressions members of one class (process_equivalence)."""
    expr = qual.expr
    if not isinstance(expr, OpExpr) or expr.kind != "op" or len(expr.args) != 2 or qual.leaky:
        return False
    operator = catalog.operators.get(expr.opno)
    if operator is None or not operator.oprcanmerge or operator.oprname != "=":
        return False
    return not clauses.contain_volatile(catalog, expr)


def _derive(
    catalog: Catalog,
    flat: Flat,
    left: Expr,
    right: Expr,
    operators: dict[tuple[int, int], int],
    known: set[Expr],
    constant: bool,
) -> None:
    left_rels, right_rels = relids(left), relids(right)
    used = left_rels | right_rels
    if not used or left_rels & right_rels or (constant and left_rels and right_rels):
        return
    opno = operators.get((left.type, right.type)) or _equality(catalog, left.type, right.type)
    if not opno:
        return
    expr = OpExpr(type=BOOL, opno=opno, args=(left, right))
    turned = clauses.commute(catalog, expr)
    if expr in known or (turned is not None and turned in known):
        return
    if len(used) == 1:
        flat.rel(next(iter(used))).quals.append(Qual(expr))
    else:
        flat.joins.append(Qual(expr))


def _equality(catalog: Catalog, left: Oid, right: Oid) -> Oid:
    if not left or not right:
        return 0
    for operator in catalog.operators.find("name", "="):
        if operator.oprleft == left and operator.oprright == right and operator.oprcanmerge:
            return operator.oid
    return 0
