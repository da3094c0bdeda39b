"""Suggested SQL in, what becomes of the findings out: the catalog with it, predicted again and checked again.

Only what the SQL can change is predicted again: statements whose plan reads a table that gets an index, or meets a
policy that is altered or comes to a function that is. The catalog is as before when a judgement ends.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import fields

from rlslint.catalog.catalog import Catalog
from rlslint.catalog.twins import others_of, told_apart, twins
from rlslint.checks.model import Facts, TablesFacts
from rlslint.findings import COSTS, Finding, Suggestion, every, settle, verbs
from rlslint.nodes.primnodes import Oid
from rlslint.plan.model import AccessPlan, reads
from rlslint.plan.predict import Predictor, predict_all, roles_of
from rlslint.plan.visits import row_visits
from rlslint.records import dataclass
from rlslint.registry import Rule
from rlslint.rewrite.model import STATEMENTS, StatementName
from rlslint.suggest.trial import Change, applied
from rlslint.touched import Dependents, Touched, query_relations

Key = tuple[str, Oid, Oid, Hashable]
"""What makes a finding the same one before and after: not its place."""
Place = tuple[str, str, int, int, Hashable]
"""What makes a finding the same one where another policy is blamed for it: the place, of a function that several call."""


def finding_key(finding: Finding) -> Key:
    """Code, table, policy and facts; of facts those that say what is wrong, not where or how often, nor what it costs."""
    return (finding.rule.code, finding.relid, finding.policy_oid, _facts(finding))


def _facts(finding: Finding, *beside: str) -> Hashable:
    left_out = (*COSTS, *beside)
    return tuple(sorted((name, str(value)) for name, value in finding.facts.items() if name not in left_out))


def _place(finding: Finding) -> Place:
    span = finding.span
    return (finding.rule.code, span.source.path, span.start, span.end, _facts(finding, "table"))


_Asked = tuple[tuple[str, ...], bool, frozenset[Oid] | None]
"""What `Judge.judge` is asked."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a verdict hangs on."""

    tables: frozenset[Oid]
    functions: frozenset[str]
    """Names of those that the SQL defines."""
    changed: frozenset[Oid] = frozenset()
    """Those of the tables that the SQL changes: who reads them is among ``tables``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``gone`` and ``new`` findings, where the SQL can be run at all; ``rejected`` says why not."""

    gone: frozenset[Key] = frozenset()
    new: tuple[Finding, ...] = ()
    rejected: str | None = None
    culprit: str = ""
    """The statement that was rejected."""
    worse: frozenset[tuple[Oid, StatementName]] = frozenset()
    """Statements on tables that visit more rows than before."""
    refused: frozenset[tuple[Oid, StatementName]] = frozenset()
    """Statements on tables that fail whatever the rows, and did not before, or the other way round."""
    broken: frozenset[tuple[Oid, StatementName]] = frozenset()
    """Those of them that did not."""


def proved(finding: Finding, proposal: Sequence[Suggestion]) -> bool:
    """Whether the proposal answers a finding about plans and is known to let the same rows through. A function that is
    made beside has rights of its own, on which other rules have their say."""
    return finding.rule.about == "plans" and all(
        one.applicability == "safe" and not one.up.startswith("CREATE OR REPLACE FUNCTION") for one in proposal
    )


def in_words(judge: Judge, these: Iterable[tuple[Oid, StatementName]]) -> str:
    """Statements on tables in words: ``SELECT, UPDATE on notes, INSERT on lists``."""
    by_table: dict[Oid, list[StatementName]] = {}
    for relid, name in sorted(these, key=lambda one: (one[0], STATEMENTS.index(one[1]))):
        by_table.setdefault(relid, []).append(name)
    return ", ".join(f"{verbs(each)} on {judge.facts.name(relid)}" for relid, each in by_table.items())


