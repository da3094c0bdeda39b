"""A baseline file and findings in; what is not in it out, and the file without what has been cured (it only shrinks).

The file holds fingerprints of code, table, policy and expression, never a line, so that unrelated edits leave it alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rlslint.findings import SEVERITIES, Finding

VERSION: Final = 1


class BaselineError(Exception):
    """The baseline file cannot be used; one line with the file's name. Exit status 2."""


@dataclass(frozen=True, slots=True)
class Ratchet:
    """What a baseline did to a run."""

    new: list[Finding]
    """Findings that the baseline does not hold, or holds as less severe."""
    held: int
    """Findings that it holds."""
    cured: int
    """Entries that were found no more."""
    text: str
    """What the file should hold from now on."""
    was: str | None
    """What it held; None when there was no file."""


def ratchet(path: Path, findings: Sequence[Finding], *, whole: bool, codes: frozenset[str]) -> Ratchet:
    """Compare with the file; without one, all findings are recorded.

    Only a ``whole`` run (not of some files) drops what it no longer finds, and only for the ``codes`` that it looked
    for. Raises BaselineError.
    """
    was = _read(path)
    if was is None:
        return Ratchet([], len(findings), 0, _text([_entry(finding) for finding in findings]), None)
    entries = _entries(path, was)
    known = {entry["fingerprint"]: entry for entry in entries}
    new = [finding for finding in findings if not _is_held(known.get(finding.fingerprint), finding)]
    found = {finding.fingerprint for finding in findings}
    kept = [entry for entry in entries if entry["fingerprint"] in found or not whole or entry["code"] not in codes]
    return Ratchet(new, len(findings) - len(new), len(entries) - len(kept), _text(kept), was)


def keep(path: Path, ratchet: Ratchet) -> str:
    """Write the file where it changes. What was done, in words; nothing when it stays as it is."""
    if ratchet.text == ratchet.was:
        return ""
    path.write_text(ratchet.text, encoding="utf-8")
    if ratchet.was is None:
        return f"known from now on, recorded in {path}: {ratchet.held}"
    return f"cured and taken out of {path}: {ratchet.cured}"


def _is_held(entry: Mapping[str, Any] | None, finding: Finding) -> bool:
    return entry is not None and SEVERITIES.index(finding.severity) <= SEVERITIES.index(entry["severity"])


def _entry(finding: Finding) -> dict[str, Any]:
    return {
        "fingerprint": finding.fingerprint,
        "code": finding.rule.code,
        "severity": finding.severity,
        "path": finding.span.source.path,
        "schema": finding.schema,
        "table": finding.table,
        "policy": finding.policy,
    }


def _text(entries: Sequence[Mapping[str, Any]]) -> str:
    ordered = sorted(entries, key=lambda entry: (str(entry.get("path")), entry["code"], entry["fingerprint"]))
    # one line an entry: branches that cure different findings merge without a conflict
    lines = ",\n".join(f"  {json.dumps(entry, ensure_ascii=False)}" for entry in ordered)
    return (
        f'{{"version": {VERSION}, "findings": [\n{lines}\n]}}\n'
        if ordered
        else f'{{"version": {VERSION}, "findings": []}}\n'
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BaselineError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _entries(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise BaselineError(f"{path}: not JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("findings"), list):
        raise BaselineError(f"{path}: not a baseline of rlslint")
    if data.get("version") != VERSION:
        raise BaselineError(f"{path}: a baseline of version {data.get('version')!r}; this rlslint knows {VERSION}")
    for entry in data["findings"]:
        if (
            not isinstance(entry, dict)
            or not all(isinstance(entry.get(key), str) for key in ("fingerprint", "code"))
            or entry.get("severity") not in SEVERITIES
        ):
            raise BaselineError(f"{path}: an entry lacks its fingerprint, code or severity: {entry!r}")
    entries: list[dict[str, Any]] = data["findings"]
    return entries
