"""A SELECT over catalog views, VALUES or functions of constants in, its rows out; data of tables is not known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cmp_to_key
from typing import Final

from rlslint.replay.plpgsql_constraint_views import CONSTRAINT_VIEWS
from rlslint.replay.plpgsql_early import NOTHING, Early, early_conditions, passes
from rlslint.replay.plpgsql_functions import compare
from rlslint.replay.plpgsql_operators import truth
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_stored import Row, Value
from rlslint.replay.plpgsql_values import Scope, evaluate, has_aggregate
from rlslint.replay.plpgsql_views import INFORMATION_SCHEMA, PG_VIEWS, columns_view
from rlslint.source.model import Raw

_MAX_SERIES: Final = 10_000
_SETS: Final = ("unnest", "generate_series", "string_to_table", "regexp_split_to_table")
Rows = Iterator[dict[str, Row]]


def select(node: Raw, scope: Scope) -> tuple[list[str], list[list[Value]]]:
    """Column names and rows. Raises Undecided."""
    if "withClause" in node:
        scope = _with_ctes(node["withClause"], scope)
    if node.get("op", "SETOP_NONE") != "SETOP_NONE":
        names, rows = _set_operation(node, scope)
        return names, _limited(node, scope, _sorted_output(node, names, rows))
    if "valuesLists" in node:
        rows = [[evaluate(scope, item) for item in row["List"]["items"]] for row in node["valuesLists"]]
        return [f"column{i + 1}" for i in range(len(rows[0]))], rows
    early = early_conditions(node, scope)
    sources = [scope.inner(row) for row in _from(node.get("fromClause", []), scope, early)]
    if "whereClause" in node:
        sources = [one for one in sources if truth(evaluate(one, node["whereClause"]))]
    targets = [item["ResTarget"] for item in node.get("targetList", ())]
    if "groupClause" in node or any(has_aggregate(target["val"]) for target in targets):
        sources = _grouped(node, scope, sources)
        if "havingClause" in node:
            sources = [one for one in sources if truth(evaluate(one, node["havingClause"]))]
    names = _names(targets, sources)
    pairs = [(one, row) for one in sources for row in _expanded(targets, one)]
    if "sortClause" in node:
        pairs = _sorted(node["sortClause"], pairs, names)
    rows = [row for _, row in pairs]
    if "distinctClause" in node:
        rows = _distinct(rows)
    return names, _limited(node, scope, rows)


def _with_ctes(clause: Raw, scope: Scope) -> Scope:
    ctes = dict(scope.ctes)
    for item in clause["ctes"]:
        cte = item["CommonTableExpr"]
        if clause.get("recursive") or "SelectStmt" not in cte["ctequery"]:
            raise Undecided("WITH RECURSIVE or a changing WITH")
        inner = Scope(scope.session, scope.variables, scope.rows, scope.outer, ctes)
        names, rows = select(cte["ctequery"]["SelectStmt"], inner)
        given = [part["String"]["sval"] for part in cte.get("aliascolnames", ())]
        names = [*given, *names[len(given) :]]
        ctes[cte["ctename"]] = [dict(zip(names, row, strict=True)) for row in rows]
    return Scope(scope.session, scope.variables, scope.rows, scope.outer, ctes, scope.group)


def _set_operation(node: Raw, scope: Scope) -> tuple[list[str], list[list[Value]]]:
    names, left = select(node["larg"], scope)
    _, right = select(node["rarg"], scope)
    every = bool(node.get("all"))
    match node["op"]:
        case "SETOP_UNION":
            rows = left + right
        case "SETOP_INTERSECT":
            rows = [row for row in left if row in right]
        case _:
            rows = [row for row in left if row not in right]
    return names, rows if every else _distinct(rows)


def _distinct(rows: list[list[Value]]) -> list[list[Value]]:
    seen: list[list[Value]] = []
    for row in rows:
        if row not in seen:
            seen.append(row)
    return seen


def _from(items: list[Raw], scope: Scope, early: Early) -> Rows:
    if not items:
        yield {}
        return
    for row in _item(items[0], scope, early):
        # later members may be LATERAL
        for rest in _from(items[1:], scope.inner(row), early) if items[1:] else [{}]:
            yield {**row, **rest}


def _item(item: Raw, scope: Scope, early: Early = NOTHING) -> Rows:
    kind, node = next(iter(item.items()))
    match kind:
        case "RangeVar":
            alias = node.get("alias", {}).get("aliasname", node["relname"])
            conditions = early.get(alias, ())
            for row in _view(node, scope, conditions):
                if passes(row, conditions):
                    yield {alias: row}
        case "RangeSubselect":
            names, rows = select(node["subquery"]["SelectStmt"], scope)
            yield from _aliased(node, names, rows)
        case "RangeFunction":
            yield from _function(node, scope)
        case "JoinExpr":
            yield from _join(node, scope, early)
        case _:
            raise Undecided(kind)


def _view(node: Raw, scope: Scope, conditions: tuple[tuple[str, str], ...] = ()) -> list[Row]:
    """The rows of a CTE or of a view of the catalog, at least those that meet the conditions."""
    schema, name = node.get("schemaname"), node["relname"]
    if schema is None and name in scope.ctes:
        return scope.ctes[name]
    views = {
        "information_schema": {**INFORMATION_SCHEMA, **CONSTRAINT_VIEWS},
        "pg_catalog": PG_VIEWS,
        None: PG_VIEWS,
    }.get(schema)
    if views is None or name not in views:
        raise Undecided(f"the rows of {name} are not known")
    catalog = scope.session.catalog
    known = catalog.remembered("views", *catalog.stores)
    table = next((text for column, text in conditions if column == "table_name"), None)
    if views[name] is columns_view and table is not None and (schema, name) not in known:
        if (schema, name, "of", table) not in known:
            known[schema, name, "of", table] = list(columns_view(catalog, table))
        of_table: list[Row] = known[schema, name, "of", table]
        return of_table
    if (schema, name) not in known:
        known[schema, name] = list(views[name](catalog))
    every: list[Row] = known[schema, name]
    rows = every
    for column, text in conditions:
        key = (schema, name, column)
        if key not in known:
            known[key] = _by_text(every, column)
        found: list[Row] = known[key].get(text, known[key][None])
        if len(found) < len(rows):
            rows = found
    return rows


def _by_text(rows: list[Row], column: str) -> dict[str | None, list[Row]]:
    """Rows by the text that a column holds, each list with those that hold something else; None for these alone."""
    others = [row for row in rows if type(row.get(column)) is not str]
    found: dict[str | None, list[Row]] = {None: others}
    for row in rows:
        value = row.get(column)
        if type(value) is str:
            found.setdefault(value, list(others)).append(row)
    return found


def _aliased(node: Raw, names: list[str], rows: list[list[Value]]) -> Rows:
    alias = node.get("alias", {})
    given = [part["String"]["sval"] for part in alias.get("colnames", ())]
    names = [*given, *names[len(given) :]]
    for row in rows:
        yield {alias.get("aliasname", ""): dict(zip(names, row, strict=False))}


def _function(node: Raw, scope: Scope) -> Rows:
    call = node["functions"][0]["List"]["items"][0].get("FuncCall")
    if call is None:
        raise Undecided("a function in FROM")
    name = call["funcname"][-1]["String"]["sval"]
    args = [evaluate(scope, arg) for arg in call.get("args", ())] if name in _SETS else []
    columns = [name]
    rows: list[list[Value]]
    if name not in _SETS:
        columns, rows = _own_rows(scope, name, call)
    elif name == "unnest" and all(isinstance(arg, list) for arg in args):
        lists = [arg for arg in args if isinstance(arg, list)]
        longest = max(len(items) for items in lists)
        rows = [[items[i] if i < len(items) else None for items in lists] for i in range(longest)]
        columns = [name] * len(lists)
    elif name == "generate_series" and all(isinstance(arg, int) for arg in args):
        first, last, *step = [arg for arg in args if isinstance(arg, int)]
        series = range(first, last + (1 if not step or step[0] > 0 else -1), *step)
        if len(series) > _MAX_SERIES:
            raise Undecided("a long series")
        rows = [[number] for number in series]
    elif name == "regexp_split_to_table" or name == "string_to_table":
        text, separator = (str(arg) for arg in args[:2])
        rows = [[part] for part in text.split(separator)]
    else:
        raise Undecided(f"{name}() in FROM")
    if node.get("ordinality"):
        rows = [[*row, number] for number, row in enumerate(rows, start=1)]
        columns = [*columns, "ordinality"]
    alias = node.get("alias", {}).get("aliasname", name)
    given = [part["String"]["sval"] for part in node.get("alias", {}).get("colnames", ())]
    if not given and len(columns) == 1:
        columns = [alias]
    yield from _aliased({"alias": {**node.get("alias", {}), "aliasname": alias}}, columns, rows)


def _own_rows(scope: Scope, name: str, call: Raw) -> tuple[list[str], list[list[Value]]]:
    from rlslint.replay.plpgsql_calls import followable, rows_of

    proc = followable(scope.session, call)
    if proc is None:
        raise Undecided(f"{name}() in FROM")
    return rows_of(scope, proc, call)


def _join(node: Raw, scope: Scope, early: Early) -> Rows:
    jointype = node.get("jointype", "JOIN_INNER")
    if jointype not in ("JOIN_INNER", "JOIN_LEFT") or node.get("isNatural"):
        raise Undecided("a join of this kind")
    using = [part["String"]["sval"] for part in node.get("usingClause", ())]
    shape: dict[str, Row] | None = None
    # what WHERE says of the nullable side is asked of the joined row, whose columns may be NULL
    inside = early if jointype == "JOIN_INNER" else NOTHING
    table = _Hashed(node, scope, inside) if "RangeVar" in node["rarg"] else None
    for left in _item(node["larg"], scope, early):
        hit = False
        for right in table.candidates(left) if table else _item(node["rarg"], scope.inner(left), inside):
            shape = right
            both = {**left, **right}
            if using and not all(_same(left, right, name) for name in using):
                continue
            if "quals" in node and not truth(evaluate(scope.inner(both), node["quals"])):
                continue
            hit = True
            yield both
        if not hit and jointype == "JOIN_LEFT":
            nulls = {alias: dict.fromkeys(row) for alias, row in (shape or _empty(node["rarg"])).items()}
            yield {**left, **nulls}


class _Hashed:
    """The rows of a join's right side by the column that the join compares for equality with something on its left;
    without such a condition, all of them. Catalogs of large projects make a nested loop slow."""

    def __init__(self, node: Raw, scope: Scope, early: Early) -> None:
        self._scope = scope
        self._rows = list(_item(node["rarg"], scope, early))
        rangevar = node["rarg"]["RangeVar"]
        alias = rangevar.get("alias", {}).get("aliasname", rangevar["relname"])
        self._left, name = _equality(node.get("quals"), alias)
        values = [row[alias].get(name) for row in self._rows] if self._left is not None else []
        self._kinds = {type(value) for value in values if value is not None}
        self._buckets: dict[Value, list[dict[str, Row]]] = {}
        if self._kinds <= {int, str} and len(self._kinds) == 1:
            for value, row in zip(values, self._rows, strict=True):
                self._buckets.setdefault(value, []).append(row)

    def candidates(self, left: dict[str, Row]) -> list[dict[str, Row]]:
        """Rows that may join with ``left``; the join's conditions are still to be asked."""
        if self._left is None or not self._buckets:
            return self._rows
        value = evaluate(self._scope.inner(left), self._left)
        if type(value) not in self._kinds:
            return self._rows
        return self._buckets.get(value, [])


