"""A resolved query in, a flat list of base relations and conditions out: pull_up_subqueries() and pull_up_sublinks() of
prepjointree.c, deconstruct_jointree() of initsplan.c, row security of the tables included."""

from __future__ import annotations

from collections.abc import Callable

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.parsenodes import FromItem, JoinExpr, Query, RangeTblEntry, walk_deep, walk_query
from rlslint.nodes.primnodes import BoolExpr, Expr, FuncExpr, Oid, OpExpr, SubLink, SubLinkType, Var
from rlslint.plan import clauses
from rlslint.plan.conditions import conditions_of
from rlslint.plan.exists import simplify_exists
from rlslint.plan.flat import Flat, Qual, Rel
from rlslint.plan.from_items import function_name, inline_set_function, simple_subquery
from rlslint.plan.mutate import (
    checked_as,
    checked_expression_as,
    has_vars_of_level,
    mutate,
    mutate_query,
    relids,
    replace_vars,
    shift_levels,
    shift_levels_out,
    shift_query_levels,
)
from rlslint.plan.nullable import restriction, strict_for
from rlslint.plan.simplify import Simplifier, self_equality
from rlslint.plan.volatility import volatile_expression, volatile_query
from rlslint.records import replace
from rlslint.rewrite.access import check_as_user, is_security_barrier
from rlslint.rewrite.rowsecurity import row_security

BASE = 1000
"""Flat range-table indexes start above this: written ones never reach it."""


