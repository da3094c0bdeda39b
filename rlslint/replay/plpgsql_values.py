"""An expression of a DO block in, its value out, as far as the catalog and the block's variables decide it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from rlslint.analyze.ruleutils import Unworded
from rlslint.records import dataclass, field
from rlslint.replay.plpgsql_functions import FUNCTIONS, compare, like, text_of
from rlslint.replay.plpgsql_operators import array_test, as_list, binary, prefix, truth
from rlslint.replay.plpgsql_reg import Undecided, to_reg
from rlslint.replay.plpgsql_stored import Later, Row, Value
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw


class Variables(Protocol):
    """The block's variables."""

    def read(self, name: str) -> tuple[bool, Value]:
        """(whether there is such a variable, its value). Raises Undecided for one whose value is not known."""
        ...


@dataclass(slots=True)
class Scope:
    """What names in an expression mean: rows of FROM by alias, outer queries, then the block's variables."""

    session: Session
    variables: Variables
    rows: Mapping[str, Row] = field(default_factory=dict)
    outer: Scope | None = None
    ctes: Mapping[str, list[Row]] = field(default_factory=dict)
    group: list[Scope] | None = None
    """The rows that an aggregate sees."""

    def inner(self, rows: Mapping[str, Row]) -> Scope:
        """The scope of one row of a query inside this one."""
        return Scope(self.session, self.variables, rows, self, self.ctes)


_AGGREGATES: Final = frozenset({"count", "string_agg", "array_agg", "bool_or", "bool_and", "max", "min"})
_ARRAY_TEXT: Final = re.compile(r"\s*(\{|\[\s*[+-]?\d)")
_INTEGER_TEXT: Final = re.compile(r"\s*[+-]?(\d[\d_]*|0[xXoObB]\w+)\s*\Z")
_BOOLEAN_TEXT: Final = re.compile(
    r"\s*(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|0|1)\s*\Z", re.IGNORECASE
)
"""Texts that bool's input function takes (parse_bool_with_len); of the others it says 22P02."""
_REG: Final = {"regclass", "regrole", "regtype", "regnamespace", "regproc", "regprocedure"}


def evaluate(scope: Scope, raw: Raw) -> Value:
    """The value of a parse-tree expression. Raises Undecided, or DDLError as the server would."""
    kind, node = next(iter(raw.items()))
    handler = _NODES.get(kind)
    if handler is None:
        raise Undecided(f"{kind} is not followed")
    return handler(scope, node)


def _const(scope: Scope, node: Raw) -> Value:
    if node.get("isnull"):
        return None
    if "sval" in node:
        return str(node["sval"].get("sval", ""))
    if "ival" in node:
        return int(node["ival"].get("ival", 0))
    if "boolval" in node:
        return bool(node["boolval"].get("boolval", False))
    if "fval" in node:
        return float(node["fval"]["fval"])
    raise Undecided("a bit string")


def _column(scope: Scope, node: Raw) -> Value:
    value = _named(scope, node)
    if not isinstance(value, Later):
        return value
    try:
        return value.work(scope.session.search_path)
    except Unworded:
        raise Undecided("how PostgreSQL words it is not known") from None


def _named(scope: Scope, node: Raw) -> Value:
    if any("A_Star" in part for part in node["fields"]):
        raise Undecided("*")
    words = [part["String"]["sval"] for part in node["fields"]]
    current: Scope | None = scope
    while current is not None:
        found, value = _in_rows(current, words)
        if found:
            return value
        current = current.outer
    found, value = scope.variables.read(words[0])
    if not found:
        raise Undecided(f"{'.'.join(words)} is not known")
    for name in words[1:]:
        if not isinstance(value, dict) or name not in value:
            raise Undecided(f"{'.'.join(words)} is not known")
        value = value[name]
    return value


def _param(scope: Scope, node: Raw) -> Value:
    found, value = scope.variables.read(f"${node['number']}")
    if not found:
        raise Undecided(f"${node['number']} is not known")
    return value


