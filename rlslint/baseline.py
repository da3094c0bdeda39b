"""A baseline file and findings in; what is not in it out, and the file without what has been cured (it only shrinks).

The file holds fingerprints of code, table, policy and expression, never a line, so that unrelated edits leave it alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from rlslint.findings import SEVERITIES, Finding
from rlslint.records import dataclass

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
    """Compare with the file; without one, all findings of a ``whole`` run are recorded.

    Only a ``whole`` run (not of some files) drops what it no longer finds, and only for the ``codes`` that it looked
    for. Raises BaselineError.
    """
    was = _read(path)
    if was is None:
        near = get_close_matches(path.name, _files_beside(path), n=1, cutoff=0.8)
        if near:
            raise BaselineError(f"{_shown(path)}: no such file: did you mean {near[0]}?")
        if not whole:
            raise BaselineError(
                f"{_shown(path)}: no such file; a run over everything records it, not one over a change"
            )
        return Ratchet([], len(findings), 0, _text([_entry(finding) for finding in findings]), None)
    entries = _entries(path, was)
    known = {entry["fingerprint"]: entry for entry in entries}
    new = [finding for finding in findings if not _is_held(known.get(finding.fingerprint), finding)]
    found = {finding.fingerprint for finding in findings}
    kept = [entry for entry in entries if entry["fingerprint"] in found or not whole or entry["code"] not in codes]
    return Ratchet(new, len(findings) - len(new), len(entries) - len(kept), _text(kept), was)


def keep(path: Path, ratchet: Ratchet, *, may_make: bool = True) -> str:
    """Write the file where it changes. What was done, in words; nothing when it stays as it is.

    Raises BaselineError where there is none and ``may_make`` says that nobody would keep it, and OSError.
    """
    if ratchet.text == ratchet.was:
        return ""
    if ratchet.was is None and not may_make:
        raise BaselineError(f"{_shown(path)}: no such file; record it outside CI and commit it")
    path.write_text(ratchet.text, encoding="utf-8")
    if ratchet.was is None:
        return f"made {_shown(path)}: {ratchet.held} finding{'' if ratchet.held == 1 else 's'} known from now on"
    return f"cured and taken out of {_shown(path)}: {ratchet.cured}"


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
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise BaselineError(f"{_shown(path)}: not UTF-8") from None
    except OSError as error:
        raise BaselineError(f"{_shown(path)}: {error.strerror or error}") from None


def _shown(path: Path) -> str:
    """The path as it is said: from the working directory, where it lies below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _files_beside(path: Path) -> list[str]:
    """The JSON files that a misspelt name may mean."""
    return [one.name for one in path.parent.glob("*.json")] if path.parent.is_dir() else []


def held_by(path: Path) -> Callable[[Finding], bool]:
    """Whether the file holds a finding. Raises BaselineError; without a file nothing is held."""
    was = _read(path)
    known = {} if was is None else {entry["fingerprint"]: entry for entry in _entries(path, was)}
    return lambda finding: _is_held(known.get(finding.fingerprint), finding)


def _entries(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise BaselineError(f"{_shown(path)}: not JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("findings"), list):
        raise BaselineError(f"{_shown(path)}: not a baseline of rlslint")
    if data.get("version") != VERSION:
        raise BaselineError(
            f"{_shown(path)}: a baseline of version {data.get('version')!r}; this rlslint knows {VERSION}"
        )
    for entry in data["findings"]:
        if (
            not isinstance(entry, dict)
            or not all(isinstance(entry.get(key), str) for key in ("fingerprint", "code"))
            or entry.get("severity") not in SEVERITIES
        ):
            raise BaselineError(f"{_shown(path)}: an entry lacks its fingerprint, code or severity: {entry!r}")
    entries: list[dict[str, Any]] = data["findings"]
    return entries