def _equality(quals: Raw | None, alias: str) -> tuple[Raw | None, str]:
    """The other side of ``alias.column = other`` among the join's conditions, and the column; (None, "") if none."""
    stack = [quals] if quals is not None else []
    while stack:
        kind, node = next(iter(stack.pop().items()))
        if kind == "BoolExpr" and node["boolop"] == "AND_EXPR":
            stack.extend(node["args"])
        if kind != "A_Expr" or node["kind"] != "AEXPR_OP" or node["name"][-1]["String"]["sval"] != "=":
            continue
        for one, other in ((node["lexpr"], node["rexpr"]), (node["rexpr"], node["lexpr"])):
            words = _words(one)
            others = _words(other)
            if len(words) == 2 and words[0] == alias and len(others) == 2 and others[0] != alias:
                return other, words[1]
    return None, ""


def _words(raw: Raw) -> list[str]:
    fields = raw.get("ColumnRef", {}).get("fields", ())
    return [part["String"]["sval"] for part in fields if "String" in part]


def _empty(item: Raw) -> dict[str, Row]:
    raise Undecided("an outer join with nothing")


def _same(left: dict[str, Row], right: dict[str, Row], name: str) -> bool:
    one = next((row[name] for row in left.values() if name in row), None)
    two = next((row[name] for row in right.values() if name in row), None)
    return one is not None and two is not None and compare(one, two) == 0


