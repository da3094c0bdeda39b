"""What checks read (`Facts`) and what they yield (`Match`), with what a cure would need (`Need`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Literal

from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy, Relation
from rlslint.catalog.twins import Twins, others_of, told_apart, twins
from rlslint.nodes.primnodes import Const, Oid
from rlslint.plan.few_rows import most_rows
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import Predictor
from rlslint.plan.signed_out import ANONYMOUS_ROLES, SIGNED_IN_ROLES, never_for_nobody
from rlslint.plan.simplify import Simplifier
from rlslint.records import dataclass, field, replace
from rlslint.replay.session import Event, PolicyChange, RejectedPolicy
from rlslint.rewrite.model import PolicyClause, Quals, StatementName
from rlslint.rewrite.privileges import NEEDS, grants_known, has_any_column
from rlslint.rewrite.recursion import clauses_of
from rlslint.rewrite.rowsecurity import applicable_quals, bypasses
from rlslint.rewrite.settings import settings_read
from rlslint.source.model import Problem, Span, Suppression

SMALL: Final = 1000
"""Rows. PostgreSQL reads a hundred narrow rows a page, and its planner prefers the whole table up to some ten pages."""

Severity = Literal["error", "warning", "info"]
Confidence = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class NeedIndex:
    """An index on ``relid`` that leads with ``columns`` (attribute numbers, the most selective first)."""

    relid: Oid
    columns: tuple[int, ...]
    collation: Oid = 0
    """Of the first column, where the comparison goes by another than the column's own."""


@dataclass(frozen=True, slots=True)
class NeedWrap:
    """A call to be put into a scalar subquery: characters ``start`` to ``end`` of the clause's statement."""

    clause: PolicyClause
    start: int
    end: int
    funcid: Oid


@dataclass(frozen=True, slots=True)
class NeedSelectPolicy:
    """A SELECT policy on ``relid`` that lets ``roles`` see what ``clause`` lets them write."""

    relid: Oid
    roles: tuple[Oid, ...]
    clause: PolicyClause


@dataclass(frozen=True, slots=True)
class NeedQualify:
    """A column name at ``start`` of the clause's statement to be qualified with the policy's table."""

    clause: PolicyClause
    start: int
    end: int
    column: str


@dataclass(frozen=True, slots=True)
class NeedRewrite:
    """Another form of the clause's condition that means the same: what stands at ``start`` to ``end`` is in the way (a
    correlated subquery, a cast on a column, a comparison inside a scalar subquery). Which form serves is tried out."""

    clause: PolicyClause
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class NeedIndexedForm:
    """Another form as in `NeedRewrite`, and with it an index: neither serves without the other."""

    clause: PolicyClause
    start: int
    end: int
    index: NeedIndex


@dataclass(frozen=True, slots=True)
class NeedExpressionIndex:
    """An index on the expression over one row that stands at ``start`` to ``end`` of the clause (``lower(email)``)."""

    clause: PolicyClause
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class NeedMerge:
    """Several permissive policies of one table and set of roles to become one a command."""

    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class NeedRegroup:
    """Permissive policies of one table with differing roles to become one a command and role."""

    policies: tuple[Policy, ...]
    holders: tuple[Oid, ...]
    """Roles that may use the table and that row security binds."""


@dataclass(frozen=True, slots=True)
class NeedRoles:
    """A TO clause with these roles for a policy that has none."""

    policy: Policy
    roles: tuple[Oid, ...]
    assumes: str
    """What must hold for the other roles, so that nothing changes for them."""


@dataclass(frozen=True, slots=True)
class NeedStable:
    """A function declared STABLE instead of VOLATILE."""

    funcid: Oid


@dataclass(frozen=True, slots=True)
class NeedHelper:
    """A call of a helper function with columns of the row, at ``start`` to ``end``, to become a list asked for once."""

    clause: PolicyClause
    start: int
    end: int
    funcid: Oid


@dataclass(frozen=True, slots=True)
class NeedDenial:
    """A setting that the clause asks for to give NULL, not an error, where it is missing, or (``cast``) empty."""

    clause: PolicyClause
    setting: str
    cast: bool


