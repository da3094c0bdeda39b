"""A condition and an index in, whether and how the index serves it out: match_clause_to_index() of indxpath.c."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rlslint.analyze.collate import expression_collation, input_collation
from rlslint.analyze.opclass import both_ways, commutator
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Index, IndexKey, OpClass
from rlslint.nodes.primnodes import (
    BooleanTest,
    BoolExpr,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    RowCompareExpr,
    ScalarArrayOpExpr,
    Var,
)
from rlslint.plan import clauses, patterns
from rlslint.plan.mutate import relids, renumber
from rlslint.plan.simplify import Simplifier
from rlslint.plan.trees import tree_indexes
from rlslint.records import dataclass

BTREE_BOOL: Final = 424
HASH_BOOL: Final = 2222
_SEARCH_NULLS = frozenset({"btree", "gist", "spgist", "brin"})


@dataclass(frozen=True, slots=True)
class IndexKeyInfo:
    """One key as the planner sees it."""

    attnum: int
    expr: Expr | None
    opclass: OpClass | None
    """None when it is not known."""
    collation: Oid


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index of a relation, its expressions renumbered to the relation's place in the range table."""

    index: Index
    keys: tuple[IndexKeyInfo, ...]
    predicate: tuple[Expr, ...]
    columns: frozenset[int] | None
    """Those that it holds as keys; None where a key is an expression."""

    @property
    def oid(self) -> Oid:
        """The index's OID."""
        return self.index.oid


@dataclass(frozen=True, slots=True)
class IndexClause:
    """A condition that the index serves on its key ``column`` (from 0)."""

    column: int
    clause: Expr
    equality: bool
    """Fixes the column to one value (or a list of them), so that the next column bounds the scan too."""
    other: Expr | None = None
    """The side that is compared with the column."""
    lossy: bool = False
    """The index finds more rows than the condition: it is asked of them again."""

    @property
    def array(self) -> bool:
        """A list of values, for which the index is searched again and again."""
        return isinstance(self.clause, (ScalarArrayOpExpr, BoolExpr)) and self.other is not None


def index_infos(catalog: Catalog, simplifier: Simplifier, relid: Oid, rtindex: int) -> tuple[IndexInfo, ...]:
    """The valid indexes of a table and what belongs to it, the newest first: of two that cost the same the first is taken
    (get_relation_info)."""
    infos: list[IndexInfo] = []
    for index in reversed(tree_indexes(catalog, relid)):
        keys = tuple(_key(catalog, simplifier, key, rtindex) for key in index.keys)
        predicate: tuple[Expr, ...] = ()
        if index.indpred is not None:
            predicate = simplifier.qual(renumber(index.indpred.expr, {1: rtindex}))
        attnums = frozenset(key.attnum for key in keys)
        infos.append(IndexInfo(index, keys, predicate, None if 0 in attnums else attnums))
    return tuple(infos)


def _key(catalog: Catalog, simplifier: Simplifier, key: IndexKey, rtindex: int) -> IndexKeyInfo:
    expr, collation = None, key.collation
    if key.expr is not None:
        expr = clauses.strip_relabel(simplifier.expression(renumber(key.expr.expr, {1: rtindex})))
        collation = collation or expression_collation(catalog, key.expr.expr) or 0
    return IndexKeyInfo(key.attnum, expr, catalog.opclasses.get(key.opclass), collation)


def match_clause(catalog: Catalog, info: IndexInfo, rtindex: int, clause: Expr) -> IndexClause | None:
    """The first key of the index that serves the condition, or None."""
    for column in range(len(info.keys)):
        found = match_column(catalog, info, column, rtindex, clause)
        if found is not None:
            return found
    return None


def match_column(catalog: Catalog, info: IndexInfo, column: int, rtindex: int, clause: Expr) -> IndexClause | None:
    """Whether one key serves the condition (match_clause_to_indexcol)."""
    key = info.keys[column]
    am = info.index.amname
    if key.opclass is None and am not in ("btree", "hash"):
        return None
    if key.opclass is not None and key.opclass.opcfamily in (BTREE_BOOL, HASH_BOOL):
        boolean = _boolean(key, rtindex, clause)
        if boolean:
            return IndexClause(column, clause, True)
    match clause:
        case OpExpr(kind="op", args=(left, right)):
            return _operator(catalog, info, column, rtindex, clause, left, right)
        case FuncExpr(funcid=patterns.STARTS_WITH, args=(left, right)):
            return _pattern(key, column, rtindex, clause, left, right, "prefix")
        case ScalarArrayOpExpr(use_or=True, args=(left, right)):
            if not is_key(key, rtindex, left) or rtindex in relids(right):
                return None
            if clauses.volatile_when_run(catalog, right):
                return None
            if not collations_agree(catalog, key, clause.args) or not in_family(catalog, clause.opno, key):
                return None
            return IndexClause(column, clause, _is_equality(catalog, clause.opno, key), right)
        case RowCompareExpr() if am == "btree":
            return _row_comparison(catalog, info, column, rtindex, clause)
        case NullTest(arg=arg):
            if am in _SEARCH_NULLS and is_key(key, rtindex, arg):
                return IndexClause(column, clause, clause.is_null)
        case BoolExpr(op="or") if catalog.pg_version >= 18 and am == "btree":
            return _or_to_array(catalog, info, column, rtindex, clause)
    return None


