"""Findings at a place in, quick fixes out: the suggestion put into the migration that is being written, or an ignore comment.

Only the newest migration is edited: older ones have run. There, a policy that the file itself makes is rewritten where it
stands; whatever else cures is added at its end. Of a finding in an older file the cure goes to the newest one, too.
"""

from __future__ import annotations

from pathlib import Path

from lsprotocol.types import CodeAction, CodeActionKind, Diagnostic, Position, Range, TextEdit, WorkspaceEdit

from rlslint.catalog.rows import Policy, StoredExpr
from rlslint.findings import Finding, Suggestion
from rlslint.lsp.analysis import Analysis
from rlslint.lsp.positions import position_of, range_of
from rlslint.source.extent import expression_extent
from rlslint.source.model import Migration, SourceFile, Span
from rlslint.source.parse import parse_script


def actions(analysis: Analysis, shown: list[Diagnostic], root: Path) -> list[CodeAction]:
    """What can be done about the diagnostics; those of other tools are passed over."""
    by_fingerprint = {one.fingerprint: one for one in (*analysis.here, *(one for one, _ in analysis.elsewhere))}
    found: list[CodeAction] = []
    for diagnostic in shown:
        finding = by_fingerprint.get(str(diagnostic.data))
        if finding is None:
            continue
        cure = _cure(analysis, analysis.with_suggestions(finding), diagnostic, root)
        if cure is not None:
            found.append(cure)
        ignore = _ignore(analysis, finding, diagnostic, root)
        if ignore is not None:
            found.append(ignore)
    return found


def _cure(analysis: Analysis, finding: Finding, diagnostic: Diagnostic, root: Path) -> CodeAction | None:
    made = [one for one in finding.suggestions if one.up]
    migrations = analysis.edited.project.migrations
    if not made or not migrations:
        return None
    newest = migrations[-1]
    edits: list[TextEdit] = []
    added: list[str] = []
    for suggestion in made:
        inside = _in_place(analysis, finding, suggestion, newest.source)
        edits += inside
        if not inside:
            added.append(_plain(suggestion.up) if newest.transactional else suggestion.up)
    if added:
        edits.append(_at_end(newest, added))
    title = "; ".join(dict.fromkeys(one.title for one in made))
    unsure = [one for one in made if one.applicability != "safe"]
    if unsure:
        title += f" ({unsure[-1].applicability})"
    return CodeAction(
        title=f"{finding.rule.code}: {title}",
        kind=CodeActionKind.QuickFix,
        diagnostics=[diagnostic],
        is_preferred=not unsure,
        edit=WorkspaceEdit(changes={_uri(root, newest.source): edits}),
    )


def _plain(sql: str) -> str:
    """CREATE INDEX CONCURRENTLY cannot run in the transaction that the file runs in."""
    return sql.replace(" CONCURRENTLY", "", 1) if sql.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX")) else sql


def _at_end(migration: Migration, statements: list[str]) -> TextEdit:
    """Behind the last statement that runs, which in a file with a down section is not the file's end."""
    source = migration.source
    text = source.text
    end = migration.statements[-1].span.end if migration.statements else len(text)
    rest = text[end:]
    ended = rest.lstrip().startswith(";")
    if ended:
        end += rest.index(";") + 1
    place = position_of(source, end)
    joint = "" if ended or not migration.statements else ";"
    return TextEdit(range=Range(start=place, end=place), new_text=joint + "".join(f"\n\n{sql}" for sql in statements))


def _in_place(analysis: Analysis, finding: Finding, suggestion: Suggestion, newest: SourceFile) -> list[TextEdit]:
    """An ALTER POLICY's conditions put where the policy's own stand, if it is one that the newest file makes; else []."""
    policy = analysis.facts.catalog.policies.get(finding.policy_oid)
    if policy is None or not suggestion.up.startswith("ALTER POLICY"):
        return []
    source = SourceFile("", suggestion.up)
    statements, problems = parse_script(source, 0, len(suggestion.up))
    if problems or len(statements) != 1:
        return []
    altered = statements[0]
    edits: list[TextEdit] = []
    if altered.node.get("roles"):
        return []
    for name, stored in (("qual", policy.polqual), ("with_check", policy.polwithcheck)):
        if name not in altered.node:
            continue
        place = _written(policy, stored, newest)
        if place is None:
            return []
        start, end = expression_extent(altered, altered.node[name])
        edits.append(TextEdit(range=range_of(place), new_text=suggestion.up[start:end]))
    return edits


def _written(policy: Policy, stored: StoredExpr | None, newest: SourceFile) -> Span | None:
    """Where the condition stands in the newest file; None where it does not stand there as such."""
    if stored is None or stored.statement.synthetic or stored.statement.edits or stored.span.source is not newest:
        return None
    return stored.span


def _ignore(analysis: Analysis, finding: Finding, diagnostic: Diagnostic, root: Path) -> CodeAction | None:
    source = finding.span.source
    if source is not analysis.source:
        return None
    spans = [one.span for migration in analysis.edited.project.migrations for one in migration.statements]
    around = [span for span in spans if span.source is source and span.start <= finding.span.start <= span.end]
    if not around:
        return None
    line, _ = source.position(around[0].start)
    text = source.line(line)
    indent = text[: len(text) - len(text.lstrip())]
    place = Position(line=line - 1, character=0)
    comment = f"{indent}-- rlslint: ignore[{finding.rule.code}] say why\n"
    return CodeAction(
        title=f"Ignore {finding.rule.code} for this statement",
        kind=CodeActionKind.QuickFix,
        diagnostics=[diagnostic],
        edit=WorkspaceEdit(
            changes={_uri(root, source): [TextEdit(range=Range(start=place, end=place), new_text=comment)]}
        ),
    )


def _uri(root: Path, source: SourceFile) -> str:
    return (root / source.path).resolve().as_uri()
