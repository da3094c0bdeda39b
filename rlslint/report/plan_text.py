"""Predictions as text for people: a table a relation with the growth in front, then a tree a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy
from rlslint.nodes.primnodes import Const, Oid
from rlslint.plan.model import AccessPlan, ArmMatch, CallPlan, Obstacle, RelationScan, SubqueryPlan
from rlslint.plan.visits import row_visits
from rlslint.report.escape import printable
from rlslint.rewrite.model import STATEMENTS, PolicyClause
from rlslint.source.model import Span

_WIDEST: Final = 72
"""Characters of a condition that are shown."""

_EVALUATIONS: Final = {
    "init_plan": "once a statement",
    "hashed_subplan": "once a statement, kept in a hash table",
    "subplan": "for every row",
    "index_condition": "once, for the index",
    "per_row": "for every row",
    "inlined": "inlined, for every row",
    "folded": "folded to a constant",
}
_OBSTACLES: Final[dict[Obstacle, str]] = {
    "no_index": "no index leads with its column",
    "not_leading": "its column is in an index, but not first",
    "function_on_column": "the column stands inside a function",
    "cast_on_column": "the column is cast",
    "operator": "no index serves the operator",
    "any_of_column": "no index serves = ANY (column)",
    "opclass": "the index's operator class does not hold the operator",
    "collation": "the comparison uses another collation than the index",
    "partial": "the partial index does not hold every row wanted",
    "volatile": "it is compared with something VOLATILE",
    "row_dependent": "both sides depend on the row",
    "subquery": "a subquery never drives an index",
    "constant": "it does not depend on the row",
    "call_on_row": "a function of the row",
}


def render_text(catalog: Catalog, plans: Sequence[AccessPlan], rows: Mapping[Oid, int] | None = None) -> str:
    """The text, with a line end. ``rows``, where statistics tell, adds the row visits of each statement."""
    blocks: list[str] = []
    for relid, group in groupby(plans, key=lambda plan: plan.relid):
        every = list(group)
        lines = [_name(catalog, relid), *_table(catalog, every, rows or {})]
        for policy in _policies(every):
            lines += ["", *_tree(catalog, policy, every)]
        notes = dict.fromkeys(note for plan in every for note in plan.assumptions)
        if notes:
            lines += ["", *(f"  assumed: {note}" for note in notes)]
        blocks.append("\n".join(printable(line).rstrip() for line in lines) + "\n")
    return "\n".join(blocks)


# The table ------------------------------------------------------------------------------------------------------------


def _table(catalog: Catalog, plans: Sequence[AccessPlan], rows: Mapping[Oid, int]) -> list[str]:
    """One line a statement and way to run it: roles that run it alike share the line."""
    cells: dict[tuple[str, ...], list[str]] = {}
    for plan in sorted(plans, key=_order):
        growth = "error" if plan.error is not None else plan.growth
        visits = f"{round(row_visits(plan, rows)):,}" if rows else ""
        cells.setdefault((growth, visits, plan.statement, _how(catalog, plan)), []).append(catalog.rolname(plan.role))
    head = ("growth", "row visits" if rows else "", "statement", "roles", "how")
    body = [(growth, visits, name, ", ".join(roles), how) for (growth, visits, name, how), roles in cells.items()]
    widths = [max(len(row[column]) for row in (head, *body)) for column in range(4)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True) if width or cell)
        for row in (head, *body)
    ]


def _order(plan: AccessPlan) -> int:
    return STATEMENTS.index(plan.statement)


def _how(catalog: Catalog, plan: AccessPlan) -> str:
    """The scan and what else reads tables, in one line."""
    if plan.error is not None:
        return f"{plan.error} {plan.error_reason or ''}".rstrip()
    if plan.row_security.bypass is not None:
        return f"row security does not apply: {plan.row_security.bypass}"
    if plan.scan.method == "no_rows":
        return "no row: no policy lets one through"
    parts = [_scan(catalog, plan.scan)] if plan.scan.method != "none" else []
    read = dict.fromkeys(
        f"{_scan(catalog, scan)} on {scan.name.removeprefix('public.')}"
        for subquery in plan.subqueries
        for scan in subquery.relations
    )
    if read:
        parts.append(("checked by " if not parts else "with ") + ", ".join(read))
    return "; ".join(parts) or "checked row by row"


# The tree -------------------------------------------------------------------------------------------------------------


def _policies(plans: Iterable[AccessPlan]) -> list[Policy]:
    """Those that apply somewhere, in order of creation."""
    found: dict[Policy, None] = {}
    for plan in plans:
        found.update(dict.fromkeys(clause.policy for clause in _clauses(plan)))
    return sorted(found, key=lambda policy: policy.oid)


def _tree(catalog: Catalog, policy: Policy, plans: Sequence[AccessPlan]) -> list[str]:
    """How the policy runs in the statement in which most of it runs: the first with the most parts."""
    lines = [f'  policy "{policy.polname}" for {_COMMANDS[policy.polcmd]}']
    best = max(plans, key=lambda plan: len(_parts(catalog, policy, plan)))
    parts = _parts(catalog, policy, best)
    if not parts:
        return [*lines, f"  └─ {_plain(policy, plans)}"]
    for number, (text, below) in enumerate(parts):
        last = number == len(parts) - 1
        lines.append(f"  {'└─' if last else '├─'} {text}")
        lines += [f"  {'  ' if last else '│ '} {'└─' if row is below[-1] else '├─'} {row}" for row in below]
    return lines


def _plain(policy: Policy, plans: Iterable[AccessPlan]) -> str:
    """Of a policy of which nothing is to be told: what it is."""
    applied = [(plan, clause) for plan in plans for clause in _clauses(plan) if clause.policy is policy]
    if all(plan.error is not None and plan.scan.method == "none" for plan, _ in applied):
        return "not planned: the statement fails"
    values = {clause.expr.value for _, clause in applied if isinstance(clause.expr, Const)}
    if len(values) == 1 and all(isinstance(clause.expr, Const) for _, clause in applied):
        return f"always {values.pop() or 'NULL'}"
    return "a comparison with the row alone"


def _clauses(plan: AccessPlan) -> Iterator[PolicyClause]:
    for quals in (*plan.row_security.security_quals, *(one.quals for one in plan.row_security.with_check_options)):
        yield from quals.clauses


_COMMANDS: Final = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def _parts(catalog: Catalog, policy: Policy, plan: AccessPlan) -> list[tuple[str, list[str]]]:
    arms = [_arm(catalog, arm, plan.scan) for arm in plan.arms if arm.clause.policy is policy]
    subqueries = [_subquery(catalog, one) for one in plan.subqueries if one.clause.policy is policy]
    calls = [_call(one) for one in plan.calls if one.clause.policy is policy]
    return list({text: (text, below) for text, below in [*arms, *subqueries, *calls]}.values())


def _arm(catalog: Catalog, arm: ArmMatch, scan: RelationScan) -> tuple[str, list[str]]:
    index = catalog.indexes.get(arm.index)
    said = _OBSTACLES.get(arm.obstacle, "no index serves it")
    if index is not None:
        said = f"index {index.relname}" + (" could serve it" if scan.method == "seq_scan" else "")
    near = catalog.indexes.get(arm.near_index)
    if index is None and near is not None:
        said += f" ({near.relname})"
    return f"{_words(arm.span)}: {said}", []


def _subquery(catalog: Catalog, one: SubqueryPlan) -> tuple[str, list[str]]:
    said = _EVALUATIONS[one.evaluation]
    if one.not_hashed_because and one.evaluation == "subplan":
        said += f" ({one.not_hashed_because})"
    where = "in the check" if one.in_check else "in the filter"
    said = said.replace("every row", "every new row") if one.in_check else said
    below = [f"{_scan(catalog, scan)} on {scan.name.removeprefix('public.')}" for scan in one.relations]
    return f"{_words(one.span)} {where}: {said}", below


def _call(call: CallPlan) -> tuple[str, list[str]]:
    said = _EVALUATIONS[call.evaluation]
    if call.in_check:
        said = said.replace("every row", "every new row")
    return f"{call.function}(): {said}", []


def _words(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 4] + " ..."


def _scan(catalog: Catalog, scan: RelationScan) -> str:
    indexes = [row.relname for oid in scan.indexes if (row := catalog.indexes.get(oid)) is not None]
    words = scan.method.replace("_", " ")
    return f"{words} {', '.join(indexes)}" if indexes else words


def _name(catalog: Catalog, relid: Oid) -> str:
    row = catalog.relations[relid]
    schema = catalog.nspname(row.relnamespace)
    table = quote_identifier(row.relname)
    return table if schema == "public" else f"{quote_identifier(schema)}.{table}"
