"""A replayed project in, everything that the rules say of it out: facts, then findings, as they are configured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import Facts, TablesFacts
from rlslint.config import Options
from rlslint.findings import Finding, every, order, said, unsuppressed, unused
from rlslint.ignores import as_configured
from rlslint.nodes.primnodes import Oid
from rlslint.plan.hot import hot_tables
from rlslint.plan.model import AccessPlan
from rlslint.plan.predict import Predictor, predict_all
from rlslint.plan.unplanned import unplanned
from rlslint.recall import Growth, Looked, advice, holding, in_order, looked, with_advice
from rlslint.records import dataclass, replace
from rlslint.registry import Rule, load_rules
from rlslint.replay.presets.presets import exposed_schemas
from rlslint.replay.replay import Replayed
from rlslint.source.model import Project, Tell, silent
from rlslint.source.read import shown_path
from rlslint.source.stats import TableStats, load_stats
from rlslint.stem import Grown
from rlslint.suggest.advice import Advice


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a catalog gave."""

    facts: Facts
    """With the plans that were predicted: not those of its ``unplanned`` tables."""
    every: list[Finding]
    """What the rules say, before one gives way to another."""
    advice: Advice
    """What was suggested for findings on tables that are taken over from an earlier look."""
    growth: Growth
    """What was done behind the migrations that other looks share."""

    def looked(self) -> Looked:
        """What another look may take over; asked for before the catalog becomes another one."""
        return with_advice(looked(self.every, self.facts, self.growth), self.advice, self.growth.files)


def look(
    project: Project,
    grown: Grown,
    options: Options,
    rules: Sequence[Rule],
    newest: frozenset[str] | None,
    earlier: Looked | None = None,
    tell: Tell = silent,
) -> Seen:
    """Look at all tables but those that an ``earlier`` look still tells of."""
    whole = frame(project, grown.replayed, options, newest)
    taken: frozenset[Oid] = frozenset()
    if earlier is not None and reusable(options, rules):
        taken = holding(earlier, grown.since(earlier.first), whole)
    if earlier is None or not taken:
        facts = replace(whole, plans=predict_all(whole.catalog, whole.predictor, tell=tell))
        tell("looking for findings", 0, 0)
        found = every(rules, facts)
    else:
        only = frozenset(row.oid for row in whole.catalog.relations) - taken
        at_hand = [plan for plan in earlier.plans if plan.relid in taken]
        plans = [*predict_all(whole.catalog, whole.predictor, only, tell), *at_hand]
        known = {plan.relid for plan in at_hand}
        left_out = {oid: earlier.reads[oid] for oid in earlier.reads.keys() & taken - known}
        facts = replace(whole, plans=tuple(sorted(plans, key=_relid)), unplanned=left_out)
        tell("looking for findings", 0, 0)
        found = _found(rules, facts, earlier, grown.since(earlier.first), taken)
    found = in_order(rules, found)
    told = Advice() if earlier is None else advice(earlier, taken, grown.since(earlier.first), facts)
    return Seen(facts, found, told, grown.growth)


def reusable(options: Options, rules: Sequence[Rule]) -> bool:
    """Whether findings of one look may serve another: statistics weigh every plan, and what somebody else's rules look at
    is not known."""
    return not options.stats and not any(rule.own for rule in rules)


def _relid(plan: AccessPlan) -> Oid:
    return plan.relid


def _found(
    rules: Sequence[Rule], facts: Facts, earlier: Looked, growth: Growth, taken: frozenset[Oid]
) -> list[Finding]:
    """What the rules say of all tables but those ``taken`` from an earlier look, and what was found of these."""
    others = frozenset(row.oid for row in facts.catalog.relations) - taken
    found = every([rule for rule in rules if not rule.across_tables], of_tables(facts, others))
    found = [one for one in found if one.relid not in taken or id(one.span.source) in growth.files]
    plans = sorted((*facts.plans, *unplanned(facts.catalog, facts.unplanned.keys())), key=_relid)
    found += every([rule for rule in rules if rule.across_tables], replace(facts, plans=tuple(plans)))
    return found + [one for one in earlier.findings if one.relid in taken]


