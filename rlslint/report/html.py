"""The result as one HTML file that needs nothing else: a grid of growth for each table, findings, policies, plans.

Everything is in the page before its script runs; the script filters, and shows the plan of a cell.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Final

from rlslint import __version__
from rlslint.analyze.definitions import COMMANDS
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy
from rlslint.findings import SEVERITIES, Finding, Suggestion
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan
from rlslint.report.escape import json_text, xml
from rlslint.report.model import Result
from rlslint.report.plan import plan_json
from rlslint.report.summary import badness, by_rule, worst_first
from rlslint.report.words import count
from rlslint.rewrite.model import STATEMENTS

_HERE: Final = Path(__file__).parent
_CHEAP: Final = frozenset({"O(1)", "O(log n)", "O(log m)"})


def render(result: Result) -> str:
    """The page, with a line end."""
    css, script = (_HERE.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    body = [_head(result), _legend(), _controls(result), '<main id="main">']
    data: list[list[object]] = []
    rest = list(result.findings)
    for database in result.databases:
        by_table: dict[Oid, list[Finding]] = {}
        for finding in rest:
            if finding.span.source.path in database.files:
                by_table.setdefault(finding.relid, []).append(finding)
        if len(result.databases) > 1:
            body.append(f'<h2 class="database">{xml(database.name)}</h2>')
        tables = {relid: list(group) for relid, group in groupby(database.plans, key=lambda plan: plan.relid)}
        for relid in sorted(tables, key=lambda relid: badness(by_table.get(relid, []))):
            shown = worst_first(by_table.get(relid, []))
            body.append(_table(result, database.catalog, relid, tables[relid], shown, data))
            told = {id(finding) for finding in shown}
            rest = [finding for finding in rest if id(finding) not in told]
    if rest:
        body.append('<section class="table" data-name=""><h2>Elsewhere</h2>')
        body += [_finding(result, finding) for finding in worst_first(rest)]
        body.append("</section>")
    body.append('<p id="nothing" hidden>Nothing fits the filter.</p></main>')
    body.append(
        '<aside id="plan" aria-live="polite" hidden><button id="close" type="button">Close</button><div></div></aside>'
    )
    # no text can close the element or open a comment in it
    embedded = json_text(data, indent=None).strip().replace("<", "\\u003c")

    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>rlslint report</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + f'\n<script type="application/json" id="plans">{embedded}</script>\n<script>\n{script}</script>\n</body>\n</html>\n'
    )


def _head(result: Result) -> str:
    found = (
        ", ".join(count(result.count(one), one) for one in reversed(SEVERITIES) if result.count(one)) or "nothing found"
    )
    held = f"{count(result.policies, 'policy')} on {count(result.tables, 'table')}, {count(result.files, 'file')}"
    return (
        '<a class="skip" href="#main">Skip to the tables</a>'
        f"<header><h1>rlslint</h1><p>{found} &middot; {held} &middot; version {__version__}</p></header>"
    )


_LEGEND: Final = (
    ("cheap", "found by an index, or nothing to find"),
    ("other", "grows with a table that a policy reads"),
    ("whole", "reads a whole table"),
    ("worst", "reads a table for every row of another"),
    ("empty", "no policy lets a row through"),
    ("refused", "fails, whatever the rows"),
)


def _legend() -> str:
    items = "".join(f'<li><span class="{name}"></span> {words}</li>' for name, words in _LEGEND)
    return f'<ul class="legend" aria-label="Colours of the grids">{items}</ul>'


def _controls(result: Result) -> str:
    options = "".join(
        f'<option value="{one.rule.code}">{one.rule.code} {one.rule.name} ({one.number})</option>'
        for one in by_rule(result.findings)
    )
    return (
        '<form id="filters" role="search"><label>Search <input id="search" type="search" '
        'size="30" placeholder="table, policy, role, words"></label>'
        f'<label>Rule <select id="rule"><option value="">all</option>{options}</select></label>'
        '<label>Severity <select id="severity"><option value="">all</option><option value="error">errors</option>'
        '<option value="warning">warnings</option><option value="info">infos</option></select></label>'
        '<label><input id="found" type="checkbox"> only tables with findings</label>'
        '<output id="shown" for="search rule severity found"></output></form>'
    )


def _table(
    result: Result,
    catalog: Catalog,
    relid: Oid,
    plans: list[AccessPlan],
    findings: list[Finding],
    data: list[list[object]],
) -> str:
    relation = catalog.relations[relid]
    name = f"{catalog.nspname(relation.relnamespace)}.{relation.relname}"
    roles = list(dict.fromkeys(plan.role for plan in plans))
    cells = {(plan.role, plan.statement): plan for plan in plans}
    label = f"table-{len(data)}"
    heads = "".join(f'<th scope="col">{name_.replace("_", " ")}</th>' for name_ in STATEMENTS)
    rows = []
    for role in roles:
        row = "".join(_cell(catalog, cells.get((role, one)), data) for one in STATEMENTS)
        rows.append(f'<tr><th scope="row">{xml(catalog.rolname(role))}</th>{row}</tr>')
    counts = ", ".join(
        f"{number} {one}{'s' if number != 1 else ''}"
        for one in reversed(SEVERITIES)
        if (number := sum(finding.severity == one for finding in findings))
    )
    parts = [
        f'<section class="table" data-name="{xml(name)}"><h2>{xml(name)} <small>{counts}</small></h2>',
        f'<p class="soft" id="{label}">How much work each statement takes, by role: n rows in {xml(name)}, '
        f'm in a table that a policy reads</p><div class="scroll"><table aria-labelledby="{label}">'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}"
        "</tbody></table></div>",
        *(_finding(result, finding) for finding in findings),
        _policies(catalog, relid),
        "</section>",
    ]
    return "\n".join(parts)


def _cell(catalog: Catalog, plan: AccessPlan | None, data: list[list[object]]) -> str:
    if plan is None:
        return "<td></td>"
    entry = plan_json(catalog, plan)
    data.append([entry, plan.error_reason or ""])
    text = f"error {plan.error}" if plan.error else ("no rows" if plan.scan.method == "no_rows" else plan.growth)
    label = f"{plan.statement.replace('_', ' ')} as {catalog.rolname(plan.role)}: {text}, show the plan"
    return (
        f'<td class="{_shade(plan)}"><button type="button" data-plan="{len(data) - 1}" aria-label="{xml(label)}">'
        f"{xml(text)}</button></td>"
    )


def _shade(plan: AccessPlan) -> str:
    """The class of a cell's colour; the text says the same."""
    if plan.error is not None:
        return "refused"
    if plan.scan.method == "no_rows":
        return "empty"
    if plan.growth in _CHEAP:
        return "cheap"
    if "*" in plan.growth:
        return "worst"
    return "whole" if "n" in plan.growth.replace("log n", "") else "other"