@dataclass(frozen=True, slots=True)
class NeedInvoker:
    """A view that reads its tables as whoever reads the view."""

    relid: Oid


@dataclass(frozen=True, slots=True)
class NeedNote:
    """No SQL can be offered; the text says what to do, or why there is none."""

    title: str
    unless_cured: bool = False
    """Said only where no SQL was found that cures."""


Need = (
    NeedIndex
    | NeedWrap
    | NeedSelectPolicy
    | NeedQualify
    | NeedRewrite
    | NeedIndexedForm
    | NeedExpressionIndex
    | NeedMerge
    | NeedRegroup
    | NeedRoles
    | NeedStable
    | NeedHelper
    | NeedDenial
    | NeedInvoker
    | NeedNote
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One place where a rule holds. Matches of one rule that agree in span, policy and facts become one finding."""

    span: Span
    relation: Relation | None = None
    policy: Policy | None = None
    statements: tuple[StatementName, ...] = ()
    roles: tuple[Oid, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    """Fill the rule's message and go into the finding's ``facts``: strings, numbers, lists of strings."""
    severity: Severity | None = None
    """Other than the rule's."""
    confidence: Confidence | None = None
    message: str | None = None
    """Name of one of the rule's other messages (``messages`` in its YAML)."""
    related: tuple[tuple[Span, str], ...] = ()
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Everything that is known when checks run."""

    catalog: Catalog
    plans: tuple[AccessPlan, ...]
    problems: tuple[Problem, ...] = ()
    migrations: Mapping[int, int] = field(default_factory=dict)
    """Index in the project of every source file, by the file's identity."""
    hot: Mapping[Oid, tuple[str, ...]] = field(default_factory=dict)
    """Tables that take many inserts, with the evidence."""
    hot_told: frozenset[Oid] = frozenset()
    """Those of them that --hot or --stats name, rather than their own name and shape."""
    rejected: tuple[RejectedPolicy, ...] = ()
    """Policies that PostgreSQL would refuse to make."""
    policy_changes: tuple[PolicyChange, ...] = ()
    exposed: frozenset[str] | None = None
    """Names of the schemas that an API serves; None where neither preset nor configuration says."""
    anonymous_roles: tuple[str, ...] = ANONYMOUS_ROLES
    """What requests without a user run as, by name."""
    signed_in_roles: tuple[str, ...] = SIGNED_IN_ROLES
    connects_as_owner: bool = False
    user_editable_claims: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    """What every step did to tables with row security."""
    acted: tuple[Oid, ...] = ()
    """Roles that did something to tables with row security."""
    unused: tuple[tuple[Suppression, Mapping[str, str]], ...] = ()
    """Ignore comments that suppress no finding of any other rule, with those of their codes that do not, and for a code
    that no rule has, how to say it."""
    newest: frozenset[int] = frozenset()
    """Indexes of the migrations that rules about steps look at: those asked for, else the last."""
    rows: Mapping[Oid, int] = field(default_factory=dict)
    """n_live_tup of the tables that ``--stats`` tells of."""
    inserted: Mapping[Oid, int] = field(default_factory=dict)
    """n_tup_ins of the same."""
    small_rows: int = SMALL
    """A table of fewer rows is small."""
    predictor: Predictor | None = None
    """What made ``plans``, for what checks ask besides."""
    unplanned: Mapping[Oid, tuple[Oid, ...]] = field(default_factory=dict)
    """Tables that ``plans`` leaves out, each with the tables that its plans read."""
    twins: Twins = field(default_factory=dict)
    """Roles that stand for others, with those and themselves: ``plans`` has none of the others."""

    def simplifier(self, role: Oid) -> Simplifier:
        """What simplifies conditions as the planner does for a role."""
        return self._predictor.simplifier(role)

    @cached_property
    def _predictor(self) -> Predictor:
        return self.predictor or Predictor(self.catalog)

    def one_of_each(self) -> Facts:
        """The same with one role of those that only their names tell apart: what is found of it is found of all."""
        every = twins(self.catalog)
        if not every:
            return self
        changed = {id(one): one for change in self.policy_changes for one in (*change.before, *change.after)}
        found = told_apart(every, changed.values(), self.told_apart)
        if not found:
            return self
        others = others_of(found)
        return replace(self, plans=tuple(plan for plan in self.plans if plan.role not in others), twins=found)

    @cached_property
    def told_apart(self) -> tuple[Oid, ...]:
        """Roles that more than their rights tells apart: what they run in the files, or what the configuration calls
        them."""
        named = (self.catalog.find_role(name) for name in (*self.anonymous_roles, *self.signed_in_roles))
        return (*self.acted, *(role.oid for role in named if role is not None))

    def with_twins(self, roles: tuple[Oid, ...]) -> tuple[Oid, ...]:
        """The roles with those that they stand for, in the order that they would have come in."""
        if self.twins.keys().isdisjoint(roles):
            return roles
        found = tuple(dict.fromkeys(one for role in roles for one in self.twins.get(role, (role,))))
        return tuple(sorted(found)) if roles == tuple(sorted(roles)) else found

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """Policies of the tables that are looked at, in order of creation."""
        return tuple(self.catalog.policies)

    @property
    def changes(self) -> tuple[PolicyChange, ...]:
        """What was done to policies of the tables that are looked at."""
        return self.policy_changes

    def small(self, relid: Oid) -> bool:
        """Whether the table is known to hold so few rows that reading all of them costs what an index look-up does: by the
        statistics, or because its unique keys leave no room for more."""
        if relid in self.rows:
            return self.rows[relid] < self.small_rows
        if relid not in self._room:
            most = most_rows(self.catalog, relid) if relid else None
            self._room[relid] = most is not None and most < self.small_rows
        return self._room[relid]

    @cached_property
    def _room(self) -> dict[Oid, bool]:
        """Tables that were asked about, and whether their keys leave room for few rows only."""
        return {}

    @cached_property
    def asked(self) -> dict[str, Any]:
        """What several checks ask of these facts, worked out for the first of them."""
        return {}

    @cached_property
    def tables(self) -> tuple[Relation, ...]:
        """Tables that the files made, in order of creation."""
        return tuple(row for row in self.catalog.relations if row.relkind in ("r", "p") and row.origin is not None)

    @cached_property
    def views(self) -> tuple[Relation, ...]:
        """Views and materialized views that the files made, in order of creation."""
        return tuple(row for row in self.catalog.relations if row.relkind in ("v", "m") and row.origin is not None)

    def name(self, relid: Oid) -> str:
        """``schema.table``; schema public left out."""
        return self.name_of(self.catalog.relations[relid])

    def name_of(self, row: Relation) -> str:
        """The same for a relation that may be gone."""
        schema = self.catalog.nspname(row.relnamespace)
        return row.relname if schema == "public" else f"{schema}.{row.relname}"

    @cached_property
    def applied(self) -> Mapping[PolicyClause, Mapping[Oid, tuple[StatementName, ...]]]:
        """Every condition with the roles that it is applied to and the statements of each, as far as the role has the
        privileges that these need on the policy's table."""
        found: dict[PolicyClause, dict[Oid, dict[StatementName, None]]] = {}
        for plan in self.plans:
            relation = self.catalog.relations[plan.relid]
            if not all(self.granted(plan.role, relation, privilege) for privilege in NEEDS[plan.statement]):
                continue
            for clause in clauses_of(plan.row_security):
                found.setdefault(clause, {}).setdefault(plan.role, {})[plan.statement] = None
        return {
            clause: {role: tuple(statements) for role, statements in roles.items()} for clause, roles in found.items()
        }

    def statements_under(self, clause: PolicyClause) -> tuple[StatementName, ...]:
        """The statements that a condition is applied to, whichever the role."""
        return tuple(dict.fromkeys(name for names in self.applied[clause].values() for name in names))

    def settings_read(self, quals: Quals) -> list[str]:
        """Names of the settings with a dot that the conditions ask for, subqueries and SQL helpers included."""
        return sorted({read.name for clause in quals.clauses for read in settings_read(self.catalog, clause.expr)})

    def type_name(self, oid: Oid) -> str:
        """The type as format_type() writes it."""
        return format_type(self.catalog, oid)

    def column_names(self, relid: Oid, columns: tuple[int, ...]) -> list[str]:
        """Names of the columns with these numbers."""
        row = self.catalog.relations[relid]
        return [row.column(number).attname for number in columns if 0 < number <= len(row.attributes)]

    def granted(self, role: Oid, relation: Relation, privilege: str) -> bool:
        """Whether the role has the privilege on the table or a column of it; so it is taken to where the files grant
        nothing on the table at all, since grants are then made elsewhere."""
        if not grants_known(relation):
            return True
        return has_any_column(self.catalog, role, relation, privilege)

    def holders(self, relation: Relation) -> tuple[Oid, ...]:
        """Roles that the files grant something on the table and that row security would bind, by OID."""
        known = self.catalog.remembered("holders", self.catalog.relations, self.catalog.roles)
        if id(relation) not in known:
            # the row is kept, so that its identity stays its own
            known[id(relation)] = relation, self._holders(relation)
        found: tuple[Oid, ...] = known[id(relation)][1]
        return found

    def _holders(self, relation: Relation) -> tuple[Oid, ...]:
        grantees = {grantee for grantee, _ in relation.relacl}
        grantees.update(grantee for attribute in relation.attributes for grantee, _ in attribute.attacl)
        secured = replace(relation, relrowsecurity=True)
        return tuple(sorted(role for role in grantees if bypasses(self.catalog, secured, role) is None))

    def blind(self, relid: Oid, role: Oid) -> bool:
        """Whether no SELECT policy could let the role see a row: none applies, or what applies is constantly false."""
        quals = applicable_quals(self.catalog, relid, role, "r", check=False)
        barred = any(self.never_true((one,)) for one in quals.restrictive)
        return barred or self.never_true(quals.permissive)

    def denies(self, policy: Policy) -> bool:
        """Whether the policy is there to let nothing through: a condition of it is constantly false."""
        stored = [one for one in (policy.polqual, policy.polwithcheck) if one is not None]
        return any(isinstance(one.expr, Const) and one.expr.value in ("false", None) for one in stored)

    def order(self, span: Span) -> tuple[int, int]:
        """A sort key in which places stand in the order in which their statements ran."""
        return self.migrations.get(id(span.source), -1), span.start

    def passing(self, role: Oid, clauses: tuple[PolicyClause, ...]) -> tuple[PolicyClause, ...]:
        """Those of the conditions that may let the role through: not constantly false, and not asking for a signed-in
        user whom a request as anonymous never has."""
        live = tuple(one for one in clauses if not self.never_true((one,)))
        if self.catalog.rolname(role) not in self.anonymous_roles:
            return live
        return tuple(one for one in live if not never_for_nobody(self.catalog, one.expr, self.anonymous_roles))

    def never_true(self, clauses: tuple[PolicyClause, ...]) -> bool:
        """Whether each of these conditions is the constant false (or NULL), or there is none: they let nothing
        through."""
        return all(isinstance(one.expr, Const) and one.expr.value in ("false", None) for one in clauses)

    def role_names(self, roles: tuple[Oid, ...]) -> list[str]:
        """Names of roles and of those that they stand for; PUBLIC is ``public``."""
        return [self.catalog.rolname(role) for role in self.with_twins(roles)]


@dataclass(frozen=True)
class TablesFacts(Facts):
    """The facts of some tables only."""

    only: frozenset[Oid] = frozenset()
    with_views: bool = False
    """What a view shows hangs on its owner, not on how a policy is written: without them unless asked for."""

    @cached_property
    def tables(self) -> tuple[Relation, ...]:
        return tuple(row for row in super().tables if row.oid in self.only)

    @cached_property
    def views(self) -> tuple[Relation, ...]:
        return super().views if self.with_views else ()

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        return tuple(row for row in super().policies if row.polrelid in self.only)

    @property
    def changes(self) -> tuple[PolicyChange, ...]:
        return tuple(one for one in self.policy_changes if one.relid in self.only)


Check = Callable[..., Iterator[Match]]
"""Takes the facts, and as keywords the rule's options."""
