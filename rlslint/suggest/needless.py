"""Permissive policies of one table in, those that can go because another lets the same rows through out.

Proof. Conditions of permissive policies that apply are joined by OR (rowsecurity.c). Let q be for every role and command
that p is for, and let every row that passes p pass q, rows in the table and new ones: then p OR q is q, and p may be
dropped. That the one implies the other is either plain to see (the same expression, or the constant true) or proved
(rlslint.implication), where a condition that raises an error counts as one that lets nothing through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Policy, StoredExpr
from rlslint.findings import Suggestion
from rlslint.implication.compare import Condition, compare
from rlslint.implication.terms import differs_each_time
from rlslint.nodes.parsenodes import walk_deep
from rlslint.plan.clauses import is_true
from rlslint.records import dataclass
from rlslint.suggest.policies import create_policy, table_name

_NAMED: Final = 3
"""Policies that a title names; the statements name them all."""
_PROVED: Final = 24
"""Policies. Of more, only what is plain to see is looked at: each pair would be a proof a role."""


@dataclass(frozen=True, slots=True)
class Needless:
    """A policy, the one that makes it needless, and whether that is plain to see."""

    policy: Policy
    beside: Policy
    plain: bool

    @property
    def assumes(self) -> tuple[str, ...]:
        """What must hold besides."""
        names = quote_identifier(self.policy.polname), quote_identifier(self.beside.polname)
        if not self.plain:
            return (f"no statement is to fail for an error that {names[0]} raises where {names[1]} does not",)
        # where it is narrowed later, this one is missed
        return (f"{names[1]} is meant to let every row be written",) if self._opens_writes else ()

    @property
    def _opens_writes(self) -> bool:
        own, others = ((one.polqual, one.polwithcheck) for one in (self.policy, self.beside))
        narrower = not any(stored is not None and is_true(stored.expr) for stored in own)
        return narrower and self.beside.polcmd != "r" and any(one is not None and is_true(one.expr) for one in others)


def needless(catalog: Catalog, policies: Sequence[Policy]) -> tuple[Needless, ...]:
    """Of two that are the same the newer goes, so that the order does not matter."""
    known = catalog.remembered("needless", catalog.relations, catalog.policies, catalog.procs, catalog.roles)
    # compared by identity, and kept: a policy's stays its own
    key = tuple(policies)
    if key not in known:
        known[key] = _needless(catalog, key)
    found: tuple[Needless, ...] = known[key]
    return found


def _needless(catalog: Catalog, policies: tuple[Policy, ...]) -> tuple[Needless, ...]:
    left = list(policies)
    prove = len(policies) <= _PROVED
    found: list[Needless] = []
    for policy in sorted(policies, key=lambda one: one.oid, reverse=True):
        made = next(_makers(catalog, policy, left, prove=prove), None)
        if made is not None:
            found.append(made)
            left.remove(policy)
    return tuple(found)


def drop_needless(catalog: Catalog, policies: Sequence[Policy]) -> Suggestion | None:
    """None where every one of them lets something through that no other does."""
    found = needless(catalog, policies)
    if not found:
        return None
    table = table_name(catalog, policies[0].polrelid)
    return Suggestion(
        kind="rewrite_policy",
        title=_title(found),
        applicability="conditional" if any(one.assumes for one in found) else "safe",
        assumes=tuple(dict.fromkeys(text for one in found for text in one.assumes)),
        up="\n".join(f"DROP POLICY {quote_identifier(one.policy.polname)} ON {table};" for one in found),
        down="\n".join(create_policy(catalog, one.policy) for one in reversed(found)),
    )


def _title(found: Sequence[Needless]) -> str:
    dropped = [quote_identifier(one.policy.polname) for one in found]
    others = list(dict.fromkeys(quote_identifier(one.beside.polname) for one in found))
    if len(dropped) > _NAMED:
        return f"drop {len(dropped)} policies beside which others let the same rows pass"
    return f"drop {', '.join(dropped)}: {', '.join(others)} {'lets' if len(others) == 1 else 'let'} the same rows pass"


def _makers(catalog: Catalog, policy: Policy, others: Iterable[Policy], *, prove: bool) -> Iterator[Needless]:
    for other in () if _varies(catalog, policy) else others:
        if other is policy or other.polcmd not in ("*", policy.polcmd):
            continue
        if not (PUBLIC in other.polroles or set(policy.polroles) <= set(other.polroles)):
            continue
        pairs = list(_pairs(policy, other))
        if all(_plainly(one, than) for one, than, _ in pairs):
            yield Needless(policy, other, plain=True)
        elif prove and all(
            _plainly(one, than) or _implies(catalog, policy, one, than, stored=stored) for one, than, stored in pairs
        ):
            yield Needless(policy, other, plain=False)


def _pairs(policy: Policy, other: Policy) -> Iterator[tuple[StoredExpr | None, StoredExpr | None, bool]]:
    """(a condition of the policy, the other's for the same rows, whether these are in the table)."""
    if policy.polcmd != "a":
        yield policy.polqual, other.polqual, True
    if policy.polcmd in ("a", "w", "*"):
        yield policy.polwithcheck or policy.polqual, other.polwithcheck or other.polqual, False


def _varies(catalog: Catalog, policy: Policy) -> bool:
    """Whether a condition of the policy need not say the same of one row twice: random()."""
    stored = (policy.polqual, policy.polwithcheck)
    return any(differs_each_time(catalog, node) for one in stored if one is not None for node, _ in walk_deep(one.expr))


def _plainly(one: StoredExpr | None, than: StoredExpr | None) -> bool:
    return one is not None and than is not None and (is_true(than.expr) or one.expr == than.expr)


def _implies(
    catalog: Catalog, policy: Policy, one: StoredExpr | None, than: StoredExpr | None, *, stored: bool
) -> bool:
    if one is None or than is None:
        return False
    old, new = Condition((than,), ()), Condition((one,), ())
    return all(
        compare(catalog, policy.polrelid, role, old, new, stored=stored, grows_only=True).kind == "narrower"
        for role in policy.polroles
    )
