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
from rlslint.records import dataclass, field
from rlslint.rewrite.functions import is_current_setting

_CONTRADICTS: Final[Mapping[str, frozenset[str]]] = {
    "true": frozenset({"false", "not_true"}),
    "false": frozenset({"true", "not_false"}),
    "not_true": frozenset({"true"}),
    "not_false": frozenset({"false"}),
}


class Terms:
    """Numbers for terms, the same for equal ones: the cases of one tableau ask of the same terms over and over."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._numbers: dict[Expr, int] = {}
        # by identity of what was asked for, which is kept so that the identity stays its own
        self._known: dict[int, tuple[Expr, int]] = {}
        self._terms: list[Expr] = []
        self._children: list[tuple[int, ...]] = []
        self._strict: dict[int, tuple[int, ...]] = {}

    def __getitem__(self, number: int) -> Expr:
        return self._terms[number]

    def number(self, term: Expr) -> int:
        """The term's number."""
        known = self._known.get(id(term))
        if known is not None:
            return known[1]
        number = self._numbers.get(term)
        if number is None:
            children = tuple(map(self.number, term.children()))
            number = self._numbers[term] = len(self._terms)
            self._terms.append(term)
            self._children.append(children)
        self._known[id(term)] = term, number
        return number

    def children(self, number: int) -> tuple[int, ...]:
        """Numbers of its direct parts."""
        return self._children[number]

    def strict_arguments(self, number: int) -> tuple[int, ...]:
        """Arguments that cannot be NULL where the term is not."""
        if number not in self._strict:
            self._strict[number] = tuple(map(self.number, _strict_arguments(self._catalog, self._terms[number])))
        return self._strict[number]


