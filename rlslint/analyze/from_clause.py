"""FROM in, range-table entries and the names they bring into scope out (parse_clause.c, parse_relation.c)."""

from __future__ import annotations

from collections.abc import Sequence

import rlslint.analyze.query as queries
from rlslint.analyze import types as t
from rlslint.analyze.from_function import range_function, range_table_func
from rlslint.analyze.from_join import join
from rlslint.analyze.scope import NsItem, Scope
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.parsenodes import FromItem, Query, RangeTblEntry, RangeTblRef
from rlslint.nodes.primnodes import Oid, Var
from rlslint.records import replace
from rlslint.source.model import Raw


def transform_from(scope: Scope, items: Sequence[Raw]) -> tuple[FromItem, ...]:
    """Resolve the members of FROM, left to right, and put their names into scope."""
    found: list[FromItem] = []
    for item in items:
        before = len(scope.items)
        found.append(from_item(scope, item))
        check_names(scope, scope.items[:before], scope.items[before:])
    return tuple(found)


def from_item(scope: Scope, raw: Raw) -> FromItem:
    """Resolve one member of FROM (transformFromClauseItem)."""
    tag, node = next(iter(raw.items()))
    match tag:
        case "RangeVar":
            return _range_var(scope, node)
        case "RangeSubselect":
            return _subselect(scope, node)
        case "RangeFunction":
            return range_function(scope, node)
        case "RangeTableFunc" | "JsonTable":
            return range_table_func(scope, tag, node, raw)
        case "JoinExpr":
            return join(scope, node)
        case "RangeTableSample":
            return from_item(scope, node["relation"])
        case _:
            return _unknown(scope, alias_name(node) or tag.lower(), None, scope.offset(node.get("location")))


def check_names(scope: Scope, left: Sequence[NsItem], right: Sequence[NsItem]) -> None:
    """No two members of FROM have one name, but tables of different schemas without aliases (42712)."""
    for one in left:
        for two in right:
            if one.name != two.name or not (one.relation_visible and two.relation_visible):
                continue
            both_tables = one.kind in ("relation", "unknown") and two.kind in ("relation", "unknown")
            if both_tables and one.schema != "" and two.schema != "" and (one.relid != two.relid or one.unknown):
                continue
            scope.reject(f'table name "{one.name}" specified more than once', "42712")


def relation_item(catalog: Catalog, relation: Relation, rtindex: int, alias: str | None = None) -> NsItem:
    """A table's name in scope. Dropped columns keep their numbers and lose their names."""
    columns = tuple(
        (
            attribute.attname,
            Var(type=attribute.atttypid, varno=rtindex, attnum=attribute.attnum, collation=attribute.attcollation),
        )
        for attribute in relation.attributes
        if not attribute.attisdropped
    )
    return NsItem(
        name=alias or relation.relname,
        rtindex=rtindex,
        columns=columns,
        relid=relation.oid,
        schema="" if alias else catalog.nspname(relation.relnamespace),
        rowtype=relation.reltype,
        unknown=not relation.complete,
        kind="relation",
    )


def alias_name(node: Raw) -> str | None:
    """The alias that a member of FROM was given."""
    name: str | None = node.get("alias", {}).get("aliasname")
    return name


def alias_columns(node: Raw) -> list[str]:
    """The column aliases that a member of FROM was given."""
    return [part["String"]["sval"] for part in node.get("alias", {}).get("colnames", ())]


def renamed(scope: Scope, item: NsItem, names: Sequence[str], location: int = -1) -> NsItem:
    """The item with its first columns renamed (buildRelationAliases)."""
    if not names:
        return item
    if len(names) > len(item.columns) and not item.unknown:
        counts = f"{len(item.columns)} columns available but {len(names)} columns specified"
        scope.reject(f'table "{item.name}" has {counts}', "42P10", location)
    columns = [(names[i] if i < len(names) else name, expr) for i, (name, expr) in enumerate(item.columns)]
    # of a table that no file creates, at least the names given here are known
    extra = names[len(columns) :] if item.unknown else ()
    first = len(columns) + 1
    columns += [(name, Var(type=0, varno=item.rtindex, attnum=first + i)) for i, name in enumerate(extra)]
    return replace(item, columns=tuple(columns))


