"""A stored expression in, the edits out that bring the names in its text up to date (what ruleutils.c prints instead).

The resolved tree says what each name means: its nodes hold the very parse-tree nodes they came from, and tables are
found by their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rlslint.analyze.columns import SYSTEM_COLUMNS
from rlslint.analyze.query import figure_column_name
from rlslint.analyze.typename import names_of, quote_identifier, resolve_type_name
from rlslint.catalog.catalog import FIRST_NORMAL_OID, PG_CATALOG, Catalog
from rlslint.catalog.rows import Relation, StoredExpr
from rlslint.nodes.parsenodes import Query, RangeTblEntry, query_expressions
from rlslint.nodes.primnodes import (
    Aggref,
    Expr,
    FuncExpr,
    Oid,
    OpExpr,
    RelabelType,
    ScalarArrayOpExpr,
    SubLink,
    Var,
    walk,
)
from rlslint.records import dataclass, field
from rlslint.source.extent import Token, expression_extent, tokens
from rlslint.source.model import Raw

Edit = tuple[int, int, str]
"""Characters ``start`` to ``end`` of the statement's text, and what stands there afterwards."""
Levels = tuple[tuple[RangeTblEntry, ...], ...]
"""Range tables of the queries around an expression, the outermost first."""
_SYSTEM_NAMES: Final = {number: name for name, (number, _) in SYSTEM_COLUMNS.items()}
_OPERATOR_KINDS: Final = ("AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_OP_ALL")


@dataclass(slots=True)
class _Names:
    """What the expression's names mean, by the parse-tree node (its id) or the place they stand at."""

    catalog: Catalog
    stored: StoredExpr
    path: tuple[str, ...]
    thorough: bool
    uses: dict[int, list[tuple[Expr, Levels]]] = field(default_factory=dict)
    tables: dict[int, RangeTblEntry] = field(default_factory=dict)
    stars: dict[int, list[tuple[str | None, Expr, Levels]]] = field(default_factory=dict)
    column_aliases: set[int] = field(default_factory=set)
    """Places of tables whose columns were given other names in FROM."""
    hidden: set[int] = field(default_factory=set)
    """id() of range-table entries whose names an aliased join hides."""
    new_aliases: dict[int, str] = field(default_factory=dict)
    """Aliases for tables, by id() of the entry, whose name today is another table's in scope."""
    merged: set[str] = field(default_factory=set)
    """Columns that a JOIN ... USING names."""
    renamed: dict[int, str] = field(default_factory=dict)
    """New last word of an edited node, by id()."""

    def namespace_is_visible(self, oid: Oid) -> bool:
        """Whether names in the schema need no qualification."""
        return oid == PG_CATALOG or self.catalog.nspname(oid) in self.path


def edits_of(
    catalog: Catalog, stored: StoredExpr, relid: Oid, path: tuple[str, ...], *, thorough: bool
) -> Iterator[Edit]:
    """The edits, in no order. Not ``thorough``: only names that changed or are not found with ``path``."""
    names = _Names(catalog, stored, path, thorough)
    relation = catalog.relations.get(relid)
    outer = RangeTblEntry(kind="relation", eref=relation.relname if relation is not None else "", relid=relid)
    _visit(names, stored.expr, ((outer,),))
    nodes = list(_tagged(stored.raw))
    for tag, node, _ in nodes:
        if tag == "JoinExpr":
            names.merged.update(part["String"]["sval"] for part in node.get("usingClause", ()))
    for tag, node, _ in nodes:
        if tag == "RangeVar":
            place = stored.statement.offset(node.get("location", 0))
            if "colnames" in node.get("alias", {}) or (thorough and _merged_column_changed(names, place)):
                names.column_aliases.add(place)
    for tag, node, raw in nodes:
        yield from _edit(names, tag, node, raw)
    for tag, node, _ in nodes:
        if tag == "SelectStmt":
            for item in node.get("targetList", ()):
                yield from _keep_output_name(names, item["ResTarget"])


def _tagged(value: Any) -> Iterator[tuple[str, Raw, Raw]]:
    """Every (tag, fields, node) below; fields that are nodes of one kind only have no tag and get one."""
    if isinstance(value, list):
        for item in value:
            yield from _tagged(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict) and key[:1].isupper():
                yield key, inner, value
            elif key in ("larg", "rarg") and isinstance(inner, dict) and "JoinExpr" not in inner:
                yield "SelectStmt", inner, value
            yield from _tagged(inner)


def _visit(names: _Names, expr: Expr, levels: Levels) -> None:
    for node in walk(expr):
        if node.raw is not None:
            names.uses.setdefault(id(node.raw), []).append((node, levels))
        if isinstance(node, SubLink):
            _visit_query(names, node.subselect, levels)


