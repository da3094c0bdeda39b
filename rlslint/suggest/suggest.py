"""Findings in, the same findings with suggestions out. What is needed comes from the checks (`Need`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import NeedIndex, NeedNote, NeedQualify, NeedSelectPolicy, NeedWrap
from rlslint.findings import Finding, Suggestion
from rlslint.nodes.primnodes import Oid
from rlslint.suggest.indexes import IndexNames, create_index
from rlslint.suggest.policies import add_select_policy, qualify_names, wrap_calls


def suggest(catalog: Catalog, findings: Sequence[Finding]) -> list[Finding]:
    """Give every finding its suggestions. Edits of one policy that several findings ask for are made together, so that
    applying one suggestion does not undo another."""
    wraps: dict[Oid, dict[NeedWrap, None]] = {}
    names: dict[Oid, dict[NeedQualify, None]] = {}
    for finding in findings:
        for need in finding.needs:
            if isinstance(need, NeedWrap):
                wraps.setdefault(finding.policy_oid, {})[need] = None
            elif isinstance(need, NeedQualify):
                names.setdefault(finding.policy_oid, {})[need] = None
    taken = IndexNames(catalog)
    result: list[Finding] = []
    for finding in findings:
        made: dict[Suggestion, None] = {}
        for need in finding.needs:
            suggestion: Suggestion | None = None
            match need:
                case NeedIndex():
                    suggestion = create_index(catalog, taken, need)
                case NeedWrap():
                    suggestion = wrap_calls(catalog, tuple(wraps[finding.policy_oid]))
                case NeedQualify():
                    suggestion = qualify_names(catalog, tuple(names[finding.policy_oid]))
                case NeedSelectPolicy():
                    suggestion = add_select_policy(catalog, need, finding.roles)
                case NeedNote():
                    suggestion = Suggestion(kind="note", title=need.title, applicability="unsafe")
            if suggestion is not None:
                made[suggestion] = None
        result.append(replace(finding, suggestions=tuple(made)))
    return result
