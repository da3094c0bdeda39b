"""The line from files to findings, one call a stage: the reader's map of rlslint."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rlslint.baseline import Ratchet, ratchet
from rlslint.catalog.catalog import Catalog
from rlslint.change import caused, was_there
from rlslint.checks.model import Facts
from rlslint.config import Options
from rlslint.findings import Finding, find, unsuppressed
from rlslint.ignores import as_configured
from rlslint.plan.hot import hot_tables
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import predict_all
from rlslint.registry import Rule, load_rules, selected
from rlslint.replay.presets.presets import exposed_schemas
from rlslint.replay.replay import Replayed, replay
from rlslint.report.model import Result
from rlslint.source.changed import Changes, changes_since, tree_at
from rlslint.source.model import InputError, Problem, Project, Span
from rlslint.source.read import load_project, shown_path
from rlslint.suggest.suggest import suggest


def check(options: Options, *, cwd: Path, stdin: str | None = None, stdin_filename: str = "<stdin>") -> Result:
    """Lint. Raises InputError, ConfigError, RuleError, BaselineError and ValueError (an unknown code) with one clear
    line."""
    rules = load_rules()
    codes = selected(rules, options.select, options.ignore)
    _require_known(rules, options)
    chosen = [rule for code, rule in rules.items() if code in codes]
    changes = changes_since(options.since, cwd) if options.since else None
    project, replayed = load(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename)
    plans = predict_all(replayed.catalog)
    findings = lint(project, replayed, plans, options, chosen, cwd)
    whole = project.reported is None and changes is None
    cured: list[Finding] = []
    if changes is not None:
        findings, cured = _since(changes, findings, project, replayed, options, chosen, cwd)
    elif project.reported is not None:
        findings, cured = _named(findings, project, replayed, options, chosen, cwd)
    held = None
    if options.baseline:
        held = ratchet(cwd / options.baseline, findings, whole=whole, codes=codes)
        findings = held.new
    findings = suggest(replayed.catalog, findings)
    result = _result(project, replayed, findings, cured=None if whole else cured, held=held)
    return replace(result, rules=tuple(chosen), plans=_own_plans(project, replayed.catalog, plans), prefix=_prefix(cwd))


def lint(
    project: Project,
    replayed: Replayed,
    plans: tuple[AccessPlan, ...],
    options: Options,
    rules: Sequence[Rule],
    cwd: Path,
) -> list[Finding]:
    """All findings that neither a comment nor the configuration suppresses, without suggestions."""
    facts = gather(replayed, plans, options)
    root = Path(options.root or cwd)
    return as_configured(
        unsuppressed(find(rules, facts), project),
        files=options.per_file_ignores,
        objects=options.per_object_ignores,
        severities=options.severities,
        relative=lambda path: shown_path(cwd / path, root),
    )


def _require_known(rules: Mapping[str, Rule], options: Options) -> None:
    """Raises ValueError for a code that the configuration names and no rule has."""
    named = [code for _, codes in (*options.per_file_ignores, *options.per_object_ignores) for code in codes]
    selected(rules, (), (*named, *(code for code, _ in options.severities)))


def _since(
    changes: Changes,
    findings: list[Finding],
    project: Project,
    replayed: Replayed,
    options: Options,
    rules: Sequence[Rule],
    cwd: Path,
) -> tuple[list[Finding], list[Finding]]:
    """What the working tree causes and cures beside the commit that it left."""
    if not _concerns(changes, project, cwd):
        return [], []
    added = {shown_path(path, cwd) for path in changes.added}
    with tree_at(changes) as root:
        here = root / os.path.relpath(cwd.resolve(), changes.root)
        paths = tuple(os.path.relpath((cwd / path).resolve(), cwd.resolve()) for path in options.paths)
        try:
            earlier = load_project(
                tuple(str(here / path) for path in paths) or (str(here),), layout=options.layout, cwd=here
            )
        except InputError:
            # nothing that could be read was there
            return findings, []
        was = replay(earlier, preset=replayed.preset, pg_version=options.pg_version)
        before = lint(earlier, was, predict_all(was.catalog), options, rules, cwd)
    return caused(before, findings, lambda finding: finding.span.source.path in added)


def _concerns(changes: Changes, project: Project, cwd: Path) -> bool:
    """Whether a change can bear on the project: it is SQL, or lies where the migrations do."""
    files = [(cwd / migration.source.path).resolve() for migration in project.migrations]
    homes = {folder for file in files for folder in file.parents[:2]}
    touched = changes.added | changes.altered | changes.removed
    return any(path.suffix == ".sql" or not homes.isdisjoint(path.parents[:2]) for path in touched)


def _named(
    findings: list[Finding],
    project: Project,
    replayed: Replayed,
    options: Options,
    rules: Sequence[Rule],
    cwd: Path,
) -> tuple[list[Finding], list[Finding]]:
    """What the files named on the command line cause and cure, beside the project without them."""
    reported = project.reported or frozenset()
    rest = tuple(one for one in project.migrations if one.source.path not in reported)
    earlier = replace(project, migrations=rest, reported=None)
    was = replay(earlier, preset=replayed.preset, pg_version=options.pg_version)
    before = lint(earlier, was, predict_all(was.catalog), options, rules, cwd)
    new, cured = caused(before, findings, lambda finding: finding.span.source.path in reported)
    theirs = [one for one in new if one.span.source.path in reported or was_there(was.catalog, one)]
    return theirs, [one for one in cured if one.table is not None]


def load(
    options: Options,
    *,
    cwd: Path,
    stdin: str | None = None,
    stdin_filename: str = "<stdin>",
    assume_missing: bool = True,
) -> tuple[Project, Replayed]:
    """Read the files and replay them, with or without the assumption that what they miss exists elsewhere."""
    project = load_project(options.paths, layout=options.layout, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename)
    return project, replay(project, preset=options.preset, pg_version=options.pg_version, assume_missing=assume_missing)


def plan(
    options: Options, *, cwd: Path, stdin: str | None = None, stdin_filename: str = "<stdin>"
) -> tuple[Catalog, tuple[AccessPlan, ...]]:
    """Predict only."""
    project, replayed = load(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename)
    return replayed.catalog, _own_plans(project, replayed.catalog, predict_all(replayed.catalog))


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


def gather(replayed: Replayed, plans: tuple[AccessPlan, ...], options: Options) -> Facts:
    """Everything the checks read."""
    return Facts(
        catalog=replayed.catalog,
        plans=plans,
        problems=tuple(replayed.problems),
        steps=tuple(replayed.steps),
        hot=hot_tables(replayed.catalog, options.hot),
        rejected=tuple(replayed.rejected_policies),
        policy_changes=tuple(replayed.policy_changes),
        exposed=exposed_schemas(replayed.preset, options.exposed_schemas),
        connects_as_owner=options.connects_as_owner,
        user_editable_claims=options.user_editable_claims,
    )


def _result(
    project: Project,
    replayed: Replayed,
    findings: list[Finding],
    *,
    cured: list[Finding] | None,
    held: Ratchet | None,
) -> Result:
    catalog: Catalog = replayed.catalog
    own = {id(migration.source) for migration in project.migrations}
    tables = [row for row in catalog.relations if row.relkind in ("r", "p") and _from(row.origin, own)]
    policies = [row for row in catalog.policies if _from(row.origin, own)]
    return Result(
        findings=tuple(findings),
        files=len(project.migrations),
        statements=sum(len(migration.statements) for migration in project.migrations),
        tables=len(tables),
        policies=len(policies),
        layout=project.layout,
        preset=replayed.preset,
        not_analysed=tuple(sorted({_place(problem) for problem in replayed.problems if problem.code == "RLS002"})),
        cured=None if cured is None else tuple(cured),
        ratchet=held,
        paths=tuple(
            migration.source.path
            for migration in project.migrations
            if project.reported is None or migration.source.path in project.reported
        ),
        catalog=catalog,
    )


def _from(origin: Span | None, sources: set[int]) -> bool:
    """Whether something was made by one of the files, not by a preset."""
    return origin is not None and id(origin.source) in sources


def _place(problem: Problem) -> tuple[str, int, str]:
    source = problem.span.source
    return source.path, source.position(problem.span.start)[0], problem.reason


def merged(configured: Options, **given: object) -> Options:
    """The configuration with what the command line says over it; None and empty mean not said."""
    return replace(configured, **{key: value for key, value in given.items() if value not in (None, ())})  # type: ignore[arg-type]
