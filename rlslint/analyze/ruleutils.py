"""A resolved expression in, PostgreSQL's own wording of it out, as pg_get_expr() writes it (utils/adt/ruleutils.c).

For code that looks at the text of policies, checks and indexes, and for what PostgreSQL reads again after a change of
type. `Unworded` is raised for whatever is not certain to be worded just so.
"""

from __future__ import annotations

import re
from typing import Final

from rlslint.analyze import types as t
from rlslint.analyze.typename import format_type, quote_identifier, quote_qualified
from rlslint.catalog.catalog import FIRST_NORMAL_OID, PG_CATALOG, Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.parsenodes import Query, RangeTblEntry
from rlslint.nodes.primnodes import (
    ArrayCoerceExpr,
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CoalesceExpr,
    CoerceViaIO,
    Const,
    Expr,
    FuncExpr,
    NullTest,
    Oid,
    OpExpr,
    RelabelType,
    ScalarArrayOpExpr,
    SQLValueFunction,
    SubLink,
    Var,
)
from rlslint.records import dataclass, field

_LITERALS: Final[dict[Oid, re.Pattern[str]]] = {
    t.UUID: re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"),
    t.DATE: re.compile(r"\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])\Z"),
    t.INT2: re.compile(r"-?(0|[1-9]\d*)\Z"),
    t.INT4: re.compile(r"-?(0|[1-9]\d*)\Z"),
    t.INT8: re.compile(r"-?(0|[1-9]\d*)\Z"),
    t.NUMERIC: re.compile(r"-?(0|[1-9]\d*)(\.\d+)?\Z"),
    t.INTERVAL: re.compile(r"([2-9]|[12]\d) days\Z|1 day\Z"),
}
"""Texts that the type's output function gives back as they are."""
_AS_WRITTEN: Final = frozenset({t.TEXT, t.VARCHAR, t.NAME, t.UNKNOWN, t.JSON})
_TESTS: Final = {
    "is_true": "IS TRUE",
    "is_not_true": "IS NOT TRUE",
    "is_false": "IS FALSE",
    "is_not_false": "IS NOT FALSE",
    "is_unknown": "IS UNKNOWN",
    "is_not_unknown": "IS NOT UNKNOWN",
}
_VALUES: Final = frozenset(
    {"current_user", "current_role", "session_user", "user", "current_date", "current_timestamp", "current_time",
     "localtime", "localtimestamp", "current_catalog", "current_schema"}
)  # fmt: skip


class Unworded(Exception):
    """The wording is not known."""


@dataclass(slots=True)
class Writer:
    """deparse_context: the names that columns have, and how far lines are moved in."""

    catalog: Catalog
    search_path: tuple[str, ...]
    levels: list[tuple[Query, tuple[str, ...]]] = field(default_factory=list)
    """Queries from the outermost, each with the names of its range table's entries."""
    prefix: bool = False
    """Whether columns are written with their table's name."""
    indent: int = 0

    def keyword(self, text: str, before: int = 0, after: int = 0, plus: int = 0) -> str:
        """The word on a line of its own (appendContextKeyword, with PRETTYFLAG_INDENT)."""
        self.indent = max(self.indent + before, 0)
        line = "\n" + " " * (self.indent + plus)
        self.indent = max(self.indent + after, 0)
        return line + text


def worded(catalog: Catalog, expr: Expr, relation: Relation | None, search_path: tuple[str, ...]) -> str:
    """pg_get_expr() of an expression over one relation. Raises Unworded."""
    return wording(_over(catalog, relation, search_path), expr, implicit=False)


def _over(catalog: Catalog, relation: Relation | None, search_path: tuple[str, ...]) -> Writer:
    rtable = () if relation is None else (RangeTblEntry(kind="relation", eref=relation.relname, relid=relation.oid),)
    names = () if relation is None else (relation.relname,)
    return Writer(catalog, search_path, [(Query(rtable=rtable), names)])


