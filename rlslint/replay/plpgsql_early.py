"""A SELECT over catalog views in, the conditions out that reject a row of one of its tables before it is joined.

PostgreSQL pushes ``table.column = constant`` down to the scan (deconstruct_jointree); without that, a DO block that asks
for one constraint joins every constraint with every table. Only rows are left out for which the whole WHERE cannot be
true: what is kept is asked again, in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_stored import Row
from rlslint.replay.plpgsql_values import Scope, evaluate
from rlslint.source.model import Raw

Early = Mapping[str, tuple[tuple[str, str], ...]]
"""By the table's alias: columns and the text that each must equal."""

NOTHING: Final[Early] = {}


def early_conditions(node: Raw, scope: Scope) -> Early:
    """Conditions of a SELECT's WHERE and of its inner joins that look at one table alone."""
    members = node.get("fromClause", [])
    aliases = set(_aliases(members))
    alone = _alone(members)
    found: dict[str, list[tuple[str, str]]] = {}
    for condition in _conjuncts(node.get("whereClause"), members):
        kind, part = next(iter(condition.items()))
        if kind != "A_Expr" or part["kind"] != "AEXPR_OP" or part["name"][-1]["String"]["sval"] != "=":
            continue
        for one, other in ((part["lexpr"], part["rexpr"]), (part["rexpr"], part["lexpr"])):
            words = _words(one)
            alias = alone if len(words) == 1 else words[0] if len(words) == 2 else None
            text = _text(other, aliases, scope) if alias in aliases else None
            if alias is not None and text is not None:
                found.setdefault(alias, []).append((words[-1], text))
    return {alias: tuple(pairs) for alias, pairs in found.items()}


def passes(row: Row, conditions: tuple[tuple[str, str], ...]) -> bool:
    """Whether the row may still satisfy the query; columns that hold something else than text are left for later."""
    for column, text in conditions:
        if column in row:
            value = row[column]
            if value is None or (type(value) is str and value != text):
                return False
    return True


def _conjuncts(where: Raw | None, members: list[Raw]) -> Iterator[Raw]:
    stack = [where] if where is not None else []
    for item in members:
        join = item.get("JoinExpr")
        if join is not None and join.get("jointype", "JOIN_INNER") == "JOIN_INNER":
            yield from _conjuncts(join.get("quals"), [join["larg"], join["rarg"]])
    while stack:
        condition = stack.pop()
        boolean = condition.get("BoolExpr")
        if boolean is not None and boolean["boolop"] == "AND_EXPR":
            stack.extend(boolean["args"])
        else:
            yield condition


def _aliases(members: list[Raw]) -> Iterator[str]:
    for item in members:
        kind, node = next(iter(item.items()))
        if kind == "JoinExpr":
            yield from _aliases([node["larg"], node["rarg"]])
        else:
            yield node.get("alias", {}).get("aliasname", node.get("relname", ""))


def _alone(members: list[Raw]) -> str | None:
    """The alias of the only table in FROM, to which names without a table belong."""
    if len(members) == 1 and "RangeVar" in members[0]:
        return next(_aliases(members))
    return None


def _text(raw: Raw, aliases: set[str], scope: Scope) -> str | None:
    """The text that an expression gives whatever the row; None where it is none or depends on the row."""
    if "TypeCast" in raw:
        name = raw["TypeCast"]["typeName"]["names"][-1]["String"]["sval"]
        return _text(raw["TypeCast"]["arg"], aliases, scope) if name in ("text", "name") else None
    if "A_Const" in raw:
        value = raw["A_Const"].get("sval", {}).get("sval")
        return value if isinstance(value, str) else None
    words = _words(raw)
    if len(words) == 1:
        # a variable; one that is named as a column is an error (plpgsql.variable_conflict)
        _, value = scope.variables.read(words[0])
        return value if type(value) is str else None
    if len(words) == 2 and words[0] not in aliases:
        try:
            outer = evaluate(scope, raw)
        except Undecided:
            return None
        return outer if type(outer) is str else None
    return None


def _words(raw: Raw) -> list[str]:
    fields = raw.get("ColumnRef", {}).get("fields", ())
    return [part["String"]["sval"] for part in fields if "String" in part]