class Judge:
    """Tries SQL on a catalog, for the rules that run. Equal SQL is tried once."""

    def __init__(self, facts: Facts, rules: Iterable[Rule]) -> None:
        self.facts = facts
        self.catalog: Catalog = facts.catalog
        self._rules = tuple(rules)
        self._predictor = facts.predictor or Predictor(facts.catalog)
        self._verdicts: dict[_Asked, Verdict] = {}
        self._reaches: dict[_Asked, Reach] = {}
        """Of the verdicts on what could be run, and that say nothing of what it made."""
        self._hangs: dict[_Asked, Reach] = {}
        """The same of those on what leaves views alone."""
        self._watched: list[_Asked] | None = None
        self._affected: dict[tuple[str, ...], tuple[frozenset[Oid], frozenset[Oid]]] = {}
        """Tables that SQL changes, and those that it reaches."""
        self._on_indexes = tuple(rule for rule in self._rules if rule.about == "plans")
        self._before: dict[tuple[frozenset[Oid], bool, bool], tuple[frozenset[Key], frozenset[Place]]] = {}
        self._plans: dict[Oid, list[AccessPlan]] = {}
        self._known: dict[tuple[Oid, Oid, StatementName], AccessPlan] = {}
        self._add(facts.plans)
        self._unplanned = set(facts.unplanned)
        self._twins = {} if any(rule.own for rule in self._rules) else twins(facts.catalog)
        self._readers: dict[Oid, set[Oid]] = {}
        read = ((plan.relid, relid) for plan in facts.plans for relid in reads(plan))
        told = ((reader, relid) for reader, relids in facts.unplanned.items() for relid in relids)
        self._reads: dict[Oid, set[Oid]] = {}
        for reader, relid in (*read, *told):
            self._readers.setdefault(relid, set()).add(reader)
            self._reads.setdefault(reader, set()).add(relid)

    def judge(
        self, statements: Sequence[str], *, proved: bool = False, within: frozenset[Oid] | None = None
    ) -> Verdict:
        """What the statements, run in order, do to the findings, or to those on tables ``within``.

        ``proved``: they let the same rows through whatever the database holds, so only what rules say of plans is asked.
        """
        key = (tuple(statements), proved, within)
        if key not in self._verdicts:
            self._verdicts[key] = self._judge(*key)
        if self._watched is not None:
            self._watched.append(key)
        return self._verdicts[key]

    def watch(self) -> None:
        """From here on, remember what is judged."""
        self._watched = []

    def watched(self) -> Reach | None:
        """What the verdicts since `watch` hang on; None where that is not told: SQL that cannot be run, views."""
        keys, self._watched = self._watched or [], None
        if any(key not in self._hangs for key in keys):
            return None
        found = [self._hangs[key] for key in keys]
        return Reach(
            tables=frozenset().union(*(one.tables for one in found)),
            changed=frozenset().union(*(one.changed for one in found)),
            functions=frozenset().union(*(one.functions for one in found)),
        )

    def recall(self, former: Judge, changes: Sequence[Change]) -> None:
        """Take over the verdicts of one that judged before these changes, as far as they hang on nothing that changed."""
        if any(change.rejected is not None for change in changes):
            # some of it may have been run
            return
        tables = {table for change in changes for judge in (former, self) for table in judge._reached(change)}
        tables |= Dependents(self.catalog).affected(Touched(tables=set(tables)))
        functions = {name for change in changes for name in change.defined}
        for key, reach in former._reaches.items():
            if tables.isdisjoint(reach.tables) and functions.isdisjoint(reach.functions):
                self._verdicts[key] = former._verdicts[key]
                self._reaches[key] = reach

    def _add(self, plans: Iterable[AccessPlan]) -> None:
        for plan in plans:
            self._plans.setdefault(plan.relid, []).append(plan)
            self._known[plan.relid, plan.role, plan.statement] = plan

    def _plan(self, tables: frozenset[Oid]) -> None:
        """See to it that what an earlier run has left to be predicted is, for these tables."""
        missing = frozenset(self._unplanned & tables)
        if missing:
            self._unplanned -= missing
            self._add(predict_all(self.catalog, self._predictor, missing))

    def standing(self) -> frozenset[Key]:
        """Everything that is found as things are, those findings included that give way to others."""
        return frozenset(finding_key(finding) for finding in every(self._rules, self.facts))

    def affected(self, statements: Sequence[str]) -> frozenset[Oid]:
        """Tables whose statements may run otherwise after the SQL; none where it cannot be run."""
        return self._changes(statements)[1]

    def changed(self, statements: Sequence[str]) -> frozenset[Oid]:
        """Tables whose indexes or policies the SQL changes, whose policies call what it changes, and views that it does."""
        return self._changes(statements)[0]

    def _changes(self, statements: Sequence[str]) -> tuple[frozenset[Oid], frozenset[Oid]]:
        key = tuple(statements)
        if key not in self._affected:
            with applied(self.catalog, statements) as change:
                rejected = change.rejected is not None
                found = (frozenset[Oid](),) * 2 if rejected else (change.tables | change.views, self._reached(change))
                self._affected[key] = found
        return self._affected[key]

    def reads(self, relid: Oid) -> frozenset[Oid]:
        """The table, and those that its statements read, or the view and what it reads."""
        row = self.catalog.relations.get(relid)
        query = () if row is None or row.query is None else query_relations(row.query)
        return frozenset((relid, *self._reads.get(relid, ()), *query))

    def _reached(self, change: Change) -> frozenset[Oid]:
        return frozenset(reader for relid in change.tables for reader in (relid, *self._readers.get(relid, ())))

    def _judge(self, statements: tuple[str, ...], proved: bool, within: frozenset[Oid] | None) -> Verdict:
        if self._unplanned:
            # while the catalog is as it was
            self._plan(self.affected(statements) if within is None else self.affected(statements) & within)
        with applied(self.catalog, statements) as change:
            if change.rejected is not None:
                return Verdict(rejected=change.rejected, culprit=change.culprit)
            tables = self._reached(change) if within is None else self._reached(change) & within
            reach = Reach(tables, change.defined, change.tables)
            if not change.views:
                self._hangs[statements, proved, within] = reach
            if not change.made:
                # a policy that it made has an OID that another may have by then
                self._reaches[statements, proved, within] = reach
            shared = not change.functions and not change.views
            predictor = self._predictor.beside(change.tables) if shared else Predictor(self.catalog)
            plans = self._predicted(tables, change, predictor)
            facts = self._restricted(tables, plans, predictor, with_views=bool(change.views))
            rules = self._rules if change.more_than_indexes and not proved else self._on_indexes
            after = every(rules, facts)
        if shared:
            self._predictor.learn(predictor, change.tables)
        before, places = self._keys(tables, rules, with_views=bool(change.views))
        # what a policy that takes another's place is blamed for, as that one was, is neither gone nor new
        former, heirs = change.dropped | change.policies, change.made | change.policies
        blamed = {key[:2] for key in before if key[2] in former}
        moved = {(one.rule.code, one.relid) for one in after if one.policy_oid in heirs} & blamed
        # that no policy is left for a role is what a suggestion assumes of it: it never passed
        failing = [
            (old, new)
            for old, new in self._changed(plans)
            if old.error != new.error and (old.error, new.error) != (None, "42501")
        ]
        return Verdict(
            gone=frozenset(
                key
                for key in before - {finding_key(finding) for finding in after}
                if key[2] not in former or key[:2] not in moved
            ),
            # what only had not been said, for another finding's sake, is not new
            new=tuple(
                finding
                for finding in settle(after)
                if finding_key(finding) not in before
                and _place(finding) not in places
                and not (finding.policy_oid in heirs and (finding.rule.code, finding.relid) in blamed)
            ),
            worse=frozenset(
                (new.relid, new.statement)
                for old, new in self._changed(plans)
                if row_visits(new, self.facts.rows) > row_visits(old, self.facts.rows)
            ),
            refused=frozenset((new.relid, new.statement) for _, new in failing),
            broken=frozenset((new.relid, new.statement) for old, new in failing if old.error is None),
        )

    def _changed(self, plans: Sequence[AccessPlan]) -> Iterator[tuple[AccessPlan, AccessPlan]]:
        """Plans before and after."""
        for new in plans:
            old = self._known.get((new.relid, new.role, new.statement))
            if old is not None and old is not new:
                yield old, new

    def _keys(
        self, tables: frozenset[Oid], rules: tuple[Rule, ...], *, with_views: bool
    ) -> tuple[frozenset[Key], frozenset[Place]]:
        """The findings of some tables as things are, those included that give way to others, and where they stand."""
        key = (tables, rules is self._rules, with_views)
        if key not in self._before:
            plans = [plan for relid in sorted(tables) for plan in self._plans.get(relid, ())]
            found = every(rules, self._restricted(tables, plans, self._predictor, with_views=with_views))
            self._before[key] = (
                frozenset(finding_key(finding) for finding in found),
                frozenset(_place(finding) for finding in found),
            )
        return self._before[key]

    def _restricted(
        self, tables: frozenset[Oid], plans: Sequence[AccessPlan], predictor: Predictor, *, with_views: bool
    ) -> Facts:
        given = {field.name: getattr(self.facts, field.name) for field in fields(Facts)}
        given.update(plans=tuple(plans), problems=(), rejected=(), policy_changes=(), predictor=predictor)
        return TablesFacts(**given, only=tables, with_views=with_views)

    def _predicted(self, tables: frozenset[Oid], change: Change, predictor: Predictor) -> list[AccessPlan]:
        """The plans of the tables: new ones where the change has a say, else those that are known."""
        plans: list[AccessPlan] = []
        # what our rules find of one role they find of those that only their names tell from it
        alike = twins(self.catalog) if self._twins and change.functions else self._twins
        policies = (self.catalog.policies[oid] for oid in change.policies)
        others = others_of(told_apart(alike, policies, self.facts.told_apart))
        for relid in sorted(tables):
            relation = self.catalog.relations[relid]
            if not relation.relrowsecurity:
                continue
            for role in roles_of(self.catalog, relation):
                if role in others:
                    continue
                for statement in STATEMENTS:
                    plan = self._known.get((relid, role, statement))
                    if plan is None or change.touches(plan):
                        plan = predictor.predict(relid, role, statement)
                    plans.append(plan)
        return plans
