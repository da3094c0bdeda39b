"""Findings with their suggestions in, the same with a note where two suggestions rewrite one policy out: each holds the
whole condition, so of two that are run the last counts. `fix` writes what both come to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rlslint.findings import Finding, Suggestion
from rlslint.records import replace

_REWRITE: Final = re.compile(
    r"""^(?:ALTER|DROP)\ POLICY\ (?P<policy>"(?:[^"]|"")+"|\S+)\ ON\ (?P<table>[^\s;]+)
        (?=;\Z|;\n|\ USING|\ WITH\ CHECK|\ TO\ [^;\n]*?\ (?:USING|WITH\ CHECK))""",
    re.MULTILINE | re.VERBOSE,
)


def with_clashes(findings: Sequence[Finding]) -> list[Finding]:
    """Each finding whose suggestion rewrites a policy otherwise than another's says so."""
    texts: dict[tuple[str, str], dict[str, list[str]]] = {}
    for finding in findings:
        for one in finding.suggestions:
            for policy in _rewritten(one):
                texts.setdefault(policy, {}).setdefault(one.up, []).append(finding.rule.code)
    return [_noted(finding, texts) for finding in findings]


def _noted(finding: Finding, texts: Mapping[tuple[str, str], Mapping[str, Sequence[str]]]) -> Finding:
    own = {one.up for one in finding.suggestions}
    others = {
        (policy, code)
        for one in finding.suggestions
        for policy, table in _rewritten(one)
        for up, codes in texts[policy, table].items()
        if up not in own
        for code in codes
    }
    if not others:
        return finding
    policies = ", ".join(sorted({policy for policy, _ in others}))
    codes = ", ".join(sorted({code for _, code in others}))
    note = Suggestion(
        kind="note",
        title=f"the cure of {codes} rewrites {policies} too, and of two the last one counts: rlslint fix writes both as one",
        applicability="unsafe",
    )
    return replace(finding, suggestions=(*finding.suggestions, note))


def _rewritten(suggestion: Suggestion) -> Iterable[tuple[str, str]]:
    """Policies whose conditions it writes anew, or that it drops, with their tables."""
    return dict.fromkeys((match["policy"], match["table"]) for match in _REWRITE.finditer(suggestion.up))
