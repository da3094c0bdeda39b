"""The steps that changed a table's policies in, those after which more rows pass out, with a row that does.

A step is what one file does to a table without pause: the policies it drops, then those it makes; or one ALTER POLICY.
What is asked is asked of the final catalog (foreign keys, row security of other tables, bodies of functions): what a later
migration made good is no longer weak.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.membership import roles_with_privileges_of
from rlslint.catalog.rows import Policy
from rlslint.implication.compare import Condition, Verdict, compare
from rlslint.implication.words import describe
from rlslint.nodes.primnodes import Oid
from rlslint.plan.alike import planned_as
from rlslint.plan.predict import roles_of
from rlslint.records import dataclass, field
from rlslint.replay.session import PolicyChange
from rlslint.rewrite.model import Quals, StatementName
from rlslint.rewrite.privileges import has_any_column
from rlslint.rewrite.rowsecurity import PolCmd, applies_to, bypasses, quals_among
from rlslint.source.model import Statement

_ASKED: Final[tuple[tuple[PolCmd, bool, StatementName, str], ...]] = (
    ("r", False, "select", "select"),
    ("a", True, "insert", "insert"),
    ("w", False, "update", "update"),
    ("w", True, "update", "update"),
    ("d", False, "delete", "delete"),
)


@dataclass(frozen=True, slots=True)
class Weakening:
    """One policy after which more rows pass: for whom, for which statements, and a row that does."""

    policy: Policy
    statement: Statement
    kind: Literal["replaced", "added"]
    previous: tuple[Policy, ...]
    """What it stands in the place of; of one that was added, those that were there."""
    found: tuple[tuple[StatementName, Oid, str], ...]
    """Statement, role, and the row in words."""


_Alike = tuple[Oid, frozenset[Oid]]
"""What a role's answers hang on: the role that its plans are made as, and those whose policies of the step apply to it."""


@dataclass(slots=True)
class _Step:
    migration: int
    relid: Oid
    before: tuple[Policy, ...]
    changes: list[PolicyChange] = field(default_factory=list)
    file_before: tuple[Policy, ...] = ()
    _quals: dict[tuple[object, ...], Quals] = field(default_factory=dict)

    @property
    def after(self) -> tuple[Policy, ...]:
        return self.changes[-1].after

    def quals(
        self, catalog: Catalog, policies: tuple[Policy, ...], role: Oid, command: PolCmd, *, check: bool
    ) -> Quals:
        """What applies of the policies, which are there before the step, after it or before its file."""
        key = (id(policies), role, command, check)
        if key not in self._quals:
            self._quals[key] = quals_among(catalog, policies, role, command, check=check)
        return self._quals[key]


def weakenings(
    catalog: Catalog, changes: Iterable[PolicyChange], newest: frozenset[int] = frozenset()
) -> Iterator[Weakening]:
    """Every weakening that is still in force, or that one of the ``newest`` files makes, in order of the steps."""
    for step in _steps(changes):
        relation = catalog.relations.get(step.relid)
        if relation is None or step.migration < 0 or not relation.relrowsecurity:
            continue
        yield from _weakened(catalog, step, step.migration in newest)


def _steps(changes: Iterable[PolicyChange]) -> list[_Step]:
    done: list[_Step] = []
    open_steps: dict[tuple[int, Oid], _Step] = {}
    first: dict[tuple[int, Oid], tuple[Policy, ...]] = {}
    for change in changes:
        key = (change.migration, change.relid)
        first.setdefault(key, change.before)
        step = open_steps.get(key)
        removes = len(change.after) <= len(change.before)
        if step is None or (removes and any(len(one.after) >= len(one.before) for one in step.changes)):
            step = open_steps[key] = _Step(change.migration, change.relid, change.before, file_before=first[key])
            done.append(step)
        step.changes.append(change)
    return done