def gather(
    project: Project,
    replayed: Replayed,
    options: Options,
    newest: frozenset[str] | None = None,
    only: frozenset[Oid] | None = None,
    tell: Tell = silent,
) -> Facts:
    """Everything the checks read, of all tables or of ``only`` some. ``newest``: paths of the migrations that rules about
    steps look at, None for the last one. Raises InputError for statistics that cannot be read."""
    whole = frame(project, replayed, options, newest)
    facts = replace(whole, plans=predict_all(whole.catalog, whole.predictor, only, tell))
    return facts if only is None else of_tables(facts, only)


def of_tables(facts: Facts, only: frozenset[Oid]) -> TablesFacts:
    """The facts of some tables, views included."""
    given = {field.name: getattr(facts, field.name) for field in fields(Facts)}
    given["plans"] = tuple(plan for plan in facts.plans if plan.relid in only)
    return TablesFacts(**given, only=only, with_views=True)


def frame(project: Project, replayed: Replayed, options: Options, newest: frozenset[str] | None) -> Facts:
    """What the checks read, without a plan. Raises InputError as `gather` does."""
    stats = table_stats(replayed.catalog, options)
    inserted = {relid: one.inserted for relid, one in stats.items()}
    hot = hot_tables(replayed.catalog, options.hot, inserted, options.hot_inserts)
    return Facts(
        catalog=replayed.catalog,
        plans=(),
        predictor=Predictor(replayed.catalog),
        problems=tuple(replayed.problems),
        migrations={id(migration.source): number for number, migration in enumerate(project.migrations)},
        hot={relid: one.evidence for relid, one in hot.items()},
        hot_told=frozenset(relid for relid, one in hot.items() if one.told),
        rows={relid: one.live for relid, one in stats.items()},
        inserted=inserted,
        small_rows=options.small_rows,
        rejected=tuple(replayed.rejected_policies),
        policy_changes=tuple(replayed.policy_changes),
        events=tuple(replayed.events),
        acted=(*replayed.acted, *(event.role for event in replayed.events)),
        newest=_newest(project, newest),
        exposed=exposed_schemas(replayed.preset, options.exposed_schemas),
        anonymous_roles=options.anonymous_roles,
        signed_in_roles=options.signed_in_roles,
        connects_as_owner=options.connects_as_owner,
        user_editable_claims=options.user_editable_claims,
    )


def _newest(project: Project, paths: frozenset[str] | None) -> frozenset[int]:
    """The migrations that rules about steps look at: those with these paths, or the last one, which is the one that is
    being written; what the older ones did has run already and cannot be mended."""
    if paths is None:
        return frozenset({len(project.migrations) - 1})
    return frozenset(n for n, migration in enumerate(project.migrations) if migration.source.path in paths)


def row_counts(catalog: Catalog, options: Options) -> dict[Oid, int]:
    """Rows of the tables that the statistics tell of. Raises InputError for statistics that cannot be read."""
    return {relid: one.live for relid, one in table_stats(catalog, options).items()}


def table_stats(catalog: Catalog, options: Options) -> dict[Oid, TableStats]:
    """What the statistics say of the tables that they tell of. Raises InputError as `row_counts` does."""
    if not options.stats:
        return {}
    by_name = load_stats(Path(options.stats))
    return {
        relation.oid: one
        for relation in catalog.relations
        if (one := by_name.get((catalog.nspname(relation.relnamespace), relation.relname))) is not None
    }


def lint(
    facts: Facts,
    project: Project,
    options: Options,
    rules: Sequence[Rule],
    cwd: Path,
    found: Sequence[Finding] | None = None,
) -> list[Finding]:
    """All findings that neither a comment nor the configuration suppresses, without suggestions. ``found``: what the rules
    say, where it is known already."""
    root = Path(options.root or cwd)
    findings = said(in_order(rules, every(rules, facts)) if found is None else found, facts)
    # the rule about comments that suppress nothing needs what the others found
    known = load_rules(options.own_rules)
    idle = tuple(unused(findings, project, known, frozenset(rule.code for rule in rules), facts.newest))
    itself = [rule for rule in rules if rule.code == "RLS003"]
    findings += said(every(itself, replace(facts, unused=idle)), facts)
    findings.sort(key=order)
    return as_configured(
        unsuppressed(findings, project),
        files=options.per_file_ignores,
        objects=options.per_object_ignores,
        severities=options.severities,
        relative=lambda path: shown_path(cwd / path, root),
    )
