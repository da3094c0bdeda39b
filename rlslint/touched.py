"""The catalog before and after statements in, the tables out whose policies may run otherwise: only these are analysed.

What is too wide costs time; what is too narrow would be wrong. So a changed role reaches every table, and a function every
policy that names it or a function whose body does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rlslint.catalog.catalog import FIRST_NORMAL_OID, Catalog
from rlslint.catalog.rows import Constraint, Index, Namespace, Operator, Policy, Proc, Relation, Role, Trigger, Type
from rlslint.nodes.parsenodes import Query, walk_deep, walk_query
from rlslint.nodes.primnodes import Expr, FuncExpr, Oid, OpExpr, RowCompareExpr, ScalarArrayOpExpr, SubLink
from rlslint.records import dataclass, field
from rlslint.replay.session import PolicyChange
from rlslint.rewrite.functions import body_functions, body_tables
from rlslint.source.model import Statement

_KEPT: Final = 100_000
_WORD: Final = re.compile(r"\w+")


@dataclass(slots=True)
class Touched:
    """What statements changed."""

    tables: set[Oid] = field(default_factory=set)
    functions: set[Oid] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    """Words of the names, in lower case, that objects have or had: bodies say whom they mean by name."""
    everything: bool = False

    def add(self, other: Touched) -> None:
        """What others changed, too."""
        self.tables |= other.tables
        self.functions |= other.functions
        self.names |= other.names
        self.everything |= other.everything


class Watch:
    """Remembers a catalog's rows, and tells what is other than it was when it was last asked."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._versions = [store.version for store in catalog.stores]
        self._rows = [store.rows() for store in catalog.stores]

    def changes(self) -> Touched:
        """What changed since the last call, or since the start."""
        touched = Touched()
        for i, store in enumerate(self._catalog.stores):
            if store.version == self._versions[i]:
                continue
            before, after = self._rows[i], store.rows()
            for oid, row in after.items():
                if before.get(oid) is not row:
                    _touch(self._catalog, touched, row, new=oid not in before)
            for oid, row in before.items():
                # as it was: under another name, with another parent
                if after.get(oid) is not row:
                    _touch(self._catalog, touched, row, new=False)
            self._versions[i], self._rows[i] = store.version, after
        return touched


def _touch(catalog: Catalog, touched: Touched, row: object, *, new: bool) -> None:
    match row:
        case Relation():
            touched.tables.update((row.oid, *row.inhparents))
            touched.names |= _words(row.relname)
        case Index():
            touched.tables.add(row.indrelid)
        case Constraint():
            touched.tables.add(row.conrelid)
        case Policy():
            touched.tables.add(row.polrelid)
        case Trigger():
            touched.tables.add(row.tgrelid)
        case Proc():
            touched.functions.add(row.oid)
            touched.names |= _words(row.proname)
            # a body calls by name: one more function of that name may be another answer
            touched.functions.update(one.oid for one in catalog.procs.find("name", row.proname))
        case Namespace() if not new:
            touched.tables.update(one.oid for one in catalog.relations if one.relnamespace == row.oid)
            touched.functions.update(one.oid for one in catalog.procs if one.pronamespace == row.oid)
        case Type():
            touched.names |= _words(row.typname)
            if not new:
                touched.tables.update(_typed(catalog, row))
        case Role() | Operator() if not new:
            touched.everything = True
        case _:
            pass


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _typed(catalog: Catalog, row: Type) -> Iterator[Oid]:
    """The type, those made of it, and the tables with columns of them."""
    made = {row.oid, row.typarray} | {one.oid for one in catalog.types if row.oid in (one.typbasetype, one.typelem)}
    yield from made - {0}
    for relation in catalog.relations:
        if any(column.atttypid in made for column in relation.attributes):
            yield relation.oid


Causes = tuple[tuple[Statement, Touched], ...]
"""Statements that changed something, in order, each with what it changed."""


class Notes:
    """What the statements of some migrations change, gathered while they are replayed: `note` after each."""

    def __init__(self, catalog: Catalog) -> None:
        self._watch = Watch(catalog)
        self._causes: list[tuple[Statement, Touched]] = []
        self.touched = Touched()
        """What they changed together."""

    def resume(self) -> None:
        """What others did until now is nobody's here."""
        self._watch.changes()

    def note(self, statement: Statement) -> None:
        """What the statement that was replayed last changed."""
        changed = self._watch.changes()
        if changed.tables or changed.functions or changed.everything:
            self._causes.append((statement, changed))
        self.touched.add(changed)

    @property
    def causes(self) -> Causes:
        """The statements that changed something."""
        return tuple(self._causes)


class Origins:
    """What each of some statements reaches, worked out once, however many tables are asked about."""

    def __init__(self, causes: Causes, dependents: Dependents) -> None:
        self._causes = causes
        self._dependents = dependents
        self._reached: dict[int, frozenset[Oid]] = {}
        self._known: dict[Oid, Statement | None] = {0: None}

    def cause(self, relid: Oid) -> Statement | None:
        """The statement that a finding on a table comes from: the last that takes something from the table or changes it,
        else the last that touches it, else the last that reaches it."""
        if relid not in self._known:
            self._known[relid] = self._find(relid)
        return self._known[relid]

    def _find(self, relid: Oid) -> Statement | None:
        direct = [statement for statement, touched in self._causes if relid in touched.tables]
        taking = [statement for statement in direct if statement.kind.startswith(("Drop", "Alter"))]
        if direct:
            return (taking or direct)[-1]
        for number in reversed(range(len(self._causes))):
            if number not in self._reached:
                self._reached[number] = self._dependents.affected(self._causes[number][1])
            if relid in self._reached[number]:
                return self._causes[number][0]
        return None


