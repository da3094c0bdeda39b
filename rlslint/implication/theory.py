"""Facts in, whether they can hold together out: equality, NULL, order of constants.

A conflict is only reported where there is one, by these laws; so what is refuted here is impossible on every database:

- a comparison that is true has no NULL side; of a strict function's result that is not NULL no argument is.
- equality of one type is an equivalence (union-find), and where equal values are the same value (values.IDENTITY), terms
  that differ only in equal arguments are the same term (congruence), for what differs at each call was told apart before.
- NULLIF(a, b) that is not NULL is a, and not b; current_setting() is NULL where it raises an error, for nothing passes then.
- of two values exactly one of <, =, > is true; constants are compared as values.order tells; what it cannot tell is no
  conflict but makes the answer uncertain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.implication.formula import TURNED, Compare, Fact, Null, Opaque, Operator
from rlslint.implication.values import is_identity, is_integer, order
from rlslint.nodes.primnodes import (
    CoerceViaIO,
    Const,
    Expr,
    FuncExpr,
    Oid,
    OpExpr,
    RelabelType,
    ScalarArrayOpExpr,
    Var,
)
from rlslint.plan import clauses
from rlslint.plan.mutate import mutate_children
from rlslint.rewrite.functions import is_current_setting

_CONTRADICTS: Final[Mapping[str, frozenset[str]]] = {
    "true": frozenset({"false", "not_true"}),
    "false": frozenset({"true", "not_false"}),
    "not_true": frozenset({"true"}),
    "not_false": frozenset({"false"}),
}


@dataclass
class Theory:
    """The facts about terms in one case. `conflict` says whether they exclude each other."""

    catalog: Catalog
    relations: Mapping[int, Oid]
    """Row number to relation, for NOT NULL columns."""
    uncertain: bool = False
    """Constants are compared of which it cannot be told how they compare."""
    _parent: dict[Expr, Expr] = field(default_factory=dict)
    _constraints: dict[Expr, list[tuple[Operator, Const]]] = field(default_factory=dict)

    def conflict(self, facts: Iterable[Fact]) -> bool:
        """Whether the facts cannot hold together."""
        kept = tuple(facts)
        compares = [fact for fact in kept if isinstance(fact, Compare)]
        nulls = [fact for fact in kept if isinstance(fact, Null)]
        opaque = [fact for fact in kept if isinstance(fact, Opaque)]
        for compare in compares:
            self._add(compare.left)
            self._add(compare.right)
        for null in nulls:
            self._add(null.term)
        for one in opaque:
            self._add(one.expr)
        for compare in compares:
            if compare.op == "=":
                self._union(compare.left, compare.right)
        self._identify(self._there(compares, nulls, opaque))
        self._close()
        return (
            self._null_conflict(compares, nulls, opaque)
            or self._opaque_conflict(opaque)
            or self._order_conflict(compares)
        )

    def same(self, one: Expr, other: Expr) -> bool:
        """Whether the facts make the two equal."""
        return self._find(one) == self._find(other)

    # Equality ---------------------------------------------------------------------------------------------------

    def _add(self, term: Expr) -> None:
        if term not in self._parent:
            self._parent[term] = term
            for child in term.children():
                self._add(child)

    def _find(self, term: Expr) -> Expr:
        while (parent := self._parent.get(term, term)) != term:
            term = parent
        return term

    def _union(self, one: Expr, other: Expr) -> None:
        one, other = self._find(one), self._find(other)
        if one != other:
            # a constant stands for its class, so that congruent terms meet
            if isinstance(one, Const):
                one, other = other, one
            self._parent[one] = other

    def _close(self) -> None:
        """Congruence: until nothing changes, terms with the same arguments become one."""
        changed = True
        while changed:
            changed = False
            seen: dict[Expr, Expr] = {}
            for term in list(self._parent):
                if not term.children():
                    continue
                key = mutate_children(term, self._representative)
                other = seen.setdefault(key, term)
                if self._find(other) != self._find(term):
                    self._union(other, term)
                    changed = True

    def _representative(self, child: Expr) -> Expr:
        return self._find(child) if is_identity(self.catalog, child.type) else child

    # NULL -------------------------------------------------------------------------------------------------------

    def _null_conflict(self, compares: list[Compare], nulls: list[Null], opaque: list[Opaque]) -> bool:
        there = self._there(compares, nulls, opaque)
        gone = {self._find(fact.term) for fact in nulls if fact.is_null}
        gone.update(self._find(term) for term in self._parent if isinstance(term, Const) and term.value is None)
        return not there.isdisjoint(gone) or any(
            isinstance(term, OpExpr) and term.kind == "nullif" and self.same(*term.args)
            for term in self._parent
            if self._find(term) in there
        )

    def _there(self, compares: list[Compare], nulls: list[Null], opaque: list[Opaque]) -> set[Expr]:
        """Classes of terms that are not NULL."""
        there = {self._find(term) for compare in compares for term in (compare.left, compare.right)}
        for term in self._parent:
            if isinstance(term, Const) and term.value is not None:
                there.add(self._find(term))
            if isinstance(term, Var) and self._not_null(term):
                there.add(self._find(term))
        there.update(self._find(fact.term) for fact in nulls if not fact.is_null)
        todo = [term for term in self._parent if self._find(term) in there]
        todo += [fact.expr for fact in opaque if fact.state in ("true", "false")]
        while todo:
            for arg in self._strict_arguments(todo.pop()):
                if self._find(arg) not in there:
                    there.add(self._find(arg))
                    todo += [term for term in self._parent if self._find(term) == self._find(arg)]
        return there

    def _identify(self, there: set[Expr]) -> None:
        """Of what is not NULL: NULLIF is its first argument, and a setting is the same whether or not an error is raised
        where it is missing."""
        settings: dict[Expr, Expr] = {}
        for term in [term for term in self._parent if self._find(term) in there]:
            match term:
                case OpExpr(kind="nullif", args=(left, _)):
                    self._union(term, left)
                case FuncExpr(args=(name, *_)) if is_current_setting(self.catalog.procs.get(term.funcid)):
                    settings[name] = term
        for term in list(self._parent) if settings else ():
            if isinstance(term, FuncExpr) and term.args and term.args[0] in settings:
                if is_current_setting(self.catalog.procs.get(term.funcid)):
                    self._union(term, settings[term.args[0]])

    def _not_null(self, var: Var) -> bool:
        relation = self.catalog.relations.get(self.relations.get(var.varno, 0))
        if relation is None or var.levelsup or not 0 < var.attnum <= len(relation.attributes):
            return var.attnum == 0
        return relation.column(var.attnum).attnotnull

    def _strict_arguments(self, term: Expr) -> tuple[Expr, ...]:
        """Arguments that cannot be NULL where the term is not."""
        match term:
            case FuncExpr(args=args):
                proc = self.catalog.procs.get(term.funcid)
                return args if proc is not None and proc.proisstrict and not proc.proretset else ()
            case OpExpr(kind="op", args=args):
                return args if clauses.is_strict_op(self.catalog, term.opno) else ()
            case OpExpr(kind="nullif", args=(left, _)):
                return (left,)
            case ScalarArrayOpExpr(args=(left, right), use_or=True):
                return (left, right) if clauses.is_strict_op(self.catalog, term.opno) else ()
            case CoerceViaIO(arg=arg) | RelabelType(arg=arg):
                return (arg,)
        return ()

    # Conditions that are not seen into --------------------------------------------------------------------------

    def _opaque_conflict(self, opaque: list[Opaque]) -> bool:
        states: dict[Expr, set[str]] = {}
        for fact in opaque:
            states.setdefault(self._find(fact.expr), set()).add(fact.state)
        return any(not _CONTRADICTS[state].isdisjoint(found) for found in states.values() for state in found)

    # Order ------------------------------------------------------------------------------------------------------

    def _order_conflict(self, compares: list[Compare]) -> bool:
        relations: dict[tuple[Expr, Expr], set[str]] = {}
        for compare in compares:
            left, right = self._find(compare.left), self._find(compare.right)
            self._constrain(compare.op, compare.left, compare.right)
            if left == right:
                if compare.op in ("<", ">", "<>"):
                    return True
                continue
            relations.setdefault((left, right), set()).update(_outcomes(compare.op, negated=True))
            relations.setdefault((right, left), set()).update(_outcomes(TURNED[compare.op], negated=True))
        if any(excluded >= {"<", "=", ">"} for excluded in relations.values()):
            return True
        members: dict[Expr, list[Expr]] = {}
        for term in self._parent:
            members.setdefault(self._find(term), []).append(term)
        return any(self._impossible(term, members[term]) for term in members)

    def _constrain(self, op: Operator, left: Expr, right: Expr) -> None:
        for one, other, operator in ((left, right, op), (right, left, TURNED[op])):
            value = other if isinstance(other, Const) else self._constant(other)
            if value is not None:
                self._constraints.setdefault(self._find(one), []).append((operator, value))

    def _constant(self, term: Expr) -> Const | None:
        found = self._find(term)
        return found if isinstance(found, Const) else None

    def _impossible(self, term: Expr, members: list[Expr]) -> bool:
        """Whether no value meets everything that is said of the term's class."""
        limits = list(dict.fromkeys(self._constraints.get(term, [])))
        limits += [("=", one) for one in members if isinstance(one, Const) and one.value is not None]
        if not limits:
            return False
        fixed = [value for op, value in limits if op == "="]
        if fixed:
            return any(self._met(fixed[0], op, value) is False for op, value in limits)
        domain = self._domain(members)
        if domain is not None:
            return all(any(self._met(value, op, limit) is False for op, limit in limits) for value in domain)
        return self._empty_range(limits)

    def _met(self, value: Const, op: Operator, limit: Const) -> bool | None:
        result = order(self.catalog, value, limit)
        if result is None or (result == 2 and op not in ("=", "<>")):
            self.uncertain = True
            return None
        outcome = "=" if result == 0 else "<" if result == -1 else ">" if result == 1 else "<>"
        if outcome == "<>":
            return op == "<>"
        return outcome in _outcomes(op)

    def _domain(self, members: list[Expr]) -> list[Const] | None:
        """Every value that the type has, where they are few."""
        for member in members:
            if member.type == clauses.BOOL:
                return [Const(type=member.type, value="true"), Const(type=member.type, value="false")]
            row = self.catalog.types.get(member.type)
            if row is not None and row.typtype == "e":
                return [Const(type=member.type, value=label) for label in row.labels]
        return None

    def _empty_range(self, limits: list[tuple[Operator, Const]]) -> bool:
        for low_op, low in limits:
            if low_op not in (">", ">="):
                continue
            for high_op, high in limits:
                if high_op not in ("<", "<="):
                    continue
                result = order(self.catalog, low, high)
                if result is None or result == 2:
                    self.uncertain = True
                elif (
                    result == 1
                    or (result == 0 and not (low_op == ">=" and high_op == "<="))
                    or (result == 0 and any(op == "<>" and order(self.catalog, low, one) == 0 for op, one in limits))
                    or self._no_whole_number_between(low_op, low, high_op, high)
                ):
                    return True
        return False

    def _no_whole_number_between(self, low_op: str, low: Const, high_op: str, high: Const) -> bool:
        if not (is_integer(low.type) and is_integer(high.type)) or low.value is None or high.value is None:
            return False
        if not (low.value.strip("+- ").isdigit() and high.value.strip("+- ").isdigit()):
            return False
        first = int(low.value) + (low_op == ">")
        return first > int(high.value) - (high_op == "<")


def _outcomes(op: Operator, *, negated: bool = False) -> frozenset[str]:
    """Which of <, =, > the operator allows; or excludes."""
    allowed = {
        "=": {"="},
        "<>": {"<", ">"},
        "<": {"<"},
        "<=": {"<", "="},
        ">": {">"},
        ">=": {">", "="},
    }[op]
    return frozenset({"<", "=", ">"} - allowed if negated else allowed)