def _in_rows(scope: Scope, words: list[str]) -> tuple[bool, Value]:
    if len(words) == 1:
        for alias, row in scope.rows.items():
            if words[0] in row:
                return True, row[words[0]]
            if alias == words[0]:
                values = list(row.values())
                return True, values[0] if len(values) == 1 else dict(row)
        return False, None
    alias, name = words[-2], words[-1]
    if alias not in scope.rows:
        return False, None
    if name not in scope.rows[alias]:
        raise Undecided(f"{alias}.{name} is not known")
    return True, scope.rows[alias][name]


def _bool(scope: Scope, node: Raw) -> Value:
    args = node["args"]
    if node["boolop"] == "NOT_EXPR":
        value = truth(evaluate(scope, args[0]))
        return None if value is None else not value
    decisive = node["boolop"] == "OR_EXPR"
    result: bool | None = not decisive
    undecided: Undecided | None = None
    for arg in args:
        try:
            value = truth(evaluate(scope, arg))
        except Undecided as reason:
            # another arm may decide all the same
            undecided = reason
            continue
        if value is decisive:
            return decisive
        if value is None:
            result = None
    if undecided is not None:
        raise undecided
    return result


def _expr(scope: Scope, node: Raw) -> Value:
    name = node["name"][-1]["String"]["sval"] if node.get("name") else ""
    match node["kind"]:
        case "AEXPR_OP":
            right = evaluate(scope, node["rexpr"])
            if "lexpr" not in node:
                return prefix(name, right)
            return binary(name, evaluate(scope, node["lexpr"]), right)
        case "AEXPR_OP_ANY" | "AEXPR_OP_ALL":
            return array_test(
                name,
                evaluate(scope, node["lexpr"]),
                as_list(evaluate(scope, node["rexpr"])),
                every=node["kind"].endswith("ALL"),
            )
        case "AEXPR_IN":
            left = evaluate(scope, node["lexpr"])
            items: list[Value] = [evaluate(scope, item) for item in node["rexpr"]["List"]["items"]]
            return array_test(name, left, items, every=name == "<>")
        case "AEXPR_LIKE" | "AEXPR_ILIKE":
            left, right = evaluate(scope, node["lexpr"]), evaluate(scope, node["rexpr"])
            if left is None or right is None:
                return None
            found = like(text_of(left), text_of(right), ignore_case=node["kind"] == "AEXPR_ILIKE")
            return found != name.startswith("!")
        case "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT":
            left, right = evaluate(scope, node["lexpr"]), evaluate(scope, node["rexpr"])
            same = left is None and right is None
            if left is not None and right is not None:
                same = compare(left, right) == 0
            return same == (node["kind"] == "AEXPR_NOT_DISTINCT")
        case "AEXPR_NULLIF":
            left, right = evaluate(scope, node["lexpr"]), evaluate(scope, node["rexpr"])
            return None if left is not None and right is not None and compare(left, right) == 0 else left
        case "AEXPR_BETWEEN":
            left = evaluate(scope, node["lexpr"])
            low, high = (evaluate(scope, item) for item in node["rexpr"]["List"]["items"])
            if left is None or low is None or high is None:
                return None
            return compare(low, left) <= 0 <= compare(high, left)
    raise Undecided(f"{node['kind']} is not followed")


def _null_test(scope: Scope, node: Raw) -> Value:
    is_null = evaluate(scope, node["arg"]) is None
    return is_null == (node["nulltesttype"] == "IS_NULL")


def _boolean_test(scope: Scope, node: Raw) -> Value:
    value = truth(evaluate(scope, node["arg"]))
    match node["booltesttype"]:
        case "IS_TRUE":
            return value is True
        case "IS_NOT_TRUE":
            return value is not True
        case "IS_FALSE":
            return value is False
        case "IS_NOT_FALSE":
            return value is not False
        case "IS_UNKNOWN":
            return value is None
    return value is not None


