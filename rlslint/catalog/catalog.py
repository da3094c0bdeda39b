"""The catalog: what a server would hold after the statements replayed so far. Filled by replay/, read by all later stages.

Rows are frozen (rows.py); the container is mutable while replay runs and is not changed afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rlslint.catalog import builtin
from rlslint.catalog.rows import (
    AmOp,
    Cast,
    Constraint,
    DefaultAcl,
    Index,
    Namespace,
    OpClass,
    Operator,
    Policy,
    Proc,
    Relation,
    Role,
    Trigger,
    Type,
)
from rlslint.catalog.store import Journal, Store
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass

FIRST_NORMAL_OID = 16384
_KEPT = 2
"""Versions of the catalog that answers are kept for: the one that changes are tried on, and one with a change."""
PG_CATALOG: Oid = 11
PUBLIC_NAMESPACE: Oid = 2200
BOOTSTRAP_SUPERUSER: Oid = 10
PUBLIC: Oid = 0
"""The pseudo-role PUBLIC in polroles and ACLs."""


@dataclass(frozen=True, slots=True)
class Extension:
    """pg_extension. ``known``: its objects are in the catalog; otherwise names from it are unknown, not absent."""

    extname: str
    extnamespace: Oid
    known: bool


class Catalog:
    """All rows, by kind. ``pg_version`` is the major version that is predicted."""

    def __init__(self, pg_version: int = 17) -> None:
        self.pg_version = pg_version
        self._journal = Journal()
        self._next_oid = FIRST_NORMAL_OID
        self._remembered: dict[str, dict[tuple[int, ...], dict[Any, Any]]] = {}
        self._latest: dict[str, tuple[int, dict[Any, Any]]] = {}
        """What `remembered` gave last, with the changes that there had been by then."""
        journal = self._journal
        self.namespaces: Store[Namespace] = Store(
            journal, lambda r: r.oid, {"name": lambda r: r.nspname}, builtin.namespaces()
        )
        self.roles: Store[Role] = Store(journal, lambda r: r.oid, {"name": lambda r: r.rolname}, builtin.roles())
        self.types: Store[Type] = Store(
            journal, lambda r: r.oid, {"name": lambda r: (r.typnamespace, r.typname)}, builtin.types()
        )
        self.relations: Store[Relation] = Store(
            journal,
            lambda r: r.oid,
            {"name": lambda r: (r.relnamespace, r.relname), "child": lambda r: bool(r.inhparents)},
            builtin.relations(),
        )
        self.indexes: Store[Index] = Store(
            journal,
            lambda r: r.oid,
            {"name": lambda r: (r.relnamespace, r.relname), "table": lambda r: r.indrelid},
        )
        self.constraints: Store[Constraint] = Store(
            journal,
            lambda r: r.oid,
            {"table": lambda r: r.conrelid, "referenced": lambda r: r.confrelid, "name": lambda r: r.conname},
        )
        self.policies: Store[Policy] = Store(journal, lambda r: r.oid, {"table": lambda r: r.polrelid})
        self.procs: Store[Proc] = Store(journal, lambda r: r.oid, {"name": lambda r: r.proname}, builtin.procs())
        self.operators: Store[Operator] = Store(
            journal, lambda r: r.oid, {"name": lambda r: r.oprname}, builtin.operators()
        )
        self.casts: Store[Cast] = Store(
            journal,
            lambda r: (r.castsource << 32) | r.casttarget,
            {"pair": lambda r: (r.castsource, r.casttarget)},
            builtin.casts(),
        )
        self.opclasses: Store[OpClass] = Store(
            journal,
            lambda r: r.oid,
            {"method_name": lambda r: (r.opcmethod, r.opcname), "method": lambda r: r.opcmethod},
            builtin.opclasses(),
        )
        self.amops: Store[AmOp] = Store(
            journal,
            lambda r: r.oid,
            {"operator": lambda r: r.amopopr, "family": lambda r: r.amopfamily},
            builtin.amops(),
        )
        self.triggers: Store[Trigger] = Store(journal, lambda r: r.oid, {"table": lambda r: r.tgrelid})
        self.stores: tuple[Store[Any], ...] = (
            self.namespaces,
            self.roles,
            self.types,
            self.relations,
            self.indexes,
            self.constraints,
            self.policies,
            self.procs,
            self.operators,
            self.casts,
            self.opclasses,
            self.amops,
            self.triggers,
        )
        every: tuple[Store[Any], ...] = self.stores
        for number, store in enumerate(every):
            store.number = number
        self.default_acls: list[DefaultAcl] = []
        self.extensions: dict[str, Extension] = {}
        self.start_search_path: tuple[str, ...] = ("public",)
        """search_path of a session that sets none, once everything has run; ``$user``, which is another one for each
        role, is left out."""
        self.unknown_schemas: set[str] = set()
        """Schemas that files use but never create: names in them are unknown, not absent."""

    def new_oid(self) -> Oid:
        """The next OID, as in PostgreSQL from 16384."""
        self._next_oid += 1
        return self._next_oid - 1

    @property
    def newest_oid(self) -> Oid:
        """The OID given last."""
        return self._next_oid - 1

    def give_oids_from(self, oid: Oid) -> None:
        """The next OID is this one. It is for the caller to see that none is given twice."""
        self._next_oid = oid

    def remembered(self, name: str, *stores: Store[Any]) -> dict[Any, Any]:
        """A place for answers that hang on nothing but the rows of these stores. It is another one after a change, and
        the same again when that is rolled back soon."""
        if stores[0].reads is not None:
            for store in stores:
                store.read_all()
        latest = self._latest.get(name)
        if latest is not None and latest[0] == self._journal.changes:
            return latest[1]
        kept = self._remembered.setdefault(name, {})
        version = tuple(store.version for store in stores)
        answers = kept.get(version)
        if answers is None:
            if len(kept) == _KEPT:
                del kept[next(iter(kept))]
            answers = kept[version] = {}
        elif next(reversed(kept)) != version:
            # the one that was asked for longest ago goes first
            kept[version] = kept.pop(version)
        self._latest[name] = self._journal.changes, answers
        return answers

    def forget(self) -> None:
        """Nothing is remembered any more: what is no row has changed (`start_search_path`, default privileges)."""
        self._remembered.clear()
        self._latest.clear()

    # Transactions -----------------------------------------------------------------------------------------------

    def mark(self) -> int:
        """A place to roll back to."""
        return len(self._journal)

    def rollback(self, mark: int) -> None:
        """Undo every change of a store since ``mark``."""
        while len(self._journal) > mark:
            self._journal.pop()()

    # Names ------------------------------------------------------------------------------------------------------

    def namespace_oid(self, name: str) -> Oid | None:
        """The schema's OID, or None."""
        row = self.namespaces.first("name", name)
        return None if row is None else row.oid

    def path_oids(self, search_path: tuple[str, ...]) -> tuple[Oid, ...]:
        """The schemas that unqualified names are looked up in: pg_catalog first unless it is listed."""
        oids = [oid for name in search_path if (oid := self.namespace_oid(name)) is not None]
        return tuple(oids) if PG_CATALOG in oids else (PG_CATALOG, *oids)

    def _temporary_first(self, schema: str | None, search_path: tuple[str, ...]) -> tuple[Oid, ...]:
        """For relations and types: the temporary schema comes before the search path (recomputeNamespacePath)."""
        found = self._candidate_namespaces(schema, search_path)
        temporary = self.namespace_oid("pg_temp") if schema is None else None
        return found if temporary is None or temporary in found else (temporary, *found)

    def find_relation(self, schema: str | None, name: str, search_path: tuple[str, ...]) -> Relation | None:
        """The table, view or sequence that a name means (RangeVarGetRelid)."""
        for nsp in self._temporary_first(schema, search_path):
            row = self.relations.first("name", (nsp, name))
            if row is not None:
                return row
        return None

    def find_index(self, schema: str | None, name: str, search_path: tuple[str, ...]) -> Index | None:
        """The index that a name means."""
        for nsp in self._temporary_first(schema, search_path):
            row = self.indexes.first("name", (nsp, name))
            if row is not None:
                return row
        return None

    def find_type(self, schema: str | None, name: str, search_path: tuple[str, ...]) -> Type | None:
        """The type that a name means; names as in pg_type (int4, not integer)."""
        for nsp in self._temporary_first(schema, search_path):
            row = self.types.first("name", (nsp, name))
            if row is not None:
                return row
        return None

    def find_procs(self, schema: str | None, name: str, search_path: tuple[str, ...]) -> tuple[Proc, ...]:
        """All overloads visible under a name, ordered by the search path (an earlier schema hides equal arguments)."""
        order = {nsp: i for i, nsp in enumerate(self._candidate_namespaces(schema, search_path))}
        rows = [row for row in self.procs.find("name", name) if row.pronamespace in order]
        rows.sort(key=lambda row: order[row.pronamespace])
        return tuple(rows)

    def find_operators(self, schema: str | None, name: str, search_path: tuple[str, ...]) -> tuple[Operator, ...]:
        """All operators visible under a name, ordered by the search path."""
        order = {nsp: i for i, nsp in enumerate(self._candidate_namespaces(schema, search_path))}
        rows = [row for row in self.operators.find("name", name) if row.oprnamespace in order]
        rows.sort(key=lambda row: order[row.oprnamespace])
        return tuple(rows)

    def find_role(self, name: str) -> Role | None:
        """A role by name."""
        return self.roles.first("name", name)

    def _candidate_namespaces(self, schema: str | None, search_path: tuple[str, ...]) -> tuple[Oid, ...]:
        if schema is None:
            return self.path_oids(search_path)
        oid = self.namespace_oid(schema)
        return () if oid is None else (oid,)

    # What belongs to a table ----------------------------------------------------------------------------------------

    def indexes_of(self, relid: Oid) -> tuple[Index, ...]:
        """The table's indexes in order of creation."""
        return self.indexes.find("table", relid)

    def constraints_of(self, relid: Oid) -> tuple[Constraint, ...]:
        """The table's constraints in order of creation."""
        return self.constraints.find("table", relid)

    def policies_of(self, relid: Oid) -> tuple[Policy, ...]:
        """The table's policies in order of creation."""
        return self.policies.find("table", relid)

    def children_of(self, relid: Oid) -> Iterator[Relation]:
        """Tables that inherit from it or are its partitions, directly."""
        return (row for row in self.relations.find("child", True) if relid in row.inhparents)

    def descendants_of(self, relid: Oid) -> Iterator[Relation]:
        """Tables that inherit from it or are its partitions, at any depth, each once."""
        seen = {relid}
        waiting = [relid]
        while waiting:
            for child in self.children_of(waiting.pop()):
                if child.oid not in seen:
                    seen.add(child.oid)
                    waiting.append(child.oid)
                    yield child

    def nspname(self, oid: Oid) -> str:
        """A schema's name; a question mark for one that is gone."""
        row = self.namespaces.get(oid)
        return "?" if row is None else row.nspname

    def qualified_name(self, row: Relation | Index | Proc) -> str:
        """``schema.name`` for messages, not quoted."""
        if isinstance(row, Proc):
            return f"{self.nspname(row.pronamespace)}.{row.proname}"
        return f"{self.nspname(row.relnamespace)}.{row.relname}"

    def rolname(self, oid: Oid) -> str:
        """A role's name; ``public`` for PUBLIC."""
        if oid == PUBLIC:
            return "public"
        row = self.roles.get(oid)
        return "?" if row is None else row.rolname
