"""One database in, what is found in it out: with what earlier runs left of it, and beside what a change left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rlslint.change import Look, Reading, Without, at_cause, concerns, named, since, without
from rlslint.checks.model import Facts
from rlslint.config import Options, limits
from rlslint.findings import Finding
from rlslint.look import gather, lint, look, reusable
from rlslint.memory.project import ProjectMemory
from rlslint.records import dataclass, replace
from rlslint.registry import Rule
from rlslint.replay.presets.presets import choose_preset
from rlslint.replay.replay import Replayed, replay
from rlslint.source.changed import Changes
from rlslint.source.model import Project, Tell
from rlslint.stem import Stem
from rlslint.suggest.advice import Advice


@dataclass(frozen=True, slots=True)
class Checked:
    """One database, checked."""

    project: Project
    replayed: Replayed
    facts: Facts
    findings: list[Finding]
    cured: list[Finding] | None
    """None where everything was reported on."""
    advice: Advice
    keep: Callable[[], None]
    """Leaves what the run came to know for the next one."""


def examine(
    project: Project,
    options: Options,
    changes: Changes | None,
    newest: frozenset[str] | None,
    rules: Sequence[Rule],
    cwd: Path,
    folder: Path | None,
    tell: Tell,
) -> Checked:
    """Check one database, or what ``changes`` or the files that were named do to it; ``newest``: paths of the files that
    are new in it, None where nobody says which these are; ``folder``: where runs leave what they know."""
    options = replace(options, preset=choose_preset(project) if options.preset == "auto" else options.preset)
    first = _old(project, newest)
    memory = (
        ProjectMemory(folder, project, options) if folder is not None and first and reusable(options, rules) else None
    )
    known = None if memory is None else memory.recall({rule.code: rule for rule in rules}, first)
    if memory is not None and memory.shared:
        # where the last run and this one part, the next one is likely to part from it, too
        first = _between(project, min(first, memory.shared))
    if known is not None and first - known.first < _BEHIND:
        first = known.first
    stem = Stem(project, first, options, tell, None if known is None else (known.first, known.snapshot))
    taken = None if memory is None else stem.taken()
    earlier = None if known is None else known.looked
    rest: Without | None = None
    if changes is None and project.reported is not None:
        smaller = without(project)
        grown = stem.grow(smaller)
        seen = look(smaller, grown, options, rules, frozenset(), earlier, tell)
        found = lint(seen.facts, smaller, options, rules, cwd, seen.every)
        rest = Without.of(grown.replayed.catalog, found)
        earlier = seen.looked()
    grown = stem.grow(project, newest or frozenset())
    seen = look(project, grown, options, rules, newest, earlier, tell)
    findings = lint(seen.facts, project, options, rules, cwd, seen.every)
    cured: list[Finding] | None = None
    if changes is not None and concerns(changes, project, cwd):
        reading = Reading(options.paths, options.layout, limits(options))
        before = looker(options, options.preset, rules, cwd)
        findings, cured = since(changes, findings, project, reading, before, cwd)
    elif changes is not None:
        findings, cured = [], []
    elif rest is not None:
        findings, cured = named(findings, project.reported or frozenset(), rest)
    if newest:
        findings = at_cause(findings, newest, grown.causes, grown.replayed.catalog)

    def keep() -> None:
        """Where it is worth the time: nothing is known, or of too few migrations, or much more was suggested."""
        beyond = known is None or known.first < first
        if memory is None or taken is None or not (beyond or seen.advice.new >= _NEW):
            return
        looked = seen.looked()
        if known is None or beyond or len(looked.advised) >= len(known.looked.advised) + _NEW:
            memory.keep(first, taken, looked)

    return Checked(project, grown.replayed, seen.facts, findings, cured, seen.advice, keep)


_NEW: Final = 8
"""Findings that something was worked out for: from so many on, it is left for the next run."""
_BEHIND: Final = 16
"""Migrations behind those that are remembered: from so many on, more are."""


def _old(project: Project, newest: frozenset[str] | None) -> int:
    """How many of the first migrations are old: those before the newest, or before the last."""
    migrations = project.migrations
    places = [n for n, migration in enumerate(migrations) if newest and migration.source.path in newest]
    return _between(project, min(places, default=len(migrations) - 1))


def _between(project: Project, first: int) -> int:
    """So many migrations, or as many fewer as leave no session half run."""
    while first and first < len(project.migrations) and project.migrations[first].continues:
        first -= 1
    return first


def looker(options: Options, preset: str, rules: Sequence[Rule], cwd: Path) -> Look:
    """What finds in another state of the project what would be found in it."""

    def look(project: Project) -> list[Finding]:
        was = replay(project, preset=preset, pg_version=options.pg_version)
        return lint(gather(project, was, options, frozenset()), project, options, rules, cwd)

    return look