def _visit_query(names: _Names, query: Query, around: Levels) -> None:
    levels = (*around, query.rtable)
    for rte in query.rtable:
        if rte.kind == "relation" and rte.location >= 0:
            names.tables[rte.location] = rte
            if names.thorough and _name(names, rte) != rte.eref:
                _avoid_collision(names, rte, levels)
        if rte.kind == "join" and rte.aliased:
            inside = [one for expr in rte.joinvars for one in walk(expr) if isinstance(one, Var)]
            names.hidden.update(id(query.rtable[one.varno - 1]) for one in inside)
        if rte.kind == "subquery" and rte.subquery is not None:
            _visit_query(names, rte.subquery, levels)
    for target in query.targets:
        if target.expr.raw is not None and _is_star(target.expr.raw):
            names.stars.setdefault(id(target.expr.raw), []).append((target.name, target.expr, levels))
    for expr in query_expressions(query):
        _visit(names, expr, levels)
    for below in (*(cte for _, cte in query.ctes), *query.arms):
        _visit_query(names, below, levels)


def _avoid_collision(names: _Names, rte: RangeTblEntry, levels: Levels) -> None:
    """An alias for a renamed table where another in scope has its new name (set_rtable_names)."""
    taken = {_name(names, one) for level in levels for one in level if one is not rte}
    name, number = _name(names, rte), 1
    if name not in taken:
        return
    while f"{name}_{number}" in taken:
        number += 1
    names.new_aliases[id(rte)] = f"{name}_{number}"


def _merged_column_changed(names: _Names, place: int) -> bool:
    """Whether a column that USING names has another name today: USING can only be kept with column aliases."""
    rte = names.tables.get(place)
    relation = names.catalog.relations.get(rte.relid) if rte is not None else None
    if rte is None or relation is None:
        return False
    pairs = zip(rte.colnames, relation.attributes, strict=False)
    return any(old in names.merged and old != one.attname and not one.attisdropped for old, one in pairs)


def _is_star(raw: Raw) -> bool:
    return "A_Star" in raw.get("ColumnRef", {}).get("fields", ({},))[-1]


def _edit(names: _Names, tag: str, node: Raw, raw: Raw) -> Iterator[Edit]:
    match tag:
        case "RangeVar":
            yield from _table(names, node)
        case "ColumnRef" if id(raw) in names.stars:
            yield from _expanded(names, node, raw)
        case "ColumnRef":
            yield from _column(names, node, raw)
        case "FuncCall":
            yield from _function(names, node, raw)
        case "TypeCast":
            yield from _cast(names, node, raw)
        case "A_Expr" if node.get("kind", "AEXPR_OP") in _OPERATOR_KINDS:
            yield from _operator(names, node, raw)


def _written(names: _Names, location: int | None, count: int) -> tuple[int, int] | None:
    """The characters of a name of ``count`` dotted words."""
    statement = names.stored.statement
    start = statement.offset(location or 0)
    stream = tokens(statement.text)
    first = next((i for i, token in enumerate(stream) if token.start == start), None)
    last = None if first is None else first + 2 * count - 2
    if first is None or last is None or last >= len(stream):
        return None
    if any(token.name != "ASCII_46" for token in stream[first + 1 : last : 2]):
        return None
    return start, stream[last].end


def _replace(names: _Names, node: Raw, parts: Sequence[Raw], words: Sequence[str], star: str = "") -> Iterator[Edit]:
    place = _written(names, node.get("location"), len(parts))
    if place is not None:
        yield *place, ".".join(quote_identifier(word) for word in words) + star


def _table(names: _Names, node: Raw) -> Iterator[Edit]:
    rte = names.tables.get(names.stored.statement.offset(node.get("location", 0)))
    relation = names.catalog.relations.get(rte.relid) if rte is not None else None
    if relation is None:
        return
    assert rte is not None
    today = names.catalog.find_relation(node.get("schemaname"), node["relname"], names.path)
    if today is not None and today.oid == relation.oid and not names.thorough:
        return
    alias = names.new_aliases.get(id(rte), "")
    if rte.location in names.column_aliases and "colnames" not in node.get("alias", {}):
        yield from _column_aliases(names, node, rte, relation)
    parts = [key for key in ("catalogname", "schemaname", "relname") if key in node]
    place = _written(names, node.get("location"), len(parts))
    if place is not None:
        words = names.catalog.nspname(relation.relnamespace), relation.relname
        text = ".".join(quote_identifier(word) for word in words)
        yield *place, f"{text} AS {quote_identifier(alias)}" if alias else text


