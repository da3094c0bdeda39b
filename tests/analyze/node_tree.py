"""A pg_node_tree's text in, plain tuples out, in the shape that normal.py gives to resolved expressions."""

from __future__ import annotations

import re
from typing import Any

from tests.analyze import normal

Tree = Any
_TOKEN = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.DOTALL)


class Node(dict[str, Any]):
    """A node's fields; ``tag`` is its kind."""

    tag: str = ""


def parse(text: str) -> Any:
    """The node tree as nested `Node` and lists."""
    value, _ = _value(_TOKEN.findall(text), 0)
    return value


def _value(tokens: list[str], at: int) -> tuple[Any, int]:
    token = tokens[at]
    if token == "(":
        items = []
        at += 1
        while tokens[at] != ")":
            item, at = _value(tokens, at)
            items.append(item)
        return items, at + 1
    if token == "{":
        node = Node()
        node.tag = tokens[at + 1]
        at += 2
        while tokens[at] != "}":
            name = tokens[at][1:]
            at += 1
            values = []
            while tokens[at] != "}" and not (tokens[at].startswith(":") and len(tokens[at]) > 1):
                value, at = _value(tokens, at)
                values.append(value)
            node[name] = values[0] if len(values) == 1 else values
        return node, at + 1
    if token == "<>":
        return None, at + 1
    return token, at + 1


def _number(value: Any) -> int:
    return int(value or 0)


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value)


class Level:
    """A query level: its range table, for following join aliases and grouping columns."""

    def __init__(self, rtable: list[Node], parent: Level | None) -> None:
        self.rtable = rtable
        self.parent = parent


def query(node: Node, parent: Level | None) -> Tree:
    """A QUERY node."""
    level = Level(_list(node.get("rtable")), parent)
    ctes = tuple((_text(cte["ctename"]), query(cte["ctequery"], level)) for cte in _list(node.get("cteList")))
    if node.get("setOperations") is not None:
        return ("setop", _setop(node["setOperations"], level), ctes)
    targets = tuple(
        (None if entry["resname"] is None else _text(entry["resname"]), expr(entry["expr"], level))
        for entry in _list(node.get("targetList"))
        if entry["resjunk"] == "false"
    )
    tree = node["jointree"]
    return (
        "query",
        ("targets", *targets),
        ("from", *(_from(item, level) for item in _list(tree["fromlist"]))),
        ("where", expr(tree["quals"], level)),
        ("having", expr(node["havingQual"], level)),
        ("limit", expr(node["limitOffset"], level), expr(node["limitCount"], level)),
        ("group", *_sorted_exprs(node, "groupClause", level)),
        ("order", *_sorted_exprs(node, "sortClause", level)),
        ("flags", node["hasAggs"] == "true", node["hasWindowFuncs"] == "true", node.get("distinctClause") is not None),
        ctes,
    )


def _sorted_exprs(node: Node, clause: str, level: Level) -> list[Tree]:
    found = []
    for item in _list(node.get(clause)):
        for entry in _list(node["targetList"]):
            if entry["ressortgroupref"] == item["tleSortGroupRef"]:
                found.append(expr(entry["expr"], level))
    return found


def _setop(node: Node, level: Level) -> Tree:
    if node.tag == "RANGETBLREF":
        return query(level.rtable[_number(node["rtindex"]) - 1]["subquery"], level)
    names = {"1": "union", "2": "intersect", "3": "except"}
    types = tuple(_number(item) for item in _list(node["colTypes"])[1:])
    return (names[node["op"]], types, _setop(node["larg"], level), _setop(node["rarg"], level))


def _from(node: Node, level: Level) -> Tree:
    if node.tag == "JOINEXPR":
        kinds = {"0": "inner", "1": "left", "2": "full", "3": "right"}
        return (
            "join",
            kinds[node["jointype"]],
            _from(node["larg"], level),
            _from(node["rarg"], level),
            expr(node["quals"], level),
        )
    return _rte(level.rtable[_number(node["rtindex"]) - 1], level)


def _rte(rte: Node, level: Level) -> Tree:
    name = _text(rte["eref"]["aliasname"])
    match rte["rtekind"]:
        case "0":
            return ("relation", name, _number(rte["relid"]))
        case "1":
            return ("subquery", name, query(rte["subquery"], level))
        case "3":
            calls = [expr(one["funcexpr"], level) for one in rte["functions"]]
            return ("function", name, calls[0] if len(calls) == 1 else ("row", 2249, *calls))
        case "4":
            return ("function", name, ("other",))
        case "5":
            rows = [tuple(expr(item, level) for item in row) for row in rte["values_lists"]]
            return ("values", *rows)
        case "6":
            return ("cte", name)
        case kind:
            return ("kind", kind)


def _text(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token)


