"""Needed changes of policies in, ALTER POLICY and CREATE POLICY out: edits of the author's own text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rlslint.analyze.typename import quote_identifier, quote_qualified
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy, StoredExpr
from rlslint.checks.model import NeedQualify, NeedSelectPolicy, NeedWrap
from rlslint.findings import Suggestion
from rlslint.rewrite.model import PolicyClause

Edit = tuple[int, int, str]
"""Characters ``start`` to ``end`` of the statement's text, and what stands there afterwards."""


def wrap_calls(catalog: Catalog, needs: Sequence[NeedWrap]) -> Suggestion | None:
    """Put the calls into scalar subqueries.

    Equal for every database state when the functions are STABLE or IMMUTABLE: within one statement such a call gives
    one answer, so asking once instead of per row changes nothing (InitPlan, FACTS.md B1.2).
    """
    edits = {(id(need.clause.stored), need.start, need.end): need for need in needs if need.start >= 0}
    if not edits:
        return None
    procs = [proc for need in needs if (proc := catalog.procs.get(need.funcid)) is not None]
    volatile = sorted({proc.proname for proc in procs if proc.provolatile == "v"})
    changes = [
        (need.clause, (need.start, need.end, f"(SELECT {_text(need.clause, need.start, need.end)})"))
        for need in edits.values()
    ]
    assumes = tuple(f"{name}() gives one answer throughout a statement" for name in volatile)
    return _altered(
        catalog,
        changes,
        kind="wrap_call",
        title="ask once per statement: put the call into a scalar subquery",
        applicability="conditional" if volatile else "safe",
        assumes=assumes,
    )


def qualify_names(catalog: Catalog, needs: Sequence[NeedQualify]) -> Suggestion | None:
    """Write the policy's table before the captured names: changes who passes, so never done unasked."""
    changes: list[tuple[PolicyClause, Edit]] = []
    for need in needs:
        if need.start < 0:
            continue
        table = catalog.relations[need.clause.policy.polrelid]
        name = f"{quote_identifier(table.relname)}.{quote_identifier(need.column)}"
        changes.append((need.clause, (need.start, need.end, name)))
    if not changes:
        return None
    return _altered(
        catalog, changes, kind="rewrite_policy", title="name the policy's own table", applicability="unsafe"
    )


def add_select_policy(catalog: Catalog, need: NeedSelectPolicy, roles: Sequence[str]) -> Suggestion:
    """A SELECT policy for the rows that the role may write."""
    table = catalog.relations[need.relid]
    name = f"{need.clause.policy.polname} (select)"[:63]
    target = quote_qualified(catalog.nspname(table.relnamespace), table.relname)
    to = ", ".join("PUBLIC" if role == "public" else quote_identifier(role) for role in roles)
    condition = need.clause.stored.text
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


def _altered(
    catalog: Catalog,
    changes: Sequence[tuple[PolicyClause, Edit]],
    *,
    kind: Literal["wrap_call", "rewrite_policy"],
    title: str,
    applicability: Literal["safe", "conditional", "unsafe"],
    assumes: tuple[str, ...] = (),
) -> Suggestion:
    policy = changes[0][0].policy
    up: list[str] = []
    down: list[str] = []
    for keyword, stored in (("USING", policy.polqual), ("WITH CHECK", policy.polwithcheck)):
        edits = [edit for clause, edit in changes if clause.stored is stored]
        if stored is not None and edits:
            up.append(f"{keyword} ({edited(stored, edits)})")
            down.append(f"{keyword} ({stored.text})")
    head = f"ALTER POLICY {quote_identifier(policy.polname)} ON {_table(catalog, policy)} "
    return Suggestion(
        kind=kind,
        title=title,
        applicability=applicability,
        assumes=assumes,
        up=head + " ".join(up) + ";",
        down=head + " ".join(down) + ";",
    )


def edited(stored: StoredExpr, edits: Sequence[Edit]) -> str:
    """The expression's text with the edits made, the rest as its author wrote it."""
    text = stored.statement.text
    parts: list[str] = []
    position = stored.start
    for start, end, replacement in sorted(set(edits)):
        parts += [text[position:start], replacement]
        position = end
    return "".join(parts) + text[position : stored.end]


def _table(catalog: Catalog, policy: Policy) -> str:
    table = catalog.relations[policy.polrelid]
    return quote_qualified(catalog.nspname(table.relnamespace), table.relname)


def _text(clause: PolicyClause, start: int, end: int) -> str:
    return clause.stored.statement.text[start:end]