def _row_comparison(
    catalog: Catalog, info: IndexInfo, column: int, rtindex: int, clause: RowCompareExpr
) -> IndexClause | None:
    """A comparison of rows bounds the key by its first pair, whichever key of the index that is; whether by further pairs
    is told by what follows (match_rowcompare_to_indexcol)."""
    key, opno = info.keys[column], clause.opnos[0]
    left, right = clause.largs[0], clause.rargs[0]
    for operand, other, commuted in both_ways(catalog, opno, left, right):
        if not is_key(key, rtindex, operand):
            continue
        if rtindex in relids(other) or clauses.volatile_when_run(catalog, other):
            return None
        serves = collations_agree(catalog, key, (left, right)) and in_family(catalog, commuted, key)
        if not serves:
            return None
        pairs = zip(clause.opnos, clause.largs, clause.rargs, strict=True)
        whole = all(any(_serves_pair(catalog, one, rtindex, *pair) for one in info.keys) for pair in pairs)
        return IndexClause(column, clause, False, other, lossy=not whole)
    return None


def _serves_pair(catalog: Catalog, key: IndexKeyInfo, rtindex: int, opno: Oid, left: Expr, right: Expr) -> bool:
    """Whether one pair of a row comparison is a condition on the key (expand_indexqual_rowcompare)."""
    for operand, other, used in both_ways(catalog, opno, left, right):
        if is_key(key, rtindex, operand):
            return rtindex not in relids(other) and in_family(catalog, used, key)
    return False


def _or_to_array(catalog: Catalog, info: IndexInfo, column: int, rtindex: int, clause: BoolExpr) -> IndexClause | None:
    """``col = a OR col = b`` is ``col = ANY (a, b)`` from version 18, for access methods that search for lists themselves:
    btree (match_orclause_to_indexcol)."""
    opnos: set[Oid] = set()
    other = None
    for arm in clause.args:
        if not isinstance(arm, OpExpr):
            return None
        found = match_column(catalog, info, column, rtindex, arm)
        if found is None or found.other is None or found.other.type == 0:
            return None
        if clauses.has_subplan(found.other):
            return None
        key_first = is_key(info.keys[column], rtindex, arm.args[0])
        opnos.add(arm.opno if key_first else commutator(catalog, arm.opno))
        other = found.other
    return IndexClause(column, clause, True, other) if len(opnos) == 1 else None


def _boolean(key: IndexKeyInfo, rtindex: int, clause: Expr) -> bool:
    if is_key(key, rtindex, clause):
        return True
    match clause:
        case BoolExpr(op="not", args=(arg,)):
            return is_key(key, rtindex, arg)
        case BooleanTest(arg=arg, test="is_true" | "is_false"):
            return is_key(key, rtindex, arg)
    return False


def _operator(
    catalog: Catalog, info: IndexInfo, column: int, rtindex: int, clause: OpExpr, left: Expr, right: Expr
) -> IndexClause | None:
    key = info.keys[column]
    for operand, other, opno in both_ways(catalog, clause.opno, left, right):
        if not is_key(key, rtindex, operand):
            continue
        if rtindex in relids(other) or clauses.volatile_when_run(catalog, other):
            continue
        if opno and collations_agree(catalog, key, clause.args) and in_family(catalog, opno, key):
            return IndexClause(column, clause, _is_equality(catalog, opno, key), other)
    kind = patterns.KINDS.get(clause.opno)
    return None if kind is None else _pattern(key, column, rtindex, clause, left, right, kind)


def _pattern(
    key: IndexKeyInfo, column: int, rtindex: int, clause: Expr, text: Expr, pattern: Expr, kind: patterns.Kind
) -> IndexClause | None:
    """A text that a constant pattern is for, as the values that begin as it does (match_pattern_prefix)."""
    if key.opclass is None or not isinstance(pattern, Const) or pattern.value is None or not is_key(key, rtindex, text):
        return None
    served = patterns.serves(key.opclass.opcfamily, key.collation, pattern.value, kind)
    return None if served is None else IndexClause(column, clause, served == "equal", pattern, lossy=True)


def is_key(key: IndexKeyInfo, rtindex: int, operand: Expr) -> bool:
    """Whether the operand is the index key itself (match_index_to_operand)."""
    operand = clauses.strip_collate(operand)
    if key.attnum:
        return (
            isinstance(operand, Var)
            and operand.varno == rtindex
            and operand.levelsup == 0
            and operand.attnum == key.attnum
        )
    return key.expr is not None and key.expr == operand


def in_family(catalog: Catalog, opno: Oid, key: IndexKeyInfo) -> bool:
    """Whether the operator belongs to the key's operator family (op_in_opfamily)."""
    if key.opclass is None:
        # an operator class that is not known holds at least its type's own comparisons
        operator = catalog.operators.get(opno)
        return operator is not None and operator.oprname in ("=", "<", "<=", ">", ">=")
    family = key.opclass.opcfamily
    return any(row.amopfamily == family and row.amoppurpose == "s" for row in catalog.amops.find("operator", opno))


def _is_equality(catalog: Catalog, opno: Oid, key: IndexKeyInfo) -> bool:
    operator = catalog.operators.get(opno)
    return operator is not None and operator.oprname == "="


def collations_agree(catalog: Catalog, key: IndexKeyInfo, args: Iterable[Expr]) -> bool:
    """Whether the index is ordered by the collation that operands are compared by (IndexCollMatchesExprColl)."""
    return not key.collation or input_collation(catalog, args) in (None, key.collation)
