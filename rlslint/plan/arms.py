"""The permissive policies of a scan in, for each arm of their OR the index that serves it or what stands against it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlslint.analyze.collate import other_collation
from rlslint.analyze.opclass import commutator
from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    BooleanTest,
    BoolExpr,
    CoerceToDomain,
    CoerceViaIO,
    CollateExpr,
    Expr,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    ScalarArrayOpExpr,
    SubLink,
    Var,
    walk,
)
from rlslint.plan import clauses
from rlslint.plan.flat import Qual
from rlslint.plan.indexes import IndexInfo, collations_agree, in_family, is_key
from rlslint.plan.inline import inline_if_plain
from rlslint.plan.model import ArmMatch, Obstacle, is_literal
from rlslint.plan.mutate import mutate, relids
from rlslint.plan.paths import RelPaths, columns_used
from rlslint.plan.simplify import Simplifier
from rlslint.records import dataclass, replace
from rlslint.rewrite.model import PolicyClause


@dataclass(frozen=True, slots=True)
class _Verdict:
    obstacle: Obstacle
    columns: tuple[int, ...] = ()
    index: Oid = 0
    near_index: Oid = 0
    collation: Oid = 0
    searched: tuple[Expr, ...] = ()


# how near a condition comes to being served, nearest first
_NEARNESS: tuple[Obstacle, ...] = (
    "none",
    "partial",
    "not_leading",
    "no_index",
    "collation",
    "opclass",
    "cast_on_column",
    "volatile",
    "function_on_column",
    "subquery",
    "any_of_column",
    "operator",
    "call_on_row",
    "row_dependent",
    "other",
    "constant",
)


def match_arms(
    prepared: RelPaths, permissive: Sequence[tuple[PolicyClause, tuple[Expr, ...]]], level: int
) -> tuple[ArmMatch, ...]:
    """One match an arm; ``permissive`` holds each policy's simplified conjuncts, ``level`` their place in the security
    order."""
    found: list[ArmMatch] = []
    others = [qual.expr for qual in prepared.rel.quals]
    for clause, conjuncts in permissive:
        if not conjuncts:
            continue
        for arm, parts in _arms(conjuncts):
            verdict, conjunct = _best(prepared, parts, others if len(permissive) == 1 else [], level)
            index, held_by = (0, "") if verdict.index else _if_inlined(prepared, conjunct, parts, level)
            found.append(
                ArmMatch(
                    clause=clause,
                    arm=arm,
                    conjunct=conjunct,
                    columns=verdict.columns,
                    index=verdict.index,
                    obstacle=verdict.obstacle,
                    near_index=verdict.near_index,
                    collation=verdict.collation,
                    if_inlined=index,
                    held_by=held_by,
                    searched=verdict.searched,
                )
            )
    return tuple(found)


def _arms(conjuncts: tuple[Expr, ...]) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """(arm, its conjuncts): an OR that is all of the condition is split."""
    if len(conjuncts) == 1:
        only = conjuncts[0]
        if isinstance(only, BoolExpr) and only.op == "or":
            for arm in only.args:
                yield from _arms(clauses.make_and((arm,)))
            return
        yield only, conjuncts
        return
    yield BoolExpr(type=16, op="and", args=conjuncts), conjuncts


def _best(prepared: RelPaths, parts: Sequence[Expr], others: Sequence[Expr], level: int) -> tuple[_Verdict, Expr]:
    given = (*parts, *others)
    judged = [(_judge(prepared, part, given, level), part) for part in parts]
    # of equals what finds few rows, wherever it stands in the AND
    return min(judged, key=lambda pair: (_NEARNESS.index(pair[0].obstacle), _finds_many(*pair)))


def _finds_many(verdict: _Verdict, conjunct: Expr) -> bool:
    return any(map(is_literal, verdict.searched or (conjunct,)))


def _judge(prepared: RelPaths, expr: Expr, given: tuple[Expr, ...], level: int) -> _Verdict:
    """Whether an index serves the condition, and if not why."""
    catalog, rel = prepared.catalog, prepared.rel
    columns = tuple(sorted(attnum for attnum in columns_used(rel.rtindex, [expr]) if attnum > 0))
    if not prepared.rel.promotable(Qual(expr, level, level > 0 and clauses.contain_leaked_vars(catalog, expr))):
        return _Verdict("other", columns)
    if isinstance(expr, BoolExpr) and expr.op == "or":
        found = [_best(prepared, clauses.make_and((arm,)), (), level) for arm in expr.args]
        if all(one.index for one, _ in found):
            searched = tuple(part for one, conjunct in found for part in (one.searched or (conjunct,)))
            return replace(found[0][0], searched=searched)
        return max((one for one, _ in found), key=lambda one: _NEARNESS.index(one.obstacle))
    near = _Verdict("none")
    # of several that serve the narrowest is named
    for info in sorted(prepared.infos, key=lambda one: (len(one.keys), bool(one.predicate))):
        match = prepared.match(info, expr)
        by_predicate = not match and expr in info.predicate and prepared.usable(info, given)
        if match is None and not by_predicate:
            continue
        if not prepared.usable(info, given):
            near = _Verdict("partial", columns, near_index=info.oid)
        elif match is not None and not _leads(prepared, info, match.column, given):
            if near.obstacle != "partial":
                near = _Verdict("not_leading", columns, near_index=info.oid)
        else:
            return _Verdict("none", columns, index=info.oid)
    if near.obstacle != "none":
        return near
    return _diagnose(prepared, expr, columns)


def _if_inlined(prepared: RelPaths, expr: Expr, given: tuple[Expr, ...], level: int) -> tuple[Oid, str]:
    """The index that would serve the condition with its helper's body in the helper's place, and what holds it back."""
    if not any(isinstance(node, FuncExpr) for node in walk(expr)):
        return 0, ""
    catalog = prepared.catalog
    reasons: list[str] = []

    def put(node: Expr, depth: int) -> Expr:
        if isinstance(node, FuncExpr) and depth == 0 and prepared.rel.rtindex in relids(node):
            proc = catalog.procs.get(node.funcid)
            found = None if proc is None else inline_if_plain(catalog, prepared.rel.role, proc, node)
            if found is not None:
                reasons.append(found[0])
                return found[1]
        return node

    body = mutate(expr, put)
    if not reasons:
        return 0, ""
    parts = Simplifier(catalog, prepared.rel.role).qual(body)
    if not parts:
        # it is true whatever the row
        return 0, ""
    verdict, _ = _best(prepared, parts, given, level)
    return verdict.index, reasons[0] if verdict.index else ""


def _leads(prepared: RelPaths, info: IndexInfo, column: int, given: tuple[Expr, ...]) -> bool:
    """Whether the columns before it are fixed by other conditions."""
    if column == 0 or info.index.amname in ("gin", "gist", "brin", "spgist"):
        return True
    matches = [prepared.match(info, other) for other in given]
    fixed = {match.column for match in matches if match is not None and match.equality}
    return all(before in fixed for before in range(column))


def _diagnose(prepared: RelPaths, expr: Expr, columns: tuple[int, ...]) -> _Verdict:
    catalog, rtindex = prepared.catalog, prepared.rel.rtindex
    near = _holding(prepared, columns)
    match expr:
        case SubLink():
            outer = tuple(
                column.attnum
                for arg in expr.lefthand
                if isinstance(column := clauses.strip_relabel(arg), Var) and column.levelsup == 0
            )
            return _Verdict("subquery", outer, near_index=_holding(prepared, outer))
        case BoolExpr(op="not", args=(SubLink(),)):
            return _Verdict("subquery", columns)
    if not columns:
        return _Verdict("constant")
    match expr:
        case FuncExpr():
            return _Verdict("call_on_row", columns, near_index=near)
        case Var() | NullTest(arg=Var(), is_null=True) | BooleanTest(arg=Var()):
            return _missing(prepared, columns)
        case BoolExpr(op="not", args=(Var(),)):
            return _missing(prepared, columns)
        case OpExpr(kind="op", args=(left, right)):
            return _operator(catalog, prepared, expr, left, right, columns)
        case ScalarArrayOpExpr(use_or=True, args=(left, right)):
            if rtindex in relids(right) and not relids(left):
                return _Verdict("any_of_column", columns, near_index=near)
            return _operator(catalog, prepared, expr, left, right, columns)
        case OpExpr() | ScalarArrayOpExpr() | BoolExpr(op="not") | NullTest():
            return _Verdict("operator", columns, near_index=near)
    return _Verdict("other", columns, near_index=near)


def _operator(
    catalog: Catalog,
    prepared: RelPaths,
    expr: OpExpr | ScalarArrayOpExpr,
    left: Expr,
    right: Expr,
    columns: tuple[int, ...],
) -> _Verdict:
    rtindex = prepared.rel.rtindex
    if not _indexable(catalog, expr.opno):
        return _Verdict("operator", columns, near_index=_holding(prepared, columns))
    sides = ((left, right), (right, left)) if isinstance(expr, OpExpr) else ((left, right),)
    # the plain column decides; a side that only mentions one comes second
    for operand, other in sorted(sides, key=lambda pair: not isinstance(clauses.strip_collate(pair[0]), Var)):
        if rtindex not in relids(operand):
            continue
        column = clauses.strip_collate(operand)
        own = tuple(sorted(attnum for attnum in columns_used(rtindex, [operand]) if attnum > 0))
        near = _holding(prepared, own)
        if any(isinstance(part, SubLink) for part in (clauses.strip_collate(operand),)):
            return _Verdict("subquery", own, near_index=near)
        if isinstance(column, Var):
            if rtindex in relids(other):
                kind: Obstacle = "subquery" if clauses.has_subplan(other) else "row_dependent"
                return _Verdict(kind, own, near_index=near)
            if clauses.volatile_when_run(catalog, other):
                return _Verdict("volatile", own, near_index=near)
            found = _plain_column(catalog, prepared, expr, own)
            return replace(found, collation=other_collation(catalog, column.collation, expr.args))
        return _Verdict(_wrapping(operand), own, near_index=near)
    return _Verdict("other", columns)


def _plain_column(
    catalog: Catalog, prepared: RelPaths, expr: OpExpr | ScalarArrayOpExpr, own: tuple[int, ...]
) -> _Verdict:
    rtindex = prepared.rel.rtindex
    var = Var(type=0, varno=rtindex, attnum=own[0])
    for info in prepared.infos:
        key = info.keys[0]
        if not is_key(key, rtindex, var):
            continue
        opnos = (expr.opno, commutator(catalog, expr.opno))
        if not any(in_family(catalog, opno, key) for opno in opnos if opno):
            return _Verdict("opclass", own, near_index=info.oid)
        if not collations_agree(catalog, key, expr.args):
            return _Verdict("collation", own, near_index=info.oid)
    return _missing(prepared, own)


def _missing(prepared: RelPaths, own: tuple[int, ...]) -> _Verdict:
    """No index leads with the column; one may hold it further on."""
    var = Var(type=0, varno=prepared.rel.rtindex, attnum=own[0])
    for info in prepared.infos:
        if any(is_key(key, prepared.rel.rtindex, var) for key in info.keys[1:]):
            return _Verdict("not_leading", own, near_index=info.oid)
    return _Verdict("no_index", own)


def _wrapping(operand: Expr) -> Obstacle:
    """What stands around the column."""
    while True:
        match operand:
            case CoerceViaIO() | ArrayCoerceExpr() | CoerceToDomain():
                return "cast_on_column"
            case FuncExpr(form="explicit_cast" | "implicit_cast"):
                return "cast_on_column"
            case CollateExpr():
                return "collation"
        stripped = clauses.strip_relabel(operand)
        if stripped is operand:
            return "function_on_column"
        operand = stripped


def _indexable(catalog: Catalog, opno: Oid) -> bool:
    """Whether any access method serves the operator or its commutator."""
    opnos = (opno, commutator(catalog, opno))
    return any(amop.amoppurpose == "s" for one in opnos if one for amop in catalog.amops.find("operator", one))


def _holding(prepared: RelPaths, columns: tuple[int, ...]) -> Oid:
    """An index that leads with one of the columns, else one that holds it."""
    for position in (0, None):
        for info in prepared.infos:
            keys = info.keys[:1] if position == 0 else info.keys
            if any(key.attnum in columns for key in keys if key.attnum):
                return info.oid
    return 0