def _column_aliases(names: _Names, node: Raw, rte: RangeTblEntry, relation: Relation) -> Iterator[Edit]:
    """The table's columns under the names of the time, after its alias or as part of a new one."""
    pairs = zip(rte.colnames, relation.attributes, strict=False)
    columns = ", ".join(quote_identifier(old) for old, one in pairs if not one.attisdropped)
    place = _written(names, node.get("location"), 2 if "schemaname" in node else 1)
    if place is None:
        return
    following = [token for token in tokens(names.stored.statement.text) if token.start >= place[1]]
    if not rte.aliased:
        yield place[1], place[1], f" AS {quote_identifier(_name(names, rte))} ({columns})"
    elif following:
        end = following[1 if following[0].name == "AS" else 0].end
        yield end, end, f" ({columns})"


def _rte(var: Var, levels: Levels) -> RangeTblEntry | None:
    depth = len(levels) - 1 - var.levelsup
    if depth < 0 or not 0 < var.varno <= len(levels[depth]):
        return None
    return levels[depth][var.varno - 1]


def _column_name(names: _Names, var: Var, rte: RangeTblEntry, written: str) -> str:
    """The column's name today."""
    if rte.kind == "relation":
        relation = names.catalog.relations.get(rte.relid)
        if relation is None or rte.location in names.column_aliases:
            return written
        if var.attnum < 0:
            return _SYSTEM_NAMES[var.attnum]
        return relation.column(var.attnum).attname
    return rte.colnames[var.attnum - 1] if 0 < var.attnum <= len(rte.colnames) else written


def _table_words(names: _Names, var: Var, rte: RangeTblEntry, levels: Levels) -> list[str]:
    """What to write before a column of the table: its alias or name today, with the schema where another hides it."""
    relation = names.catalog.relations.get(rte.relid) if rte.kind == "relation" and not rte.aliased else None
    if relation is None or id(rte) in names.new_aliases:
        return [_name(names, rte)]
    nearer = (one for level in levels[len(levels) - var.levelsup :] for one in level)
    beside = (one for one in levels[len(levels) - 1 - var.levelsup] if one is not rte)
    if any(_name(names, one) == relation.relname for one in (*nearer, *beside)):
        return [names.catalog.nspname(relation.relnamespace), relation.relname]
    return [relation.relname]


def _name(names: _Names, rte: RangeTblEntry) -> str:
    """What the table is called today: its alias, or its own name."""
    if id(rte) in names.new_aliases:
        return names.new_aliases[id(rte)]
    relation = names.catalog.relations.get(rte.relid) if rte.kind == "relation" and not rte.aliased else None
    return rte.eref if relation is None else relation.relname


def _column(names: _Names, node: Raw, raw: Raw) -> Iterator[Edit]:
    found = [(one, levels) for one, levels in names.uses.get(id(raw), ()) if isinstance(one, Var)]
    if len({(one.varno, one.attnum, one.levelsup) for one, _ in found}) != 1:
        # a merged column of a join, or what is not known
        return
    var, levels = found[0]
    rte = _rte(var, levels)
    if rte is None:
        return
    fields = node["fields"]
    words = [part["String"]["sval"] for part in fields if "String" in part]
    star = ".*" if len(words) < len(fields) else ""
    column = [] if var.attnum == 0 else [_column_name(names, var, rte, words[-1])]
    before = words[:-1] if column else words
    if id(rte) not in names.hidden:
        table = _table_words(names, var, rte, levels)
        if not before and names.thorough and rte.kind not in ("join", "unknown"):
            before = table
        elif before and rte.kind == "relation" and not rte.aliased:
            qualified = len(before) > 1 and len(table) == 1 and id(rte) not in names.new_aliases
            relation = names.catalog.relations[rte.relid]
            before = [names.catalog.nspname(relation.relnamespace), relation.relname] if qualified else table
    if [*before, *column] != words:
        names.renamed[id(raw)] = (*before, *column)[-1]
        yield from _replace(names, node, fields, [*before, *column], star)


def _expanded(names: _Names, node: Raw, raw: Raw) -> Iterator[Edit]:
    """``*`` as the columns that it stood for."""
    parts: list[str] = []
    changed = names.thorough
    for name, expr, levels in names.stars[id(raw)]:
        rte = _rte(expr, levels) if isinstance(expr, Var) else None
        if rte is None or not isinstance(expr, Var) or id(rte) in names.hidden:
            return
        column = _column_name(names, expr, rte, name or "")
        relation = names.catalog.relations.get(rte.relid) if rte.kind == "relation" else None
        live = 0 if relation is None else sum(not one.attisdropped for one in relation.attributes)
        told = sum(isinstance(one, Var) and _rte(one, other) is rte for _, one, other in names.stars[id(raw)])
        changed = changed or column != name or (relation is not None and live != told)
        written = ".".join(quote_identifier(word) for word in (*_table_words(names, expr, rte, levels), column))
        parts.append(written if column == name or name is None else f"{written} AS {quote_identifier(name)}")
    place = _written(names, node.get("location"), len(node["fields"]))
    if changed and parts and place is not None:
        yield *place, ", ".join(parts)


