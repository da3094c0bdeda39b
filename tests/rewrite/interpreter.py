"""A few rows, the quals of the row-security stage and a statement in, the SQLSTATE and row count that follow out.

It knows the conditions that the composed cases are made of, and nothing of policies: which conditions hold for which
statement and role is what the stage says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlslint.catalog.catalog import Catalog
from rlslint.nodes.primnodes import BoolExpr, Const, Expr, FuncExpr, OpExpr, SubLink, SubLinkType, Var
from rlslint.rewrite.access import check_as_user
from rlslint.rewrite.bodies import body_queries
from rlslint.rewrite.model import Quals, RowSecurity
from rlslint.rewrite.rowsecurity import row_security

Row = tuple[Any, ...]
Outcome = tuple[str, int]
REFUSED: Outcome = ("42501", 0)


@dataclass(frozen=True)
class World:
    """A catalog and the rows of its tables, by OID."""

    catalog: Catalog
    rows: dict[int, tuple[Row, ...]]

    def visible(self, relid: int, role: int) -> tuple[Row, ...]:
        relation = self.catalog.relations[relid]
        if relation.relkind == "v":
            assert relation.query is not None
            inner = relation.query.rtable[0].relid
            return self.visible(inner, check_as_user(relation) or role)
        security = row_security(self.catalog, relid, role, "select")
        return tuple(row for row in self.rows[relid] if self.passes_all(security.security_quals, row, role))

    def passes_all(self, quals: tuple[Quals, ...], row: Row, role: int) -> bool:
        return all(self.passes(one, row, role) for one in quals)

    def passes(self, quals: Quals, row: Row, role: int) -> bool:
        if quals.denies_all:
            return False
        permissive = [self.value(clause.expr, [row], role) for clause in quals.permissive]
        restrictive = [self.value(clause.expr, [row], role) for clause in quals.restrictive]
        return any(value is True for value in permissive) and all(value is True for value in restrictive)

    def value(self, expr: Expr, rows: list[Row], role: int) -> Any:
        """``rows``: the current row of each query level, the innermost last."""
        match expr:
            case Const():
                return (
                    None
                    if expr.value is None
                    else {"true": True, "false": False}.get(expr.value)
                    if expr.type == 16
                    else int(expr.value)
                )
            case Var():
                return rows[-1 - expr.levelsup][expr.attnum - 1]
            case OpExpr():
                left, right = (self.value(arg, rows, role) for arg in expr.args)
                if left is None or right is None:
                    return None
                return left == right if self.catalog.operators[expr.opno].oprname == "=" else left > right
            case BoolExpr(op="or"):
                values = [self.value(arg, rows, role) for arg in expr.args]
                return True if True in values else None if None in values else False
            case BoolExpr(op="not"):
                value = self.value(expr.args[0], rows, role)
                return None if value is None else not value
            case SubLink(kind=SubLinkType.EXISTS):
                query = expr.subselect
                candidates = self.visible(query.rtable[0].relid, role)
                return any(
                    query.where is None or self.value(query.where, [*rows, one], role) is True for one in candidates
                )
            case FuncExpr():
                proc = self.catalog.procs[expr.funcid]
                ((query, _),) = body_queries(self.catalog, proc)
                return self.value(query.targets[0].expr, [()], proc.proowner if proc.prosecdef else role)
        raise AssertionError(f"not among the composed conditions: {expr}")


def scan(world: World, security: RowSecurity, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows that the statement finds."""
    if security.bypass is not None:
        return rows
    return tuple(row for row in rows if world.passes_all(security.security_quals, row, security.role))


def accepted(world: World, security: RowSecurity, kind: str, row: Row, only: str = "") -> bool:
    """Whether the row ``inserted``, ``conflicting`` or ``updated`` passes the check options that are asked of it."""
    options = [one for one in security.with_check_options if one.row == kind and (not only or one.kind == only)]
    return security.bypass is not None or all(world.passes(one.quals, row, security.role) for one in options)


def insert(world: World, security: RowSecurity, row: Row) -> Outcome:
    return ("ok", 1) if accepted(world, security, "inserted", row) else REFUSED


def upsert(world: World, security: RowSecurity, proposed: Row, old: Row | None, new: Row) -> Outcome:
    """INSERT ... ON CONFLICT DO UPDATE: ``old`` is the row in the way, if any, ``new`` what it becomes."""
    if not accepted(world, security, "inserted", proposed):
        return REFUSED
    if old is None:
        return "ok", 1
    if not accepted(world, security, "conflicting", old) or not accepted(world, security, "updated", new):
        return REFUSED
    return "ok", 1


def update(world: World, security: RowSecurity, rows: tuple[Row, ...], changed: Any) -> Outcome:
    found = scan(world, security, rows)
    if not all(accepted(world, security, "updated", changed(row)) for row in found):
        return REFUSED
    return "ok", len(found)


def merge(
    world: World, security: RowSecurity, rows: tuple[Row, ...], new: tuple[Row, ...], action: str, a: int
) -> Outcome:
    """MERGE with rows ``new`` (joined by the first column): matched rows get ``a`` or go, the others are inserted."""
    found = {row[0]: row for row in scan(world, security, rows)}
    count = 0
    for row in new:
        old = found.get(row[0])
        if old is None:
            if not accepted(world, security, "inserted", row):
                return REFUSED
            if any(one[0] == row[0] for one in rows):
                return "23505", 0
        elif action == "delete":
            if not accepted(world, security, "conflicting", old, "merge_delete"):
                return REFUSED
        else:
            if not accepted(world, security, "conflicting", old, "merge_update"):
                return REFUSED
            if not accepted(world, security, "updated", (old[0], a)):
                return REFUSED
        count += 1
    return "ok", count
