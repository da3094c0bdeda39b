"""Findings and the configuration's wishes in: severities set, files and objects left out. Comments are not its concern."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import cast

from rlslint.checks.model import Severity
from rlslint.findings import Finding
from rlslint.records import replace

Ignores = Sequence[tuple[str, tuple[str, ...]]]
"""Pattern, and the codes or prefixes that it silences; no code means every rule."""


def as_configured(
    findings: Iterable[Finding],
    *,
    files: Ignores,
    objects: Ignores,
    severities: Sequence[tuple[str, str]],
    relative: Callable[[str], str],
) -> list[Finding]:
    """Findings with their configured severity, less those that are ignored.

    ``relative`` makes a path as shown into one relative to the configuration's folder.
    """
    kept: list[Finding] = []
    for finding in findings:
        path = relative(finding.span.source.path)
        if _silenced(finding, files, (path, path.rpartition("/")[2])):
            continue
        if _silenced(finding, objects, tuple(_names(finding))):
            continue
        set_to = max((one for one in severities if finding.rule.code.startswith(one[0])), key=_length, default=None)
        kept.append(finding if set_to is None else replace(finding, severity=cast(Severity, set_to[1])))
    return kept


def _length(severity: tuple[str, str]) -> int:
    return len(severity[0])


def _silenced(finding: Finding, ignores: Ignores, names: Sequence[str]) -> bool:
    return any(
        (not codes or finding.rule.code.startswith(tuple(code.upper() for code in codes)))
        and any(fnmatchcase(name, pattern) for name in names)
        for pattern, codes in ignores
    )


def _names(finding: Finding) -> Iterator[str]:
    """``schema.table`` and ``schema.table.policy``; without the schema too when it is public."""
    if finding.table is None:
        return
    tables = [f"{finding.schema}.{finding.table}"]
    if finding.schema == "public":
        tables.append(finding.table)
    for table in tables:
        yield table
        if finding.policy is not None:
            yield f"{table}.{finding.policy}"