class Dependents:
    """Who reads a table or calls a function; what policies say is looked at once a policy."""

    def __init__(self, catalog: Catalog, changes: Sequence[PolicyChange] | None = None) -> None:
        """``changes``: all that was done to policies, for who asks what is found otherwise, not only what runs otherwise:
        policies are compared with those that they replace (RLS307), and tables with those that their keys refer to
        (RLS116)."""
        self._catalog = catalog
        self._changes = changes
        self._known: dict[int, tuple[object, frozenset[Oid | str]]] = {}
        self._spoken: dict[int, tuple[object, frozenset[Oid | str]]] = {}

    def affected(self, touched: Touched) -> frozenset[Oid]:
        """Tables whose statements may run otherwise: those touched, and all whose policies come to them, through
        functions, views and other tables' policies."""
        catalog = self._catalog
        if touched.everything:
            return frozenset(row.oid for row in catalog.relations)
        reached: set[Oid | str] = {*touched.tables, *touched.functions, *touched.names}
        reached.discard(0)
        if len(self._known) > _KEPT:
            # what was typed and is gone
            self._known.clear()
            self._spoken.clear()
        if not reached:
            return frozenset()
        edges = list(self._edges(words=bool(touched.names)))
        size = -1
        while size != len(reached):
            size = len(reached)
            reached.update(one for one, uses in edges if one not in reached and not uses.isdisjoint(reached))
        return frozenset(oid for oid in reached if isinstance(oid, int) and catalog.relations.get(oid) is not None)

    def _edges(self, *, words: bool) -> Iterator[tuple[Oid, frozenset[Oid | str]]]:
        """A table, view or function of the files, and what it uses: objects, and ``words`` in what is resolved anew."""
        catalog = self._catalog
        if self._changes is not None:
            for constraint in catalog.constraints:
                if constraint.confrelid:
                    yield constraint.conrelid, frozenset({constraint.confrelid})
        former = {id(one): one for change in self._changes or () for one in (*change.before, *change.after)}
        for policy in {**{id(one): one for one in catalog.policies}, **former}.values():
            for stored in (policy.polqual, policy.polwithcheck):
                if stored is not None:
                    yield policy.polrelid, self._uses(stored, stored.expr)
                    if words and self._changes is not None:
                        # what is suggested is resolved anew, and its text is made of this
                        yield policy.polrelid, self._words(stored, stored.text)
        for relation in catalog.relations:
            if relation.query is not None:
                yield relation.oid, self._uses(relation, relation.query)
            for parent in relation.inhparents:
                yield relation.oid, frozenset({parent})
                yield parent, frozenset({relation.oid})
        for index in catalog.indexes:
            for stored in (index.indpred, *(key.expr for key in index.keys)):
                if stored is not None:
                    yield index.indrelid, self._uses(stored, stored.expr)
        for operator in catalog.operators:
            yield operator.oid, frozenset({operator.oprcode})
        # operators and casts stand in a body without a name that could be looked for
        unnamed = [one.oprcode for one in catalog.operators if one.oprcode >= FIRST_NORMAL_OID]
        unnamed += [one.castfunc for one in catalog.casts if one.castfunc >= FIRST_NORMAL_OID]
        for proc in catalog.procs:
            if proc.statement is not None:
                # names in a body are looked up when it runs: what they mean may change
                called = (one.oid for one in body_functions(catalog, proc))
                yield proc.oid, frozenset((*body_tables(catalog, proc), *called, *unnamed))
                if words:
                    yield proc.oid, self._words(proc, proc.statement.text)

    def _uses(self, row: object, said: Expr | Query) -> frozenset[Oid | str]:
        known = self._known.get(id(row))
        if known is None:
            found = _of_query(said) if isinstance(said, Query) else _oids(node for node, _ in walk_deep(said))
            # the row is kept, so that its identity stays its own
            known = self._known[id(row)] = row, frozenset(found)
        return known[1]

    def _words(self, row: object, text: str) -> frozenset[Oid | str]:
        known = self._spoken.get(id(row))
        if known is None:
            known = self._spoken[id(row)] = row, frozenset(_words(text))
        return known[1]


def _of_query(query: Query) -> Iterator[Oid]:
    yield from query_relations(query)
    yield from _oids(node for node, _ in walk_query(query))


def _oids(nodes: Iterable[Expr]) -> Iterator[Oid]:
    for node in nodes:
        if node.type >= FIRST_NORMAL_OID:
            yield node.type
        if isinstance(node, FuncExpr):
            yield node.funcid
        elif isinstance(node, (OpExpr, ScalarArrayOpExpr)):
            yield node.opno
        elif isinstance(node, RowCompareExpr):
            yield from node.opnos
        elif isinstance(node, SubLink):
            yield from node.opnos
            yield from query_relations(node.subselect)


def query_relations(query: Query) -> Iterator[Oid]:
    """Tables and views that a query reads, subqueries in FROM included."""
    for rte in query.rtable:
        if rte.relid:
            yield rte.relid
        if rte.subquery is not None:
            yield from query_relations(rte.subquery)
    for _, cte in query.ctes:
        yield from query_relations(cte)
    for arm in query.arms:
        yield from query_relations(arm)
