"""Matches in, findings out: merged, worded by their rule, suppressed where a comment says so, sorted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from rlslint.checks.model import Confidence, Facts, Match, Need, Severity
from rlslint.nodes.primnodes import Oid
from rlslint.plan.visits import row_visits
from rlslint.records import dataclass, field, replace
from rlslint.registry import Rule, Scope, by_precedence, without_rule
from rlslint.rewrite.model import STATEMENTS, StatementName
from rlslint.source.model import Project, Span, Suppression

SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error")
"""From least to most severe."""

Applicability = Literal["safe", "conditional", "unsafe"]
"""``safe``: equal for every database state; ``conditional``: equal under what is assumed; ``unsafe``: changes who passes."""
APPLICABILITIES: Final[tuple[Applicability, ...]] = ("safe", "conditional", "unsafe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What cures a finding."""

    kind: Literal["create_index", "rewrite_policy", "add_policy", "wrap_call", "note"]
    title: str
    applicability: Applicability
    assumes: tuple[str, ...] = ()
    up: str = ""
    down: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding as users see it."""

    rule: Rule
    severity: Severity
    confidence: Confidence
    message: str
    span: Span
    schema: str | None
    table: str | None
    policy: str | None
    relid: Oid
    policy_oid: Oid
    statements: tuple[StatementName, ...]
    roles: tuple[str, ...]
    facts: Mapping[str, object]
    related: tuple[tuple[Span, str], ...]
    needs: tuple[Need, ...]
    fingerprint: str
    suggestions: tuple[Suggestion, ...] = field(default=())
    cure: tuple[Need, ...] = ()
    """The needs that its own check named."""
    cost: float = 0.0
    """Rows visited because of it, where statistics tell: what orders the findings. 0 where they do not."""
    includes: tuple[str, ...] = ()
    """Codes of findings with the same cause that gave way to this one."""
    cause: Span | None = None
    """The statement of the change that causes it, where only a change is reported and it stands in a file that the change
    leaves alone."""

    @property
    def anchor(self) -> Span:
        """Where those see it who are shown a change's lines only."""
        return self.cause or self.span

    @property
    def place(self) -> tuple[str, int, int]:
        """Path, line, column."""
        return (self.span.source.path, *self.span.source.position(self.span.start))

    @property
    def spans(self) -> tuple[Span, ...]:
        """Its place, then the others that it speaks of."""
        return (self.span, *(span for span, _ in self.related))


def every(rules: Iterable[Rule], facts: Facts) -> list[Finding]:
    """Run the checks; matches that agree in place, policy and facts become one finding."""
    found: list[Finding] = []
    fewer = facts.one_of_each()
    for rule in rules:
        # what a check of somebody else's makes of a role's name is not known
        given = facts if rule.own else fewer
        merged: dict[tuple[object, ...], list[Match]] = {}
        for match in rule.check(given):
            merged.setdefault(_key(match), []).append(match)
        found += [_finding(rule, given, matches) for matches in merged.values()]
    return found


def said(findings: Sequence[Finding], facts: Facts) -> list[Finding]:
    """What is said of `every` finding: nothing twice, the costliest first."""
    found = grouped(settle(findings))
    if facts.rows:
        found = costed(found, facts)
    return sorted(told_apart(sorted(found, key=place_order)), key=order)


def order(finding: Finding) -> tuple[float, str, int, int, str, str]:
    """A sort key: the costliest first where statistics tell, then by place and code."""
    return (-finding.cost, *finding.place, finding.rule.code, finding.message)


def place_order(finding: Finding) -> tuple[str, int, int, str, str]:
    """A sort key: by place and code (docs/contract.md: what other programs read)."""
    return order(finding)[1:]


def settle(findings: Sequence[Finding]) -> list[Finding]:
    """One cause, one finding: what gives way (``yields_to`` in a rule's YAML) goes, and hands its needs to the winner.

    Only rules that run count, so that ``--select`` shows what it names; a finding that has given way itself displaces
    nothing.
    """
    order = by_precedence({finding.rule.code: finding.rule for finding in findings})
    standing = {code: _Standing() for code in order}
    for finding in findings:
        standing[finding.rule.code].found.append(finding)
    for code in order:
        for finding in standing[code].found:
            winner = _winner(finding, standing)
            if winner is None:
                standing[code].keep(finding)
                continue
            rivals, place = winner
            rivals.kept[place] = replace(
                rivals.kept[place],
                needs=tuple(dict.fromkeys((*rivals.kept[place].needs, *finding.needs))),
                includes=tuple(dict.fromkeys((*rivals.kept[place].includes, code, *finding.includes))),
            )
    return [finding for each in standing.values() for finding in each.kept]


