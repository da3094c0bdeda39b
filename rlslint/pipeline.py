"""The line from files to findings, one call a stage: the reader's map of rlslint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import Facts
from rlslint.config import Options
from rlslint.findings import Finding, find, unsuppressed
from rlslint.plan.hot import hot_tables
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import predict_all
from rlslint.registry import load_rules, selected
from rlslint.replay.replay import Replayed, replay
from rlslint.report.model import Result
from rlslint.source.model import Problem, Project, Span
from rlslint.source.read import load_project
from rlslint.suggest.suggest import suggest


def check(options: Options, *, cwd: Path, stdin: str | None = None, stdin_filename: str = "<stdin>") -> Result:
    """Lint. Raises InputError, ConfigError, RuleError and ValueError (an unknown code) with one clear line."""
    rules = load_rules()
    codes = selected(rules, options.select, options.ignore)
    project, replayed = load(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename)
    catalog = replayed.catalog
    plans = predict_all(catalog)
    facts = gather(replayed, plans, options)
    findings = find((rule for code, rule in rules.items() if code in codes), facts)
    findings = suggest(catalog, unsuppressed(_asked_for(findings, project), project))
    return _result(project, replayed, findings)


def load(
    options: Options, *, cwd: Path, stdin: str | None = None, stdin_filename: str = "<stdin>"
) -> tuple[Project, Replayed]:
    """Read the files and replay them."""
    project = load_project(options.paths, layout=options.layout, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename)
    return project, replay(project, preset=options.preset, pg_version=options.pg_version)


def plan(
    options: Options, *, cwd: Path, stdin: str | None = None, stdin_filename: str = "<stdin>"
) -> tuple[Catalog, tuple[AccessPlan, ...]]:
    """Predict only."""
    project, replayed = load(options, cwd=cwd, stdin=stdin, stdin_filename=stdin_filename)
    own = {id(migration.source) for migration in project.migrations}
    catalog = replayed.catalog
    plans = predict_all(catalog)
    return catalog, tuple(one for one in plans if _from(catalog.relations[one.relid].rls_origin, own))


def gather(replayed: Replayed, plans: tuple[AccessPlan, ...], options: Options) -> Facts:
    """Everything the checks read."""
    return Facts(
        catalog=replayed.catalog,
        plans=plans,
        problems=tuple(replayed.problems),
        steps=tuple(replayed.steps),
        hot=hot_tables(replayed.catalog, options.hot),
        rejected=tuple(replayed.rejected_policies),
    )


def _asked_for(findings: list[Finding], project: Project) -> list[Finding]:
    """When files were named, only what they hold; the rest of their folder was context."""
    if project.reported is None:
        return findings
    return [finding for finding in findings if finding.span.source.path in project.reported]


def _result(project: Project, replayed: Replayed, findings: list[Finding]) -> Result:
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