def computed_item(
    name: str, rtindex: int, columns: Sequence[tuple[str, Oid]], kind: str, *, unknown: bool = False
) -> NsItem:
    """The name in scope of something whose columns are computed."""
    exprs = tuple(
        (column, Var(type=oid, varno=rtindex, attnum=number)) for number, (column, oid) in enumerate(columns, start=1)
    )
    return NsItem(name=name, rtindex=rtindex, columns=exprs, rowtype=t.RECORD, unknown=unknown, kind=kind)


def _range_var(scope: Scope, node: Raw) -> FromItem:
    location = scope.offset(node.get("location"))
    schema, name = node.get("schemaname"), node["relname"]
    alias = alias_name(node)
    found = scope.find_cte(name) if schema is None else None
    if found is not None:
        cte, level = found
        rte = RangeTblEntry(
            kind="cte",
            eref=alias or name,
            aliased=alias is not None,
            subquery=cte.query,
            ctelevelsup=level,
            materialized=cte.materialized,
            location=location,
        )
        return _derived(scope, rte, cte.columns, alias_columns(node), unknown=cte.unknown)
    relation = scope.catalog.find_relation(schema, name, scope.context.search_path)
    if relation is None or relation.relkind == "c":
        return _unknown(scope, alias or name, "" if alias else schema, location, alias_columns(node))
    rtindex = scope.add(
        RangeTblEntry(
            kind="relation",
            eref=alias or name,
            aliased=alias is not None,
            relid=relation.oid,
            colnames=tuple(attribute.attname for attribute in relation.attributes),
            coltypes=tuple(attribute.atttypid for attribute in relation.attributes),
            location=location,
        )
    )
    item = relation_item(scope.catalog, relation, rtindex, alias)
    scope.items.append(renamed(scope, item, alias_columns(node), location))
    return RangeTblRef(rtindex=rtindex)


def _unknown(scope: Scope, name: str, schema: str | None, location: int, names: Sequence[str] = ()) -> FromItem:
    rtindex = scope.add(RangeTblEntry(kind="unknown", eref=name, colnames=tuple(names), location=location))
    item = NsItem(name=name, rtindex=rtindex, columns=(), schema=schema, unknown=True, kind="unknown")
    scope.items.append(renamed(scope, item, names, location))
    return RangeTblRef(rtindex=rtindex)


def _derived(
    scope: Scope, rte: RangeTblEntry, columns: Sequence[tuple[str, Oid]], names: Sequence[str], *, unknown: bool
) -> FromItem:
    rtindex = len(scope.rtable) + 1
    item = renamed(scope, computed_item(rte.eref, rtindex, columns, rte.kind, unknown=unknown), names, rte.location)
    scope.add(
        replace(
            rte,
            colnames=tuple(name for name, _ in item.columns),
            coltypes=tuple(expr.type for _, expr in item.columns),
        )
    )
    scope.items.append(item)
    return RangeTblRef(rtindex=rtindex)


def columns_of(query: Query) -> tuple[tuple[tuple[str, Oid], ...], bool]:
    """A query's output columns, and whether there are others that are not known."""
    known = [target for target in query.targets if not _is_star(target.name, target.expr.type)]
    columns = tuple((target.name or "?column?", target.expr.type) for target in known)
    return columns, len(known) < len(query.targets)


def _is_star(name: str | None, oid: Oid) -> bool:
    """``SELECT *`` from a table that no file creates: its columns are not known."""
    return name == "*" and oid == 0


def _subselect(scope: Scope, node: Raw) -> FromItem:
    select = node["subquery"]["SelectStmt"]
    lateral = bool(node.get("lateral"))
    visible = scope.items
    if not lateral:
        scope.items = []
    query = queries.transform_select(scope.child(), select)
    scope.items = visible
    alias = alias_name(node)
    rte = RangeTblEntry(
        kind="subquery", eref=alias or "unnamed_subquery", aliased=alias is not None, subquery=query, lateral=lateral
    )
    columns, unknown = columns_of(query)
    found = _derived(scope, rte, columns, alias_columns(node), unknown=unknown)
    if alias is None:
        scope.items[-1] = replace(scope.items[-1], relation_visible=False)
    return found