@dataclass(slots=True)
class _Standing:
    """The findings of one rule: all, and those that have given way to none so far."""

    found: list[Finding] = field(default_factory=list)
    kept: list[Finding] = field(default_factory=list)
    _by_table: dict[Oid, list[int]] = field(default_factory=dict)
    _by_policy: dict[Oid, list[int]] = field(default_factory=dict)

    def keep(self, finding: Finding) -> None:
        self._by_table.setdefault(finding.relid, []).append(len(self.kept))
        self._by_policy.setdefault(finding.policy_oid, []).append(len(self.kept))
        self.kept.append(finding)

    def rivals(self, scope: Scope, finding: Finding) -> Sequence[int]:
        """Places in ``kept`` of those that may have in common with the finding what the scope names."""
        match scope:
            case "cure":
                return range(len(self.kept)) if finding.cure else ()
            case "policy":
                return self._by_policy.get(finding.policy_oid, ())
            case _:
                return self._by_table.get(finding.relid, ())


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """What a rule says ``once_per`` cure, table or project, said once: at its first place, the others named beside it."""
    result: list[Finding] = []
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: finding.place):
        if finding.rule.once_per is None:
            result.append(finding)
            continue
        cure = () if finding.rule.once_per == "table" else finding.cure
        relid = 0 if finding.rule.once_per == "project" else finding.relid
        groups.setdefault((finding.rule.code, relid, cure), []).append(finding)
    for group in groups.values():
        first = group[0]
        others = {one.spans[0]: _the_same(one, first) for one in group[1:]}
        result.append(
            replace(
                first,
                severity=max((one.severity for one in group), key=SEVERITIES.index),
                statements=tuple(name for name in STATEMENTS if any(name in one.statements for one in group)),
                roles=tuple(sorted({role for one in group for role in one.roles})),
                related=(*first.related, *((span, text) for span, text in others.items() if span != first.span)),
                needs=tuple(dict.fromkeys(need for one in group for need in one.needs)),
                includes=tuple(dict.fromkeys(code for one in group for code in one.includes)),
            )
        )
    return result


def _the_same(one: Finding, first: Finding) -> str:
    if one.policy is None:
        return "the same"
    return f"the same in {one.policy}" + (f" on {one.table}" if one.relid != first.relid else "")


COSTS: Final = ("row_visits", "row_visits_so_far")
"""Facts that statistics add."""
_WRITES: Final = frozenset[StatementName]({"insert", "insert_many", "insert_returning", "upsert"})


def costed(findings: Iterable[Finding], facts: Facts) -> list[Finding]:
    """Performance findings with the row visits that the statistics make of them: of one statement, and for what is
    checked for each new row, of all rows inserted so far."""
    visits: dict[tuple[Oid, str, StatementName], float] = {}
    for plan in facts.plans:
        key = (plan.relid, facts.catalog.rolname(plan.role), plan.statement)
        visits[key] = row_visits(plan, facts.rows)
    result: list[Finding] = []
    for finding in findings:
        each = {
            name: max((visits.get((finding.relid, role, name), 0.0) for role in finding.roles), default=0.0)
            for name in finding.statements
        }
        if finding.rule.about != "plans" or not any(each.values()):
            result.append(finding)
            continue
        inserts = facts.inserted.get(finding.relid, 0)
        total = max(one * (max(1, inserts) if name in _WRITES else 1) for name, one in each.items())
        data = {**finding.facts, **dict(zip(COSTS, (round(max(each.values())), round(total)), strict=True))}
        result.append(replace(finding, facts=data, cost=total))
    return result


def _winner(finding: Finding, standing: Mapping[str, _Standing]) -> tuple[_Standing, int] | None:
    for scope, codes in finding.rule.yields_to.items():
        for code in codes:
            rivals = standing.get(code)
            for place in () if rivals is None else rivals.rivals(scope, finding):
                if rivals is not None and _share(scope, finding, rivals.kept[place]):
                    return rivals, place
    return None


def _share(scope: Scope, one: Finding, other: Finding) -> bool:
    """Whether two findings have in common what the scope names. What the other says of a further table (``relation``) that
    a subquery reads explains nothing about the rows of the policy's own."""
    match scope:
        case "place":
            # statements made in a loop share one place: only the table tells their policies apart
            return one.relid == other.relid and any(
                _within(a, b) or _within(b, a) for a in one.spans for b in other.spans
            )
        case "cure":
            return bool(one.cure and other.cure) and not set(one.cure).isdisjoint(other.cure)
        case "policy":
            return one.policy_oid == other.policy_oid != 0 and "relation" not in other.facts
        case "table":
            return one.relid == other.relid != 0 and "relation" not in other.facts


def _within(inner: Span, outer: Span) -> bool:
    return inner.source is outer.source and outer.start <= inner.start and inner.end <= outer.end


def _key(match: Match) -> tuple[object, ...]:
    span = match.span
    subject = match.policy.oid if match.policy is not None else 0
    facts = tuple(sorted((key, str(value)) for key, value in match.facts.items() if key != "roles"))
    return (id(span.source), span.start, span.end, subject, match.message, match.severity, facts)


