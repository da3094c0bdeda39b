"""The catalog in, for each (relation, role, statement) how PostgreSQL will run its policies out: `AccessPlan`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Relation
from rlslint.catalog.twins import first_of
from rlslint.nodes.primnodes import BoolExpr, Const, Expr, Oid
from rlslint.plan import clauses, cost
from rlslint.plan.alike import planned_as
from rlslint.plan.arms import match_arms
from rlslint.plan.calls import call_plans, uses_of
from rlslint.plan.close_costs import scan_remarks, subplan_remarks
from rlslint.plan.conditions import Contents, Owners, conditions_of, distinct_checks, primary_key
from rlslint.plan.equivalences import equivalences
from rlslint.plan.flat import Flat, Qual, Rel
from rlslint.plan.growth import ONE, Term, growth, inner_term, table_term, times
from rlslint.plan.model import AccessPlan, ArmMatch, CallPlan, RelationScan, ScanMethod, SubqueryPlan
from rlslint.plan.nullable import restriction
from rlslint.plan.paths import Path, RelPaths, rel_paths
from rlslint.plan.planned import PlannedSubLink
from rlslint.plan.simplify import Simplifier
from rlslint.plan.subplan import Planner, shared
from rlslint.plan.uncorrelate import comparable_column
from rlslint.records import dataclass, field, replace
from rlslint.rewrite.model import STATEMENTS, PolicyClause, Quals, RowSecurity, StatementName
from rlslint.rewrite.privileges import grants_known
from rlslint.rewrite.recursion import statement_error
from rlslint.rewrite.rowsecurity import row_security
from rlslint.source.model import Tell, silent

_SCANNING = frozenset({"select", "select_by_key", "update", "delete"})


def predict_all(
    catalog: Catalog,
    predictor: Predictor | None = None,
    only: frozenset[Oid] | None = None,
    tell: Tell = silent,
) -> tuple[AccessPlan, ...]:
    """Every table with row security (of ``only``, where given), every role that a policy or a grant names, every
    statement; in that order."""
    predictor = predictor or Predictor(catalog)
    secured = [
        relation
        for relation in catalog.relations
        if relation.relkind in ("r", "p") and relation.relrowsecurity and (only is None or relation.oid in only)
    ]
    plans: list[AccessPlan] = []
    for number, relation in enumerate(secured):
        tell("predicting plans of tables", number, len(secured))
        plans += [
            predictor.predict(relation.oid, role, statement)
            for role in roles_of(catalog, relation)
            for statement in STATEMENTS
        ]
    return tuple(plans)


def predict(catalog: Catalog, relid: Oid, role: Oid, statement: StatementName) -> AccessPlan:
    """The prediction for one statement; `Predictor` shares work between several."""
    return Predictor(catalog).predict(relid, role, statement)


def roles_of(catalog: Catalog, relation: Relation) -> tuple[Oid, ...]:
    """Roles that a policy or a grant on the table names and that do not bypass row security; PUBLIC stands for itself where
    nothing names a role."""
    named: set[Oid] = set()
    for policy in catalog.policies_of(relation.oid):
        named.update(policy.polroles)
    named.update(grantee for grantee, _ in relation.relacl)
    for attribute in relation.attributes:
        named.update(grantee for grantee, _ in attribute.attacl)
    named.discard(PUBLIC)
    roles = sorted(
        role
        for role in named
        if (row := catalog.roles.get(role)) is not None
        and not row.rolsuper
        and not row.rolbypassrls
        and (role != relation.relowner or relation.relforcerowsecurity)
    )
    return tuple(roles) or (PUBLIC,)


@dataclass(slots=True)
class _Work:
    """What one statement's plan is gathered in."""

    subqueries: list[SubqueryPlan] = field(default_factory=list)
    nested: list[SubqueryPlan] = field(default_factory=list)
    calls: list[CallPlan] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
    assumptions: dict[str, None] = field(default_factory=dict)
    arms: tuple[ArmMatch, ...] = ()

    def add(self, other: _Work) -> None:
        """Gather what was gathered elsewhere behind what is here."""
        self.subqueries += other.subqueries
        self.nested += other.nested
        self.calls += other.calls
        self.terms += other.terms
        self.assumptions.update(other.assumptions)