def wording(writer: Writer, expr: Expr, *, implicit: bool) -> str:
    """get_rule_expr(); ``implicit``: casts that nobody wrote are shown."""
    match expr:
        case Const():
            return _const(writer, expr, 0)
        case Var():
            return _var(writer, expr)
        case FuncExpr():
            return _function(writer, expr, implicit=implicit)
        case OpExpr():
            return _operation(writer, expr)
        case ScalarArrayOpExpr():
            left, right = (wording(writer, arg, implicit=True) for arg in expr.args)
            if isinstance(expr.args[1], SubLink):
                raise Unworded
            word = "ANY" if expr.use_or else "ALL"
            return f"({left} {_operator(writer, expr.opno, expr.args)} {word} ({right}))"
        case BoolExpr(op="not"):
            return f"(NOT {wording(writer, expr.args[0], implicit=False)})"
        case BoolExpr():
            return f"({f' {expr.op.upper()} '.join(wording(writer, arg, implicit=False) for arg in expr.args)})"
        case NullTest():
            if isinstance(expr.arg, Var) and expr.arg.attnum == 0:
                raise Unworded
            return f"({wording(writer, expr.arg, implicit=True)} IS {'' if expr.is_null else 'NOT '}NULL)"
        case BooleanTest():
            return f"({wording(writer, expr.arg, implicit=False)} {_TESTS[expr.test]})"
        case RelabelType():
            if not expr.explicit and not implicit:
                return wording(writer, expr.arg, implicit=False)
            return _coerced(writer, expr.arg, expr.type)
        case CoerceViaIO():
            return _coerced(writer, expr.arg, expr.type)
        case ArrayCoerceExpr():
            if not implicit:
                # whether somebody wrote it is not known
                raise Unworded
            return _coerced(writer, expr.arg, expr.type)
        case CaseExpr():
            return _case(writer, expr)
        case CoalesceExpr():
            return f"{expr.name.upper()}({', '.join(wording(writer, arg, implicit=True) for arg in expr.args)})"
        case ArrayExpr():
            elements = ", ".join(wording(writer, arg, implicit=True) for arg in expr.elements)
            return f"ARRAY[{elements}]" if elements else f"ARRAY[]::{_type(writer, expr.type)}"
        case SQLValueFunction() if expr.name in _VALUES:
            return expr.name.upper()
        case SubLink():
            from rlslint.analyze.ruleutils_query import sublink

            return sublink(writer, expr)
    raise Unworded


def _type(writer: Writer, oid: Oid) -> str:
    row = writer.catalog.types.get(oid)
    if row is None or not row.known:
        raise Unworded
    return format_type(writer.catalog, oid)


def _const(writer: Writer, expr: Const, showtype: int) -> str:
    """get_const_expr(): a constant with its type, where its text does not tell that."""
    value, oid = expr.value, expr.type
    if value is None:
        return f"NULL::{_type(writer, oid)}" if showtype >= 0 else "NULL"
    row = writer.catalog.types.get(oid)
    if row is None:
        raise Unworded
    if oid == t.BOOL:
        return {"t": "true", "true": "true", "f": "false", "false": "false"}.get(value.lower()) or _unworded()
    pattern = _LITERALS.get(oid)
    if pattern is not None and not pattern.match(value):
        raise Unworded
    if pattern is None and oid not in _AS_WRITTEN and row.typtype != "e":
        raise Unworded
    if oid == t.INT4 and not value.startswith("-"):
        return value
    if oid == t.NUMERIC and "." in value and not value.startswith("-"):
        return value
    quoted = "'" + value.replace("'", "''") + "'"
    if "\\" in value:
        raise Unworded
    return quoted if oid == t.UNKNOWN or showtype < 0 else f"{quoted}::{_type(writer, oid)}"


def _unworded() -> str:
    raise Unworded


