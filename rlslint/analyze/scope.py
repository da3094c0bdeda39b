"""The names that an expression can see: range tables, levels of nesting, CTEs, parameters (parse_relation.c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.parsenodes import Query, RangeTblEntry
from rlslint.nodes.primnodes import Expr, Oid, Unresolved
from rlslint.records import dataclass, field
from rlslint.source.model import Raw, Statement


@dataclass(frozen=True, slots=True)
class Context:
    """What stays the same throughout one statement."""

    catalog: Catalog
    statement: Statement
    search_path: tuple[str, ...]
    params: tuple[tuple[str, Oid], ...] = ()
    """Names (empty where unnamed) and types of a function's arguments."""
    function: str = ""
    """The function's name, which may qualify its arguments."""


@dataclass(frozen=True, slots=True)
class NsItem:
    """One name in FROM (ParseNamespaceItem): ``columns`` holds an expression for each column, in order."""

    name: str
    rtindex: int
    columns: tuple[tuple[str, Expr], ...]
    relid: Oid = 0
    schema: str | None = ""
    """The schema that may be written before the name; empty for an alias, None where it is not known."""
    rowtype: Oid = 0
    columns_visible: bool = True
    relation_visible: bool = True
    unknown: bool = False
    """Its columns are not (all) known."""
    scalar: bool = False
    """A function of a scalar type: the name alone means its one column."""
    kind: str = ""
    """The range-table entry's."""

    def column(self, name: str) -> list[Expr]:
        """The columns of that name; more than one is ambiguous."""
        return [expr for column, expr in self.columns if column == name]


@dataclass(frozen=True, slots=True)
class Cte:
    """A WITH query in scope: its columns, renamed, and its body (None while it is being resolved: recursion)."""

    columns: tuple[tuple[str, Oid], ...]
    query: Query | None
    unknown: bool = False
    materialized: bool = False
    """Computed as a whole: MATERIALIZED, recursive, or read more than once."""


@dataclass(slots=True)
class Scope:
    """One query level (ParseState)."""

    context: Context
    parent: Scope | None = None
    rtable: list[RangeTblEntry] = field(default_factory=list)
    items: list[NsItem] = field(default_factory=list)
    ctes: dict[str, Cte] = field(default_factory=dict)
    window_defs: dict[str, Raw] = field(default_factory=dict)
    errors: list[Unresolved] = field(default_factory=list)
    """What is wrong with FROM or with the query as a whole."""
    aggregates: bool = False
    windows: bool = False

    @property
    def catalog(self) -> Catalog:
        """The catalog that names are looked up in."""
        return self.context.catalog

    def child(self) -> Scope:
        """A level inside this one."""
        return Scope(self.context, self)

    def levels(self) -> Iterator[tuple[int, Scope]]:
        """This level (0) and those around it."""
        scope: Scope | None = self
        level = 0
        while scope is not None:
            yield level, scope
            scope = scope.parent
            level += 1

    def find_cte(self, name: str) -> tuple[Cte, int] | None:
        """The CTE of that name, innermost first, and how many levels up its WITH stands."""
        for level, scope in self.levels():
            if name in scope.ctes:
                return scope.ctes[name], level
        return None

    def reject(self, reason: str, sqlstate: str | None, location: int = -1, raw: Raw | None = None) -> None:
        """Record an error that no single expression stands for."""
        self.errors.append(Unresolved(type=0, reason=reason, sqlstate=sqlstate, location=location, raw=raw))

    def range_table(self) -> tuple[RangeTblEntry, ...]:
        """The finished range table; errors follow as entries that no FROM member stands for."""
        errors = (RangeTblEntry(kind="unknown", eref="", function=error) for error in self.errors)
        return (*self.rtable, *errors)

    def add(self, rte: RangeTblEntry) -> int:
        """Add to the range table; returns its index (from 1)."""
        self.rtable.append(rte)
        return len(self.rtable)

    def offset(self, location: int | None) -> int:
        """Character offset in the statement's text of a parse-tree location (absent means 0)."""
        return self.context.statement.offset(location or 0)


def sees_unknown(items: Sequence[NsItem]) -> bool:
    """Whether a table with unknown columns is among them."""
    return any(item.unknown and item.columns_visible for item in items)
