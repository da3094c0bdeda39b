"""What the rewriter decides: the quals that row security adds to a statement, as in PostgreSQL's rewrite/rowsecurity.c."""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal, get_args

from rlslint.catalog.rows import Policy, StoredExpr
from rlslint.nodes.primnodes import Const, Expr, Oid
from rlslint.records import dataclass

StatementName = Literal[
    "select", "select_by_key", "insert", "insert_many", "insert_returning", "upsert", "update", "delete"
]
"""The statements that are predicted, as docs/contract.md names them: ``update`` and ``delete`` touch the whole table and
read no column of it, ``upsert`` is INSERT ... ON CONFLICT (key) DO UPDATE."""

STATEMENTS_OF: Final[dict[str, tuple[StatementName, ...]]] = {
    "r": ("select",),
    "a": ("insert",),
    "w": ("update",),
    "d": ("delete",),
    "*": ("select", "insert", "update", "delete"),
}
"""What a policy is for, by its polcmd."""

STATEMENTS: Final[tuple[StatementName, ...]] = get_args(StatementName)


@dataclass(frozen=True, slots=True)
class PolicyClause:
    """One policy's condition in the role it plays here."""

    policy: Policy
    clause: Literal["using", "check"]
    """Which of the policy's two expressions it is: a missing WITH CHECK is USING's expression and counts as ``using``."""
    stored: StoredExpr

    def __hash__(self) -> int:
        # asked for by the hundred thousand; a stored expression is equal to no other
        return id(self.stored)

    @property
    def expr(self) -> Expr:
        """The resolved condition; the policy's table is range-table entry 1."""
        return self.stored.expr


@dataclass(frozen=True, slots=True)
class Quals:
    """``(permissive OR ...) AND restrictive AND ...``; without a permissive one nothing passes."""

    permissive: tuple[PolicyClause, ...] = ()
    restrictive: tuple[PolicyClause, ...] = ()

    @property
    def denies_all(self) -> bool:
        """No permissive policy applies: PostgreSQL adds a constant false."""
        return not self.permissive

    @property
    def constantly_false(self) -> bool:
        """No row passes, whatever it holds: nothing applies that could be true, or a restrictive policy never is."""
        return all(_never(one) for one in self.permissive) or any(_never(one) for one in self.restrictive)

    @property
    def clauses(self) -> tuple[PolicyClause, ...]:
        """All of them, restrictive ones first, as PostgreSQL orders them. Without a permissive one the constant false
        is all that is added: restrictive ones are not looked at (add_security_quals)."""
        return self.restrictive + self.permissive if self.permissive else ()

    @property
    def evaluated(self) -> tuple[PolicyClause, ...]:
        """Those that are left when constants are folded: ``true OR x`` is true, whatever x reads and calls."""
        if any(isinstance(one.expr, Const) and one.expr.value == "true" for one in self.permissive):
            return self.restrictive
        return self.clauses


def _never(clause: PolicyClause) -> bool:
    return isinstance(clause.expr, Const) and clause.expr.value in ("false", None)


@dataclass(frozen=True, slots=True)
class WithCheckOption:
    """A condition that each new row must meet, else 42501.

    ``kind``: ``insert`` and ``update`` are the policies' checks; ``select`` is a SELECT policy that the new row must pass
    because the statement reads columns of it; ``conflict`` is a USING that the existing row of ON CONFLICT must pass,
    ``merge_update`` and ``merge_delete`` one that the row matched by MERGE must pass before that action.
    ``row`` is what it is asked of: the row inserted, the one that is in the way, or the one updated (PostgreSQL's
    WCO_RLS_INSERT_CHECK, WCO_RLS_CONFLICT_CHECK and WCO_RLS_UPDATE_CHECK).
    """

    kind: Literal["insert", "update", "select", "conflict", "merge_update", "merge_delete"]
    quals: Quals
    row: Literal["inserted", "conflicting", "updated"] = "inserted"


@dataclass(frozen=True, slots=True)
class Form:
    """What a statement does to its table; columns by attribute number.

    ``reads``: columns that it reads (WHERE, RETURNING, the right side of SET, the arbiter of ON CONFLICT); None where it
    reads none, () where it needs the table without a column of it (SELECT count(*)).
    """

    command: Literal["select", "insert", "update", "delete", "merge"]
    reads: tuple[int, ...] | None = None
    inserts: tuple[int, ...] = ()
    updates: tuple[int, ...] = ()
    deletes: bool = False
    """For MERGE: it has a DELETE action."""
    locks: bool = False
    """SELECT ... FOR UPDATE or SHARE."""
    on_conflict_update: bool = False


@dataclass(frozen=True)
class RowSecurity:
    """What row security does to one statement of one role on one table.

    ``bypass`` says why it does nothing (``off``, ``owner``, ``superuser``, ``bypassrls``), else None.
    ``security_quals`` filters the rows the statement scans; None where it scans none (a plain INSERT) or is bypassed.
    Several Quals are ANDed: an UPDATE's own and those of the SELECT policies.
    """

    relid: Oid
    role: Oid
    statement: StatementName
    bypass: Literal["off", "owner", "superuser", "bypassrls"] | None
    security_quals: tuple[Quals, ...] = ()
    with_check_options: tuple[WithCheckOption, ...] = ()

    @cached_property
    def every_clause(self) -> tuple[PolicyClause, ...]:
        """Every condition that the statement brings in, each once."""
        every = [clause for quals in self.security_quals for clause in quals.clauses]
        every += [clause for option in self.with_check_options for clause in option.quals.clauses]
        return tuple(dict.fromkeys(every))

    @property
    def no_rows(self) -> bool:
        """Nothing can be scanned: One-Time Filter: false."""
        return any(quals.denies_all for quals in self.security_quals)

    @property
    def scan_excluded(self) -> bool:
        """The planner sees that the scan finds nothing and drops it with the conditions of its rows
        (relation_excluded_by_constraints)."""
        return any(quals.constantly_false for quals in self.security_quals)