def _cast(scope: Scope, node: Raw) -> Value:
    value = evaluate(scope, node["arg"])
    target = node["typeName"]
    name = target["names"][-1]["String"]["sval"]
    if value is None:
        return None
    if target.get("arrayBounds"):
        if isinstance(value, str) and not _ARRAY_TEXT.match(value):
            raise DDLError("22P02", f'malformed array literal: "{value}"')
        return [None if item is None else cast_to(scope, name, item) for item in as_list(value)]
    return cast_to(scope, name, value)


def cast_to(scope: Scope, name: str, value: Value) -> Value:
    """A value, not NULL, cast to a type that is no array. Raises DDLError 22P02, Undecided."""
    if name in ("text", "varchar", "name", "bpchar", "cstring"):
        return text_of(value)
    if name in ("int2", "int4", "int8", "oid"):
        if isinstance(value, str) and not _INTEGER_TEXT.match(value) and name != "oid":
            raise DDLError("22P02", f'invalid input syntax for type {name}: "{value}"')
        try:
            return int(value)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            raise Undecided("not a number") from None
    if name == "bool":
        if isinstance(value, str) and not _BOOLEAN_TEXT.match(value):
            raise DDLError("22P02", f'invalid input syntax for type boolean: "{value}"')
        return truth(value)
    if name in _REG:
        try:
            return to_reg(scope.session, name, value)
        except Undecided as reason:
            scope.session.absent("42P01" if name == "regclass" else "42704", str(reason))
            raise
    return value


def _array(scope: Scope, node: Raw) -> Value:
    return [evaluate(scope, item) for item in node.get("elements", ())]


def _case(scope: Scope, node: Raw) -> Value:
    subject = evaluate(scope, node["arg"]) if "arg" in node else None
    for item in node["args"]:
        when = evaluate(scope, item["CaseWhen"]["expr"])
        hit = binary("=", subject, when) if "arg" in node else truth(when)
        if hit:
            return evaluate(scope, item["CaseWhen"]["result"])
    return evaluate(scope, node["defresult"]) if "defresult" in node else None


def _coalesce(scope: Scope, node: Raw) -> Value:
    for item in node["args"]:
        value = evaluate(scope, item)
        if value is not None:
            return value
    return None


def _indirection(scope: Scope, node: Raw) -> Value:
    value = evaluate(scope, node["arg"])
    for step in node["indirection"]:
        if "String" in step and isinstance(value, dict) and step["String"]["sval"] in value:
            value = value[step["String"]["sval"]]
        elif "A_Indices" in step and not step["A_Indices"].get("is_slice"):
            number = evaluate(scope, step["A_Indices"]["uidx"])
            items = as_list(value)
            inside = isinstance(number, int) and 0 < number <= len(items)
            value = items[number - 1] if inside and isinstance(number, int) else None
        else:
            raise Undecided("part of a value")
    return value


def _sublink(scope: Scope, node: Raw) -> Value:
    _, rows = select_rows(node["subselect"]["SelectStmt"], scope)
    match node["subLinkType"]:
        case "EXISTS_SUBLINK":
            return bool(rows)
        case "ARRAY_SUBLINK":
            return [row[0] for row in rows]
        case "EXPR_SUBLINK":
            return rows[0][0] if rows else None
        case "ANY_SUBLINK" | "ALL_SUBLINK":
            name = node["operName"][-1]["String"]["sval"] if "operName" in node else "="
            left = evaluate(scope, node["testexpr"])
            return array_test(name, left, [row[0] for row in rows], every=node["subLinkType"] == "ALL_SUBLINK")
    raise Undecided(node["subLinkType"])


def _value_function(scope: Scope, node: Raw) -> Value:
    session = scope.session
    match node["op"]:
        case "SVFOP_CURRENT_USER" | "SVFOP_USER" | "SVFOP_CURRENT_ROLE":
            return session.catalog.rolname(session.role)
        case "SVFOP_SESSION_USER":
            return session.catalog.rolname(session.login_role)
        case "SVFOP_CURRENT_SCHEMA":
            return session.search_path[0] if session.search_path else None
    raise Undecided(node["op"])


