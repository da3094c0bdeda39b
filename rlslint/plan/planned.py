"""What a query comes to when it is planned: its relations and subqueries as they run, with what they cost."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.nodes.primnodes import Expr, Oid, SubLink
from rlslint.plan.cost import Cost
from rlslint.plan.flat import Flat
from rlslint.plan.model import Evaluation, RelationScan
from rlslint.plan.paths import Path
from rlslint.records import dataclass, field
from rlslint.rewrite.model import PolicyClause


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned query."""

    cost: Cost
    scans: tuple[RelationScan, ...]
    """Relations of its own FROM, joined ones included."""
    paths: tuple[Path, ...]
    """How each of ``scans`` is read."""
    sublinks: tuple[PlannedSubLink, ...]
    """Subqueries in its expressions."""
    flat: Flat
    clauses: tuple[PolicyClause, ...] = ()
    """Policies of its relations."""
    close: tuple[str, ...] = ()
    """Relations that it could read otherwise at about the same cost."""
    inside: tuple[Planned, ...] = ()
    """Subqueries in FROM, WITH queries and arms of a set operation, planned by themselves; what they read is in ``scans``."""

    def every_scan(self) -> Iterator[RelationScan]:
        """Its relations and those of its subqueries."""
        yield from self.scans
        for sublink in self.sublinks:
            yield from sublink.plan.every_scan()

    def every_clause(self) -> Iterator[PolicyClause]:
        """Policies of all relations below."""
        yield from self.clauses
        for sublink in self.sublinks:
            yield from sublink.plan.every_clause()


@dataclass(frozen=True, slots=True)
class PlannedSubLink:
    """A subquery as it runs."""

    sublink: SubLink
    evaluation: Evaluation
    plan: Planned
    correlated: bool
    nested: PolicyClause | None = None
    """The policy of a table inside that it belongs to."""
    not_hashed_because: str | None = None
    close: bool = False
    """The alternative costs about the same."""


@dataclass(slots=True)
class Parts:
    """What a plan is gathered in."""

    scans: list[RelationScan] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    sublinks: list[PlannedSubLink] = field(default_factory=list)
    clauses: list[PolicyClause] = field(default_factory=list)
    close: list[str] = field(default_factory=list)

    def take(self, plan: Planned) -> None:
        """Add the parts of a subquery in FROM."""
        self.scans += plan.scans
        self.paths += plan.paths
        self.sublinks += plan.sublinks
        self.clauses += plan.clauses
        self.close += plan.close

    def planned(self, total: Cost, flat: Flat, inside: tuple[Planned, ...]) -> Planned:
        """The plan of them."""
        clauses = tuple(dict.fromkeys(self.clauses))
        scans, paths, sublinks = tuple(self.scans), tuple(self.paths), tuple(self.sublinks)
        return Planned(total, scans, paths, sublinks, flat, clauses, tuple(self.close), inside)


@dataclass(frozen=True, slots=True)
class Ways:
    """The plans that a subquery may run by; which of them does hangs on how often it is evaluated."""

    sublink: SubLink
    correlated: bool
    plan: Planned
    table: Planned | None = None
    """The hash table's, where there may be one."""
    outer: tuple[Expr, ...] = ()
    """What is looked up in it."""
    not_hashed_because: str | None = None
    reads: frozenset[Oid] = frozenset()
    """Tables whose indexes and policies the plans hang on."""