def _grouped(node: Raw, scope: Scope, sources: list[Scope]) -> list[Scope]:
    if "groupClause" not in node:
        one = scope.inner(sources[0].rows if sources else {})
        one.group = sources
        return [one]
    groups: list[tuple[list[Value], list[Scope]]] = []
    for source in sources:
        key = [evaluate(source, item) for item in node["groupClause"]]
        for known, members in groups:
            if known == key:
                members.append(source)
                break
        else:
            groups.append((key, [source]))
    made = []
    for _, members in groups:
        one = scope.inner(members[0].rows)
        one.group = members
        made.append(one)
    return made


def _names(targets: list[Raw], sources: list[Scope]) -> list[str]:
    names: list[str] = []
    for target in targets:
        fields = target["val"].get("ColumnRef", {}).get("fields")
        if "name" in target:
            names.append(target["name"])
        elif fields and "A_Star" in fields[-1]:
            names += [name for row in _starred(fields, sources[0].rows).values() for name in row] if sources else []
        elif fields:
            names.append(fields[-1]["String"]["sval"])
        elif "FuncCall" in target["val"]:
            names.append(target["val"]["FuncCall"]["funcname"][-1]["String"]["sval"])
        elif "TypeCast" in target["val"] and "ColumnRef" in target["val"]["TypeCast"]["arg"]:
            names.append(target["val"]["TypeCast"]["arg"]["ColumnRef"]["fields"][-1]["String"]["sval"])
        else:
            names.append("?column?")
    return names


