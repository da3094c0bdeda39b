"""A catalog row in, the objects that it cannot be without out (what PostgreSQL keeps in pg_depend).

Dependencies are not kept but read off the rows: an owner's OID, a column's number, and every object that a stored
expression or query names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple
from weakref import WeakKeyDictionary

from rlslint.analyze.entry import analyze_function_body
from rlslint.catalog.catalog import FIRST_NORMAL_OID, Catalog
from rlslint.catalog.rows import Constraint, Index, Operator, Policy, Proc, Relation, StoredExpr, Trigger, Type
from rlslint.nodes.parsenodes import Query, RangeTblEntry, query_expressions
from rlslint.nodes.primnodes import (
    Aggref,
    Const,
    Expr,
    FuncExpr,
    Oid,
    OpExpr,
    RowCompareExpr,
    ScalarArrayOpExpr,
    SubLink,
    Var,
)
from rlslint.records import dataclass

Kind = Literal[
    "relation", "index", "constraint", "policy", "default", "proc", "type", "namespace", "trigger", "operator"
]
Behaviour = Literal["normal", "auto", "internal", "partition"]


class Address(NamedTuple):
    """An object: its kind, its OID, and for a column (or its default) the column's number."""

    kind: Kind
    oid: Oid
    sub: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """``dependent`` cannot be without ``referenced``."""

    dependent: Address
    referenced: Address
    behaviour: Behaviour


Row = Relation | Index | Constraint | Policy | Proc | Type | Trigger | Operator

_CACHES: Final[WeakKeyDictionary[Catalog, dict[int, tuple[Row, tuple[Edge, ...], frozenset[Oid]]]]] = (
    WeakKeyDictionary()
)
"""What each row depends on. Rows never change, so neither does this; a row is kept so that its id() stays its own."""


def _cached(row: Row, catalog: Catalog) -> tuple[Row, tuple[Edge, ...], frozenset[Oid]]:
    cache = _CACHES.setdefault(catalog, {})
    found = cache.get(id(row))
    if found is None:
        edges = tuple(_edges(catalog, row))
        found = cache[id(row)] = (row, edges, frozenset(edge.referenced.oid for edge in edges))
    return found


def edges_of(catalog: Catalog, row: Row) -> tuple[Edge, ...]:
    """What the row's objects depend on."""
    return _cached(row, catalog)[1]


def referenced_oids(catalog: Catalog, row: Row) -> frozenset[Oid]:
    """OIDs of all that the row depends on, columns' tables among them."""
    return _cached(row, catalog)[2]


def _edges(catalog: Catalog, row: Row) -> Iterator[Edge]:
    match row:
        case Relation():
            yield from _of_relation(catalog, row)
        case Type():
            yield from _of_type(catalog, row)
        case Index():
            yield from _of_index(catalog, row)
        case Constraint():
            yield from _of_constraint(catalog, row)
        case Policy():
            me = Address("policy", row.oid)
            yield Edge(me, Address("relation", row.polrelid), "auto")
            for stored in (row.polqual, row.polwithcheck):
                yield from _normal(me, stored_references(catalog, stored, row.polrelid))
        case Trigger():
            yield Edge(Address("trigger", row.oid), Address("relation", row.tgrelid), "auto")
            yield Edge(Address("trigger", row.oid), Address("proc", row.tgfoid), "normal")
            for number in row.columns:
                yield Edge(Address("trigger", row.oid), Address("relation", row.tgrelid, number), "normal")
        case Operator():
            me = Address("operator", row.oid)
            yield Edge(me, Address("namespace", row.oprnamespace), "normal")
            if row.oprcode >= FIRST_NORMAL_OID:
                yield Edge(me, Address("proc", row.oprcode), "normal")
            for oid in (row.oprleft, row.oprright):
                yield from _normal(me, _type_reference(catalog, oid))
        case Proc():
            me = Address("proc", row.oid)
            yield Edge(me, Address("namespace", row.pronamespace), "normal")
            if row.constructs:
                yield Edge(me, Address("type", row.constructs), "internal")
            for oid in (row.prorettype, *row.proargtypes, *row.proallargtypes):
                yield from _normal(me, _type_reference(catalog, oid))
            if row.prosqlbody:
                for query in analyze_function_body(catalog, row, row.search_path) or ():
                    yield from _normal(me, query_references(catalog, query, ()))


def _normal(dependent: Address, referenced: Iterable[Address]) -> Iterator[Edge]:
    for one in dict.fromkeys(referenced):
        yield Edge(dependent, one, "normal")


def _of_relation(catalog: Catalog, row: Relation) -> Iterator[Edge]:
    me = Address("relation", row.oid)
    yield Edge(me, Address("namespace", row.relnamespace), "normal")
    for parent in row.inhparents:
        yield Edge(me, Address("relation", parent), "auto" if row.relispartition else "normal")
    if row.reloftype:
        yield Edge(me, Address("type", row.reloftype), "normal")
    if row.ownedby[0]:
        yield Edge(me, Address("relation", *row.ownedby), "auto")
    if row.query is not None:
        yield from _normal(me, query_references(catalog, row.query, ()))
    for column in row.attributes:
        if column.attisdropped:
            continue
        yield from _normal(Address("relation", row.oid, column.attnum), _type_reference(catalog, column.atttypid))
        if column.attdefault is not None:
            default = Address("default", row.oid, column.attnum)
            owner = Address("relation", row.oid, column.attnum)
            yield Edge(default, owner, "internal" if column.attgenerated else "auto")
            yield from _normal(default, stored_references(catalog, column.attdefault, row.oid))