class Flattener:
    """Flattens one query."""

    def __init__(self, catalog: Catalog, simplifier: Simplifier, role: Oid, met: set[Oid] | None = None) -> None:
        self.catalog = catalog
        self.met: set[Oid] = set() if met is None else met
        """Tables that were come by, those that a join did without or that a constant condition hides included."""
        self.simplifier = simplifier
        self.role = role
        self.flat = Flat()
        self._next = BASE
        self._where: list[tuple[Expr, frozenset[int], str]] = []
        self._security_levels = 0
        self._secured: set[Oid] = set()
        """Tables whose row security is in: of one that is read twice each has subqueries of its own."""
        self._nullable = 0
        """Outer joins on whose nullable side the FROM member at hand stands."""

    def run(self, query: Query, *, pull_sublinks: bool = True) -> Flat:
        """The flat form. ``query`` is as analyze/ left it."""
        self._pull_sublinks = pull_sublinks
        substitute, quals = self._query(query)
        for expr in self._outputs(query):
            self.flat.outputs.append(replace_vars(self.simplifier.expression(expr), substitute))
        self._distribute(quals)
        return self.flat

    def _outputs(self, query: Query) -> list[Expr]:
        outputs = [target.expr for target in query.targets]
        outputs += [*query.group_by, *query.order_by]
        outputs += [expr for expr in (query.having, query.limit, query.offset) if expr is not None]
        return outputs

    # FROM -------------------------------------------------------------------------------------------------------------

    def _query(self, query: Query) -> tuple[Callable[[Var], Expr | None], list[Expr]]:
        """Adds the query's relations; returns what its columns became and its conjuncts in those terms."""
        query = self.simplifier.query(query)
        if query.setop is not None:
            self.flat.separate.extend(query.arms)
        mapping: dict[int, int | list[Expr]] = {}
        quals: list[Expr] = []

        def substitute(var: Var) -> Expr | None:
            if var.varno > BASE:
                return None
            target = mapping.get(var.varno)
            if isinstance(target, int):
                return replace(var, varno=target)
            if target is not None and 0 < var.attnum <= len(target):
                return target[var.attnum - 1]
            rte = query.rtable[var.varno - 1] if 0 < var.varno <= len(query.rtable) else None
            if rte is not None and rte.joinvars and 0 < var.attnum <= len(rte.joinvars):
                return replace_vars(rte.joinvars[var.attnum - 1], substitute)
            return None

        for item in query.fromlist:
            self._from(item, query, mapping, substitute, quals)
        if query.where is not None:
            for expr in clauses.make_and((self.simplifier.qual_expr(query.where),)):
                quals.append(replace_vars(expr, substitute))
        return substitute, quals

    def _from(
        self,
        item: FromItem,
        query: Query,
        mapping: dict[int, int | list[Expr]],
        substitute: Callable[[Var], Expr | None],
        quals: list[Expr],
    ) -> list[Rel]:
        if not isinstance(item, JoinExpr):
            return self._entry(item.rtindex, query.rtable[item.rtindex - 1], mapping, substitute, quals)
        left_quals: list[Expr] = []
        right_quals: list[Expr] = []
        self._nullable += item.jointype in ("right", "full")
        left = self._from(item.larg, query, mapping, substitute, left_quals)
        self._nullable += (item.jointype in ("left", "full")) - (item.jointype in ("right", "full"))
        right = self._from(item.rarg, query, mapping, substitute, right_quals)
        self._nullable -= item.jointype in ("left", "full")
        on = [] if item.quals is None else list(self.simplifier.qual(item.quals))
        on = [replace_vars(expr, substitute) for expr in on]
        # on which sides the join adds NULLs, and WHERE lets them through
        sides = {"left": (right,), "right": (left,), "full": (right, left), "inner": ()}[item.jointype]
        nulls = [side for side in sides if side and not self._where_is_strict(query, side, substitute)]
        if not nulls:
            quals += [*left_quals, *right_quals, *on]
            return left + right
        nullable = [rel for side in nulls for rel in side]
        preserved = [rel for rel in left + right if rel not in nullable]
        inside = right_quals if nulls[0] is right else left_quals
        outside = left_quals if nulls[0] is right else right_quals
        quals += outside
        before = frozenset(rel.rtindex for rel in preserved)
        for rel in nullable:
            rel.after |= before
            rel.join = "left"
        names = frozenset(rel.rtindex for rel in nullable)
        self._where += [(expr, names, "on") for expr in [*inside, *on]]
        return left + right

    def _where_is_strict(self, query: Query, nullable: list[Rel], substitute: Callable[[Var], Expr | None]) -> bool:
        """A WHERE that NULL cannot pass turns an outer join into an inner one (reduce_outer_joins)."""
        if query.where is None:
            return False
        names = {rel.rtindex for rel in nullable}
        for conjunct in self.simplifier.qual(query.where):
            expr = replace_vars(conjunct, substitute)
            for index in relids(expr) & names:
                for var in _vars_of(expr, index):
                    if strict_for(self.catalog, expr, var):
                        return True
        return False

    def _entry(
        self,
        rtindex: int,
        rte: RangeTblEntry,
        mapping: dict[int, int | list[Expr]],
        substitute: Callable[[Var], Expr | None],
        quals: list[Expr],
    ) -> list[Rel]:
        relation = self.catalog.relations.get(rte.relid) if rte.kind == "relation" else None
        inner = rte.subquery
        if relation is not None and relation.relkind == "v" and relation.query is not None:
            inner = self._behind_view(relation, relation.query)
        if rte.kind == "function" and isinstance(rte.function, FuncExpr):
            inner = inline_set_function(self.catalog, rte.function)
        computed = (
            rte.kind == "cte"
            and inner is not None
            and (rte.materialized or volatile_query(self.catalog, inner, self.role))
        )
        if inner is not None:
            inner = shift_query_levels(inner, rte.ctelevelsup)
        # one without FROM has no relation that could be the nullable side of an outer join
        barrier = relation is not None and is_security_barrier(relation)
        mergeable = not computed and not barrier and inner is not None and (bool(inner.fromlist) or not self._nullable)
        if inner is not None and mergeable and simple_subquery(self.catalog, inner):
            return self._pull_up(rtindex, inner, mapping, substitute, quals)
        self._next += 1
        mapping[rtindex] = self._next
        rel = Rel(self._next, "other", rte.eref, role=rte.checkasuser or self.role, barrier=barrier)
        if inner is not None:
            rel.kind, rel.subquery = "cte" if computed else "subquery", mutate_query(inner, _own(substitute))
        elif rte.kind == "cte":
            rel.kind = "cte"
        elif rte.kind == "values":
            rel.listed = len(rte.values)
        elif relation is not None:
            self.met.add(relation.oid)
            rel.kind, rel.relation, rel.name = "relation", relation, self.catalog.qualified_name(relation)
            rel.security = self._security(relation, rel.role, rel.rtindex)
        elif rte.kind == "function" and rte.function is not None:
            rel.kind, rel.function = "function", replace_vars(rte.function, substitute)
            rel.name = function_name(self.catalog, rte.function)
        self.flat.rels.append(rel)
        return [rel]

    def _behind_view(self, view: Relation, query: Query) -> Query:
        """A view's query, its tables checked as the role that counts; the same one whenever it is asked for."""
        known = self.catalog.remembered("checked_as", self.catalog.relations)
        key = (id(query), role := check_as_user(view))
        if key not in known:
            # the query is kept, so that its identity stays its own
            known[key] = query, checked_as(query, role) if role else query
        checked: Query = known[key][1]
        return checked

    def _pull_up(
        self,
        rtindex: int,
        inner: Query,
        mapping: dict[int, int | list[Expr]],
        substitute: Callable[[Var], Expr | None],
        quals: list[Expr],
    ) -> list[Rel]:
        """A plain subquery in FROM becomes part of the query above it."""
        first = len(self.flat.rels)
        inner_substitute, inner_quals = self._query(inner)

        def lift(expr: Expr) -> Expr:
            return replace_vars(shift_levels_out(expr), substitute)

        for rel in self.flat.rels[first:]:
            rel.function = None if rel.function is None else lift(rel.function)
        mapping[rtindex] = [
            lift(replace_vars(self.simplifier.expression(target.expr), inner_substitute)) for target in inner.targets
        ]
        quals += [lift(expr) for expr in inner_quals]
        return self.flat.rels[first:]

    def _security(self, relation: Relation, role: Oid, rtindex: int) -> tuple[Qual, ...]:
        """The table's own row security, each condition at its level (process_security_barrier_quals)."""
        security = row_security(self.catalog, relation.oid, role, "select")
        if security.bypass is not None:
            return ()
        found: list[Qual] = []
        level = 0
        for quals in security.security_quals:
            for expr, own in conditions_of(quals):
                for part in self.simplifier.qual(expr):
                    conjunct = restriction(self.catalog, relation, part)
                    if conjunct is None:
                        self.flat.dropped.append(part)
                        continue
                    moved = replace_vars(conjunct, lambda var: replace(var, varno=rtindex) if var.varno == 1 else None)
                    if role != self.role:
                        moved = checked_expression_as(moved, role)
                    if relation.oid in self._secured:
                        moved = mutate(moved, _copied)
                    leaky = level > 0 and clauses.contain_leaked_vars(self.catalog, moved)
                    found.append(Qual(moved, level, leaky, own[0] if own else None))
                level += 1
        self._security_levels = max(self._security_levels, level)
        self._secured.add(relation.oid)
        return tuple(found)

    # WHERE ------------------------------------------------------------------------------------------------------------

    def _distribute(self, quals: list[Expr]) -> None:
        """Sorts the conjuncts by the relations they refer to (distribute_qual_to_rels)."""
        pending = list(quals)
        while pending:
            expr = self_equality(self.catalog, pending.pop(0))
            lifted = self._sublink_join(expr) if self._pull_sublinks else None
            if lifted is not None:
                pending += lifted
                continue
            self._place(expr, self._security_levels)
        for expr, names, _ in self._where:
            level = self._security_levels
            qual = Qual(expr, level, level > 0 and clauses.contain_leaked_vars(self.catalog, expr))
            used = qual.relids
            if len(used) == 1 and used <= names:
                self._restrict(next(iter(used)), qual, level)
            else:
                self.flat.joins.append(qual)
        for rel in self.flat.rels:
            rel.quals[:0] = rel.security
            if rel.join in ("inner", "semi") and any(
                clauses.is_false_or_null(qual.expr) for qual in rel.quals if qual.level == 0 or not rel.security
            ):
                self.flat.dummy = self.flat.dummy or self.catalog.pg_version >= 17 or not rel.security

    def _place(self, expr: Expr, level: int) -> None:
        qual = Qual(expr, level, level > 0 and clauses.contain_leaked_vars(self.catalog, expr))
        used = qual.relids
        if not used:
            self.flat.constant.append(qual)
            self.flat.dummy = self.flat.dummy or clauses.is_false_or_null(expr)
            return
        if len(used) > 1:
            self.flat.joins.append(qual)
            return
        rel = self.flat.rel(next(iter(used)))
        if rel.join in ("left", "anti"):
            rel.late.append(qual)
            return
        self._restrict(rel.rtindex, qual, level)

    def _restrict(self, rtindex: int, qual: Qual, level: int) -> None:
        rel, expr = self.flat.rel(rtindex), qual.expr
        kept = restriction(self.catalog, rel.relation, expr)
        if kept is expr:
            rel.quals.append(qual)
        elif kept is not None:
            leaky = level > 0 and clauses.contain_leaked_vars(self.catalog, kept)
            rel.quals.append(Qual(kept, level, leaky))
        else:
            self.flat.dropped.append(expr)

    def _sublink_join(self, expr: Expr) -> list[Expr] | None:
        """EXISTS, NOT EXISTS and IN at the top of WHERE become joins; returns the new conjuncts."""
        negated = isinstance(expr, BoolExpr) and expr.op == "not"
        sublink = expr.args[0] if isinstance(expr, BoolExpr) and expr.op == "not" else expr
        if not isinstance(sublink, SubLink):
            return None
        query = sublink.subselect
        if sublink.kind is SubLinkType.EXISTS:
            simple = simplify_exists(query)
            if simple is None or not simple.fromlist or simple.ctes:
                return None
            where = simple.where
            if where is None or volatile_expression(self.catalog, where, self.role):
                return None
            bare = replace(simple, where=None)
            if any(isinstance(n, Var) and n.levelsup == level for n, level in walk_query(bare, 1)):
                return None
            if not has_vars_of_level(where, 1):
                return None
            comparisons: list[Expr] = []
        elif sublink.kind is SubLinkType.ANY and not negated:
            if clauses.correlated(sublink) and self.catalog.pg_version < 17:
                return None
            if not any(relids(arg) for arg in sublink.lefthand) or len(sublink.opnos) != len(sublink.lefthand):
                return None
            if any(clauses.contain_volatile(self.catalog, arg) for arg in sublink.lefthand):
                return None
            if not simple_subquery(self.catalog, query):
                return self._semi_join(sublink, query)
            simple = query
            comparisons = [
                OpExpr(type=16, opno=opno, args=(shift_levels(left, 1), target.expr), location=sublink.location)
                for opno, left, target in zip(sublink.opnos, sublink.lefthand, query.targets, strict=False)
            ]
        else:
            return None
        first = len(self.flat.rels)
        substitute, inner = self._query(simple)
        inner += [replace_vars(comparison, substitute) for comparison in comparisons]
        lifted = [shift_levels_out(conjunct) for conjunct in inner]
        new = self.flat.rels[first:]
        for rel in new:
            rel.join = "anti" if negated else "semi"
            rel.after = (
                frozenset(index for conjunct in lifted for index in relids(conjunct))
                - frozenset(other.rtindex for other in new)
                if negated
                else rel.after
            )
        if negated:
            names = frozenset(rel.rtindex for rel in new)
            self._where += [(conjunct, names, "on") for conjunct in lifted]
            return []
        return lifted

    def _semi_join(self, sublink: SubLink, query: Query) -> list[Expr]:
        """A join with a subquery that is planned by itself, one that groups, sorts or combines rows; returns the
        comparisons (convert_ANY_sublink_to_join of subselect.c)."""
        self._next += 1
        rel = Rel(self._next, "subquery", "ANY_subquery", role=self.role, subquery=query, join="semi")
        rel.after = frozenset(
            node.varno for node, level in walk_query(query, 1) if isinstance(node, Var) and node.levelsup == level
        )
        self.flat.rels.append(rel)
        columns = [
            Var(type=target.expr.type, varno=rel.rtindex, attnum=number)
            for number, target in enumerate(query.targets, 1)
        ]
        return [
            OpExpr(type=16, opno=opno, args=(left, column), location=sublink.location)
            for opno, left, column in zip(sublink.opnos, sublink.lefthand, columns, strict=False)
        ]


def _copied(node: Expr, level: int) -> Expr:
    return replace(node) if isinstance(node, SubLink) else node


def _own(substitute: Callable[[Var], Expr | None]) -> Callable[[Expr, int], Expr]:
    """For a subquery that stays: its references to the query around it follow the flat numbering."""

    def change(node: Expr, level: int) -> Expr:
        if not isinstance(node, Var) or node.levelsup != level:
            return node
        new = substitute(replace(node, levelsup=0))
        return node if new is None else shift_levels(new, level)

    return change


def _vars_of(expr: Expr, index: int) -> list[Var]:
    return [
        node
        for node, level in walk_deep(expr)
        if isinstance(node, Var) and node.levelsup == level == 0 and node.varno == index
    ]
