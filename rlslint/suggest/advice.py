"""What was suggested for findings, with the tables and the answers that this hung on: where these are the same, so is the
suggestion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rlslint.checks.model import NeedHelper, NeedIndexedForm, NeedRewrite
from rlslint.findings import Finding, Suggestion
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field, replace
from rlslint.suggest.judge import Reach
from rlslint.suggest.shared import Question, Shared

_MAY_DEFINE: Final = (NeedHelper, NeedIndexedForm, NeedRewrite)
"""What may be answered with a function beside a helper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """A finding and what was suggested for it."""

    finding: Finding
    suggestions: tuple[Suggestion, ...]
    tables: frozenset[Oid]
    """Those that what was tried could bear on."""
    changed: frozenset[Oid]
    """Those of them that it changed: who reads them is among them, as long as nobody else begins to."""
    defines: bool
    """Whether functions were made in what was tried, or would have been: other functions may be in their way."""
    shared: tuple[Question, ...]
    """What was asked of that which findings of one run share."""
    answers: str
    """What the answers were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """What came of SQL for several findings of a table, run together."""

    findings: tuple[Finding, ...]
    statements: tuple[str, ...]
    cured: tuple[bool, ...]
    tables: frozenset[Oid]
    changed: frozenset[Oid]
    defines: bool


@dataclass(slots=True)
class Advice:
    """What is known from an earlier run, and what this one comes to know."""

    known: dict[tuple[str, Oid, Oid, str], list[Advised]] = field(default_factory=dict)
    made: list[Advised] = field(default_factory=list)
    joints: dict[tuple[str, ...], Joint] = field(default_factory=dict)
    """By their statements, those that are known and those that are new."""
    new: int = 0
    """How many of them were worked out."""

    @classmethod
    def of(
        cls,
        known: Iterable[Advised],
        joints: Iterable[Joint],
        tables: frozenset[Oid],
        read: frozenset[Oid],
        *,
        defines: bool,
    ) -> Advice:
        """Those of the known that hang on nothing but ``tables``, and, unless functions may be made as before
        (``defines``), on no function's name. ``read``: tables that others than these read."""
        advice = cls()

        def lasts(one: Advised | Joint) -> bool:
            return one.tables <= tables and one.changed.isdisjoint(read) and (defines or not one.defines)

        for one in filter(lasts, known):
            advice.known.setdefault(_key(one.finding), []).append(one)
        advice.joints |= {one.statements: one for one in filter(lasts, joints)}
        return advice

    def joint(self, findings: Sequence[Finding], statements: tuple[str, ...]) -> tuple[bool, ...] | None:
        """Which of these findings the statements cure together; None where that is not known."""
        known = self.joints.get(statements)
        return known.cured if known is not None and known.findings == tuple(map(_plain, findings)) else None

    def add_joint(
        self,
        findings: Sequence[Finding],
        statements: tuple[str, ...],
        cured: tuple[bool, ...],
        reach: Reach,
    ) -> None:
        """Remember which of the findings the statements cure together, and what that hangs on."""
        self.joints[statements] = Joint(
            findings=tuple(map(_plain, findings)),
            statements=statements,
            cured=cured,
            tables=reach.tables,
            changed=reach.changed,
            defines=bool(reach.functions),
        )
        self.new += 1

    def clear(self) -> None:
        """Know nothing."""
        self.known.clear()
        self.made.clear()
        self.joints.clear()
        self.new = 0

    def all(self) -> Iterator[Advised]:
        """What this run came to know, and what it was not asked of the known."""
        yield from self.made
        told = {(_key(one.finding), one.finding.span) for one in self.made}
        for one in (one for several in self.known.values() for one in several):
            if (_key(one.finding), one.finding.span) not in told:
                yield one

    def recall(self, finding: Finding, shared: Shared) -> tuple[Suggestion, ...] | None:
        """What was suggested for the finding and would be again; None where that is not known."""
        plain = _plain(finding)
        for one in self.known.get(_key(plain), ()):
            if one.finding == plain and shared.answers(one.shared) == one.answers:
                self.made.append(one)
                return one.suggestions
        return None

    def add(
        self,
        finding: Finding,
        suggestions: tuple[Suggestion, ...],
        shared: Shared,
        reach: Reach,
    ) -> None:
        """Remember what was suggested, and the tables that it hangs on, and whether functions were made on the way."""
        asked = shared.asked()
        self.new += 1
        self.made.append(
            Advised(
                finding=_plain(finding),
                suggestions=suggestions,
                tables=reach.tables | {finding.relid},
                changed=reach.changed,
                defines=bool(reach.functions) or any(isinstance(need, _MAY_DEFINE) for need in finding.needs),
                shared=asked,
                answers=shared.answers(asked),
            )
        )


def _plain(finding: Finding) -> Finding:
    """The finding as it is whichever files are asked about."""
    return finding if finding.cause is None else replace(finding, cause=None)


def _key(finding: Finding) -> tuple[str, Oid, Oid, str]:
    return finding.rule.code, finding.relid, finding.policy_oid, finding.message