def _var(writer: Writer, expr: Var) -> str:
    depth = len(writer.levels) - 1 - expr.levelsup
    if depth < 0 or expr.attnum <= 0:
        raise Unworded
    query, names = writer.levels[depth]
    if not 0 < expr.varno <= len(query.rtable) or query.rtable[expr.varno - 1].kind != "relation":
        raise Unworded
    relation = writer.catalog.relations.get(query.rtable[expr.varno - 1].relid)
    if relation is None:
        raise Unworded
    column = quote_identifier(relation.column(expr.attnum).attname)
    return f"{quote_identifier(names[expr.varno - 1])}.{column}" if writer.prefix else column


def _coerced(writer: Writer, arg: Expr, oid: Oid) -> str:
    """get_coercion_expr()."""
    if isinstance(arg, Const) and arg.type == oid:
        return f"{_const(writer, arg, -1)}::{_type(writer, oid)}"
    return f"({wording(writer, arg, implicit=False)})::{_type(writer, oid)}"


def _function(writer: Writer, expr: FuncExpr, *, implicit: bool) -> str:
    if expr.form != "call":
        if len(expr.args) > 1:
            # a length or a precision
            raise Unworded
        if expr.form == "implicit_cast" and not implicit:
            return wording(writer, expr.args[0], implicit=False)
        return _coerced(writer, expr.args[0], expr.type)
    call = (expr.raw or {}).get("FuncCall", {})
    if call.get("funcformat", "") != "COERCE_EXPLICIT_CALL" or call.get("func_variadic"):
        raise Unworded
    if any("NamedArgExpr" in arg for arg in call.get("args", ())) or expr.retset:
        raise Unworded
    args = ", ".join(wording(writer, arg, implicit=True) for arg in expr.args)
    return f"{_function_name(writer, expr)}({args})"


def _function_name(writer: Writer, expr: FuncExpr) -> str:
    """generate_function_name(): with its schema where the name alone would not find it."""
    catalog = writer.catalog
    proc = catalog.procs.get(expr.funcid)
    if proc is None or proc.provariadic:
        raise Unworded
    if proc.pronamespace == PG_CATALOG:
        return quote_identifier(proc.proname)
    schema = catalog.nspname(proc.pronamespace)
    found = catalog.find_procs(None, proc.proname, writer.search_path)
    if schema not in writer.search_path:
        if any(len(one.proargtypes) >= len(expr.args) for one in found if one.oid < FIRST_NORMAL_OID):
            raise Unworded
        return quote_qualified(schema, proc.proname)
    if len([one for one in found if len(one.proargtypes) == len(expr.args) or one.pronargdefaults]) != 1:
        raise Unworded
    return quote_identifier(proc.proname)


def _operation(writer: Writer, expr: OpExpr) -> str:
    args = [wording(writer, arg, implicit=True) for arg in expr.args]
    if expr.kind == "distinct":
        return f"({args[0]} IS DISTINCT FROM {args[1]})"
    if expr.kind == "nullif":
        return f"NULLIF({args[0]}, {args[1]})"
    name = _operator(writer, expr.opno, expr.args)
    return f"({name} {args[0]})" if len(args) == 1 else f"({args[0]} {name} {args[1]})"


def _operator(writer: Writer, opno: Oid, args: tuple[Expr, ...]) -> str:
    row = writer.catalog.operators.get(opno)
    if row is None:
        raise Unworded
    if row.oprnamespace != PG_CATALOG:
        if writer.catalog.nspname(row.oprnamespace) not in writer.search_path:
            raise Unworded
    return row.oprname


def _case(writer: Writer, expr: CaseExpr) -> str:
    if "arg" in (expr.raw or {}).get("CaseExpr", {"arg": None}):
        raise Unworded
    text = writer.keyword("CASE", 0, 4)
    for when, then in expr.whens:
        text += writer.keyword("WHEN ")
        text += f"{wording(writer, when, implicit=False)} THEN {wording(writer, then, implicit=True)}"
    default = expr.default
    text += writer.keyword("ELSE ")
    text += f"NULL::{_type(writer, expr.type)}" if default is None else wording(writer, default, implicit=True)
    return text + writer.keyword("END", -4)
