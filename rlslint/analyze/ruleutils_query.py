"""A subquery of an expression in, PostgreSQL's own wording of it out (ruleutils.c: get_sublink_expr, get_query_def)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.ruleutils import Unworded, Writer, wording
from rlslint.analyze.targets import figure_column_name
from rlslint.analyze.typename import quote_identifier, quote_qualified
from rlslint.catalog.catalog import PG_CATALOG
from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query, RangeTblEntry, RangeTblRef, TargetEntry
from rlslint.nodes.primnodes import SubLink, SubLinkType, Var

_STANDARD: Final = 8
_JOIN: Final = 4
_JOINS: Final = {"inner": " JOIN ", "left": " LEFT JOIN ", "right": " RIGHT JOIN ", "full": " FULL JOIN "}


def sublink(writer: Writer, expr: SubLink) -> str:
    """get_sublink_expr(). Raises Unworded."""
    if expr.kind is SubLinkType.ARRAY:
        return f"ARRAY({_query(writer, expr.subselect)})"
    if expr.kind is SubLinkType.EXPR:
        return f"({_query(writer, expr.subselect)})"
    if expr.kind is SubLinkType.EXISTS:
        return f"(EXISTS ({_query(writer, expr.subselect)}))"
    if expr.kind not in (SubLinkType.ANY, SubLinkType.ALL) or len(expr.lefthand) != 1:
        raise Unworded
    target = expr.subselect.targets[0].expr if expr.subselect.targets else None
    if target is None or expr.righttypes != (target.type,):
        # the subquery's column is coerced, and how that shows is not followed
        raise Unworded
    operator = writer.catalog.operators.get(expr.opnos[0])
    if operator is None or operator.oprnamespace != PG_CATALOG:
        raise Unworded
    left = wording(writer, expr.lefthand[0], implicit=True)
    is_in = expr.kind is SubLinkType.ANY and operator.oprname == "="
    word = "IN" if is_in else f"{operator.oprname} {expr.kind.value.upper()}"
    return f"({left} {word} ({_query(writer, expr.subselect)}))"


def _query(writer: Writer, query: Query) -> str:
    """get_query_def() of a plain SELECT."""
    special = (query.group_by, query.having, query.distinct, query.order_by, query.offset, query.for_update)
    if any(special) or query.ctes or query.setop or query.arms or query.has_aggs or query.has_windows:
        raise Unworded
    names = _names(writer, query)
    prefix, indent = writer.prefix, writer.indent
    writer.levels.append((query, names))
    writer.prefix = True
    writer.indent += _STANDARD
    text = " SELECT"
    for number, target in enumerate(query.targets):
        text += " " if not number else "," + writer.keyword("", -_STANDARD, _STANDARD, 4)
        text += _target(writer, target)
    for number, item in enumerate(query.fromlist):
        if number:
            raise Unworded
        text += writer.keyword(" FROM ", -_STANDARD, _STANDARD, 2) + _from(writer, query, names, item)
    if query.where is not None:
        text += writer.keyword(" WHERE ", -_STANDARD, _STANDARD, 1) + wording(writer, query.where, implicit=False)
    if query.limit is not None:
        text += writer.keyword(" LIMIT ", -_STANDARD, _STANDARD, 0) + wording(writer, query.limit, implicit=False)
    writer.levels.pop()
    writer.prefix, writer.indent = prefix, indent
    return text


def _names(writer: Writer, query: Query) -> tuple[str, ...]:
    """The names that the range table's entries go by: unlike each other and those of the queries around (set_rtable_names)."""
    used = {name for _, names in writer.levels for name in names if name}
    found = []
    for rte in query.rtable:
        if rte.kind == "join":
            found.append("")
            continue
        if rte.kind != "relation" or rte.lateral:
            raise Unworded
        name, number = rte.eref, 0
        if not rte.aliased:
            relation = writer.catalog.relations.get(rte.relid)
            name = rte.eref if relation is None else relation.relname
        chosen = name
        while chosen in used:
            number += 1
            chosen = f"{name}_{number}"
        used.add(chosen)
        found.append(chosen)
    return tuple(found)


def _target(writer: Writer, target: TargetEntry) -> str:
    expr = target.expr
    text = wording(writer, expr, implicit=True)
    if isinstance(expr, Var):
        own = text.rsplit(".", 1)[-1].strip('"')
    else:
        own = "?column?"
    name = target.name
    if name is None:
        name = "?column?" if expr.raw is None else figure_column_name(expr.raw)
    return text if name == own else f"{text} AS {quote_identifier(name)}"


def _from(writer: Writer, query: Query, names: tuple[str, ...], item: FromItem) -> str:
    if isinstance(item, RangeTblRef):
        return _entry(writer, query.rtable[item.rtindex - 1], names[item.rtindex - 1])
    return _join(writer, query, names, item)


def _entry(writer: Writer, rte: RangeTblEntry, name: str) -> str:
    relation = writer.catalog.relations.get(rte.relid)
    if relation is None:
        raise Unworded
    seen = writer.catalog.find_relation(None, relation.relname, writer.search_path)
    shown = quote_identifier(relation.relname)
    if seen is None or seen.oid != relation.oid:
        shown = quote_qualified(writer.catalog.nspname(relation.relnamespace), relation.relname)
    return shown if name == relation.relname and not rte.aliased else f"{shown} {quote_identifier(name)}"


def _join(writer: Writer, query: Query, names: tuple[str, ...], item: JoinExpr) -> str:
    rte = query.rtable[item.rtindex - 1] if 0 < item.rtindex <= len(query.rtable) else None
    if item.quals is None or not item.quals.raw or (rte is not None and rte.aliased):
        # CROSS, USING and NATURAL
        raise Unworded
    left = _from(writer, query, names, item.larg)
    word = writer.keyword(_JOINS[item.jointype], -_STANDARD, _STANDARD, _JOIN)
    right = _from(writer, query, names, item.rarg)
    return f"({left}{word}{right} ON ({wording(writer, item.quals, implicit=False)}))"
