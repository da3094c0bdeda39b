"""WITH in, its queries resolved and their names in scope out (parse_cte.c)."""

from __future__ import annotations

from typing import Any

import rlslint.analyze.query as queries
from rlslint.analyze import types as t
from rlslint.analyze.from_clause import columns_of
from rlslint.analyze.scope import Cte, Scope
from rlslint.nodes.parsenodes import Query, TargetEntry
from rlslint.nodes.primnodes import Oid, Unresolved
from rlslint.source.model import Raw


def with_clause(scope: Scope, node: Raw) -> tuple[tuple[tuple[str, Query], ...], bool]:
    """Resolve a SelectStmt's WITH; the queries in the order in which they depend on each other, as (name, query)."""
    clause = node.get("withClause")
    if clause is None:
        return (), False
    recursive = bool(clause.get("recursive"))
    items = [item["CommonTableExpr"] for item in clause["ctes"]]
    found: list[tuple[str, Query]] = []
    for cte in _in_order(items) if recursive else items:
        name = cte["ctename"]
        if name in (other for other, _ in found):
            scope.reject(f'WITH query name "{name}" specified more than once', "42712")
        query = _resolve(scope, cte, recursive)
        columns, unknown = columns_of(query)
        computed = _materialized(cte, query, node, recursive=recursive)
        scope.ctes[name] = Cte(_renamed(scope, cte, columns, unknown), query, unknown, computed)
        found.append((name, query))
    return tuple(found), recursive


def _resolve(scope: Scope, cte: Raw, recursive: bool) -> Query:
    select = cte["ctequery"].get("SelectStmt")
    if select is None:
        # INSERT ... RETURNING and its like cannot stand in a policy
        inner = scope.child()
        reason = "a data-modifying statement in WITH is not analysed"
        inner.reject(reason, None)
        return Query(
            rtable=inner.range_table(), targets=(TargetEntry(expr=Unresolved(type=0, reason=reason), name="*"),)
        )
    name = cte["ctename"]
    if not recursive or select.get("op", "SETOP_NONE") == "SETOP_NONE" or not _reads(name, select):
        return queries.transform_select(scope.child(), select)
    # the query sees itself with the columns of its first, not recursive, side (determineRecursiveColTypes)
    first = queries.transform_select(scope.child().child(), select["larg"])
    columns, unknown = columns_of(first)
    inner = scope.child()
    inner.ctes[name] = Cte(_renamed(inner, cte, columns, unknown), None, unknown)
    return queries.transform_select(inner, select)


def _renamed(
    scope: Scope, cte: Raw, columns: tuple[tuple[str, Oid], ...], unknown: bool
) -> tuple[tuple[str, Oid], ...]:
    names = [part["String"]["sval"] for part in cte.get("aliascolnames", ())]
    if len(names) > len(columns) and not unknown:
        counts = f"{len(columns)} columns available but {len(names)} columns specified"
        scope.reject(f'WITH query "{cte["ctename"]}" has {counts}', "42P10", scope.offset(cte.get("location")))
    found = [(names[i] if i < len(names) else name, oid) for i, (name, oid) in enumerate(columns)]
    found += [(name, 0) for name in names[len(columns) :]]
    return tuple((name, t.TEXT if oid == t.UNKNOWN else oid) for name, oid in found)


def _materialized(cte: Raw, query: Query, reader: Raw, *, recursive: bool) -> bool:
    """Whether it is computed as a whole (SS_process_ctes): as it says, else where it is read more than once, reads itself
    or locks rows."""
    name, said = cte["ctename"], cte.get("ctematerialized", "CTEMaterializeDefault")
    if query.for_update or (recursive and _reads(name, cte["ctequery"])):
        return True
    if said != "CTEMaterializeDefault":
        return bool(said == "CTEMaterializeAlways")
    items = [item["CommonTableExpr"] for item in reader["withClause"]["ctes"]]
    # without RECURSIVE what is written before it, and its own query, mean a table by that name
    later = items if recursive else items[items.index(cte) + 1 :]
    body = {key: value for key, value in reader.items() if key != "withClause"}
    return _reads(name, body) + sum(_reads(name, one["ctequery"]) for one in later if one is not cte) > 1


def _in_order(items: list[Raw]) -> list[Raw]:
    """Each after those it reads (checkWellFormedRecursion sorts WITH RECURSIVE so)."""
    by_name = {item["ctename"]: item for item in items}
    reads = {
        name: {other for other in by_name if other != name and _reads(other, item["ctequery"])}
        for name, item in by_name.items()
    }
    ordered: list[Raw] = []
    waiting = [item["ctename"] for item in items]
    while waiting:
        done = {item["ctename"] for item in ordered}
        ready = next((name for name in waiting if reads[name] <= done), waiting[0])
        waiting.remove(ready)
        ordered.append(by_name[ready])
    return ordered


def _reads(name: str, node: Any) -> int:
    """How often a parse tree reads an unqualified name that is not that of a WITH query of its own."""
    if isinstance(node, list):
        return sum(_reads(name, item) for item in node)
    if not isinstance(node, dict):
        return 0
    own = int(node.get("relname") == name and "schemaname" not in node)
    clause = node.get("withClause") or {}
    items = [item["CommonTableExpr"] for item in clause.get("ctes", ())]
    hiding = next((number for number, item in enumerate(items) if item["ctename"] == name), None)
    if hiding is None:
        return own + sum(_reads(name, value) for value in node.values())
    # without RECURSIVE a WITH query is known to those after it and to the query that it stands before
    before = [] if clause.get("recursive") else items[: hiding + 1]
    return sum(_reads(name, item["ctequery"]) for item in before)
