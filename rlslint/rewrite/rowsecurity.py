"""(relation, role, statement) in, the quals that row security adds out: get_row_security_policies() of rowsecurity.c."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.membership import has_privs_of_role, roles_with_privileges_of
from rlslint.catalog.rows import Policy, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.rewrite.model import Form, PolicyClause, Quals, RowSecurity, StatementName, WithCheckOption

PolCmd = Literal["r", "a", "w", "d"]


FORMS: Final[dict[StatementName, Form]] = {
    "select": Form("select", reads=()),
    "select_by_key": Form("select", reads=()),
    "insert": Form("insert"),
    "insert_many": Form("insert"),
    "insert_returning": Form("insert", reads=()),
    "upsert": Form("insert", reads=(), on_conflict_update=True),
    "update": Form("update"),
    "delete": Form("delete"),
}
"""What row security sees of the statements that are predicted."""


def row_security(catalog: Catalog, relid: Oid, role: Oid, statement: StatementName) -> RowSecurity:
    """What row security does to one of the statements that are predicted."""
    known = catalog.remembered("row_security", catalog.relations, catalog.policies, catalog.roles)
    key = (relid, role, statement)
    if key not in known:
        known[key] = replace(row_security_of(catalog, relid, role, FORMS[statement]), statement=statement)
    found: RowSecurity = known[key]
    return found


def row_security_of(catalog: Catalog, relid: Oid, role: Oid, form: Form) -> RowSecurity:
    """What row security does to a statement of this form (get_row_security_policies).

    Where it reads columns it needs the SELECT privilege, and with it the SELECT policies: as a filter of what is scanned
    and as a check of what it writes.
    """
    name: StatementName = "update" if form.command == "merge" else form.command
    bypass = bypasses(catalog, catalog.relations[relid], role)
    if bypass is not None:
        return RowSecurity(relid, role, name, bypass)

    def quals(command: PolCmd, *, check: bool = False) -> Quals:
        return applicable_quals(catalog, relid, role, command, check=check)

    seen = (quals("r"),) if form.reads is not None else ()
    inserted = tuple(WithCheckOption("select", one) for one in seen)
    updated = tuple(WithCheckOption("select", one, "updated") for one in seen)
    security: tuple[Quals, ...] = ()
    options: tuple[WithCheckOption, ...] = ()
    match form.command:
        case "select":
            security = (quals("r"), quals("w")) if form.locks else (quals("r"),)
        case "insert":
            options = (WithCheckOption("insert", quals("a", check=True)), *inserted)
            if form.on_conflict_update:
                options += (
                    WithCheckOption("conflict", quals("w"), "conflicting"),
                    *(WithCheckOption("conflict", one, "conflicting") for one in seen),
                    WithCheckOption("update", quals("w", check=True), "updated"),
                    *updated,
                )
        case "update":
            security = (quals("w"), *seen)
            options = (WithCheckOption("update", quals("w", check=True), "updated"), *updated)
        case "delete":
            security = (quals("d"), *seen)
        case "merge":
            # the policies of all three actions are brought in, whichever the statement has; a row that is matched and
            # then fails USING is an error, not passed over
            security = seen
            options = (
                WithCheckOption("merge_update", quals("w"), "conflicting"),
                WithCheckOption("update", quals("w", check=True), "updated"),
                *updated,
                WithCheckOption("merge_delete", quals("d"), "conflicting"),
                WithCheckOption("insert", quals("a", check=True)),
            )
    return RowSecurity(relid, role, name, None, security, options)


def bypasses(
    catalog: Catalog, relation: Relation, role: Oid
) -> Literal["off", "owner", "superuser", "bypassrls"] | None:
    """Why row security does nothing to the role here, or None when it applies (check_enable_rls).

    BYPASSRLS is the role's own attribute and not inherited; ownership is, by members of the owning role.
    """
    if not relation.relrowsecurity:
        return "off"
    row = catalog.roles.get(role)
    if row is not None and row.rolsuper:
        return "superuser"
    if row is not None and row.rolbypassrls:
        return "bypassrls"
    if has_privs_of_role(catalog, role, relation.relowner) and not relation.relforcerowsecurity:
        return "owner"
    return None


def applicable_quals(catalog: Catalog, relid: Oid, role: Oid, command: PolCmd, *, check: bool) -> Quals:
    """The policies of one command that apply to a role, with the condition each brings.

    ``check`` asks for WITH CHECK, for which USING stands in where there is none. A policy without the condition asked
    for (an INSERT policy has no USING) brings nothing.
    """
    known = catalog.remembered("applicable_quals", catalog.policies, catalog.roles)
    key = (relid, role, command, check)
    if key not in known:
        policies = catalog.policies_of(relid)
        # one answer for all roles that the same policies apply to
        like = (relid, tuple(one.oid for one in _applying(catalog, policies, role, command)), command, check)
        if like not in known:
            known[like] = quals_among(catalog, policies, role, command, check=check)
        known[key] = known[like]
    found: Quals = known[key]
    return found


def quals_among(catalog: Catalog, policies: Iterable[Policy], role: Oid, command: PolCmd, *, check: bool) -> Quals:
    """The same of policies of one table that need not be its policies now."""
    permissive: list[PolicyClause] = []
    restrictive: list[PolicyClause] = []
    for policy in _applying(catalog, policies, role, command):
        clause = _clause(policy, check=check)
        if clause is not None:
            (permissive if policy.polpermissive else restrictive).append(clause)
    # relcache.c prepends what it reads in order of name; rowsecurity.c sorts the restrictive ones again
    permissive.sort(key=lambda clause: clause.policy.polname, reverse=True)
    restrictive.sort(key=lambda clause: clause.policy.polname)
    return Quals(tuple(permissive), tuple(restrictive))


def _applying(catalog: Catalog, policies: Iterable[Policy], role: Oid, command: PolCmd) -> Iterator[Policy]:
    """Those of the policies that apply to the role for the command."""
    inherited = roles_with_privileges_of(catalog, role)
    return (one for one in policies if one.polcmd in ("*", command) and applies_to(one, inherited))


def applies_to(policy: Policy, inherited: frozenset[Oid]) -> bool:
    """Whether the policy names PUBLIC or one of the roles whose privileges the current role has."""
    return PUBLIC in policy.polroles or not inherited.isdisjoint(policy.polroles)


def _clause(policy: Policy, *, check: bool) -> PolicyClause | None:
    if check and policy.polwithcheck is not None:
        return PolicyClause(policy, "check", policy.polwithcheck)
    if policy.polqual is not None:
        return PolicyClause(policy, "using", policy.polqual)
    return None
