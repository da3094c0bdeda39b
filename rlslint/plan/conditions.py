"""Row security of a statement in, the conditions and checks that the planner meets out (add_security_quals() and
add_with_check_options() of rowsecurity.c), each with the policies it was written in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Relation
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import BoolExpr, Const, Expr, Oid, OpExpr, SubLink, Unresolved, Var
from rlslint.plan.calls import Written, written_calls
from rlslint.records import dataclass
from rlslint.rewrite.model import PolicyClause, Quals, WithCheckOption

BTREE_EQUAL: Final = 3


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in a policy's condition, however it is planned."""

    calls: tuple[Written, ...]
    sublinks: tuple[int, ...]
    """Identities of the subqueries' parse nodes."""
    unknown: tuple[str, ...]
    """Why something could not be resolved."""

    @classmethod
    def of(cls, clause: PolicyClause) -> Contents:
        """Looked up once a condition."""
        nodes = [node for node, _ in walk_deep(clause.expr)]
        return cls(
            written_calls(clause),
            tuple(id(node.raw) for node in nodes if isinstance(node, SubLink) and node.raw is not None),
            tuple(node.reason for node in nodes if isinstance(node, Unresolved)),
        )


class Owners:
    """Which policy a subquery was written in."""

    def __init__(self, clauses: Mapping[PolicyClause, Contents]) -> None:
        self.clauses = tuple(clauses)
        self._by_raw: dict[int, PolicyClause] = {}
        for clause, contents in clauses.items():
            for raw in contents.sublinks:
                self._by_raw.setdefault(raw, clause)

    def of(self, sublink: SubLink) -> PolicyClause:
        """The policy; the first one where the place is not known."""
        if sublink.raw is not None and id(sublink.raw) in self._by_raw:
            return self._by_raw[id(sublink.raw)]
        return self.clauses[0]


def conditions_of(quals: Quals) -> Iterator[tuple[Expr, tuple[PolicyClause, ...]]]:
    """The conditions in security order: each restrictive one, then the OR of the permissive (add_security_quals)."""
    if quals.denies_all:
        yield Const(type=16, value="false"), ()
        return
    for clause in quals.restrictive:
        yield clause.expr, (clause,)
    if len(quals.permissive) == 1:
        yield quals.permissive[0].expr, quals.permissive
    else:
        yield BoolExpr(type=16, op="or", args=tuple(clause.expr for clause in quals.permissive)), quals.permissive


def distinct_checks(
    options: Sequence[WithCheckOption],
) -> Iterator[tuple[str, list[tuple[Expr, tuple[PolicyClause, ...]]]]]:
    """The row and the conditions of each WITH CHECK option, without those that the same row has met already.

    add_with_check_options() of rowsecurity.c appends with list_append_unique: an option equals another if its kind, its
    qual and, of a restrictive policy, its name do.
    """
    seen: list[tuple[str, str | None, Expr]] = []
    for option in options:
        kept: list[tuple[Expr, tuple[PolicyClause, ...]]] = []
        for expr, own in conditions_of(option.quals):
            name = own[0].policy.polname if own and not own[0].policy.polpermissive else None
            if (option.row, name, expr) not in seen:
                seen.append((option.row, name, expr))
                kept.append((expr, own))
        if kept:
            yield option.row, kept


def primary_key(catalog: Catalog, relation: Relation) -> tuple[Expr, ...]:
    """``key = literal`` for each column of the primary key."""
    for constraint in catalog.constraints_of(relation.oid):
        if constraint.contype == "p":
            index = catalog.indexes.get(constraint.conindid)
            classes = {} if index is None else {key.attnum: key.opclass for key in index.keys}
            return tuple(_equals(catalog, relation, attnum, classes.get(attnum, 0)) for attnum in constraint.conkey)
    return ()


def _equals(catalog: Catalog, relation: Relation, attnum: int, opclass: Oid) -> Expr:
    attribute = relation.column(attnum)
    # the literal's type stands for a value that finds one row
    left = Var(type=attribute.atttypid, varno=1, attnum=attnum, collation=attribute.attcollation)
    return OpExpr(type=16, opno=_equality(catalog, opclass), args=(left, Const(type=2950, value="key")))


def _equality(catalog: Catalog, opclass: Oid) -> Oid:
    """``=`` of the type that an operator class is for: a domain's base type, anyenum, anyarray; 0 where it is not known."""
    row = catalog.opclasses.get(opclass)
    if row is None:
        return 0
    for amop in catalog.amops.find("family", row.opcfamily):
        same = amop.amoplefttype == amop.amoprighttype == row.opcintype
        if same and amop.amoppurpose == "s" and amop.amopstrategy == BTREE_EQUAL:
            return amop.amopopr
    return 0