class Predictor:
    """Predicts statement by statement, keeping what statements and roles share."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._planners: dict[Oid, Planner] = {}
        self._simplifiers: dict[Oid, Simplifier] = {}
        self._firsts: dict[Oid, Oid] = {}
        """`first_of` each role, and whom it is `planned_as`: asked for at every statement."""
        self._planned_as: dict[tuple[Oid, Oid | None], Oid] = {}
        self._said: dict[tuple[Oid, Oid, StatementName], AccessPlan] = {}
        self._plans: dict[tuple[object, ...], AccessPlan] = {}
        self._scans: dict[tuple[object, ...], tuple[RelationScan, _Work]] = {}
        """Of a role, a table and the conditions on it: SELECT, UPDATE and DELETE under one policy FOR ALL read it alike."""
        self._checks: dict[tuple[object, ...], tuple[bool, _Work]] = {}
        """Of a role and the policies of a check: whether no row can pass, and what it is planned as. INSERT in each of its
        forms, and the checks of UPDATE and the conflicts of an upsert, ask the same."""
        self._contents: dict[PolicyClause, Contents] = {}

    def predict(self, relid: Oid, role: Oid, statement: StatementName) -> AccessPlan:
        """The plan of one statement."""
        if role not in self._firsts:
            self._firsts[role] = first_of(self.catalog, role)
        first = self._firsts[role]
        key = (relid, first, statement)
        plan = self._said.get(key)
        if plan is None:
            plan = self._said[key] = self._predict(*key)
        return plan if first == role else replace(plan, role=role, row_security=replace(plan.row_security, role=role))

    def _predict(self, relid: Oid, role: Oid, statement: StatementName) -> AccessPlan:
        catalog = self.catalog
        security = row_security(catalog, relid, role, statement)
        known = grants_known(catalog.relations[relid])
        error = statement_error(catalog, relid, role, statement, privileges=known)
        recursive = error is not None and error.sqlstate == "42P17"
        key = (recursive, *self._key(security))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(security, recursive=recursive)
        plan = replace(plan, role=role, row_security=security)
        if not known and security.bypass is None:
            said = f"no file grants anything on {catalog.qualified_name(catalog.relations[relid])}: taken to be granted"
            plan = replace(plan, assumptions=(*plan.assumptions, said))
        if error is not None:
            return replace(plan, error=error.sqlstate, error_reason=error.message)
        return plan

    def _key(self, security: RowSecurity) -> tuple[object, ...]:
        """What a plan hangs on. The role is part of it, or one like it: it decides which policies subqueries meet and what
        may be inlined."""
        conditions = tuple(
            _identity(clause)
            for quals in [*security.security_quals, *[option.quals for option in security.with_check_options]]
            for clause in quals.clauses
        )
        shape = tuple((len(quals.permissive), len(quals.restrictive)) for quals in security.security_quals)
        checks = tuple((o.row, len(o.quals.permissive), len(o.quals.restrictive)) for o in security.with_check_options)
        role = self._alike(security.role, security.relid)
        return (security.relid, security.statement, security.bypass, conditions, shape, checks, role)

    def _alike(self, role: Oid, relid: Oid | None = None) -> Oid:
        key = (role, relid)
        if key not in self._planned_as:
            self._planned_as[key] = planned_as(self.catalog, *key)
        return self._planned_as[key]

    def simplifier(self, role: Oid) -> Simplifier:
        """The one for a role, or for one like it."""
        role = self._alike(role)
        simplifier = self._simplifiers.get(role)
        if simplifier is None:
            simplifier = self._simplifiers[role] = Simplifier(self.catalog, role)
        return simplifier

    def beside(self, changed: frozenset[Oid]) -> Predictor:
        """One for the catalog while indexes or policies of these tables, and no functions, differ from what they are
        here. What both have in common is shared."""
        other = Predictor(self.catalog)
        other._simplifiers = self._simplifiers
        other._contents = self._contents
        other._planners = {
            role: planner.beside(planner.simplifier, changed) for role, planner in self._planners.items()
        }
        return other

    def learn(self, other: Predictor, changed: frozenset[Oid]) -> None:
        """Take over what one made by `beside` has worked out that holds here too."""
        for role, planner in other._planners.items():
            self.planner(role).learn(planner, changed)

    def _contents_of(self, clauses: Iterable[PolicyClause]) -> dict[PolicyClause, Contents]:
        """What stands in each, each once."""
        known = self._contents
        return {
            clause: known[clause] if clause in known else known.setdefault(clause, Contents.of(clause))
            for clause in clauses
        }

    def planner(self, role: Oid) -> Planner:
        """The one for a role: it remembers subqueries that it has planned."""
        planner = self._planners.get(role)
        if planner is None:
            planner = self._planners[role] = Planner(self.catalog, self.simplifier(role), role)
        return planner

    def _plan(self, security: RowSecurity, *, recursive: bool) -> AccessPlan:
        relation = self.catalog.relations[security.relid]
        work = _Work()
        planner = self.planner(self._alike(security.role))
        error = reason = None
        scan = _no_scan(self.catalog, relation, "none")
        if recursive:
            return AccessPlan(
                relid=security.relid, role=security.role, statement=security.statement, row_security=security, scan=scan
            )
        if security.statement in _SCANNING:
            scan = self._scan(security, relation, planner, work)
        for row, conditions in distinct_checks(security.with_check_options):
            always = self._check(conditions, planner, work)
            if always and row == "inserted":
                error = "42501"
                reason = f'new row violates row-level security policy for table "{relation.relname}"'
        self._unknowns(security, work)
        return AccessPlan(
            relid=security.relid,
            role=security.role,
            statement=security.statement,
            row_security=security,
            error=error,
            error_reason=reason,
            scan=scan,
            subqueries=tuple(work.subqueries),
            nested_subqueries=tuple(work.nested),
            calls=tuple(work.calls),
            arms=work.arms,
            growth=growth(work.terms or [ONE]),
            assumptions=tuple(work.assumptions),
        )

    # The scan ---------------------------------------------------------------------------------------------------------

    def _scan(self, security: RowSecurity, relation: Relation, planner: Planner, work: _Work) -> RelationScan:
        key = (planner.role, security.relid, security.statement == "select_by_key", *_distinct(security))
        if key not in self._scans:
            made = _Work()
            self._scans[key] = self._plan_scan(security, relation, planner, made), made
        scan, made = self._scans[key]
        work.add(made)
        work.arms = made.arms
        return scan

    def _plan_scan(self, security: RowSecurity, relation: Relation, planner: Planner, work: _Work) -> RelationScan:
        catalog, simplifier = self.catalog, planner.simplifier
        prepared, permissive = self._prepare(security, relation, simplifier)
        rel = prepared.rel
        if security.statement == "select_by_key" and not primary_key(catalog, relation):
            work.assumptions["the table has no primary key: it is read as for any SELECT"] = None
        never = any(clauses.is_false_or_null(qual.expr) for qual in rel.quals)
        if never and (catalog.pg_version >= 17 or len(rel.quals) == 1):
            # a constant false makes the whole relation a Result with One-Time Filter: false
            return _no_scan(catalog, relation, "no_rows")
        path = min(prepared.paths(), key=lambda one: one.cost.total)
        scan = planner.scan(rel, path, prepared, None)
        work.assumptions.update(dict.fromkeys(scan_remarks(self.catalog, path, prepared)))
        work.arms = match_arms(prepared, permissive, _level(rel, security))
        rows = table_term(scan)
        visited = rows if scan.reads_all else ONE
        work.terms.append(rows)

        def filtering(rows: float) -> list[PlannedSubLink]:
            return [one for qual in rel.quals for one in planner.sublinks(qual.expr, rows * 2.0, None)]

        sublinks = filtering(path.cost.rows)
        work.assumptions.update(dict.fromkeys(subplan_remarks(prepared, sublinks, filtering)))
        sublinks += [planned for qual in rel.once for planned in planner.sublinks(qual.expr, 1.0, None)]
        sublinks = shared(sublinks)
        contents = self._contents_of(clause for one in security.security_quals for clause in one.clauses)
        owner = Owners(contents)
        self._subqueries(sublinks, owner, visited, work, in_check=False)
        self._never_run(rel, planner, owner, work)
        calls = [one for each in contents.values() for one in each.calls]
        uses = uses_of(calls, scan.conditions, scan.filters, sublinks, [qual.expr for qual in rel.once])
        for clause, each in contents.items():
            work.calls += call_plans(catalog, simplifier, clause, each.calls, uses, in_check=False)
        return scan

    def _never_run(self, rel: Rel, planner: Planner, owner: Owners, work: _Work) -> None:
        """InitPlans of conditions that were found to hold always: SS_process_sublinks() has made them before, so that
        EXPLAIN shows them, and nothing asks for their values."""
        aside = _Work()
        made = (one for expr in rel.decided for one in planner.sublinks(expr, 1.0, None))
        self._subqueries([one for one in made if one.evaluation == "init_plan"], owner, ONE, aside, in_check=False)
        work.subqueries += aside.subqueries
        work.nested += aside.nested

    def _prepare(
        self, security: RowSecurity, relation: Relation, simplifier: Simplifier
    ) -> tuple[RelPaths, list[tuple[PolicyClause, tuple[Expr, ...]]]]:
        """The table with every condition on it, and the permissive policies one by one."""
        catalog = self.catalog
        rel = Rel(1, "relation", catalog.qualified_name(relation), relation, security.role)
        level = 0
        seen: list[Expr] = []
        permissive: list[tuple[PolicyClause, tuple[Expr, ...]]] = []
        for quals in security.security_quals:
            level = self._security_quals(rel, quals, simplifier, level, seen)
            permissive += [
                (clause, simplifier.qual(clause.expr)) for clause in (quals.permissive if not permissive else ())
            ]
        if security.statement == "select_by_key":
            for expr in primary_key(catalog, relation):
                rel.quals.append(Qual(expr, level, level > 0 and clauses.contain_leaked_vars(catalog, expr)))
        flat = Flat([rel])
        equivalences(catalog, flat)
        rel.once = flat.constant
        every = frozenset(attribute.attnum for attribute in relation.attributes) | {0}
        return rel_paths(catalog, simplifier, rel, cost.OUTER_ROWS, every), permissive

    def ways(self, relid: Oid, role: Oid, statement: StatementName) -> list[Path]:
        """Every way to read the table that its policies allow, dear ones too."""
        security = row_security(self.catalog, relid, role, statement)
        return self._prepare(security, self.catalog.relations[relid], self.simplifier(role))[0].paths()

    def _security_quals(self, rel: Rel, quals: Quals, simplifier: Simplifier, level: int, seen: list[Expr]) -> int:
        """Adds conditions that are not there yet, each whole (list_append_unique in add_security_quals)."""
        for expr, own in conditions_of(quals):
            if expr not in seen:
                seen.append(expr)
                for part in simplifier.qual(expr):
                    conjunct = restriction(self.catalog, rel.relation, part)
                    if conjunct is None:
                        rel.decided.append(part)
                        continue
                    leaky = level > 0 and clauses.contain_leaked_vars(self.catalog, conjunct)
                    rel.quals.append(Qual(conjunct, level, leaky, own[0] if len(own) == 1 else None))
            level += 1
        return level

    # The checks -------------------------------------------------------------------------------------------------------

    def _check(
        self,
        conditions: Sequence[tuple[Expr, tuple[PolicyClause, ...]]],
        planner: Planner,
        work: _Work,
    ) -> bool:
        """Plans what one row is checked for; true when no row can ever pass it."""
        key = (planner.role, tuple(own for _, own in conditions))
        if key not in self._checks:
            made = _Work()
            self._checks[key] = self._plan_check(conditions, planner, made), made
        never, made = self._checks[key]
        work.add(made)
        return never

    def _plan_check(
        self,
        conditions: Sequence[tuple[Expr, tuple[PolicyClause, ...]]],
        planner: Planner,
        work: _Work,
    ) -> bool:
        simplifier = planner.simplifier
        contents = self._contents_of(clause for _, own in conditions for clause in own)
        owner = Owners(contents)
        sublinks: list[PlannedSubLink] = []
        filters: list[Expr] = []
        never = False
        for expr, _ in conditions:
            simplified = simplifier.qual(expr)
            filters += simplified
            never = never or any(clauses.is_false_or_null(part) for part in simplified)
            for part in simplified:
                planned = planner.sublinks(part, 1.0, None)
                sublinks += planned
                never = never or self._never(part, planned)
        self._subqueries(sublinks, owner, ONE, work, in_check=True)
        uses = uses_of([one for each in contents.values() for one in each.calls], (), filters, sublinks)
        for clause, each in contents.items():
            work.calls += call_plans(self.catalog, simplifier, clause, each.calls, uses, in_check=True)
        return never

    def _never(self, part: Expr, planned: Sequence[PlannedSubLink]) -> bool:
        """A conjunct that is a subquery over a table that shows the role no row."""
        if isinstance(part, BoolExpr) and part.op == "or":
            return all(self._never(arm, planned) for arm in part.args)
        if isinstance(part, BoolExpr) and part.op == "and":
            return any(self._never(arm, planned) for arm in part.args)
        for one in planned:
            if one.sublink is part and one.sublink.kind.value in ("exists", "any"):
                flat = one.plan.flat
                barred = any(
                    clauses.is_false_or_null(qual.expr) and rel.join in ("inner", "semi")
                    for rel in flat.rels
                    for qual in rel.security
                )
                return flat.dummy or barred
        return isinstance(part, Const) and clauses.is_false_or_null(part)

    def _subqueries(
        self, sublinks: Sequence[PlannedSubLink], owner: Owners, rows: Term, work: _Work, *, in_check: bool
    ) -> None:
        for planned in sublinks:
            self._subquery(planned, owner, owner.of(planned.sublink), rows, 0, work, in_check=in_check)

    def _subquery(
        self,
        planned: PlannedSubLink,
        owner: Owners,
        clause: PolicyClause,
        rows: Term,
        depth: int,
        work: _Work,
        *,
        in_check: bool,
        nested: bool = False,
    ) -> None:
        scans = tuple(planned.plan.every_scan())
        each = inner_term(scans)
        term = times(rows, each) if planned.evaluation == "subplan" else each
        work.terms.append(term)
        (work.nested if nested else work.subqueries).append(
            SubqueryPlan(
                clause=clause,
                sublink=planned.sublink,
                evaluation=planned.evaluation,
                relations=scans,
                correlated=planned.correlated,
                depth=depth,
                not_hashed_because=planned.not_hashed_because if planned.evaluation == "subplan" else None,
                nested_clauses=tuple(dict.fromkeys(planned.plan.every_clause())),
                in_check=in_check,
                growth=growth([term]),
                outer_column=comparable_column(self.catalog, clause.expr, planned.sublink) if not depth else 0,
            )
        )
        if planned.close:
            names = ", ".join(scan.name for scan in planned.plan.scans)
            what = f"the EXISTS over {names}" if names else "an EXISTS"
            work.assumptions[f"{what}: a hash table and a search per row cost about the same"] = None
        work.assumptions.update(dict.fromkeys(planned.plan.close))
        for path in planned.plan.paths:
            work.assumptions.update(dict.fromkeys(path.remarks()))
        for below in planned.plan.sublinks:
            inside = nested or below.nested is not None
            self._subquery(below, owner, below.nested or clause, ONE, depth + 1, work, in_check=in_check, nested=inside)

    def _unknowns(self, security: RowSecurity, work: _Work) -> None:
        for clause, contents in self._contents_of(security.every_clause).items():
            for reason in contents.unknown:
                work.assumptions[f"policy {clause.policy.polname}: {reason}"] = None


def _no_scan(catalog: Catalog, relation: Relation, method: ScanMethod) -> RelationScan:
    return RelationScan(relid=relation.oid, name=catalog.qualified_name(relation), method=method, rtindex=1)


def _identity(clause: PolicyClause) -> tuple[object, ...]:
    """What tells the condition from others: the stored one, as what it is applied, and how it is joined."""
    return (id(clause.stored), clause.clause, clause.policy.polpermissive)


def _distinct(security: RowSecurity) -> tuple[object, ...]:
    """The conditions in their order, without a list that says again what another has said: of UPDATE and DELETE the policies
    for SELECT, where these are the same."""
    return tuple(
        dict.fromkeys(
            (len(quals.permissive), tuple(_identity(clause) for clause in quals.clauses))
            for quals in security.security_quals
        )
    )


def _level(rel: Rel, security: RowSecurity) -> int:
    """The security level of the first set of permissive policies."""
    return len(security.security_quals[0].restrictive) if security.security_quals else 0