def _of_type(catalog: Catalog, row: Type) -> Iterator[Edge]:
    me = Address("type", row.oid)
    yield Edge(me, Address("namespace", row.typnamespace), "normal")
    if row.typelem and row.typcategory == "A":
        yield Edge(me, Address("type", row.typelem), "internal")
    if row.typrelid:
        # a table has its row type, a composite type has its relation: each goes with the other
        relation = Address("relation", row.typrelid)
        yield Edge(me, relation, "internal")
        table = catalog.relations.get(row.typrelid)
        if table is not None and table.relkind == "c":
            yield Edge(relation, me, "internal")
    if row.rngsubtype and row.typtype == "m":
        yield Edge(me, Address("type", row.rngsubtype), "internal")
    elif row.rngsubtype:
        yield from _normal(me, _type_reference(catalog, row.rngsubtype))
    if row.typbasetype:
        yield from _normal(me, _type_reference(catalog, row.typbasetype))


def _of_index(catalog: Catalog, row: Index) -> Iterator[Edge]:
    me = Address("index", row.oid)
    yield Edge(me, Address("relation", row.indrelid), "auto")
    for number in (*(key.attnum for key in row.keys), *row.include):
        if number > 0:
            yield Edge(me, Address("relation", row.indrelid, number), "auto")
    if row.inhparent:
        yield Edge(me, Address("index", row.inhparent), "partition")
    for stored in (*(key.expr for key in row.keys), row.indpred):
        for one in dict.fromkeys(stored_references(catalog, stored, row.indrelid)):
            own = one.kind == "relation" and one.oid == row.indrelid
            yield Edge(me, one, "auto" if own else "normal")


def _of_constraint(catalog: Catalog, row: Constraint) -> Iterator[Edge]:
    me = Address("constraint", row.oid)
    if row.contypid:
        yield Edge(me, Address("type", row.contypid), "auto")
    else:
        yield Edge(me, Address("relation", row.conrelid), "auto")
    for number in row.conkey:
        if number > 0:
            yield Edge(me, Address("relation", row.conrelid, number), "auto")
    if row.coninhparent:
        yield Edge(me, Address("constraint", row.coninhparent), "partition")
    if row.contype == "f":
        yield Edge(me, Address("relation", row.confrelid), "normal")
        for number in row.confkey:
            yield Edge(me, Address("relation", row.confrelid, number), "normal")
        if row.conindid:
            yield Edge(me, Address("index", row.conindid), "normal")
    elif row.conindid:
        yield Edge(Address("index", row.conindid), me, "internal")
    yield from _normal(me, stored_references(catalog, row.conexpr, row.conrelid))


def stored_references(catalog: Catalog, stored: StoredExpr | None, relid: Oid) -> Iterator[Address]:
    """What a stored expression over one relation names: columns, relations, functions, operators, types."""
    if stored is None:
        return
    own = Query(rtable=(RangeTblEntry(kind="relation", eref="", relid=relid),))
    yield from _references(catalog, stored.expr, (own,))


def query_references(catalog: Catalog, query: Query, outer: tuple[Query, ...]) -> Iterator[Address]:
    """What a query names (recordDependencyOnExpr)."""
    levels = (*outer, query)
    for rte in query.rtable:
        if rte.relid:
            yield Address("relation", rte.relid)
        if rte.kind == "subquery" and rte.subquery is not None:
            yield from query_references(catalog, rte.subquery, levels)
    for expr in query_expressions(query):
        yield from _references(catalog, expr, levels)
    for _, cte in query.ctes:
        yield from query_references(catalog, cte, levels)
    for arm in query.arms:
        yield from query_references(catalog, arm, levels)


def _references(catalog: Catalog, expr: Expr, levels: tuple[Query, ...]) -> Iterator[Address]:
    stack = [expr]
    while stack:
        node = stack.pop()
        stack.extend(node.children())
        yield from _type_reference(catalog, node.type)
        match node:
            case Var():
                yield from _column_reference(catalog, node, levels)
            case FuncExpr() | Aggref():
                if node.funcid >= FIRST_NORMAL_OID:
                    yield Address("proc", node.funcid)
            case OpExpr() | ScalarArrayOpExpr():
                yield from _operator_references((node.opno,))
            case RowCompareExpr():
                yield from _operator_references(node.opnos)
            case SubLink():
                yield from _operator_references(node.opnos)
                yield from query_references(catalog, node.subselect, levels)
            case Const(type=2205) if node.value is not None:
                # regclass, as in nextval(): columns.cook_default puts the OID there
                if node.value.isdigit() and catalog.relations.get(int(node.value)) is not None:
                    yield Address("relation", int(node.value))


def _operator_references(operators: Iterable[Oid]) -> Iterator[Address]:
    return (Address("operator", oid) for oid in operators if oid >= FIRST_NORMAL_OID)


def _column_reference(catalog: Catalog, var: Var, levels: tuple[Query, ...]) -> Iterator[Address]:
    depth = len(levels) - 1 - var.levelsup
    if depth < 0 or not 0 < var.varno <= len(levels[depth].rtable):
        return
    rte = levels[depth].rtable[var.varno - 1]
    if rte.kind == "relation" and rte.relid:
        yield Address("relation", rte.relid, max(var.attnum, 0))
    elif rte.kind == "join" and 0 < var.attnum <= len(rte.joinvars):
        yield from _references(catalog, rte.joinvars[var.attnum - 1], levels[: depth + 1])


def _type_reference(catalog: Catalog, oid: Oid) -> Iterator[Address]:
    if oid < FIRST_NORMAL_OID:
        return
    row = catalog.types.get(oid)
    while row is not None and row.typelem and row.typcategory == "A":
        row = catalog.types.get(row.typelem)
    if row is not None and row.oid >= FIRST_NORMAL_OID:
        yield Address("type", row.oid)
