"""An analysis in, LSP's diagnostics and hovers out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from lsprotocol.types import (
    CodeDescription,
    Diagnostic,
    DiagnosticRelatedInformation,
    DiagnosticSeverity,
    Hover,
    Location,
    MarkupContent,
    MarkupKind,
)

from rlslint import __version__
from rlslint.checks.model import Severity
from rlslint.findings import Finding
from rlslint.lsp.analysis import Analysis
from rlslint.lsp.definition import policies_at
from rlslint.lsp.positions import range_of
from rlslint.registry import Rule, load_rules
from rlslint.report.escape import fenced, markdown
from rlslint.report.plan_text import render_text
from rlslint.source.model import Span

_SEVERITIES: Final[dict[Severity, DiagnosticSeverity]] = {
    "error": DiagnosticSeverity.Error,
    "warning": DiagnosticSeverity.Warning,
    "info": DiagnosticSeverity.Information,
}
_CODE: Final = re.compile(r"\bRLS\d{3}\b")


def page_url(code: str) -> str:
    """The rule's page."""
    return f"https://github.com/rlslint/rlslint/blob/v{__version__}/docs/rules/{code}.md"


def location(span: Span, root: Path) -> Location:
    """A place in a file."""
    return Location(uri=(root / span.source.path).resolve().as_uri(), range=range_of(span))


def diagnostics(analysis: Analysis, root: Path) -> list[Diagnostic]:
    """Findings in the file, then, at the statements that cause them, those in other files."""
    found = [_diagnostic(one, one.span, one.related, root) for one in analysis.here]
    for finding, cause in analysis.elsewhere:
        related = ((finding.span, f"{finding.rule.code} here"), *finding.related)
        found.append(_diagnostic(finding, cause.span, related, root))
    return found


def _diagnostic(finding: Finding, span: Span, related: tuple[tuple[Span, str], ...], root: Path) -> Diagnostic:
    return Diagnostic(
        range=range_of(span),
        message=finding.message,
        severity=_SEVERITIES[finding.severity],
        code=finding.rule.code,
        code_description=CodeDescription(href=page_url(finding.rule.code)),
        source="rlslint",
        related_information=[
            DiagnosticRelatedInformation(location=location(place, root), message=text) for place, text in related
        ],
        data=finding.fingerprint,
    )


def hover(analysis: Analysis, offset: int) -> Hover | None:
    """The findings at a place with their rules, the plan of the policy that stands there, a rule that a comment names."""
    source = analysis.source
    if source is None:
        return None
    here = [one for one in analysis.here if one.span.start <= offset <= one.span.end]
    parts = [_finding(one) for one in sorted(here, key=lambda one: one.span.end - one.span.start)]
    line = source.line(source.position(offset)[0])
    if "rlslint:" in line:
        known = load_rules()
        parts += [_rule(known[code]) for code in _CODE.findall(line) if code in known]
    catalog = analysis.facts.catalog
    for relid in dict.fromkeys(policy.polrelid for policy in policies_at(catalog, source, offset)):
        plans = [plan for plan in analysis.facts.plans if plan.relid == relid]
        if plans:
            text = render_text(catalog, plans, analysis.facts.rows)
            parts.append(f"How PostgreSQL will run it, as predicted\n\n{fenced(text.rstrip(), 'text')}")
    if not parts:
        return None
    return Hover(contents=MarkupContent(kind=MarkupKind.Markdown, value="\n\n---\n\n".join(parts)))


def _finding(finding: Finding) -> str:
    return (
        f"**{finding.rule.code} {finding.rule.name}** ({finding.severity}): {markdown(finding.message)}\n\n"
        f"{finding.rule.help.strip()}\n\n[Why it matters]({page_url(finding.rule.code)})"
    )


def _rule(rule: Rule) -> str:
    return f"**{rule.code} {rule.name}**\n\n{rule.rationale.strip()}\n\n{rule.help.strip()}\n\n[Its page]({page_url(rule.code)})"
