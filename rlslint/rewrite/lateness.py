"""A SELECT policy's condition in, the part of it that no new row can meet out: it asks for a row that refers to the new one.

A foreign key that is checked at once keeps such a row from being there first, and a subquery on the policy's own table does
not see the row that is being inserted.
"""

from __future__ import annotations

from collections.abc import Mapping

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query, RangeTblRef, required_conditions
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
    bare,
)
from rlslint.records import dataclass
from rlslint.rewrite.bodies import body_queries

_MAX_DEPTH = 4
Keys = Mapping[int, int]
"""Arguments of the helper that is looked into (from 1) that are columns of the new row: their attribute numbers."""


@dataclass(frozen=True, slots=True)
class Late:
    """What has to be there first: a row of ``relid`` whose ``column`` is the new row's ``key``."""

    relid: Oid
    column: int
    key: int
    node: Expr
    """The subquery or call in the condition."""


def too_late(catalog: Catalog, relid: Oid, condition: Expr) -> Late | None:
    """The reason why no row that is being inserted into ``relid`` can meet the condition, or None."""
    return _Search(catalog, relid).condition(condition, 0, {}, 0)


class _Search:
    def __init__(self, catalog: Catalog, relid: Oid) -> None:
        self.catalog = catalog
        self.relid = relid

    def condition(self, expr: Expr, level: int, keys: Keys, depth: int) -> Late | None:
        """``level``: how many queries deep the expression stands (the policy's own table is at 0)."""
        match expr:
            case BoolExpr(op="and"):
                return next((late for arg in expr.args if (late := self.condition(arg, level, keys, depth))), None)
            case BoolExpr(op="or"):
                arms = [self.condition(arg, level, keys, depth) for arg in expr.args]
                return arms[0] if all(arms) else None
            case SubLink(kind=SubLinkType.EXISTS):
                return self._query(expr.subselect, level + 1, keys, None, expr)
            case SubLink(kind=SubLinkType.EXPR):
                return self._scalar(expr, level, keys, depth)
            case SubLink(kind=SubLinkType.ANY) if len(expr.lefthand) == 1 and self._equality(expr.opnos):
                key = self._key(expr.lefthand[0], level, keys)
                return self._produced(expr.subselect, level + 1, keys, key, expr, depth)
            case ScalarArrayOpExpr(use_or=True) if self._equality((expr.opno,)):
                array = bare(expr.args[1])
                if isinstance(array, SubLink) and array.kind is SubLinkType.ARRAY:
                    key = self._key(expr.args[0], level, keys)
                    return self._produced(array.subselect, level + 1, keys, key, array, depth)
            case FuncExpr() if not expr.retset:
                return self._helper(expr, level, keys, depth)
        return None

    def _scalar(self, link: SubLink, level: int, keys: Keys, depth: int) -> Late | None:
        query = link.subselect
        if query.rtable or query.where is not None or len(query.targets) != 1:
            return None
        return self.condition(query.targets[0].expr, level + 1, keys, depth)

    def _helper(self, call: FuncExpr, level: int, keys: Keys, depth: int) -> Late | None:
        """A boolean helper: late when all that it can give back is."""
        proc = self.catalog.procs.get(call.funcid)
        if proc is None or proc.origin is None or depth >= _MAX_DEPTH:
            return None
        passed = {
            number: key
            for number, arg in enumerate(call.args, start=1)
            if (key := self._key(arg, level, keys)) is not None
        }
        results = [query for query, result in body_queries(self.catalog, proc) if result]
        # inside the body no level of nesting reaches the policy's table: only arguments do
        found = [self._result(query, passed, depth + 1) for query in results]
        if not found or not all(found) or found[0] is None:
            return None
        return Late(found[0].relid, found[0].column, found[0].key, call)

    def _result(self, query: Query, keys: Keys, depth: int) -> Late | None:
        if query.setop is not None or len(query.targets) != 1:
            return None
        if not query.rtable and query.where is None:
            return self.condition(query.targets[0].expr, _INSIDE, keys, depth)
        return None if query.has_aggs else self._query(query, _INSIDE, keys, None, query.targets[0].expr)

    def _produced(self, query: Query, level: int, keys: Keys, key: int | None, node: Expr, depth: int) -> Late | None:
        """``key = ANY (query)``: late when the query's column refers to the key, or one of its conditions does."""
        if query.setop is not None or len(query.targets) != 1:
            return None
        target = bare(query.targets[0].expr)
        if key is not None and isinstance(target, FuncExpr) and target.retset and not query.rtable:
            proc = self.catalog.procs.get(target.funcid)
            if proc is None or proc.origin is None or depth >= _MAX_DEPTH:
                return None
            found = [
                self._produced(body, _INSIDE, {}, key, node, depth + 1)
                for body, result in body_queries(self.catalog, proc)
                if result
            ]
            return found[0] if found and all(found) else None
        return self._query(query, level, keys, (target, key) if key is not None else None, node)

    def _query(
        self, query: Query, level: int, keys: Keys, produced: tuple[Expr, int] | None, node: Expr
    ) -> Late | None:
        if query.setop is not None or (query.has_aggs and not query.group_by):
            return None
        certain = _certain(query)
        pairs: list[tuple[Expr, int]] = [] if produced is None else [produced]
        for qual in required_conditions(query):
            if isinstance(qual, OpExpr) and len(qual.args) == 2 and self._equality((qual.opno,)):
                for one, other in (qual.args, reversed(qual.args)):
                    key = self._key(other, level, keys)
                    if key is not None:
                        pairs.append((one, key))
        for expr, key in pairs:
            var = bare(expr)
            if not isinstance(var, Var) or var.levelsup or var.varno not in certain:
                continue
            rte = query.rtable[var.varno - 1]
            if rte.kind == "relation" and self._refers(rte.relid, var.attnum, key):
                return Late(rte.relid, var.attnum, key, node)
        return None

    def _key(self, expr: Expr, level: int, keys: Keys) -> int | None:
        """The column of the new row that the expression is, or None."""
        expr = bare(expr)
        if isinstance(expr, Param):
            return keys.get(expr.number)
        if isinstance(expr, Var) and level < _INSIDE and expr.levelsup == level and expr.attnum > 0:
            return expr.attnum
        return None

    def _refers(self, relid: Oid, column: int, key: int) -> bool:
        """Whether no row of ``relid`` can hold the new row's ``key`` in its ``column`` yet."""
        if relid == self.relid:
            return column == key and self._unique(key)
        return any(
            constraint.contype == "f"
            and constraint.confrelid == self.relid
            and constraint.conkey == (column,)
            and constraint.confkey == (key,)
            and not constraint.condeferred
            for constraint in self.catalog.constraints_of(relid)
        )

    def _unique(self, key: int) -> bool:
        return any(one.contype in "pu" and one.conkey == (key,) for one in self.catalog.constraints_of(self.relid))

    def _equality(self, opnos: tuple[Oid, ...]) -> bool:
        return all((row := self.catalog.operators.get(opno)) is not None and row.oprname == "=" for opno in opnos)


_INSIDE = 1000
"""A level from which no Var reaches the policy's table: inside a function's body."""


def _certain(query: Query) -> set[int]:
    """Range-table entries of which every output row has a row: not those that an outer join fills with NULLs."""
    found: set[int] = set()

    def visit(item: FromItem) -> None:
        if isinstance(item, RangeTblRef):
            found.add(item.rtindex)
        elif isinstance(item, JoinExpr):
            if item.jointype in ("inner", "left"):
                visit(item.larg)
            if item.jointype in ("inner", "right"):
                visit(item.rarg)

    for member in query.fromlist:
        visit(member)
    return found