def _finding(rule: Rule, facts: Facts, matches: Sequence[Match]) -> Finding:
    first = matches[0]
    catalog = facts.catalog
    statements = {name for match in matches for name in match.statements}
    roles = dict.fromkeys(role for match in matches for role in match.roles)
    names = tuple(sorted(facts.role_names(tuple(roles))))
    relation = first.relation
    data = dict(first.facts)
    template = rule.messages[first.message] if first.message else rule.message
    words = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in data.items()}
    ordered = tuple(name for name in STATEMENTS if name in statements)
    needs = tuple(dict.fromkeys(need for match in matches for need in match.needs))
    words.update(
        roles=", ".join(names) or "every role",
        statements=verbs(ordered),
        policy=first.policy.polname if first.policy is not None else "",
    )
    return Finding(
        rule=rule,
        severity=first.severity or rule.severity,
        confidence=first.confidence or rule.confidence,
        message=" ".join(template.format_map(words).split()),
        span=first.span,
        schema=catalog.nspname(relation.relnamespace) if relation is not None else None,
        table=relation.relname if relation is not None else None,
        policy=first.policy.polname if first.policy is not None else None,
        relid=relation.oid if relation is not None else 0,
        policy_oid=first.policy.oid if first.policy is not None else 0,
        statements=ordered,
        roles=names,
        facts=data,
        related=first.related,
        needs=needs,
        cure=needs,
        fingerprint=_fingerprint(rule.code, catalog.qualified_name(relation) if relation else "", first),
    )


def verbs(statements: Sequence[StatementName]) -> str:
    """As a reader says them: the forms of INSERT are told apart only where the plain one is not among them."""
    returning = "INSERT" if "insert" in statements else "INSERT ... RETURNING"
    words = {"select_by_key": "SELECT", "insert_many": "INSERT", "insert_returning": returning}
    return ", ".join(dict.fromkeys(words.get(name, name.upper()) for name in statements))


def _fingerprint(code: str, table: str, match: Match) -> str:
    """Of code, table, policy and expression, never of a line (docs/contract.md, Suppressing)."""
    text = " ".join(match.span.text.split())
    policy = match.policy.polname if match.policy is not None else ""
    return hashlib.sha256("\0".join((code, table, policy, text)).encode()).hexdigest()[:16]


def told_apart(findings: list[Finding]) -> list[Finding]:
    """Equal fingerprints are told apart by their order."""
    seen: dict[str, int] = {}
    result: list[Finding] = []
    for finding in findings:
        count = seen.get(finding.fingerprint, 0)
        seen[finding.fingerprint] = count + 1
        if count:
            finding = replace(finding, fingerprint=f"{finding.fingerprint[:13]}-{count + 1}")
        result.append(finding)
    return result


def unsuppressed(findings: Iterable[Finding], project: Project) -> list[Finding]:
    """Findings that no ignore comment covers."""
    by_source: dict[int, tuple[Suppression, ...]] = {
        id(migration.source): migration.suppressions for migration in project.migrations
    }
    return [finding for finding in findings if not _covered(finding, by_source.get(id(finding.span.source), ()))]


def unused(
    findings: Sequence[Finding],
    project: Project,
    known: Mapping[str, Rule],
    ran: frozenset[str],
    newest: frozenset[int],
) -> Iterator[tuple[Suppression, Mapping[str, str]]]:
    """Ignore comments without a finding to suppress, each with the codes that have none (none: it names no code) and, of
    those that no rule has, how to say it.

    Only what can be told is: codes of ``known`` rules that did not run are passed over, and rules about steps outside
    ``newest``.
    """
    by_source: dict[int, list[Finding]] = {}
    for finding in findings:
        by_source.setdefault(id(finding.span.source), []).append(finding)
    seen: set[Span] = set()
    for number, migration in enumerate(project.migrations):
        for one in migration.suppressions:
            if one.span in seen:
                continue
            seen.add(one.span)
            held = [f for f in by_source.get(id(one.span.source), ()) if one.start <= f.span.start <= one.end]
            there = {code for finding in held for code in (finding.rule.code, *finding.includes)}
            if one.unknown:
                yield one, {}
                continue
            if not one.codes:
                if not there and ran >= known.keys() - {_ITSELF}:
                    yield one, {}
                continue
            idle = tuple(
                code
                for code in one.codes
                if not any(found.startswith(code) for found in there)
                and {rule for rule in known if rule.startswith(code)} <= ran
                and (number in newest or not _about_steps(code, known))
            )
            if idle:
                strange = without_rule(known, idle)
                yield one, {code: strange.get(code, "") for code in idle}


_ITSELF: Final = "RLS003"


def _about_steps(code: str, known: Mapping[str, Rule]) -> bool:
    """Whether the code, or all that the prefix stands for, is about steps."""
    meant = [rule.about for name, rule in known.items() if name.startswith(code)]
    return bool(meant) and all(about == "steps" for about in meant)


def _covered(finding: Finding, suppressions: Sequence[Suppression]) -> bool:
    """A comment that names no code does not silence what is said of itself."""
    code = finding.rule.code
    return any(
        one.start <= finding.span.start <= one.end and (code.startswith(one.codes) if one.codes else code != _ITSELF)
        for one in suppressions
    )
