"""The line from files to findings, one call a stage: the reader's map of rlslint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rlslint.baseline import Ratchet, held_by, ratchet
from rlslint.catalog.catalog import Catalog
from rlslint.change import (
    Look,
    Reading,
    Without,
    at_cause,
    before_change,
    caused,
    concerns,
    named,
    outside,
    since,
    without,
)
from rlslint.checks.model import Facts
from rlslint.config import Options
from rlslint.databases import each, narrowed, single
from rlslint.findings import Finding
from rlslint.look import gather, lint, look, reusable
from rlslint.memory.outlines import OutlineMemory
from rlslint.memory.project import ProjectMemory
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import predict_all
from rlslint.records import dataclass, replace
from rlslint.registry import Rule, load_rules, selected
from rlslint.replay.presets.presets import choose_preset
from rlslint.replay.replay import Replayed, replay
from rlslint.report.inputs import Input, input_of
from rlslint.report.model import Database, Result, together
from rlslint.source.changed import Changes, changes_since
from rlslint.source.model import InputError, Limits, Problem, Project, Span, Tell, UsageError, silent
from rlslint.source.read import Stdin, load_projects, shown_path
from rlslint.stem import Stem
from rlslint.suggest.advice import Advice
from rlslint.suggest.cure import Cure, cure
from rlslint.suggest.judge import Judge
from rlslint.suggest.suggest import suggest
from rlslint.suggest.trial import SUGGESTED


def check(
    options: Options,
    *,
    cwd: Path,
    stdin: Stdin = None,
    stdin_filename: str = "<stdin>",
    memory: Path | None = None,
    tell: Tell = silent,
) -> Result:
    """Lint, each database for itself. ``memory``: the folder where runs leave what they know for one another, None to know
    and leave nothing; plans of tables that are known from there are missing in the result.

    Raises InputError, ConfigError, RuleError, BaselineError and UsageError (an unknown code) with one clear line.
    """
    chosen = chosen_rules(options)
    changes = changes_since(options.since, cwd) if options.since else None
    runs: list[_Checked] = []
    tell("reading files", 0, 0)
    for one, project in load_all(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename, memory=memory):
        newest = project.reported
        if changes is not None:
            newest = frozenset(shown_path(path, cwd) for path in changes.added | changes.altered)
        runs.append(_run(project, one, changes, newest, chosen, cwd, memory, tell))
    held = None
    if options.baseline:
        whole = all(run.cured is None for run in runs) and _is_everything(options)
        codes = frozenset(rule.code for rule in chosen)
        held = ratchet(cwd / options.baseline, [one for run in runs for one in run.findings], whole=whole, codes=codes)
    result = together([_result(run, held, chosen, tell) for run in runs])
    for run in runs:
        run.keep()
    asked = {Path(path) for path in options.paths} if changes is None else changes.added | changes.altered
    files = {shown_path(path, cwd) for path in asked if path.suffix == ".sql"}
    skipped = {path: reason for run in runs for path, reason in run.project.skipped if path in files}
    read = {source.path for run in runs for source in run.project.sources}
    unread = sorted((path, skipped[path]) for path in skipped.keys() - read)
    unread += outside(changes, read | skipped.keys(), cwd) if changes is not None else []
    return replace(result, rules=tuple(chosen), prefix=_prefix(cwd), unread=tuple(unread))


def _is_everything(options: Options) -> bool:
    """Whether all that the configuration names is looked at: not one database of several, nor other paths."""
    elsewhere = {Path(path).resolve() for path in options.paths} != {Path(path).resolve() for path in options.home}
    return not options.database and not (options.paths and options.databases) and not (options.home and elsewhere)


@dataclass(frozen=True, slots=True)
class _Checked:
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


def _run(
    project: Project,
    options: Options,
    changes: Changes | None,
    newest: frozenset[str] | None,
    rules: Sequence[Rule],
    cwd: Path,
    folder: Path | None,
    tell: Tell,
) -> _Checked:
    """Check one database; ``newest``: paths of the files that are new in it, None where nobody says which these are."""
    first = _shared(project, newest)
    options = replace(options, preset=choose_preset(project) if options.preset == "auto" else options.preset)
    memory = (
        ProjectMemory(folder, project, options) if folder is not None and first and reusable(options, rules) else None
    )
    known = None if memory is None else memory.recall({rule.code: rule for rule in rules}, first)
    if known is not None:
        first = known.first if first - known.first < _BEHIND else first
    elif memory is not None and memory.shared:
        # where the last run and this one part, the next one is likely to part from it, too
        first = min(first, memory.shared)
    stem = Stem(
        project,
        first,
        preset=options.preset,
        pg_version=options.pg_version,
        tell=tell,
        resumed=None if known is None else (known.first, known.snapshot),
    )
    taken = None if memory is None else stem.taken()
    rest: Without | None = None
    earlier = None if known is None else known.looked
    if changes is None and project.reported is not None:
        smaller = without(project)
        grown = stem.grow(smaller)
        seen = look(smaller, grown, options, rules, frozenset(), earlier, tell)
        found = lint(seen.facts, smaller, options, rules, cwd, seen.every)
        rest = Without.of(grown.replayed.catalog, found)
        earlier = seen.looked()
    grown = stem.grow(project, newest or frozenset())
    seen = look(project, grown, options, rules, newest, earlier, tell)

    def keep() -> None:
        """Where it is worth the time."""
        if memory is None or taken is None or (known is not None and known.first == first and seen.advice.new < _NEW):
            return
        memory.keep(first, taken, seen.looked())

    findings = lint(seen.facts, project, options, rules, cwd, seen.every)
    cured: list[Finding] | None = None
    if changes is not None:
        reading = Reading(options.paths, options.layout, limits(options))
        before = _looker(options, grown.replayed.preset, rules, cwd)
        findings, cured = (
            since(changes, findings, project, reading, before, cwd) if concerns(changes, project, cwd) else ([], [])
        )
    elif rest is not None:
        findings, cured = named(findings, project.reported or frozenset(), rest)
    if newest:
        findings = at_cause(findings, newest, grown.causes, grown.replayed.catalog)
    return _Checked(project, grown.replayed, seen.facts, findings, cured, seen.advice, keep)


_NEW: Final = 8
"""Findings that something was worked out for: from so many on, it is left for the next run."""
_BEHIND: Final = 16
"""Migrations behind those that are remembered: from so many on, more are."""


def _shared(project: Project, newest: frozenset[str] | None) -> int:
    """How many of the first migrations are looked at as old: those before the newest, or before the last."""
    migrations = project.migrations
    places = [n for n, migration in enumerate(migrations) if newest and migration.source.path in newest]
    first = min(places, default=len(migrations) - 1)
    while first and migrations[first].continues:
        first -= 1
    return first


def _looker(options: Options, preset: str, rules: Sequence[Rule], cwd: Path) -> Look:
    """What finds in another state of the project what would be found in it."""

    def look(project: Project) -> tuple[Catalog, list[Finding]]:
        was = replay(project, preset=preset, pg_version=options.pg_version)
        return was.catalog, lint(gather(project, was, options, frozenset()), project, options, rules, cwd)

    return look


def _require_known(rules: Mapping[str, Rule], options: Options) -> None:
    """Raises UsageError for a code that the configuration names and no rule has."""
    named = [code for _, codes in (*options.per_file_ignores, *options.per_object_ignores) for code in codes]
    try:
        selected(rules, (), (*named, *(code for code, _ in options.severities)))
    except UsageError as error:
        raise UsageError(f"{options.file}: {error}") from None


def chosen_rules(options: Options) -> list[Rule]:
    """The rules that run. Raises RuleError, and UsageError for a code that no rule has."""
    rules = load_rules(options.own_rules, options.rule_options)
    codes = selected(rules, options.select, options.ignore)
    _require_known(rules, options)
    return [rule for code, rule in rules.items() if code in codes]


def fix(
    options: Options,
    *,
    cwd: Path,
    unsafe: bool,
    stdin: Stdin = None,
    stdin_filename: str = "<stdin>",
    tell: Tell = silent,
) -> tuple[Project, Cure]:
    """What cures the findings of one database that `check` would report, all together. Raises as `check` and `load` do."""
    chosen = chosen_rules(options)
    changes = changes_since(options.since, cwd) if options.since else None
    if changes is not None:
        options = narrowed(options, cwd, changes.added | changes.altered | changes.removed)
    project, replayed = load(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename, tell=tell)
    ours = _ours(project, replayed, options, chosen, changes, cwd)

    def look() -> tuple[Facts, list[Finding]]:
        facts = gather(project, replayed, options, tell=tell)
        return facts, ours(lint(facts, project, options, chosen, cwd))

    facts, findings = look()
    return project, cure(facts, look, findings, lambda facts: Judge(facts, chosen), unsafe=unsafe)


def _ours(
    project: Project,
    replayed: Replayed,
    options: Options,
    rules: Sequence[Rule],
    changes: Changes | None,
    cwd: Path,
) -> Callable[[list[Finding]], list[Finding]]:
    """Leaves of findings those that the change causes, where one is asked about, and that the baseline does not hold."""
    is_held = held_by(cwd / options.baseline) if options.baseline else lambda finding: False
    look = _looker(options, replayed.preset, rules, cwd)
    before: Sequence[Finding] | None = None
    brought: set[str] = set()
    if changes is not None:
        if not concerns(changes, project, cwd):
            return lambda findings: []
        before = before_change(changes, project, Reading(options.paths, options.layout, limits(options)), look, cwd)
        brought = {shown_path(path, cwd) for path in changes.added}
    elif project.reported is not None:
        _, before = look(without(project))
        brought = set(project.reported)

    def ours(findings: list[Finding]) -> list[Finding]:
        if before is not None:
            findings, _ = caused(before, findings, lambda one: one.span.source.path in {*brought, SUGGESTED})
        return [one for one in findings if not is_held(one)]

    return ours


def load_all(
    options: Options,
    *,
    cwd: Path,
    stdin: Stdin = None,
    stdin_filename: str = "<stdin>",
    memory: Path | None = None,
) -> Iterator[tuple[Options, Project]]:
    """Read the files of every database: those the configuration tells apart, or those that are found."""
    for one in each(options, cwd):
        kept = None if memory is None else OutlineMemory(memory, limits(one))
        outlines = None if kept is None else kept.recall()
        for project in load_projects(
            one.paths,
            layout=one.layout,
            cwd=cwd,
            stdin=stdin,
            stdin_filename=stdin_filename,
            limits=limits(one),
            home=one.home,
            outlines=outlines,
        ):
            yield one, project
        if kept is not None and outlines is not None:
            kept.keep(outlines)


def limits(options: Options) -> Limits:
    """How much of a file and of a statement is read."""
    return Limits(options.max_file_size, options.max_statement_size)


def load(
    options: Options,
    *,
    cwd: Path,
    stdin: Stdin = None,
    stdin_filename: str = "<stdin>",
    assume_missing: bool = True,
    tell: Tell = silent,
) -> tuple[Project, Replayed]:
    """Read the files of one database and replay them, with or without the assumption that what they miss exists
    elsewhere. Raises InputError, which names the databases, where there are several."""
    options = single(options, cwd)
    tell("reading files", 0, 0)
    found = list(load_all(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename))
    if len(found) > 1:
        names = ", ".join(project.folder for _, project in found[:8])
        raise InputError(f"{len(found)} databases found, name one: {names}")
    one, project = found[0]
    return project, replay(
        project, preset=one.preset, pg_version=one.pg_version, assume_missing=assume_missing, tell=tell
    )


def plan(
    options: Options,
    *,
    cwd: Path,
    stdin: Stdin = None,
    stdin_filename: str = "<stdin>",
    say: Callable[[Input], None] | None = None,
    tell: Tell = silent,
) -> tuple[Catalog, tuple[AccessPlan, ...]]:
    """Predict only, for one database; ``say`` is given what it was read from, ``tell`` how far the work has come."""
    project, replayed = load(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename, tell=tell)
    if say is not None:
        say(input_of(project, replayed.preset))
    return replayed.catalog, _own_plans(project, replayed.catalog, predict_all(replayed.catalog, tell=tell))


def _own_plans(project: Project, catalog: Catalog, plans: tuple[AccessPlan, ...]) -> tuple[AccessPlan, ...]:
    own = {id(migration.source) for migration in project.migrations}
    return tuple(one for one in plans if _from(catalog.relations[one.relid].rls_origin, own))


def _prefix(cwd: Path) -> str:
    """From the repository's folder to the working directory: hosts know files by their path from the former."""
    here = cwd.resolve()
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return "" if folder == here else f"{here.relative_to(folder).as_posix()}/"
    return ""


