"""A finding in, the changes that could cure it out, best first; whether one does is for the judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from rlslint.analyze.deparse import resolve_text, same_shape
from rlslint.analyze.typename import format_type, quote_identifier
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy, StoredExpr
from rlslint.checks.model import (
    Need,
    NeedDenial,
    NeedExpressionIndex,
    NeedHelper,
    NeedIndex,
    NeedIndexedForm,
    NeedInvoker,
    NeedMerge,
    NeedNote,
    NeedQualify,
    NeedRegroup,
    NeedRewrite,
    NeedRoles,
    NeedSelectPolicy,
    NeedStable,
    NeedWrap,
)
from rlslint.findings import APPLICABILITIES, Applicability, Finding, Suggestion
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import Expr, FuncExpr, Oid
from rlslint.plan import clauses
from rlslint.records import dataclass, field, replace
from rlslint.rewrite.model import STATEMENTS_OF, PolicyClause
from rlslint.suggest.every_arm import every_arm
from rlslint.suggest.functions import declare_stable, listing
from rlslint.suggest.indexes import create_index, index_suggestion
from rlslint.suggest.merge import merge_policies
from rlslint.suggest.needless import drop_needless, needless
from rlslint.suggest.policies import add_roles, add_select_policy, altered, read_as_caller
from rlslint.suggest.regroup import regroup_policies
from rlslint.suggest.rewrites.casts import cast_forms
from rlslint.suggest.rewrites.constant_arm import constant_arm_forms
from rlslint.suggest.rewrites.foreign_key import foreign_key_forms
from rlslint.suggest.rewrites.list_helper import list_helper
from rlslint.suggest.rewrites.look_up import look_up_forms
from rlslint.suggest.rewrites.membership import membership_forms
from rlslint.suggest.rewrites.one_answer import one_answer
from rlslint.suggest.rewrites.scalar import scalar_forms
from rlslint.suggest.rewrites.setting import denying, plainest
from rlslint.suggest.rewrites.unfold import unfolded, unfolded_writing
from rlslint.suggest.rewrites.writing import Edit, Form, Writing, agrees, bare_scalar, positive
from rlslint.suggest.shared import Shared
from rlslint.suggest.trial import applied

Proposal = tuple[Suggestion, ...]
"""Suggestions that belong together, in the order they are run."""


@dataclass(slots=True)
class Proposer:
    """Makes proposals; keeps what findings of one run share."""

    catalog: Catalog
    shared: Shared
    _writings: dict[int, Writing] = field(default_factory=dict)
    _arms: dict[tuple[Oid, bool], Proposal] = field(default_factory=dict)

    @classmethod
    def of(cls, catalog: Catalog, findings: Sequence[Finding]) -> Proposer:
        """For the findings of one run."""
        return cls(catalog, Shared(catalog, findings))

    def proposals(self, finding: Finding) -> Iterator[Proposal]:
        """What could cure the finding: each kind of need alone, then indexes and wrapped calls together, then any
        other form of the policy's condition. What needs a form and an index is given both or nothing."""
        together = [need for need in finding.needs if isinstance(need, NeedIndexedForm)]
        if together:
            yield from self._indexed_forms(together)
            return
        groups: list[Proposal] = []
        indexes = self._indexes(finding)
        wraps = self._wraps(finding)
        stable = tuple(one for need in finding.needs if (one := self._stable(need)) is not None)
        roles = tuple(add_roles(self.catalog, need) for need in finding.needs if isinstance(need, NeedRoles))
        if wraps and (stable or indexes) and any(self._runs_its_body(need) for need in finding.needs):
            # where an index could serve but most rows match, the whole table is read: not with a call for each row
            groups.append((*roles, *stable, *wraps, *indexes))
        elif roles and indexes:
            # for a role that a policy is not meant for, the table is then not looked at
            groups.append((*indexes, *roles))
        for group in (stable, indexes, wraps):
            if group:
                groups.append(group)
        if roles:
            groups.append(roles)
        if len(roles) > 1:
            groups += [(one,) for one in roles]
        groups += self._fewer_policies(finding)
        for need in finding.needs:
            groups += self._other(need, finding)
        yield from groups
        if indexes and wraps:
            yield (*wraps, *indexes)
        if not any(_excludes_forms(need) for need in finding.needs):
            yield from self._any_form(finding)
        yield from self.every_arm(finding)

    def _fewer_policies(self, finding: Finding) -> Iterator[Proposal]:
        """Without the policies that add nothing; what is left of them merged where the roles are the same; else a set a
        role. Not for a finding that this one gave way to: with the policy that it speaks of the finding would go, and the
        plan stay as it is."""
        merges = [one.policies for one in finding.cure if isinstance(one, NeedMerge)]
        regroups = [one for one in finding.cure if isinstance(one, NeedRegroup)]
        dropped = tuple(
            one for regroup in regroups if (one := drop_needless(self.catalog, regroup.policies)) is not None
        )
        gone = {one.policy for regroup in regroups for one in needless(self.catalog, regroup.policies)}

        def left(policies: Sequence[Policy]) -> list[Policy]:
            return [one for one in policies if one not in gone]

        if dropped:
            yield dropped
        merged = (merge_policies(self.catalog, left(policies)) for policies in merges)
        made = tuple(one for one in merged if one is not None)
        if made:
            yield (*dropped, *made)
        for regroup in regroups:
            regrouped = regroup_policies(self.catalog, left(regroup.policies), regroup.holders)
            if regrouped is not None:
                yield (*dropped, regrouped)

    def notes(self, finding: Finding, *, cured: bool) -> Proposal:
        """Advice without SQL; what only goes on where another stops is said by that one."""
        said = [one.title for one in finding.needs if isinstance(one, NeedNote) and not (cured and one.unless_cured)]
        return tuple(
            Suggestion(kind="note", title=title, applicability="unsafe")
            for title in said
            if not any(title != other and title.startswith(other) for other in said)
        )

    def index_for(self, needs: Sequence[NeedIndex]) -> Proposal:
        """The indexes that meet the needs, each once."""
        made = (create_index(self.shared.indexes, need) for need in needs)
        return tuple(dict.fromkeys(one for one in made if one is not None))

    def wraps_beside(self, needs: Sequence[Need]) -> Proposal:
        """Calls to be wrapped in policies that stand as they are, those included that other findings ask for."""
        asked: dict[Oid, dict[NeedWrap, None]] = {}
        for need in needs:
            if isinstance(need, NeedWrap):
                now = self.catalog.policies.get(need.clause.policy.oid)
                if now is None or need.clause.stored not in (now.polqual, now.polwithcheck):
                    return ()
                asked.setdefault(now.oid, dict.fromkeys(self.shared.wraps(now.oid)))[need] = None
        made = (self.wrap_calls(tuple(each)) for each in asked.values())
        return tuple(one for one in made if one is not None)

    def _indexed_forms(self, needs: Sequence[NeedIndexedForm]) -> Iterator[Proposal]:
        for need in needs:
            for form in self.forms(need.clause, need.start, need.end):
                yield (*form, *self.index_for([need.index]))

    def _indexes(self, finding: Finding) -> Proposal:
        return self.index_for([need for need in finding.needs if isinstance(need, NeedIndex)])

    def _wraps(self, finding: Finding) -> Proposal:
        policies = dict.fromkeys(need.clause.policy.oid for need in finding.needs if isinstance(need, NeedWrap))
        made = (self.wrap_calls(self.shared.wraps(oid)) for oid in policies)
        return tuple(one for one in made if one is not None)

    def _other(self, need: object, finding: Finding) -> Iterator[Proposal]:
        suggestion: Suggestion | None = None
        match need:
            case NeedQualify(clause=clause):
                suggestion = self.qualify_names(self.shared.names(clause.policy.oid))
            case NeedSelectPolicy():
                suggestion = add_select_policy(self.catalog, need, finding.roles)
            case NeedDenial():
                suggestion = self.denying(need)
            case NeedInvoker(relid=relid):
                suggestion = read_as_caller(self.catalog, relid)
            case NeedExpressionIndex():
                suggestion = self.expression_index(need)
            case NeedRewrite(clause=clause, start=start, end=end):
                yield from self.forms(clause, start, end)
            case NeedHelper(clause=clause, start=start, end=end):
                yield from self.list_helpers(clause, start, end)
                yield from self.forms(clause, start, end)
        if suggestion is not None:
            yield (suggestion,)

    def _stable(self, need: object) -> Suggestion | None:
        return declare_stable(self.catalog, need) if isinstance(need, NeedStable) else None

    def _runs_its_body(self, need: object) -> bool:
        """Whether it is a call that PostgreSQL cannot make a part of the condition."""
        proc = self.catalog.procs.get(need.funcid) if isinstance(need, NeedWrap) else None
        return proc is not None and (proc.prolang != "sql" or proc.prosecdef or bool(proc.proconfig))

    # Conditions -------------------------------------------------------------------------------------------------------

    def writing(self, stored: StoredExpr, relid: Oid) -> Writing:
        """The condition as it is written."""
        if id(stored) not in self._writings:
            self._writings[id(stored)] = Writing(self.catalog, stored, relid)
        return self._writings[id(stored)]

    def forms(self, clause: PolicyClause, start: int, end: int) -> Iterator[Proposal]:
        """Other forms of the parts of a condition that overlap with the characters."""
        policy = clause.policy
        writing = self.writing(clause.stored, policy.polrelid)
        if not writing.exact:
            return
        moved = writing.stored is not clause.stored
        for form in all_forms(writing):
            first, last = writing.place(form.node)
            if not moved and start >= 0 and not (first < end and start < last):
                continue
            text = writing.check(form)
            if text is not None:
                yield (self._changed(policy, clause.stored, text, form),)
        for form, text in unfolded_forms(writing):
            first, last = writing.place(form.node)
            if moved or start < 0 or (first < end and start < last):
                yield (self._changed(policy, clause.stored, text, form),)

    def list_helpers(self, clause: PolicyClause, start: int, end: int) -> Iterator[Proposal]:
        """Helper calls among the characters turned into a list that a function beside the helper gives."""
        policy = clause.policy
        writing = self.writing(clause.stored, policy.polrelid)
        if not writing.exact:
            return
        moved = writing.stored is not clause.stored
        for node in positive(writing.expr):
            first, last = writing.place(node)
            if not moved and start >= 0 and not (first < end and start < last):
                continue
            helper = list_helper(writing, node)
            if helper is None:
                continue
            made = listing(self.catalog, helper)
            if made is None:
                continue
            with applied(self.catalog, [helper.create]):
                text = writing.check(helper.form)
            if text is not None:
                yield made, self._changed(policy, clause.stored, text, helper.form)

    def every_arm(self, finding: Finding) -> Iterator[Proposal]:
        """Every arm of the policy's condition in a form that an index serves, or of those of all policies beside it."""
        needs = (one for one in finding.needs if isinstance(one, (NeedRewrite, NeedHelper, NeedIndexedForm)))
        for policy in dict.fromkeys(
            one.clause.policy for one in needs if one.clause.stored is one.clause.policy.polqual
        ):
            beside = [
                one
                for one in self.catalog.policies_of(policy.polrelid)
                if one.polpermissive and not set(STATEMENTS_OF[one.polcmd]).isdisjoint(finding.statements)
            ]
            for policies in ([policy], beside):
                for helpers in (False, True):
                    made = [self._every_arm(one, helpers=helpers) for one in policies]
                    proposal = tuple(dict.fromkeys(each for one in made for each in one))
                    if proposal:
                        yield proposal

    def _every_arm(self, policy: Policy, *, helpers: bool) -> Proposal:
        key = (policy.oid, helpers)
        if key not in self._arms:
            stored = policy.polqual
            writing = None if stored is None else self.writing(stored, policy.polrelid)
            usable = writing is not None and writing.exact
            self._arms[key] = every_arm(policy, writing, helpers=helpers) if usable and writing is not None else ()
        return self._arms[key]

    def _any_form(self, finding: Finding) -> Iterator[Proposal]:
        """Forms of whatever stands where the finding is."""
        policy = self.catalog.policies.get(finding.policy_oid)
        if policy is None:
            return
        for name, stored in (("using", policy.polqual), ("check", policy.polwithcheck)):
            if stored is None or finding.span.source is not stored.span.source:
                continue
            if finding.span.start < stored.span.end and stored.span.start < finding.span.end:
                offset = stored.start - stored.span.start
                clause = PolicyClause(policy, name, stored)  # type: ignore[arg-type]
                yield from self.forms(clause, finding.span.start + offset, finding.span.end + offset)

    def _changed(self, policy: Policy, stored: StoredExpr, text: str, form: Form) -> Suggestion:
        return altered(
            self.catalog,
            policy,
            using=text if stored is policy.polqual else None,
            check=text if stored is policy.polwithcheck else None,
            kind="rewrite_policy",
            title=form.title,
            applicability=form.applicability,
            assumes=form.assumes,
        )

    def _edited(
        self,
        policy: Policy,
        edits: Sequence[tuple[StoredExpr, Edit]],
        kind: Literal["wrap_call", "rewrite_policy"],
        title: str,
        applicability: Applicability,
        assumes: tuple[str, ...] = (),
    ) -> Suggestion | None:
        texts: list[str | None] = []
        for stored in (policy.polqual, policy.polwithcheck):
            own = [edit for one, edit in edits if one is stored]
            if stored is None or not own:
                texts.append(None)
                continue
            writing = self.writing(stored, policy.polrelid)
            text = writing.edited(own)
            if applicability != "unsafe":
                fresh = resolve_text(self.catalog, text, stored.span, policy.polrelid, boolean=True)
                if fresh is None or not agrees(fresh.expr, writing.expr):
                    return None
            texts.append(text)
        if texts == [None, None]:
            return None
        return altered(
            self.catalog,
            policy,
            using=texts[0],
            check=texts[1],
            kind=kind,
            title=title,
            applicability=applicability,
            assumes=assumes,
        )

    def wrap_calls(self, needs: Sequence[NeedWrap]) -> Suggestion | None:
        """Put the calls into scalar subqueries.

        Equal for every database state when the functions are STABLE or IMMUTABLE: within one statement such a call
        gives one answer, so asking once instead of per row changes nothing (InitPlan, FACTS.md B1.2).
        """
        policy = needs[0].clause.policy
        edits: list[tuple[StoredExpr, Edit]] = []
        for need in needs:
            stored = need.clause.stored
            writing = self.writing(stored, policy.polrelid)
            places = [(need.start, need.end)] if writing.stored is stored else _calls_of(writing, need.funcid)
            edits += [(stored, (a, b, self._asked_once(writing, need.funcid, a, b))) for a, b in places if a >= 0]
        procs = {oid: self.catalog.procs.get(oid) for oid in sorted({need.funcid for need in needs})}
        asked = [one_answer(self.catalog, proc, (policy.polrelid,)) for proc in procs.values() if proc is not None]
        return self._edited(
            policy,
            list(dict.fromkeys(edits)),
            kind="wrap_call",
            title="ask once per statement: put the call into a scalar subquery",
            applicability=max((one for one, _ in asked), key=APPLICABILITIES.index, default="safe"),
            assumes=tuple(dict.fromkeys(text for _, assumes in asked for text in assumes)),
        )

    def _asked_once(self, writing: Writing, funcid: Oid, start: int, end: int) -> str:
        """The call in a scalar subquery: ``ANY ((SELECT f()))`` would be a subquery over the elements, were it not for the
        cast."""
        text = f"(SELECT {writing.text[start:end]})"
        if not writing.is_array_of_any(start, end):
            return text
        return f"{text}::{format_type(self.catalog, self.catalog.procs[funcid].prorettype)}"

    def qualify_names(self, needs: Sequence[NeedQualify]) -> Suggestion | None:
        """Write the policy's table before the captured names: changes who passes, so never done unasked."""
        policy = needs[0].clause.policy
        table = self.catalog.relations[policy.polrelid]
        edits: list[tuple[StoredExpr, Edit]] = []
        for need in needs:
            if need.start >= 0 and self.writing(need.clause.stored, policy.polrelid).stored is need.clause.stored:
                name = f"{quote_identifier(table.relname)}.{quote_identifier(need.column)}"
                edits.append((need.clause.stored, (need.start, need.end, name)))
        title = "name the policy's own table"
        return self._edited(policy, edits, kind="rewrite_policy", title=title, applicability="unsafe")

    def denying(self, need: NeedDenial) -> Suggestion | None:
        """The setting asked for so that the policy denies where it is missing or empty."""
        policy, stored = need.clause.policy, need.clause.stored
        writing = self.writing(stored, policy.polrelid)
        edits = denying(writing, need.setting, cast=need.cast) if writing.exact else ()
        if not edits:
            return None
        text = writing.edited(edits)
        fresh = resolve_text(self.catalog, text, stored.span, policy.polrelid, boolean=True)
        if fresh is None or not same_shape(*plainest(self.catalog, fresh.expr, writing.expr, need.setting)):
            return None
        missing = "missing or empty" if need.cast else "missing"
        return altered(
            self.catalog,
            policy,
            using=text if stored is policy.polqual else None,
            check=text if stored is policy.polwithcheck else None,
            kind="rewrite_policy",
            title=f"deny where {need.setting} is {missing}, instead of failing",
            applicability="conditional",
            assumes=(f"no statement is to fail because {need.setting} is {missing}",),
        )

    def expression_index(self, need: NeedExpressionIndex) -> Suggestion | None:
        """An index on an expression of the policy, where it is IMMUTABLE."""
        policy = need.clause.policy
        table = self.catalog.relations[policy.polrelid]
        writing = self.writing(need.clause.stored, table.oid)
        if writing.stored is not need.clause.stored or need.start < 0:
            return None
        text = writing.text[need.start : need.end]
        fresh = resolve_text(self.catalog, text, need.clause.stored.span, table.oid)
        if fresh is None or clauses.contain_mutable(self.catalog, fresh.expr):
            return None
        columns = [table.column(number).attname for number in _columns(fresh.expr)]
        words = " ".join(text.split())
        return index_suggestion(
            self.shared.indexes, table, columns or ["expr"], f"({words})", f"index {table.relname} ({words})"
        )


