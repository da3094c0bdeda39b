"""An edited migration in, what is to be said of it out: findings in it, and those it causes in older files.

The same stages as `pipeline.check` runs, over the tables that the file touches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.change import caused
from rlslint.checks.model import Facts
from rlslint.findings import Finding
from rlslint.look import gather, lint
from rlslint.lsp.history import Edited, History
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field
from rlslint.registry import Rule
from rlslint.source.model import SourceFile, Statement, Tell, silent
from rlslint.suggest.judge import Judge
from rlslint.suggest.suggest import suggest
from rlslint.touched import Origins


@dataclass(slots=True)
class Analysis:
    """One file, as it stands in the editor. It holds until its history replays another edit."""

    edited: Edited
    facts: Facts
    rules: Sequence[Rule]
    source: SourceFile | None
    """The file's text as it was read; None where the file runs nothing."""
    here: list[Finding]
    """Findings in the file."""
    elsewhere: list[tuple[Finding, Statement]]
    """Findings in other files that are not there without this one, each with the statement of the file that causes it."""
    _suggested: dict[str, Finding] = field(default_factory=dict)

    def with_suggestions(self, finding: Finding) -> Finding:
        """The finding with what cures it, which is worked out when somebody asks."""
        if finding.fingerprint not in self._suggested:
            (self._suggested[finding.fingerprint],) = suggest([finding], Judge(self.facts, self.rules))
        return self._suggested[finding.fingerprint]


@dataclass(slots=True)
class Before:
    """Findings outside a file as they are without it, for the tables that were asked for so far."""

    tables: set[Name] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


Name = tuple[str, str]
"""Schema and table."""
Early = Callable[[Analysis, frozenset[Name]], None]
"""Is given what is known of some tables, and which these are, before the others are looked at."""
_MANY: Final = 25
"""Tables that take so long to look at that the file's own come first."""


def analyse(
    history: History,
    file: Path,
    rules: Sequence[Rule],
    before: Before,
    early: Early | None = None,
    tell: Tell = silent,
) -> Analysis:
    """What is to be said of the file. ``before`` is kept from one edit of it to the next; it goes with the history. What
    ``tell`` raises ends the work between two tables; the history and ``before`` are whole then."""
    edited = history.edited(file)
    own = _own(edited)
    if early is not None and len(edited.affected) > len(own) + _MANY:
        facts, findings = _look(history, edited, rules, own, tell)
        # whether a comment suppresses nothing hangs on all tables
        here = [one for one in findings if one.span.source.path in edited.paths and one.rule.code != "RLS003"]
        looked_at = frozenset(_name(edited.replayed.catalog, oid) for oid in own)
        early(Analysis(edited, facts, rules, _source(edited), here, []), looked_at)
    # by name: what the file and those after it make has another OID each time
    names = {_name(edited.replayed.catalog, oid) for oid in edited.affected}
    if not names <= before.tables:
        _look_before(history, file, rules, before, edited.affected, names, tell)
        edited = history.edited(file)
    facts, findings = _look(history, edited, rules, edited.affected, tell)
    here = [one for one in findings if one.span.source.path in edited.paths]
    rest = [one for one in findings if one.span.source.path not in edited.paths and one.rule.code != "RLS003"]
    new, _ = caused(before.findings, rest, lambda finding: False)
    origins = Origins(edited.causes, history.dependents)
    elsewhere = [(one, statement) for one in new if (statement := origins.cause(one.relid)) is not None]
    return Analysis(edited, facts, rules, _source(edited), here, elsewhere)


def _source(edited: Edited) -> SourceFile | None:
    return next((one for one in edited.project.sources if one.path in edited.paths), None)


def _own(edited: Edited) -> frozenset[Oid]:
    """Tables that the file makes or has a policy for."""
    catalog = edited.replayed.catalog
    made = {row.oid for row in catalog.relations if row.origin and row.origin.source.path in edited.paths}
    made.update(row.polrelid for row in catalog.policies if row.origin and row.origin.source.path in edited.paths)
    return frozenset(made & edited.affected)


def _look_before(
    history: History,
    file: Path,
    rules: Sequence[Rule],
    before: Before,
    affected: frozenset[Oid],
    names: set[Name],
    tell: Tell,
) -> None:
    project, replayed = history.without(file)
    catalog = replayed.catalog
    only = frozenset(
        row.oid for row in catalog.relations if row.oid in affected or _name(catalog, row.oid) in before.tables
    )
    found: list[Finding] = []
    if only:
        facts = gather(project, replayed, history.options, frozenset(), only, tell)
        found = lint(facts, project, history.options, rules, history.cwd)
    before.tables |= names
    before.findings = found


def _name(catalog: Catalog, oid: Oid) -> Name:
    relation = catalog.relations[oid]
    return catalog.nspname(relation.relnamespace), relation.relname


def _look(
    history: History, edited: Edited, rules: Sequence[Rule], only: frozenset[Oid], tell: Tell
) -> tuple[Facts, list[Finding]]:
    facts = gather(edited.project, edited.replayed, history.options, edited.paths, only, tell)
    tell("looking for findings", 0, 0)
    return facts, lint(facts, edited.project, history.options, rules, history.cwd)