def _result(run: _Checked, held: Ratchet | None, rules: Sequence[Rule], tell: Tell) -> Result:
    project, catalog = run.project, run.replayed.catalog
    kept = None if held is None else {id(finding) for finding in held.new}
    new = [finding for finding in run.findings if kept is None or id(finding) in kept]
    own = {id(migration.source) for migration in project.migrations}
    tables = [row for row in catalog.relations if row.relkind in ("r", "p") and _from(row.origin, own)]
    policies = [row for row in catalog.policies if _from(row.origin, own)]
    return Result(
        findings=tuple(suggest(new, Judge(run.facts, rules), tell, advice=run.advice)),
        files=len(project.sources),
        statements=sum(len(migration.statements) for migration in project.migrations),
        tables=len(tables),
        policies=len(policies),
        not_analysed=tuple(sorted({_place(problem) for problem in run.replayed.problems if problem.code == "RLS002"})),
        inputs=(input_of(project, run.replayed.preset),),
        cured=None if run.cured is None else tuple(run.cured),
        ratchet=held,
        paths=tuple(
            source.path for source in project.sources if project.reported is None or source.path in project.reported
        ),
        databases=(
            Database(
                project.folder,
                catalog,
                _own_plans(project, catalog, run.facts.plans),
                frozenset(source.path for source in project.sources),
            ),
        ),
    )


def _from(origin: Span | None, sources: set[int]) -> bool:
    """Whether something was made by one of the files, not by a preset."""
    return origin is not None and id(origin.source) in sources


def _place(problem: Problem) -> tuple[str, int, str]:
    source = problem.span.source
    return source.path, source.position(problem.span.start)[0], problem.reason


def merged(configured: Options, **given: Any) -> Options:
    """The configuration with what the command line says over it; None and empty mean not said."""
    home = configured.paths if given.get("paths") else ()
    return replace(configured, home=home, **{key: value for key, value in given.items() if value not in (None, ())})
