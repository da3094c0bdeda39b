"""A JOIN of the parse tree in, a JoinExpr and the names it leaves visible out (transformFromClauseItem)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import rlslint.analyze.expr as expressions
import rlslint.analyze.from_clause as clauses
from rlslint.analyze import operators
from rlslint.analyze import types as t
from rlslint.analyze.scope import NsItem, Scope, sees_unknown
from rlslint.nodes.parsenodes import JoinExpr, RangeTblEntry
from rlslint.nodes.primnodes import BoolExpr, CoalesceExpr, Expr, Unresolved, Var
from rlslint.records import replace
from rlslint.source.model import Raw

JOINS: Final[dict[str, Literal["inner", "left", "right", "full"]]] = {
    "JOIN_INNER": "inner",
    "JOIN_LEFT": "left",
    "JOIN_RIGHT": "right",
    "JOIN_FULL": "full",
}


def join(scope: Scope, node: Raw) -> JoinExpr:
    """Resolve a JoinExpr: both sides, its condition, the merged columns of USING and NATURAL, its alias."""
    before = scope.items
    scope.items = list(before)
    left = clauses.from_item(scope, node["larg"])
    left_items = scope.items[len(before) :]
    right = clauses.from_item(scope, node["rarg"])
    right_items = scope.items[len(before) + len(left_items) :]
    clauses.check_names(scope, left_items, right_items)
    jointype = JOINS[node.get("jointype", "JOIN_INNER")]
    using = _using(node, left_items, right_items)
    quals, merged = _merge(scope, using, left_items, right_items, jointype)
    if "quals" in node:
        # names outside the join are hidden in ON, as in PostgreSQL
        visible, scope.items = scope.items, [*left_items, *right_items]
        quals = expressions.boolean(scope, expressions.transform(scope, node["quals"]))
        scope.items = visible
    names = {name for name, _ in merged}
    rest = [
        (name, expr)
        for item in (*left_items, *right_items)
        if item.columns_visible
        for name, expr in item.columns
        if name not in names
    ]
    alias = clauses.alias_name(node)
    rtindex = len(scope.rtable) + 1
    joined = NsItem(
        name=alias or "",
        rtindex=rtindex,
        columns=(*merged, *rest),
        rowtype=t.RECORD,
        relation_visible=alias is not None,
        unknown=sees_unknown([*left_items, *right_items]),
        kind="join",
    )
    joined = clauses.renamed(scope, joined, clauses.alias_columns(node))
    scope.add(
        RangeTblEntry(
            kind="join",
            eref=alias or "unnamed_join",
            aliased=alias is not None,
            colnames=tuple(name for name, _ in joined.columns),
            coltypes=tuple(expr.type for _, expr in joined.columns),
            joinvars=tuple(expr for _, expr in joined.columns),
        )
    )
    if alias is not None:
        scope.items = [*before, joined]
        return JoinExpr(jointype=jointype, larg=left, rarg=right, quals=quals, rtindex=rtindex)
    hidden = [replace(item, columns_visible=False) for item in (*left_items, *right_items)]
    scope.items = [*before, *hidden, joined]
    using_alias = node.get("join_using_alias", {}).get("aliasname")
    if using_alias is not None:
        named = replace(joined, name=using_alias, columns=tuple(merged), columns_visible=False, relation_visible=True)
        scope.items.append(named)
    return JoinExpr(jointype=jointype, larg=left, rarg=right, quals=quals, rtindex=rtindex)


def _using(node: Raw, left: Sequence[NsItem], right: Sequence[NsItem]) -> list[str]:
    if not node.get("isNatural"):
        return [part["String"]["sval"] for part in node.get("usingClause", ())]
    names = {name for item in right if item.columns_visible for name, _ in item.columns}
    return [name for item in left if item.columns_visible for name, _ in item.columns if name in names]


def _merge(
    scope: Scope, using: Sequence[str], left: Sequence[NsItem], right: Sequence[NsItem], jointype: str
) -> tuple[Expr | None, list[tuple[str, Expr]]]:
    """The condition that USING means, and the merged columns (transformJoinUsingClause)."""
    equals: list[Expr] = []
    merged: list[tuple[str, Expr]] = []
    for name in using:
        one, two = _side(scope, left, name, "left"), _side(scope, right, name, "right")
        if isinstance(one, Unresolved) or isinstance(two, Unresolved):
            merged.append((name, two if isinstance(one, Unresolved) else one))
            continue
        equals.append(operators.binary(scope, "=", one, two, -1, {}))
        merged.append((name, _merged(scope, jointype, one, two)))
    if len(equals) > 1:
        return BoolExpr(type=t.BOOL, op="and", args=tuple(equals)), merged
    return (equals[0] if equals else None), merged


def _side(scope: Scope, items: Sequence[NsItem], name: str, side: str) -> Expr:
    found = [expr for item in items if item.columns_visible for expr in item.column(name)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        reason = f'common column name "{name}" appears more than once in {side} table'
        scope.reject(reason, "42702")
        return found[0]
    reason = f'column "{name}" specified in USING clause does not exist in {side} table'
    sqlstate = None if sees_unknown(items) else "42703"
    scope.reject(reason, sqlstate)
    return Unresolved(type=0, reason=reason, sqlstate=sqlstate)


def _merged(scope: Scope, jointype: str, left: Expr, right: Expr) -> Expr:
    """A merged column in the type both sides settle on (buildMergedJoinVar)."""
    oid, (one, two), _ = expressions.to_common_type(scope, [left, right], "JOIN/USING")
    match jointype:
        case "left":
            return one
        case "right":
            return two
        case "full":
            return CoalesceExpr(type=oid, name="coalesce", args=(one, two))
    # an inner join takes the side that needs no cast
    return two if not isinstance(one, Var) and isinstance(two, Var) else one