def _weakened(catalog: Catalog, step: _Step, is_newest: bool) -> Iterator[Weakening]:
    dropped = tuple(one for one in step.before if not _among(one, step.after))
    made = tuple(one for one in step.after if not _among(one, step.before))
    names = {one.polname for one in made}
    roles = {privilege: _roles(catalog, step, privilege) for _, _, _, privilege in _ASKED} if made else {}
    for policy in made:
        if policy.statement is None or not policy.polpermissive or not (is_newest or _in_force(catalog, policy)):
            continue
        found: dict[tuple[StatementName, Oid, str], None] = {}
        # what is made again under its name has its successor; what is left is replaced by whatever decides the same
        gone = tuple(
            one
            for one in dropped
            if one.polname == policy.polname or (one.polname not in names and _overlap(one, policy))
        )
        kind: Literal["replaced", "added"] = "replaced" if gone else "added"
        previous = gone or tuple(one for one in step.file_before if _overlap(one, policy))
        for command, check, statement, privilege in _ASKED:
            if policy.polcmd not in ("*", command):
                continue
            known: dict[_Alike, str | None] = {}
            for role, alike in roles[privilege].items():
                if not applies_to(policy, alike[1]):
                    continue
                if alike not in known:
                    known[alike] = _grown(catalog, step, policy, gone, role, command, check=check)
                row = known[alike]
                if row is not None:
                    found[(statement, role, row)] = None
        if found:
            yield Weakening(policy, policy.statement, kind, previous, tuple(found))


def _grown(
    catalog: Catalog,
    step: _Step,
    policy: Policy,
    gone: tuple[Policy, ...],
    role: Oid,
    command: PolCmd,
    *,
    check: bool,
) -> str | None:
    """A row that the policy lets through and nothing did before, in words; None where there is none, or none is known."""
    mine = quals_among(catalog, (policy,), role, command, check=check)
    if not mine.permissive:
        return None
    old = step.quals(catalog, step.before, role, command, check=check)
    new = step.quals(catalog, step.after, role, command, check=check)
    if not gone:
        # only what widens what an earlier file decided: policies of one file are made together
        settled = step.quals(catalog, step.file_before, role, command, check=check)
        if not settled.permissive:
            return None
    elif not old.permissive and not any(_replaces(one, policy, command) for one in gone):
        return None
    verdict = _ask(catalog, step.relid, role, old, Quals(mine.permissive, new.restrictive), stored=not check)
    if verdict.kind != "wider" or verdict.case is None:
        return None
    if not old.permissive:
        return "any row that passes: no policy for the role let one through before"
    conditions = [clause.stored for quals in (old, new) for clause in quals.clauses]
    return describe(catalog, verdict.case, conditions)


def _ask(catalog: Catalog, relid: Oid, role: Oid, old: Quals, new: Quals, *, stored: bool) -> Verdict:
    return compare(catalog, relid, role, _condition(old), _condition(new), stored=stored, grows_only=True)


def _condition(quals: Quals) -> Condition:
    return Condition(
        tuple(clause.stored for clause in quals.permissive), tuple(clause.stored for clause in quals.restrictive)
    )


def _among(policy: Policy, policies: tuple[Policy, ...]) -> bool:
    return any(
        one.oid == policy.oid
        and one.polqual is policy.polqual
        and one.polwithcheck is policy.polwithcheck
        and one.polroles == policy.polroles
        for one in policies
    )


def _in_force(catalog: Catalog, policy: Policy) -> bool:
    return _among(policy, catalog.policies_of(policy.polrelid))


def _replaces(old: Policy, new: Policy, command: PolCmd) -> bool:
    """Whether the one that is gone decided over the command, for whichever roles, or bore the same name."""
    return old.polpermissive and (old.polcmd in ("*", command) or old.polname == new.polname)


def _overlap(one: Policy, other: Policy) -> bool:
    return one.polcmd == other.polcmd or "*" in (one.polcmd, other.polcmd)


def _roles(catalog: Catalog, step: _Step, privilege: str) -> dict[Oid, _Alike]:
    """Roles to ask for: those that policies, then or now, or grants name, and that may do it at all. With each what its
    answers hang on."""
    relation = catalog.relations[step.relid]
    named = {role for policy in (*step.before, *step.after) for role in policy.polroles}
    asked = dict.fromkeys((*sorted(named), *roles_of(catalog, relation)))
    bound = [role for role in asked if role == PUBLIC or bypasses(catalog, relation, role) is None]
    able = [role for role in bound if role != PUBLIC and has_any_column(catalog, role, relation, privilege)]
    # nothing is granted in the files: grants are made elsewhere
    if not able and not relation.relacl:
        able = [role for role in bound if role != PUBLIC] or [PUBLIC]
    named.update(role for policy in step.file_before for role in policy.polroles)
    return {role: (planned_as(catalog, role), roles_with_privileges_of(catalog, role) & named) for role in able}
