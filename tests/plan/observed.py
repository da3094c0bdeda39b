"""A plan that EXPLAIN (FORMAT JSON) shows in, the compact form in which predictions are compared out.

``scan`` is [method, indexes] of the policy's table; ``subqueries`` a sorted list of [evaluation, [[table, method,
indexes], ...]], ``any`` where EXPLAIN does not tell a hashed subplan from another (WITH CHECK).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

Node = Mapping[str, Any]
Compact = dict[str, Any]

_EXPRESSIONS = (
    "Filter",
    "Index Cond",
    "Recheck Cond",
    "Join Filter",
    "Hash Cond",
    "One-Time Filter",
    "Output",
    "Sort Key",
)


def explain(connection: psycopg.Connection[Any], role: str, sql: str, table: str) -> Compact:
    """The plan of a statement as a role, or ``{"error": SQLSTATE}``. Call inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT explained")
        try:
            cursor.execute(f"SET LOCAL ROLE {role}".encode())
            row = cursor.execute(f"EXPLAIN (FORMAT JSON, COSTS OFF, VERBOSE) {sql}".encode()).fetchone()
        except psycopg.Error as error:
            return {"error": error.sqlstate}
        finally:
            cursor.execute("ROLLBACK TO explained")
    assert row is not None
    return compact_plan(row[0][0]["Plan"], table)


def compact_plan(plan: Node, table: str) -> Compact:
    text = json.dumps(plan)
    hashed = set(re.findall(r"hashed (SubPlan \d+)\)", text))
    modifies = plan["Node Type"] == "ModifyTable"
    subqueries: list[Any] = []
    for parent, node in _subplans(plan):
        name = node["Subplan Name"]
        if name.startswith("CTE"):
            # what it reads is listed with the query that it stands in
            continue
        if name.startswith("InitPlan"):
            evaluation = "init_plan"
        elif modifies and parent is plan:
            evaluation = "any"
        else:
            evaluation = "hashed_subplan" if name in hashed else "subplan"
        subqueries.append([evaluation, sorted(_relations(node))])
    scan: list[Any] = ["none", []]
    if not (modifies and plan["Operation"] == "Insert"):
        scan = next(_own_scan(plan, table), ["none", []])
    return {"scan": scan, "subqueries": sorted(subqueries)}


def _subplans(node: Node) -> Iterator[tuple[Node, Node]]:
    for child in node.get("Plans", ()):
        if "Subplan Name" in child:
            yield node, child
        yield from _subplans(child)


def _relations(node: Node) -> Iterator[list[Any]]:
    found = _scan(node)
    if found is not None:
        yield found
    for child in node.get("Plans", ()):
        yield from _relations(child)


def _own_scan(node: Node, table: str) -> Iterator[list[Any]]:
    if node.get("One-Time Filter") == "false":
        yield ["no_rows", []]
    found = _scan(node)
    if found is not None and found[0] == table:
        yield found[1:]
    for child in node.get("Plans", ()):
        if "Subplan Name" not in child:
            yield from _own_scan(child, table)


def _scan(node: Node) -> list[Any] | None:
    match node["Node Type"]:
        case "Seq Scan":
            return [node["Relation Name"], "seq_scan", []]
        case "Index Scan" | "Index Only Scan":
            if "Index Cond" not in node:
                return [node["Relation Name"], "seq_scan", []]
            return [node["Relation Name"], "index_scan", [node["Index Name"]]]
        case "Bitmap Heap Scan":
            bitmap = next(child for child in node["Plans"] if child["Parent Relationship"] == "Outer")
            kinds = list(_bitmap(bitmap))
            indexes = sorted(name for kind, name in kinds if kind == "Bitmap Index Scan")
            either = any(kind == "BitmapOr" for kind, _ in kinds)
            if not either and not any(True for _ in _conditions(bitmap)):
                return [node["Relation Name"], "seq_scan", []]
            return [node["Relation Name"], "bitmap_or" if either else "index_scan", indexes]
        case "Function Scan":
            return [node["Function Name"], "function_scan", []]
    return None


def _bitmap(node: Node) -> Iterator[tuple[str, str]]:
    yield node["Node Type"], node.get("Index Name", "")
    for child in node.get("Plans", ()):
        if "Subplan Name" not in child:
            yield from _bitmap(child)


def _conditions(node: Node) -> Iterator[str]:
    if "Index Cond" in node:
        yield node["Index Cond"]
    for child in node.get("Plans", ()):
        if "Subplan Name" not in child:
            yield from _conditions(child)


def compact_prediction(entry: Mapping[str, Any]) -> Compact:
    """A prediction, as `plan --format json` gives it, in the same form."""
    if entry["error"]:
        return {"error": entry["error"]}
    subqueries = [
        [
            one["evaluation"],
            sorted([r["table"], r["method"], [r["index"]] if r["index"] else []] for r in one["relations"]),
        ]
        for one in entry["subqueries"]
    ]
    return {
        "scan": [entry["scan"]["method"], sorted(entry["scan"]["indexes"])],
        "subqueries": sorted(subqueries),
    }


def same(expected: Compact, actual: Compact) -> bool:
    """Whether a prediction (``actual``) is what was observed (``expected``)."""
    if "error" in expected or "error" in actual:
        return expected == actual
    if expected["scan"] != actual["scan"] or len(expected["subqueries"]) != len(actual["subqueries"]):
        return False
    left = list(actual["subqueries"])
    # those that are known first, so that ``any`` takes what remains
    for evaluation, relations in sorted(expected["subqueries"], key=_vagueness):
        for one in left:
            fits = one[0] == evaluation or (evaluation == "any" and one[0] in ("hashed_subplan", "subplan"))
            if fits and _same_relations(relations, one[1]):
                left.remove(one)
                break
        else:
            return False
    return True


def _vagueness(one: list[Any]) -> tuple[bool, int]:
    """What fits more than one prediction comes later: ``any``, and bitmaps over several indexes."""
    evaluation, relations = one
    return evaluation == "any", max((len(indexes) for _, _, indexes in relations), default=0)


def _same_relations(expected: list[Any], actual: list[Any]) -> bool:
    # a bitmap over several indexes: the prediction names the first
    if len(expected) != len(actual):
        return False
    return all(
        a[:2] == b[:2] and (a[2] == b[2] or (len(a[2]) > 1 and set(b[2]) <= set(a[2])))
        for a, b in zip(expected, actual, strict=True)
    )