def _finding(result: Result, finding: Finding) -> str:
    path, line, column = finding.place
    words = " ".join([finding.rule.code, finding.rule.name, finding.message, finding.policy or "", *finding.roles])
    source = finding.span.source
    end = source.position(finding.span.end)[0]
    code = "\n".join(f"{number:>5}  {source.line(number)}" for number in range(line, min(end, line + 19) + 1))
    parts = [
        f'<details class="finding {finding.severity}" data-rule="{finding.rule.code}" data-severity="{finding.severity}" '
        f'data-words="{xml(words)}"><summary><span class="badge">{finding.severity}</span> '
        f"<b>{finding.rule.code} {finding.rule.name}</b> {xml(finding.message)}</summary>",
        f"<p><code>{xml(result.in_repository(path))}:{line}:{column}</code>"
        + (f" policy <b>{xml(finding.policy)}</b>" if finding.policy is not None else "")
        + f"</p><pre>{xml(code)}</pre>",
        _places(result, finding),
        *(_suggestion(one) for one in finding.suggestions),
        f"<details><summary>Why it matters</summary><p>{xml(finding.rule.rationale)}</p><p>{xml(finding.rule.help)}</p>"
        "</details></details>",
    ]
    return "".join(parts)


def _places(result: Result, finding: Finding) -> str:
    """What a change does to cause it, then the other places that it speaks of."""
    named = [*([(finding.cause, "caused by")] if finding.cause is not None else []), *finding.related]
    items = "".join(
        f"<li>{xml(text)}: <code>{xml(result.in_repository(span.source.path))}:{span.source.position(span.start)[0]}</code></li>"
        for span, text in named
    )
    return f"<ul>{items}</ul>" if items else ""


def _suggestion(suggestion: Suggestion) -> str:
    text = f"<p><b>{xml(suggestion.title)}</b>"
    text += f" ({suggestion.applicability})</p>" if suggestion.up else "</p>"
    if suggestion.assumes:
        text += "<ul>" + "".join(f"<li>assumes: {xml(one)}</li>" for one in suggestion.assumes) + "</ul>"
    if not suggestion.up:
        return text
    before = suggestion.down.splitlines() if suggestion.down.startswith("ALTER POLICY") else []
    lines = [f'<del aria-label="removed">- {xml(line)}</del>' for line in before]
    lines += [f'<ins aria-label="added">+ {xml(line)}</ins>' for line in suggestion.up.splitlines()]
    return f'{text}<pre class="diff">' + "\n".join(lines) + "</pre>"


def _policies(catalog: Catalog, relid: Oid) -> str:
    policies = list(catalog.policies_of(relid))
    if not policies:
        return "<p>No policy.</p>"
    items = "".join(_policy(catalog, policy) for policy in policies)
    return f"<details><summary>{count(len(policies), 'policy')}</summary><dl>{items}</dl></details>"


def _policy(catalog: Catalog, policy: Policy) -> str:
    roles = ", ".join(sorted(catalog.rolname(role) for role in policy.polroles))
    kind = "permissive" if policy.polpermissive else "restrictive"
    text = ""
    for keyword, stored in (("USING", policy.polqual), ("WITH CHECK", policy.polwithcheck)):
        if stored is not None:
            text += f"{keyword} ({stored.text})\n"
    head = f"{xml(policy.polname)} <small>{kind}, for {COMMANDS[policy.polcmd]}, to {xml(roles)}</small>"
    return f"<dt>{head}</dt><dd><pre>{xml(text)}</pre></dd>"