@dataclass
class Theory:
    """The facts about terms in one case. `conflict` says whether they exclude each other."""

    catalog: Catalog
    relations: Mapping[int, Oid]
    """Row number to relation, for NOT NULL columns."""
    terms: Terms
    uncertain: bool = False
    """Constants are compared of which it cannot be told how they compare."""
    _parent: dict[int, int] = field(default_factory=dict)
    _constraints: dict[int, list[tuple[Operator, Const]]] = field(default_factory=dict)

    def conflict(self, facts: Iterable[Fact]) -> bool:
        """Whether the facts cannot hold together."""
        kept = tuple(facts)
        compares = [fact for fact in kept if isinstance(fact, Compare)]
        nulls = [fact for fact in kept if isinstance(fact, Null)]
        opaque = [fact for fact in kept if isinstance(fact, Opaque)]
        number = self.terms.number
        for compare in compares:
            self._add(number(compare.left))
            self._add(number(compare.right))
        for null in nulls:
            self._add(number(null.term))
        for one in opaque:
            self._add(number(one.expr))
        for compare in compares:
            if compare.op == "=":
                self._union(number(compare.left), number(compare.right))
        self._identify(self._there(compares, nulls, opaque))
        self._close()
        return (
            self._null_conflict(compares, nulls, opaque)
            or self._opaque_conflict(opaque)
            or self._order_conflict(compares)
        )

    # Equality ---------------------------------------------------------------------------------------------------

    def _add(self, term: int) -> None:
        if term not in self._parent:
            self._parent[term] = term
            for child in self.terms.children(term):
                self._add(child)

    def _find(self, term: int) -> int:
        while (parent := self._parent.get(term, term)) != term:
            term = parent
        return term

    def _class_of(self, term: Expr) -> int:
        return self._find(self.terms.number(term))

    def _union(self, one: int, other: int) -> None:
        one, other = self._find(one), self._find(other)
        if one != other:
            # a constant stands for its class, so that congruent terms meet
            if isinstance(self.terms[one], Const):
                one, other = other, one
            self._parent[one] = other

    def _close(self) -> None:
        """Congruence: until nothing changes, terms with the same arguments become one."""
        changed = True
        while changed:
            changed = False
            seen: dict[int, int] = {}
            for term in list(self._parent):
                if not self.terms.children(term):
                    continue
                key = self.terms.number(mutate_children(self.terms[term], self._representative))
                other = seen.setdefault(key, term)
                if self._find(other) != self._find(term):
                    self._union(other, term)
                    changed = True

    def _representative(self, child: Expr) -> Expr:
        number = self.terms.number(child)
        found = self._find(number)
        return self.terms[found] if found != number and is_identity(self.catalog, child.type) else child

    # NULL -------------------------------------------------------------------------------------------------------

    def _null_conflict(self, compares: list[Compare], nulls: list[Null], opaque: list[Opaque]) -> bool:
        there = self._there(compares, nulls, opaque)
        gone = {self._class_of(fact.term) for fact in nulls if fact.is_null}
        for number in self._parent:
            term = self.terms[number]
            if isinstance(term, Const) and term.value is None:
                gone.add(self._find(number))
        return not there.isdisjoint(gone) or any(
            isinstance(term := self.terms[number], OpExpr)
            and term.kind == "nullif"
            and self._class_of(term.args[0]) == self._class_of(term.args[1])
            for number in self._parent
            if self._find(number) in there
        )

    def _there(self, compares: list[Compare], nulls: list[Null], opaque: list[Opaque]) -> set[int]:
        """Classes of terms that are not NULL."""
        there = {self._class_of(term) for compare in compares for term in (compare.left, compare.right)}
        for number in self._parent:
            term = self.terms[number]
            if isinstance(term, Const) and term.value is not None:
                there.add(self._find(number))
            if isinstance(term, Var) and self._not_null(term):
                there.add(self._find(number))
        there.update(self._class_of(fact.term) for fact in nulls if not fact.is_null)
        todo = [number for number in self._parent if self._find(number) in there]
        todo += [self.terms.number(fact.expr) for fact in opaque if fact.state in ("true", "false")]
        while todo:
            for arg in self.terms.strict_arguments(todo.pop()):
                found = self._find(arg)
                if found not in there:
                    there.add(found)
                    todo += [number for number in self._parent if self._find(number) == found]
        return there

    def _identify(self, there: set[int]) -> None:
        """Of what is not NULL: NULLIF is its first argument, and a setting is the same whether or not an error is raised
        where it is missing."""
        settings: dict[int, int] = {}
        for number in [number for number in self._parent if self._find(number) in there]:
            match self.terms[number]:
                case OpExpr(kind="nullif", args=(left, _)):
                    self._union(number, self.terms.number(left))
                case FuncExpr(args=(name, *_)) as call if is_current_setting(self.catalog.procs.get(call.funcid)):
                    settings[self.terms.number(name)] = number
        for number in list(self._parent) if settings else ():
            term = self.terms[number]
            if isinstance(term, FuncExpr) and term.args and (first := self.terms.number(term.args[0])) in settings:
                if is_current_setting(self.catalog.procs.get(term.funcid)):
                    self._union(number, settings[first])

    def _not_null(self, var: Var) -> bool:
        relation = self.catalog.relations.get(self.relations.get(var.varno, 0))
        if relation is None or var.levelsup or not 0 < var.attnum <= len(relation.attributes):
            return var.attnum == 0
        return relation.column(var.attnum).attnotnull

    # Conditions that are not seen into --------------------------------------------------------------------------

    def _opaque_conflict(self, opaque: list[Opaque]) -> bool:
        states: dict[int, set[str]] = {}
        for fact in opaque:
            states.setdefault(self._class_of(fact.expr), set()).add(fact.state)
        return any(not _CONTRADICTS[state].isdisjoint(found) for found in states.values() for state in found)

    # Order ------------------------------------------------------------------------------------------------------

    def _order_conflict(self, compares: list[Compare]) -> bool:
        relations: dict[tuple[int, int], set[str]] = {}
        for compare in compares:
            left, right = self._class_of(compare.left), self._class_of(compare.right)
            self._constrain(compare.op, compare.left, compare.right)
            if left == right:
                if compare.op in ("<", ">", "<>"):
                    return True
                continue
            relations.setdefault((left, right), set()).update(_outcomes(compare.op, negated=True))
            relations.setdefault((right, left), set()).update(_outcomes(TURNED[compare.op], negated=True))
        if any(excluded >= {"<", "=", ">"} for excluded in relations.values()):
            return True
        members: dict[int, list[Expr]] = {}
        for term in self._parent:
            members.setdefault(self._find(term), []).append(self.terms[term])
        return any(self._impossible(number, each) for number, each in members.items())

    def _constrain(self, op: Operator, left: Expr, right: Expr) -> None:
        for one, other, operator in ((left, right, op), (right, left, TURNED[op])):
            value = other if isinstance(other, Const) else self._constant(other)
            if value is not None:
                self._constraints.setdefault(self._class_of(one), []).append((operator, value))

    def _constant(self, term: Expr) -> Const | None:
        found = self.terms[self._class_of(term)]
        return found if isinstance(found, Const) else None

    def _impossible(self, term: int, members: list[Expr]) -> bool:
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


def _strict_arguments(catalog: Catalog, term: Expr) -> tuple[Expr, ...]:
    """Arguments that cannot be NULL where the term is not."""
    match term:
        case FuncExpr(args=args):
            proc = catalog.procs.get(term.funcid)
            return args if proc is not None and proc.proisstrict and not proc.proretset else ()
        case OpExpr(kind="op", args=args):
            return args if clauses.is_strict_op(catalog, term.opno) else ()
        case OpExpr(kind="nullif", args=(left, _)):
            return (left,)
        case ScalarArrayOpExpr(args=(left, right), use_or=True):
            return (left, right) if clauses.is_strict_op(catalog, term.opno) else ()
        case CoerceViaIO(arg=arg) | RelabelType(arg=arg):
            return (arg,)
    return ()
