"""(relation, role, statement) in, the quals that row security adds out: get_row_security_policies() of rowsecurity.c."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.membership import has_privs_of_role, roles_with_privileges_of
from rlslint.catalog.rows import Policy, Relation
from rlslint.nodes.primnodes import Oid
from rlslint.rewrite.model import PolicyClause, Quals, RowSecurity, StatementName, WithCheckOption

PolCmd = Literal["r", "a", "w", "d"]


def row_security(
    catalog: Catalog, relid: Oid, role: Oid, statement: StatementName, *, reads_columns: bool = False
) -> RowSecurity:
    """What row security does to the statement.

    An UPDATE or DELETE that reads columns (in WHERE, SET or RETURNING) needs the SELECT privilege and so meets the
    SELECT policies too: say so with ``reads_columns``. INSERT ... RETURNING and upsert always do.
    """
    known = catalog.remembered("row_security", catalog.relations, catalog.policies, catalog.roles)
    key = (relid, role, statement, reads_columns)
    if key not in known:
        known[key] = _row_security(catalog, relid, role, statement, reads_columns)
    found: RowSecurity = known[key]
    return found


def _row_security(
    catalog: Catalog, relid: Oid, role: Oid, statement: StatementName, reads_columns: bool
) -> RowSecurity:
    bypass = bypasses(catalog, catalog.relations[relid], role)
    if bypass is not None:
        return RowSecurity(relid, role, statement, bypass)

    def quals(command: PolCmd, *, check: bool) -> Quals:
        return applicable_quals(catalog, relid, role, command, check=check)

    security_quals: tuple[Quals, ...] = ()
    options: tuple[WithCheckOption, ...] = ()
    match statement:
        case "select" | "select_by_key":
            security_quals = (quals("r", check=False),)
        case "insert" | "insert_many":
            options = (WithCheckOption("insert", quals("a", check=True)),)
        case "insert_returning":
            options = (
                WithCheckOption("insert", quals("a", check=True)),
                WithCheckOption("select", quals("r", check=False)),
            )
        case "upsert":
            options = (
                WithCheckOption("insert", quals("a", check=True)),
                WithCheckOption("select", quals("r", check=False)),
                WithCheckOption("conflict", quals("w", check=False), "conflicting"),
                WithCheckOption("conflict", quals("r", check=False), "conflicting"),
                WithCheckOption("update", quals("w", check=True), "updated"),
                WithCheckOption("select", quals("r", check=False), "updated"),
            )
        case "update":
            security_quals = (quals("w", check=False),)
            options = (WithCheckOption("update", quals("w", check=True), "updated"),)
            if reads_columns:
                security_quals += (quals("r", check=False),)
                options += (WithCheckOption("select", quals("r", check=False), "updated"),)
        case "delete":
            security_quals = (quals("d", check=False),)
            if reads_columns:
                security_quals += (quals("r", check=False),)
    return RowSecurity(relid, role, statement, None, security_quals, options)


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
    return quals_among(catalog, catalog.policies_of(relid), role, command, check=check)


def quals_among(catalog: Catalog, policies: Iterable[Policy], role: Oid, command: PolCmd, *, check: bool) -> Quals:
    """The same of policies of one table that need not be its policies now."""
    inherited = roles_with_privileges_of(catalog, role)
    permissive: list[PolicyClause] = []
    restrictive: list[PolicyClause] = []
    for policy in policies:
        if policy.polcmd not in ("*", command) or not applies_to(policy, inherited):
            continue
        clause = _clause(policy, check=check)
        if clause is not None:
            (permissive if policy.polpermissive else restrictive).append(clause)
    # relcache.c prepends what it reads in order of name; rowsecurity.c sorts the restrictive ones again
    permissive.sort(key=lambda clause: clause.policy.polname, reverse=True)
    restrictive.sort(key=lambda clause: clause.policy.polname)
    return Quals(tuple(permissive), tuple(restrictive))


def applies_to(policy: Policy, inherited: frozenset[Oid]) -> bool:
    """Whether the policy names PUBLIC or one of the roles whose privileges the current role has."""
    return PUBLIC in policy.polroles or not inherited.isdisjoint(policy.polroles)


def _clause(policy: Policy, *, check: bool) -> PolicyClause | None:
    if check and policy.polwithcheck is not None:
        return PolicyClause(policy, "check", policy.polwithcheck)
    if policy.polqual is not None:
        return PolicyClause(policy, "using", policy.polqual)
    return None