def _function(names: _Names, node: Raw, raw: Raw) -> Iterator[Edit]:
    calls = [one for one, _ in names.uses.get(id(raw), ()) if isinstance(one, (FuncExpr, Aggref))]
    funcids = [one.funcid for one in calls if isinstance(one, Aggref) or one.form == "call"]
    proc = names.catalog.procs.get(funcids[0]) if funcids else None
    if proc is None or node.get("funcformat") == "COERCE_SQL_SYNTAX":
        return
    schema, name = names_of(node["funcname"])
    nspname = names.catalog.nspname(proc.pronamespace)
    same = name == proc.proname and schema in (None, nspname)
    visible = schema is not None or names.namespace_is_visible(proc.pronamespace)
    rivals = names.thorough and len({one.pronamespace for one in names.catalog.find_procs(None, name, names.path)}) > 1
    if same and visible and not (rivals and schema is None):
        return
    if name != proc.proname:
        names.renamed[id(raw)] = proc.proname
    yield from _replace(names, node, node["funcname"], (nspname, proc.proname))


def _cast(names: _Names, node: Raw, raw: Raw) -> Iterator[Edit]:
    written = node["typeName"]
    found = [one for one, _ in names.uses.get(id(raw), ())] or [one for one, _ in names.uses.get(id(node["arg"]), ())]
    explicit = [one for one in found if not _is_implicit(one)]
    oid = explicit[0].type if explicit else 0
    if resolve_type_name(names.catalog, written, names.path)[0] == oid and not names.thorough:
        return
    row = names.catalog.types.get(oid)
    if row is not None and written.get("arrayBounds"):
        row = names.catalog.types.get(row.typelem)
    if row is None or row.oid < FIRST_NORMAL_OID:
        return
    if names_of(written["names"])[1] != row.typname:
        names.renamed[id(raw)] = row.typname
    words = (names.catalog.nspname(row.typnamespace), row.typname)
    yield from _replace(names, written, written["names"], words)


def _is_implicit(expr: Expr) -> bool:
    if isinstance(expr, FuncExpr):
        return expr.form == "implicit_cast"
    return isinstance(expr, RelabelType) and not expr.explicit


def _operator(names: _Names, node: Raw, raw: Raw) -> Iterator[Edit]:
    found = [one.opno for one, _ in names.uses.get(id(raw), ()) if isinstance(one, (OpExpr, ScalarArrayOpExpr))]
    row = names.catalog.operators.get(found[0]) if found else None
    if row is None or len(node["name"]) > 1 or names.namespace_is_visible(row.oprnamespace):
        return
    place = _written(names, node.get("location"), 1)
    if place is not None:
        yield *place, f"OPERATOR({quote_identifier(names.catalog.nspname(row.oprnamespace))}.{row.oprname})"


def _keep_output_name(names: _Names, target: Raw) -> Iterator[Edit]:
    """``AS`` with the name that an output column had, where it took it from what is now named otherwise."""
    value = target.get("val")
    if value is None or "name" in target or _is_star(value):
        return
    old = figure_column_name(value)
    if old == "?column?" or figure_column_name(_with_new_names(names, value)) == old:
        return
    statement = names.stored.statement
    start, end = expression_extent(statement, value)
    stream = tokens(statement.text)
    opened = sum(token.name == "ASCII_40" for token in _between(stream, target, names, start))
    for token in stream:
        if token.start >= end and opened and token.name == "ASCII_41":
            opened, end = opened - 1, token.end
    yield end, end, f" AS {quote_identifier(old)}"


def _between(stream: Sequence[Token], target: Raw, names: _Names, end: int) -> list[Token]:
    """Tokens from where an output column starts to where its expression, parentheses left out, does."""
    start = names.stored.statement.offset(target.get("location", 0))
    return [token for token in stream if start <= token.start < end]


def _with_new_names(names: _Names, value: Any) -> Any:
    """The parse tree with the edited nodes' new last words."""
    if isinstance(value, list):
        return [_with_new_names(names, item) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _with_new_names(names, item) for key, item in value.items()}
    new = names.renamed.get(id(value))
    if new is None:
        return copy
    last = [{"String": {"sval": new}}]
    match value:
        case {"ColumnRef": _}:
            copy["ColumnRef"]["fields"] = last
        case {"FuncCall": _}:
            copy["FuncCall"]["funcname"] = last
        case {"TypeCast": _}:
            copy["TypeCast"]["typeName"] = {**copy["TypeCast"]["typeName"], "names": last}
    return copy