def _excludes_forms(need: object) -> bool:
    """Whether it is not for another form of the condition to cure the finding."""
    if isinstance(need, NeedNote):
        return not need.unless_cured
    return isinstance(need, (NeedSelectPolicy, NeedQualify, NeedMerge, NeedRegroup, NeedDenial, NeedInvoker))


def all_forms(writing: Writing) -> Iterator[Form]:
    """Every other form of every part of a condition."""
    for node in positive(writing.expr):
        yield from membership_forms(writing, node)
        yield from look_up_forms(writing, node)
        yield from cast_forms(writing, node)
        yield from scalar_forms(writing, node)
        yield from foreign_key_forms(writing, node)
        yield from constant_arm_forms(writing, node)


def unfolded_forms(writing: Writing) -> Iterator[tuple[Form, str]]:
    """Forms of parts of a helper's condition, which then stands in its call's place, with the whole text."""
    for node in positive(writing.expr):
        for opened in unfolded(writing, node):
            inner = unfolded_writing(writing, opened)
            for form in () if inner is None else all_forms(inner):
                text = inner.check(form) if inner is not None else None
                if text is not None:
                    whole = replace(
                        form,
                        node=node,
                        title=f"{opened.title}, and {form.title}",
                        applicability=max(opened.applicability, form.applicability, key=APPLICABILITIES.index),
                        assumes=(*opened.assumes, *form.assumes),
                    )
                    yield whole, text


def _calls_of(writing: Writing, funcid: Oid) -> list[tuple[int, int]]:
    """The places of a function's calls that are not yet in a scalar subquery of their own."""
    wrapped = {
        id(node.subselect.targets[0].expr)
        for node, _ in walk_deep(writing.expr)
        if bare_scalar(node) is not None and hasattr(node, "subselect")
    }
    return [
        writing.place(node)
        for node, _ in walk_deep(writing.expr)
        if isinstance(node, FuncExpr) and node.funcid == funcid and id(node) not in wrapped
    ]


def _columns(expr: Expr) -> list[int]:
    numbers = (getattr(node, "attnum", 0) for node, _ in walk_deep(expr))
    return list(dict.fromkeys(number for number in numbers if number > 0))


def with_suggestions(finding: Finding, suggestions: Sequence[Suggestion]) -> Finding:
    """The finding with what cures it."""
    return replace(finding, suggestions=tuple(dict.fromkeys(suggestions)))
