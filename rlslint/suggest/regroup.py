"""Permissive policies of one table with differing roles in, one policy a command and role out.

Proof. A permissive policy applies to a role that has the privileges of one of the roles it names (check_role_for_policy in
policy.c), and conditions of policies that apply are joined by OR. Let each role that is named have, for each command, one
policy with the OR of the conditions of those that name it: a role with the privileges of several of them passes by the OR
of all, as before. That is equal for every state of the database. PUBLIC is every role there is: what names it is said of
each role that may use the table instead, which is equal while row security binds no other.

What is missing is made first, then what stands is altered, those that lose roles last, and only then the others go: in
between no row passes that did not before, and none is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Policy
from rlslint.findings import Suggestion
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass
from rlslint.suggest.merge import Merged, conditions, joined, own_conditions, title
from rlslint.suggest.policies import COMMANDS, create_policy, free_name, role_list, table_name

_SINGLE: Final = ("r", "a", "w", "d")
_MOST: Final = 8
"""Roles. With more it would be as many policies."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """One policy of the new set."""

    roles: tuple[Oid, ...]
    merged: Merged


def regroup_policies(catalog: Catalog, policies: Sequence[Policy], holders: Sequence[Oid]) -> Suggestion | None:
    """``holders``: the roles that may use the table and that row security binds. None where it would change nothing, or
    PUBLIC is named and nobody knows who that is."""
    usable = all(
        one.polpermissive and (one.polwithcheck if one.polcmd == "a" else one.polqual) is not None for one in policies
    )
    named = {role for one in policies for role in one.polroles}
    public = PUBLIC in named
    relation = catalog.relations[policies[0].polrelid]
    roles = sorted((named - {PUBLIC}) | (set(holders) if public else set()))
    if not usable or not roles or len(roles) > _MOST or (public and (not holders or PUBLIC in holders)):
        return None
    cells = _cells(catalog, policies, roles)
    others = ", ".join(quote_identifier(catalog.rolname(role)) for role in roles)
    assumes = (f"row security on {relation.relname} binds nobody but {others}",) if public else ()
    up, down = _statements(catalog, policies, cells)
    if not up:
        return None
    return Suggestion(
        kind="rewrite_policy",
        title=title("a command and role", len(cells), len(policies)),
        applicability="conditional" if public else "safe",
        assumes=assumes,
        up="\n".join(up),
        down="\n".join(down),
    )


def _cells(catalog: Catalog, policies: Sequence[Policy], roles: Sequence[Oid]) -> list[_Cell]:
    """Roles for which the same policies count share one; FOR ALL stays that where no other policy comes beside it."""
    members = {
        (command, role): tuple(
            one for one in policies if one.polcmd in (command, "*") and (role in one.polroles or PUBLIC in one.polroles)
        )
        for command in _SINGLE
        for role in roles
    }
    found: dict[tuple[str, tuple[Policy, ...]], list[Oid]] = {}
    for role in roles:
        each = [members[command, role] for command in _SINGLE]
        whole = len(set(each)) == 1 and all(one.polcmd == "*" for one in each[0])
        for command, those in [("*", each[0])] if whole else zip(_SINGLE, each, strict=True):
            if those:
                found.setdefault((command, those), []).append(role)
    cells: list[_Cell] = []
    kept: set[Oid] = set()
    for (command, those), whose in found.items():
        merged = joined(catalog, command, [one for one in those if one.oid not in kept], those)
        if merged.keeps is not None:
            kept.add(merged.keeps.oid)
        cells.append(_Cell(tuple(whose), merged))
    return cells


def _statements(catalog: Catalog, policies: Sequence[Policy], cells: Sequence[_Cell]) -> tuple[list[str], list[str]]:
    table = table_name(catalog, policies[0].polrelid)
    made: list[str] = []
    unmade: list[str] = []
    altered: list[tuple[int, str, str]] = []
    taken: list[str] = []
    for cell in cells:
        one = cell.merged
        to = f" TO {role_list(catalog, cell.roles)}"
        if one.keeps is None:
            base = one.members[0]
            name = free_name(catalog, base.polrelid, f"{base.polname} ({COMMANDS[one.command].lower()})", taken)
            taken.append(name)
            head = f"CREATE POLICY {quote_identifier(name)} ON {table} FOR {COMMANDS[one.command]}"
            made.append(f"{head}{to}{conditions(one.using, one.check)};")
            unmade.append(f"DROP POLICY {quote_identifier(name)} ON {table};")
            continue
        head = f"ALTER POLICY {quote_identifier(one.keeps.polname)} ON {table}"
        own = own_conditions(catalog, one.keeps)
        was = f" TO {role_list(catalog, one.keeps.polroles)}"
        same = sorted(cell.roles) == sorted(one.keeps.polroles)
        if same and own == (one.using, one.check):
            continue
        narrowed = not set(one.keeps.polroles) <= set(cell.roles)
        text = conditions(one.using, one.check)
        altered.append(
            (narrowed, f"{head}{'' if same else to}{text};", f"{head}{'' if same else was}{conditions(*own)};")
        )
    kept = {cell.merged.keeps.oid for cell in cells if cell.merged.keeps is not None}
    gone = [one for one in policies if one.oid not in kept]
    altered.sort(key=lambda one: one[0])
    up = [
        *made,
        *(text for _, text, _ in altered),
        *(f"DROP POLICY {quote_identifier(one.polname)} ON {table};" for one in gone),
    ]
    down = [*(create_policy(catalog, one) for one in gone), *(text for _, _, text in reversed(altered)), *unmade]
    return up, down
