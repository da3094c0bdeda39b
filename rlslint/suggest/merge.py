"""Permissive policies of one table and one set of roles in, one policy a command out.

Proof. Of the permissive policies that apply to a command, PostgreSQL takes the conditions and joins them by OR
(add_security_quals and add_with_check_options in rowsecurity.c); a policy FOR ALL is taken for every command, its USING
also for new rows where it has no WITH CHECK. So policies of the same roles may be exchanged for one whose conditions are
the OR of theirs, for each command alone. What stands at the beginning is altered, what is missing is made, and only then
the others go: in between the same rows pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rlslint.analyze.deparse import policy_sql
from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy, StoredExpr
from rlslint.findings import Suggestion
from rlslint.plan.clauses import is_true
from rlslint.records import dataclass
from rlslint.suggest.policies import COMMANDS, create_policy, free_name, role_list, table_name

_SPLIT: Final = ("r", "a", "w", "d")


@dataclass(frozen=True, slots=True)
class Merged:
    """One policy of the new set. ``keeps``: the policy that is altered, None where one is made."""

    command: str
    keeps: Policy | None
    using: str | None
    check: str | None
    members: tuple[Policy, ...] = ()
    """The policies whose conditions it joins."""


def merge_policies(catalog: Catalog, policies: Sequence[Policy]) -> Suggestion | None:
    """None where the policies are not of one kind, or there is nothing to merge."""
    if len(policies) < 2:
        return None
    first = policies[0]
    alike = all(
        one.polrelid == first.polrelid
        and sorted(one.polroles) == sorted(first.polroles)
        and one.polpermissive
        and (one.polwithcheck if one.polcmd == "a" else one.polqual) is not None
        for one in policies
    )
    merged = _merged(catalog, policies) if alike else []
    kept = [one.keeps for one in merged if one.keeps is not None]
    dropped = [one for one in policies if one not in kept]
    if not alike or not dropped:
        return None
    table = table_name(catalog, first.polrelid)
    up, down = [], []
    taken: list[str] = []
    for one in merged:
        if one.keeps is not None:
            up.append(_alter(catalog, one.keeps, table, one.using, one.check))
            down.append(_alter(catalog, one.keeps, table, *own_conditions(catalog, one.keeps)))
            continue
        base = next((policy for policy in policies if policy.polcmd == "*"), first)
        name = free_name(catalog, first.polrelid, f"{base.polname} ({COMMANDS[one.command].lower()})", taken)
        taken.append(name)
        head = f"CREATE POLICY {quote_identifier(name)} ON {table} FOR {COMMANDS[one.command]}"
        up.append(f"{head} TO {role_list(catalog, first.polroles)}{conditions(one.using, one.check)};")
        down.append(f"DROP POLICY {quote_identifier(name)} ON {table};")
    up += [f"DROP POLICY {quote_identifier(one.polname)} ON {table};" for one in dropped]
    down = [*(create_policy(catalog, one) for one in dropped), *down]
    return Suggestion(
        kind="rewrite_policy",
        title=title("a command", len(merged), len(policies)),
        applicability="safe",
        up="\n".join(up),
        down="\n".join(down),
    )


def title(each: str, made: int, policies: int) -> str:
    """What is won: fewer policies, or only that none is ORed with another, which changes no plan."""
    if made == 1:
        return f"one policy instead of {policies}"
    if made < policies:
        return f"one policy {each}: {made} instead of {policies}"
    return f"one policy {each}, none ORed with another: {made} for {policies}, with the same plan"


def _merged(catalog: Catalog, policies: Sequence[Policy]) -> list[Merged]:
    """The new set. Policies FOR ALL stay that, unless others of single commands stand beside them."""
    whole = [one for one in policies if one.polcmd == "*"]
    single = [one for one in policies if one.polcmd != "*"]
    if whole and not single:
        return [joined(catalog, "*", whole, whole)]
    found = []
    for command in _SPLIT:
        members = [one for one in policies if one.polcmd in (command, "*")]
        if members:
            found.append(joined(catalog, command, members, members))
    return found


def joined(catalog: Catalog, command: str, free: Sequence[Policy], members: Sequence[Policy]) -> Merged:
    """The members' conditions joined for a command, in one of the ``free`` policies if one serves."""
    using = None if command == "a" else _either(catalog, [(one, one.polqual) for one in members])
    check = None
    if command == "a" or (command in ("w", "*") and any(one.polwithcheck is not None for one in members)):
        check = _either(catalog, [(one, one.polwithcheck or one.polqual) for one in members])
    # ALTER POLICY cannot take a WITH CHECK away again
    keeps = (one for one in free if one.polcmd == command and (one.polwithcheck is None) == (check is None))
    return Merged(command, next(keeps, None), using, check, tuple(members))


def _either(catalog: Catalog, parts: Sequence[tuple[Policy, StoredExpr | None]]) -> str:
    """The conditions joined by OR; one that is always true is all that is left of them."""
    if any(stored is not None and is_true(stored.expr) for _, stored in parts):
        return "true"
    texts = [policy_sql(catalog, stored, policy.polrelid) for policy, stored in parts if stored is not None]
    different = list(dict.fromkeys(texts))
    return different[0] if len(different) == 1 else " OR ".join(f"({text})" for text in different)


def own_conditions(catalog: Catalog, policy: Policy) -> tuple[str | None, str | None]:
    """The texts of USING and WITH CHECK."""
    using, check = (
        None if stored is None else policy_sql(catalog, stored, policy.polrelid)
        for stored in (policy.polqual, policy.polwithcheck)
    )
    return using, check


def _alter(catalog: Catalog, policy: Policy, table: str, using: str | None, check: str | None) -> str:
    return f"ALTER POLICY {quote_identifier(policy.polname)} ON {table}{conditions(using, check)};"


def conditions(using: str | None, check: str | None) -> str:
    """The clauses with these texts."""
    parts: Mapping[str, str | None] = {"USING": using, "WITH CHECK": check}
    return "".join(f" {keyword} ({text})" for keyword, text in parts.items() if text is not None)
