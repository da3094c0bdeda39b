"""New conditions, roles and policies in, ALTER POLICY and CREATE POLICY out, with what undoes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from rlslint.analyze.deparse import policy_sql
from rlslint.analyze.typename import quote_identifier, quote_qualified
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Policy
from rlslint.checks.model import NeedRoles, NeedSelectPolicy
from rlslint.findings import Applicability, Suggestion
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Oid, SubLink

COMMANDS: Mapping[str, str] = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def altered(
    catalog: Catalog,
    policy: Policy,
    *,
    using: str | None,
    check: str | None,
    kind: Literal["wrap_call", "rewrite_policy"],
    title: str,
    applicability: Applicability,
    assumes: tuple[str, ...] = (),
) -> Suggestion:
    """The policy with other conditions; None leaves one as it is."""
    head = f"ALTER POLICY {quote_identifier(policy.polname)} ON {table_name(catalog, policy.polrelid)} "
    up, down = [], []
    for keyword, text, stored in (("USING", using, policy.polqual), ("WITH CHECK", check, policy.polwithcheck)):
        if text is not None and stored is not None:
            up.append(f"{keyword} ({text})")
            down.append(f"{keyword} ({policy_sql(catalog, stored, policy.polrelid)})")
    return Suggestion(
        kind=kind,
        title=title,
        applicability=applicability,
        assumes=assumes,
        up=head + " ".join(up) + ";",
        down=head + " ".join(down) + ";",
    )


def add_select_policy(catalog: Catalog, need: NeedSelectPolicy, roles: Sequence[str]) -> Suggestion:
    """A SELECT policy for the rows that the role may write."""
    table = catalog.relations[need.relid]
    name = free_name(catalog, need.relid, f"{need.clause.policy.polname} (select)")
    to = ", ".join("PUBLIC" if role == "public" else quote_identifier(role) for role in roles)
    condition = policy_sql(catalog, need.clause.stored, table.oid)
    target = table_name(catalog, table.oid)
    return Suggestion(
        kind="add_policy",
        title=_title(need, to),
        applicability="unsafe",
        assumes=(f"{to} is meant to read these rows",),
        up=f"CREATE POLICY {quote_identifier(name)} ON {target} FOR SELECT TO {to} USING ({condition});",
        down=f"DROP POLICY {quote_identifier(name)} ON {target};",
    )


def _title(need: NeedSelectPolicy, to: str) -> str:
    if need.clause.policy.polcmd == "a":
        return f"let {to} see the rows it may insert (or ask the client for no row back: return=minimal)"
    return f"let {to} see the rows it may change"


def add_roles(catalog: Catalog, need: NeedRoles) -> Suggestion:
    """A TO clause."""
    policy = need.policy
    head = f"ALTER POLICY {quote_identifier(policy.polname)} ON {table_name(catalog, policy.polrelid)} TO "
    stored = [one for one in (policy.polqual, policy.polwithcheck) if one is not None]
    reads = any(
        isinstance(node, SubLink) and node.subselect.rtable for one in stored for node, _ in walk_deep(one.expr)
    )
    failing = ("other roles are to find nothing, also where what the policy reads is denied to them (42501)",)
    return Suggestion(
        kind="rewrite_policy",
        title=f"name the roles that {quote_identifier(policy.polname)} is meant for: TO {role_list(catalog, need.roles)}",
        applicability="conditional",
        assumes=(need.assumes, *(failing if reads else ())),
        up=f"{head}{role_list(catalog, need.roles)};",
        down=f"{head}{role_list(catalog, policy.polroles)};",
    )


def read_as_caller(catalog: Catalog, relid: Oid) -> Suggestion:
    """A view with the rights of whoever reads it, who then needs SELECT on its tables: changes who sees what."""
    view = catalog.relations[relid]
    name = table_name(catalog, relid)
    was = dict(view.reloptions).get("security_invoker")
    return Suggestion(
        kind="rewrite_policy",
        title="read the view's tables as its reader, whose row security then counts",
        applicability="unsafe",
        assumes=(
            f"whoever reads {view.relname} may SELECT from its tables, and is to see only what their policies show",
        ),
        up=f"ALTER VIEW {name} SET (security_invoker = true);",
        down=f"ALTER VIEW {name} "
        + ("RESET (security_invoker);" if was is None else f"SET (security_invoker = {was});"),
    )


def create_policy(catalog: Catalog, policy: Policy) -> str:
    """The statement that makes the policy as it is."""
    parts = [
        f"CREATE POLICY {quote_identifier(policy.polname)} ON {table_name(catalog, policy.polrelid)}",
        *([] if policy.polpermissive else ["AS RESTRICTIVE"]),
        f"FOR {COMMANDS[policy.polcmd]}",
        f"TO {role_list(catalog, policy.polroles)}",
    ]
    for keyword, stored in (("USING", policy.polqual), ("WITH CHECK", policy.polwithcheck)):
        if stored is not None:
            parts.append(f"{keyword} ({policy_sql(catalog, stored, policy.polrelid)})")
    return " ".join(parts) + ";"


def role_list(catalog: Catalog, roles: Sequence[Oid]) -> str:
    """Roles as after TO."""
    return ", ".join("PUBLIC" if role == PUBLIC else quote_identifier(catalog.rolname(role)) for role in roles)


def table_name(catalog: Catalog, relid: Oid) -> str:
    """``schema.table``, quoted."""
    table = catalog.relations[relid]
    return quote_qualified(catalog.nspname(table.relnamespace), table.relname)


def free_name(catalog: Catalog, relid: Oid, wanted: str, others: Sequence[str] = ()) -> str:
    """The name cut to 63 bytes, numbered when a policy of the table, or one of the others, has it."""
    taken = {*others, *(policy.polname for policy in catalog.policies_of(relid))}
    number = 1
    while True:
        tail = "" if number == 1 else f" {number}"
        name = wanted.encode()[: 63 - len(tail)].decode(errors="ignore") + tail
        if name not in taken:
            return name
        number += 1