def expr(node: Any, level: Level | None) -> Tree:
    """An expression node."""
    if node is None:
        return None
    if isinstance(node, list):
        return tuple(expr(item, level) for item in node)
    match node.tag:
        case "VAR":
            return _var(node, level)
        case "CONST":
            return ("const", _number(node["consttype"]), node["constisnull"] == "true")
        case "PARAM":
            return ("param", _number(node["paramid"]), _number(node["paramtype"]))
        case "FUNCEXPR":
            return ("func", _number(node["funcid"]), _number(node["funcresulttype"]), *_many(node["args"], level))
        case "OPEXPR" | "DISTINCTEXPR" | "NULLIFEXPR":
            kind = {"OPEXPR": "op", "DISTINCTEXPR": "distinct", "NULLIFEXPR": "nullif"}[node.tag]
            return (kind, _number(node["opno"]), _number(node["opresulttype"]), *_many(node["args"], level))
        case "SCALARARRAYOPEXPR":
            return ("scalararray", _number(node["opno"]), node["useOr"] == "true", *_many(node["args"], level))
        case "BOOLEXPR":
            return normal.flat(node["boolop"], _many(node["args"], level))
        case "RELABELTYPE":
            return ("relabel", _number(node["resulttype"]), expr(node["arg"], level))
        case "CONVERTROWTYPEEXPR":
            return ("rowtype", _number(node["resulttype"]), expr(node["arg"], level))
        case "COERCEVIAIO":
            return ("io", _number(node["resulttype"]), expr(node["arg"], level))
        case "ARRAYCOERCEEXPR":
            return ("arraycoerce", _number(node["resulttype"]), expr(node["arg"], level))
        case "COERCETODOMAIN":
            return ("domain", _number(node["resulttype"]), expr(node["arg"], level))
        case "COLLATEEXPR":
            return ("collate", _number(node["collOid"]), expr(node["arg"], level))
        case "CASE" | "CASEEXPR":
            return _case(node, level)
        case "COALESCE" | "COALESCEEXPR":
            return ("coalesce", _number(node["coalescetype"]), *_many(node["args"], level))
        case "MINMAX" | "MINMAXEXPR":
            name = "least" if node["op"] == "1" else "greatest"
            return (name, _number(node["minmaxtype"]), *_many(node["args"], level))
        case "ARRAY" | "ARRAYEXPR":
            return ("array", _number(node["array_typeid"]), *_many(node["elements"], level))
        case "ROW" | "ROWEXPR":
            return ("row", _number(node["row_typeid"]), *_many(node["args"], level))
        case "ROWCOMPARE" | "ROWCOMPAREEXPR":
            opnos = tuple(int(item) for item in node["opnos"][1:])
            return ("rowcompare", opnos, expr(node["largs"], level), expr(node["rargs"], level))
        case "SUBSCRIPTINGREF":
            indexes = [*_list(node["refupperindexpr"]), *_list(node["reflowerindexpr"])]
            wanted = sorted(repr(expr(item, level)) for item in indexes if item is not None)
            return ("subscript", _number(node["refrestype"]), expr(node["refexpr"], level), *wanted)
        case "FIELDSELECT":
            return ("field", _number(node["resulttype"]), expr(node["arg"], level))
        case "SQLVALUEFUNCTION":
            return ("value", _number(node["type"]))
        case "AGGREF":
            args = [expr(entry["expr"], level) for entry in _list(node["args"]) if entry["resjunk"] == "false"]
            direct = _many(node["aggdirectargs"], level)
            return ("agg", _number(node["aggfnoid"]), _number(node["aggtype"]), *direct, *args)
        case "WINDOWFUNC":
            return ("agg", _number(node["winfnoid"]), _number(node["wintype"]), *_many(node["args"], level))
        case "NULLTEST":
            return ("null", node["nulltesttype"] == "0", expr(node["arg"], level))
        case "BOOLEANTEST":
            return ("booltest", node["booltesttype"], expr(node["arg"], level))
        case "SUBLINK":
            return _sublink(node, level)
        case "NAMEDARGEXPR":
            return expr(node["arg"], level)
        case "CASETESTEXPR":
            return ("casetest",)
        case _:
            return ("other",)


def _many(value: Any, level: Level | None) -> list[Tree]:
    return [expr(item, level) for item in _list(value)]


def _var(node: Node, level: Level | None) -> Tree:
    varno, attno, up = _number(node["varno"]), _number(node["varattno"]), _number(node["varlevelsup"])
    at = level
    for _ in range(up):
        at = None if at is None else at.parent
    if at is not None and at.rtable:
        rte = at.rtable[varno - 1]
        if rte["rtekind"] == "2" and attno > 0:
            return _raised(expr(rte["joinaliasvars"][attno - 1], at), up)
        if rte["rtekind"] == "9":
            return _raised(expr(rte["groupexprs"][attno - 1], at), up)
    return ("var", varno, attno, up, _number(node["vartype"]))


def _raised(tree: Tree, up: int) -> Tree:
    if not isinstance(tree, tuple):
        return tree
    if tree and tree[0] == "var":
        return (*tree[:3], tree[3] + up, tree[4])
    return tuple(_raised(item, up) for item in tree)


def _case(node: Node, level: Level | None) -> Tree:
    subject = expr(node["arg"], level)
    parts: list[Tree] = []
    for when in node["args"]:
        parts.append(_with_test(expr(when["expr"], level), subject))
        parts.append(expr(when["result"], level))
    return ("case", _number(node["casetype"]), *parts, expr(node["defresult"], level))


def _with_test(tree: Tree, subject: Tree) -> Tree:
    if not isinstance(tree, tuple):
        return tree
    if tree == ("casetest",):
        return subject
    return tuple(_with_test(item, subject) for item in tree)


def _sublink(node: Node, level: Level | None) -> Tree:
    kinds = {"0": "exists", "1": "all", "2": "any", "3": "rowcompare", "4": "expr", "5": "multiexpr", "6": "array"}
    test = node["testexpr"]
    opnos: list[int] = []
    left: list[Tree] = []
    if test is not None:
        ops = test["args"] if test.tag == "BOOLEXPR" else [test]
        for op in ops:
            if op.tag in ("ROWCOMPARE", "ROWCOMPAREEXPR"):
                opnos += [int(item) for item in op["opnos"][1:]]
                left += _many(op["largs"], level)
            else:
                opnos.append(_number(op["opno"]))
                left.append(expr(op["args"][0], level))
    return ("sublink", kinds[node["subLinkType"]], tuple(opnos), tuple(left), query(node["subselect"], level))