def _call(scope: Scope, node: Raw) -> Value:
    name = node["funcname"][-1]["String"]["sval"]
    if name in _AGGREGATES and scope.group is not None:
        return _aggregate(scope, name, node)
    handler = FUNCTIONS.get(name)
    if handler is None:
        if name.startswith("to_reg"):
            try:
                return to_reg(scope.session, name[3:], evaluate(scope, node["args"][0]))
            except Undecided:
                return None
        return _own_function(scope, node)
    args: list[Value] = [evaluate(scope, arg) for arg in node.get("args", ())]
    if node.get("func_variadic") and args:
        args = [*args[:-1], *as_list(args[-1])]
    try:
        return handler(scope.session, args)
    except (TypeError, ValueError, IndexError):
        raise Undecided(f"{name}() of these arguments") from None


def _own_function(scope: Scope, node: Raw) -> Value:
    from rlslint.replay.plpgsql_calls import followable, value_of

    proc = followable(scope.session, node)
    if proc is None:
        raise Undecided(f"{node['funcname'][-1]['String']['sval']}() is not followed")
    return value_of(scope, proc, node)


def _aggregate(scope: Scope, name: str, node: Raw) -> Value:
    assert scope.group is not None
    rows = scope.group
    if "agg_filter" in node:
        rows = [row for row in rows if truth(evaluate(row, node["agg_filter"]))]
    if node.get("agg_star"):
        return len(rows)
    if "agg_order" in node:
        rows = sorted(rows, key=lambda row: text_of(evaluate(row, node["agg_order"][0]["SortBy"]["node"])))
    values = [evaluate(row, node["args"][0]) for row in rows]
    if node.get("agg_distinct"):
        values = list(dict.fromkeys(values))
    if name == "array_agg":
        return values or None
    values = [value for value in values if value is not None]
    if name == "count":
        return len(values)
    if not values:
        return None
    match name:
        case "string_agg":
            return text_of(evaluate(scope, node["args"][1])).join(text_of(value) for value in values)
        case "bool_or":
            return any(values)
        case "bool_and":
            return all(values)
        case "max":
            return max(values, key=lambda value: (text_of(value) if not isinstance(value, int) else "", value))
    return min(values, key=lambda value: (text_of(value) if not isinstance(value, int) else "", value))


def has_aggregate(raw: Any) -> bool:
    """Whether an aggregate stands in the expression, subqueries not entered."""
    if isinstance(raw, list):
        return any(has_aggregate(item) for item in raw)
    if not isinstance(raw, dict):
        return False
    call = raw.get("FuncCall")
    if call is not None and call["funcname"][-1]["String"]["sval"] in _AGGREGATES:
        return True
    return any(has_aggregate(value) for key, value in raw.items() if key != "SubLink")


def _list(scope: Scope, node: Raw) -> Value:
    return [evaluate(scope, item) for item in node.get("items", ())]


def select_rows(node: Raw, scope: Scope) -> tuple[list[str], list[list[Value]]]:
    """Column names and rows of a SelectStmt's fields (plpgsql_select sets it up)."""
    from rlslint.replay.plpgsql_select import select

    return select(node, scope)


_NODES: Final[dict[str, Callable[[Scope, Raw], Value]]] = {
    "A_Const": _const,
    "ColumnRef": _column,
    "ParamRef": _param,
    "BoolExpr": _bool,
    "A_Expr": _expr,
    "NullTest": _null_test,
    "BooleanTest": _boolean_test,
    "TypeCast": _cast,
    "A_ArrayExpr": _array,
    "CaseExpr": _case,
    "CoalesceExpr": _coalesce,
    "A_Indirection": _indirection,
    "SubLink": _sublink,
    "SQLValueFunction": _value_function,
    "FuncCall": _call,
    "List": _list,
    "CollateClause": lambda scope, node: evaluate(scope, node["arg"]),
}