def _starred(fields: list[Raw], rows: object) -> dict[str, Row]:
    assert isinstance(rows, dict)
    if len(fields) == 1:
        return rows
    alias = fields[-2]["String"]["sval"]
    if alias not in rows:
        raise Undecided(f"{alias}.*")
    return {alias: rows[alias]}


def _expanded(targets: list[Raw], source: Scope) -> list[list[Value]]:
    """A row of output, or several where a target is a set: unnest(), generate_series()."""
    calls = [target["val"].get("FuncCall", {}).get("funcname") for target in targets]
    sets = [i for i, name in enumerate(calls) if name and name[-1]["String"]["sval"] in _SETS]
    if not sets:
        return [_output(targets, source)]
    if len(sets) > 1:
        raise Undecided("several sets in one SELECT list")
    number = sets[0]
    item = {"functions": [{"List": {"items": [targets[number]["val"]]}}], "alias": {"aliasname": "set"}}
    values = [next(iter(row["set"].values())) for row in _function(item, source)]
    before, after = _output(targets[:number], source), _output(targets[number + 1 :], source)
    return [[*before, value, *after] for value in values]


def _output(targets: list[Raw], source: Scope) -> list[Value]:
    values: list[Value] = []
    for target in targets:
        fields = target["val"].get("ColumnRef", {}).get("fields")
        if fields and "A_Star" in fields[-1]:
            values += [value for row in _starred(fields, source.rows).values() for value in row.values()]
        else:
            values.append(evaluate(source, target["val"]))
    return values


def _sorted(
    clause: list[Raw], pairs: list[tuple[Scope, list[Value]]], names: list[str]
) -> list[tuple[Scope, list[Value]]]:
    for item in reversed(clause):
        sort = item["SortBy"]
        keyed = [(_key(sort, pair, names), pair) for pair in pairs]
        keyed.sort(key=cmp_to_key(_order_keyed), reverse=sort.get("sortby_dir") == "SORTBY_DESC")
        pairs = [pair for _, pair in keyed]
    return pairs


def _order_keyed(one: tuple[Value, object], two: tuple[Value, object]) -> int:
    return _order(one[0], two[0])


def _key(sort: Raw, pair: tuple[Scope, list[Value]], names: list[str]) -> Value:
    node = sort["node"]
    number = node.get("A_Const", {}).get("ival", {}).get("ival")
    if number is not None and 0 < number <= len(pair[1]):
        return pair[1][number - 1]
    fields = node.get("ColumnRef", {}).get("fields", [])
    if len(fields) == 1 and "String" in fields[0] and fields[0]["String"]["sval"] in names:
        return pair[1][names.index(fields[0]["String"]["sval"])]
    return evaluate(pair[0], node)


def _order(one: Value, two: Value) -> int:
    if one is None or two is None:
        return (one is None) - (two is None)
    return compare(one, two)


def _sorted_output(node: Raw, names: list[str], rows: list[list[Value]]) -> list[list[Value]]:
    """ORDER BY of a set operation: output columns only, which matter little to what a block does."""
    return rows


def _limited(node: Raw, scope: Scope, rows: list[list[Value]]) -> list[list[Value]]:
    if "limitOffset" in node:
        offset = evaluate(scope, node["limitOffset"])
        rows = rows[offset:] if isinstance(offset, int) else rows
    if "limitCount" in node:
        count = evaluate(scope, node["limitCount"])
        rows = rows[:count] if isinstance(count, int) else rows
    return rows
