"""UNION, INTERSECT, EXCEPT of the parse tree in, the resolved Query out (transformSetOperationStmt in analyze.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import rlslint.analyze.query as queries
from rlslint.analyze import types as t
from rlslint.analyze.coerce import coerce, select_common_type
from rlslint.analyze.from_clause import computed_item
from rlslint.analyze.scope import Scope
from rlslint.analyze.typename import format_type
from rlslint.nodes.parsenodes import Query, TargetEntry
from rlslint.nodes.primnodes import Const, Oid, Param, Var
from rlslint.records import replace
from rlslint.source.model import Raw

_SETOPS: Final[dict[str, Literal["union", "intersect", "except"]]] = {
    "SETOP_UNION": "union",
    "SETOP_INTERSECT": "intersect",
    "SETOP_EXCEPT": "except",
}


def set_operation(scope: Scope, node: Raw) -> Query:
    """Each side is a subquery of its own; the output columns have the types that both sides settle on."""
    sides = (node["larg"], node["rarg"])
    left, right = (queries.transform_select(scope.child(), side, resolve_unknown=False) for side in sides)
    name = _SETOPS[node["op"]].upper()
    starred = any(target.name == "*" and target.expr.type == 0 for one in (left, right) for target in one.targets)
    if len(left.targets) != len(right.targets) and not starred:
        scope.reject(f"each {name} query must have the same number of columns", "42601")
    targets: list[TargetEntry] = []
    types: list[Oid] = []
    for number, one in enumerate(left.targets, start=1):
        other = right.targets[number - 1].expr.type if number <= len(right.targets) and not starred else 0
        pair = [one.expr.type, other] if other else [one.expr.type]
        oid = select_common_type(scope.catalog, pair)
        if oid is None:
            shown = [format_type(scope.catalog, side) for side in pair]
            scope.reject(f"{name} types {shown[0]} and {shown[1]} cannot be matched", "42804", one.expr.location)
        types.append(oid or 0)
        targets.append(TargetEntry(expr=Var(type=oid or 0, varno=1, attnum=number), name=one.name))
    arms = (_typed(scope, left, types), _typed(scope, right, types))
    # ORDER BY sees the output columns only
    scope.items.append(computed_item("*SELECT*", 1, [(one.name or "", one.expr.type) for one in targets], "setop"))
    return Query(
        targets=tuple(targets),
        setop=_SETOPS[node["op"]],
        arms=arms,
        distinct=not node.get("all"),
        order_by=queries.sort_clause(scope, node, targets),
        limit=queries.bound(scope, node, "limitCount", "LIMIT"),
        offset=queries.bound(scope, node, "limitOffset", "OFFSET"),
    )


def _typed(scope: Scope, arm: Query, types: Sequence[Oid]) -> Query:
    """Literals of no type take the type of the column."""
    targets = list(arm.targets)
    for i, (target, oid) in enumerate(zip(arm.targets, types, strict=False)):
        if target.expr.type == t.UNKNOWN and isinstance(target.expr, (Const, Param)) and oid:
            targets[i] = replace(target, expr=coerce(scope.catalog, target.expr, oid) or target.expr)
    return replace(arm, targets=tuple(targets))
