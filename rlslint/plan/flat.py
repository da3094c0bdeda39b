"""What flattening makes of a query: base relations with the conditions on each (RelOptInfo, RestrictInfo), and those over
several."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from rlslint.catalog.rows import Relation
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Expr, Oid
from rlslint.plan.mutate import relids
from rlslint.records import dataclass, field
from rlslint.rewrite.model import PolicyClause


@dataclass(frozen=True)
class Qual:
    """A condition with its place in the security order (RestrictInfo)."""

    expr: Expr
    level: int = 0
    leaky: bool = False
    clause: PolicyClause | None = None
    """The nested policy it comes from."""

    @cached_property
    def relids(self) -> frozenset[int]:
        """Relations of this query it refers to."""
        return relids(self.expr)


@dataclass(slots=True, eq=False)
class Rel:
    """A base relation of the flat query."""

    rtindex: int
    kind: Literal["relation", "function", "subquery", "cte", "other"]
    """``cte``: a WITH query that is computed before, as a whole."""
    name: str
    relation: Relation | None = None
    role: Oid = 0
    subquery: Query | None = None
    function: Expr | None = None
    listed: int = 0
    """Rows of a VALUES list."""
    barrier: bool = False
    """A security_barrier view: only leakproof conditions are asked inside it."""
    security: tuple[Qual, ...] = ()
    after: frozenset[int] = frozenset()
    """Relations that must be joined first: it is the inner side of an outer or anti join."""
    join: Literal["inner", "left", "semi", "anti"] = "inner"
    quals: list[Qual] = field(default_factory=list)
    """Restrictions on it alone."""
    decided: list[Expr] = field(default_factory=list)
    """Conditions that NOT NULL columns leave nothing of; their uncorrelated subqueries were planned before that."""
    once: list[Qual] = field(default_factory=list)
    """Conditions over none that are asked before it is read (a One-Time Filter), where it is read alone."""
    late: list[Qual] = field(default_factory=list)
    """Conditions on it that wait until after an outer join."""

    @property
    def min_level(self) -> int:
        """The lowest security level among its restrictions (baserestrict_min_security)."""
        return min((qual.level for qual in self.quals), default=1 << 30)

    def promotable(self, qual: Qual) -> bool:
        """Whether the condition may run before others (restriction_is_securely_promotable)."""
        return not qual.leaky or qual.level <= self.min_level


@dataclass(slots=True)
class Flat:
    """A query as the planner works on it."""

    rels: list[Rel] = field(default_factory=list)
    joins: list[Qual] = field(default_factory=list)
    """Conditions over several relations."""
    constant: list[Qual] = field(default_factory=list)
    """Conditions over none."""
    outputs: list[Expr] = field(default_factory=list)
    """What the query computes besides: target list, ORDER BY, HAVING."""
    dummy: bool = False
    """A constant false condition: no relation is read."""
    separate: list[Query] = field(default_factory=list)
    """Arms of a set operation, planned on their own."""
    dropped: list[Expr] = field(default_factory=list)
    """Conditions of which nothing is left, and those on relations that are not read; their uncorrelated subqueries were
    planned before that."""

    def rel(self, rtindex: int) -> Rel:
        """The relation with that index."""
        return next(rel for rel in self.rels if rel.rtindex == rtindex)
