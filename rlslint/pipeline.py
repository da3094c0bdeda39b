"""The line from files to findings, one call a stage: the reader's map of rlslint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlslint.baseline import Ratchet, held_by, ratchet
from rlslint.catalog.catalog import Catalog
from rlslint.change import (
    Reading,
    before_change,
    caused,
    concerns,
    outside,
    without,
)
from rlslint.checks.model import Facts
from rlslint.config import Options, limits
from rlslint.databases import each, narrowed, single
from rlslint.examine import Checked, examine, looker
from rlslint.findings import Finding
from rlslint.look import gather, lint
from rlslint.memory.outlines import OutlineMemory
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import predict_all
from rlslint.records import replace
from rlslint.registry import Rule, load_rules, selected
from rlslint.replay.replay import Replayed, replay
from rlslint.report.inputs import Input, input_of
from rlslint.report.model import Database, Result, together
from rlslint.source.changed import Changes, changes_since
from rlslint.source.model import InputError, Limits, Problem, Project, Span, Tell, UsageError, silent
from rlslint.source.outline import Outlines
from rlslint.source.read import Stdin, load_projects, shown_path
from rlslint.suggest.judge import Judge
from rlslint.suggest.suggest import suggest
from rlslint.suggest.trial import SUGGESTED

if TYPE_CHECKING:
    from rlslint.suggest.cure import Cure


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
    runs: list[Checked] = []
    tell("reading files", 0, 0)
    for one, project in load_all(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename, memory=memory):
        newest = project.reported
        if changes is not None:
            newest = frozenset(shown_path(path, cwd) for path in changes.added | changes.altered)
        runs.append(examine(project, one, changes, newest, chosen, cwd, memory, tell))
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
    # no check needs it
    from rlslint.suggest.cure import cure

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
    look = looker(options, replayed.preset, rules, cwd)
    before: Sequence[Finding] | None = None
    brought: set[str] = set()
    if changes is not None:
        if not concerns(changes, project, cwd):
            return lambda findings: []
        before = before_change(changes, project, Reading(options.paths, options.layout, limits(options)), look, cwd)
        brought = {shown_path(path, cwd) for path in changes.added}
    elif project.reported is not None:
        before = look(without(project))
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
    known: dict[Limits, tuple[OutlineMemory, Outlines]] = {}
    for one in each(options, cwd):
        if memory is not None and limits(one) not in known:
            kept = OutlineMemory(memory, limits(one))
            known[limits(one)] = kept, kept.recall()
        for project in load_projects(
            one.paths,
            layout=one.layout,
            cwd=cwd,
            stdin=stdin,
            stdin_filename=stdin_filename,
            limits=limits(one),
            home=one.home,
            outlines=known[limits(one)][1] if known else None,
        ):
            yield one, project
    for kept, outlines in known.values():
        kept.keep(outlines)


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


def _result(run: Checked, held: Ratchet | None, rules: Sequence[Rule], tell: Tell) -> Result:
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
