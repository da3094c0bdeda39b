"""A project's findings in, the changes that cure them together out: round by round, since one cure may ask for the next.

Each round takes the suggestions that may be taken, applies them to the catalog, predicts and checks again. What was
changed is then read off the catalog: a policy that several findings changed is altered once, from what it was to what
it has become.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rlslint.analyze.deparse import policy_sql
from rlslint.analyze.typename import quote_identifier
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Policy
from rlslint.checks.model import Facts
from rlslint.findings import Finding, Suggestion
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, field
from rlslint.replay.replay import handlers
from rlslint.replay.session import Session
from rlslint.suggest import trial
from rlslint.suggest.judge import Judge, Key, finding_key
from rlslint.suggest.policies import create_policy, role_list, table_name
from rlslint.suggest.suggest import suggest

_ROUNDS = 6


@dataclass(slots=True)
class Change:
    """One change of the schema. ``up`` and ``down`` are lists of statements with their semicolons, idempotent."""

    up: list[str]
    down: list[str]
    codes: list[str] = field(default_factory=list)
    """Codes of the findings that it cures."""
    titles: list[str] = field(default_factory=list)
    assumes: list[str] = field(default_factory=list)
    concurrent: bool = False
    """Builds an index without holding up writers: cannot run in a transaction."""
    notes: list[str] = field(default_factory=list)
    before: str = ""
    """A policy as it was, for ``--diff``; empty for anything else."""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Cure:
    """The changes in the order they are to run, and what stays as it is: (finding, suggestion that was not taken)."""

    changes: tuple[Change, ...]
    left: tuple[tuple[Finding, Suggestion | None], ...]
    cured: int
    """Findings that there were and whose cause is gone."""
    hidden: int = 0
    """Those that are only not said any more, since they give way to another: not cured."""


def cure(
    facts: Facts,
    recheck: Callable[[], tuple[Facts, list[Finding]]],
    findings: Sequence[Finding],
    judge: Callable[[Facts], Judge],
    *,
    unsafe: bool,
) -> Cure:
    """Cure what may be cured. ``recheck`` predicts and checks the catalog as it is now; the catalog is changed for good.

    ``unsafe`` takes suggestions, too, that change who passes.
    """
    catalog = facts.catalog
    session = Session(catalog, handlers=handlers())
    originals = {policy.oid: policy for policy in catalog.policies}
    texts = {oid: _described(catalog, policy) for oid, policy in originals.items()}
    creates = {oid: create_policy(catalog, policy) for oid, policy in originals.items()}
    taken: dict[Suggestion, list[str]] = {}
    altered: dict[Suggestion, frozenset[Oid]] = {}
    touched: dict[Oid, list[tuple[Finding, Suggestion]]] = {}
    first = list(findings)
    left: list[tuple[Finding, Suggestion | None]] = []
    trying = judge(facts)
    for _ in range(_ROUNDS):
        offered = suggest(findings, trying, explain=False)
        left = []
        done: list[trial.Change] = []
        busy: set[Oid] = set()
        progress = False
        for finding in offered:
            wanted = [one for one in finding.suggestions if one.up]
            refused = next((one for one in wanted if one.applicability == "unsafe" and not unsafe), None)
            if not wanted or refused is not None:
                left.append((finding, refused))
                continue
            fresh = [one for one in wanted if one not in taken]
            tables = {relid for one in fresh for relid in _policies_of(catalog, one)}
            if not tables.isdisjoint(busy):
                # its text is from before the round's other change of that policy: next round
                progress = True
                continue
            for one in wanted:
                if one in fresh:
                    done.append(trial.run(session, [one.up]))
                    altered[one] = done[-1].policies
                    progress = True
                taken.setdefault(one, []).append(finding.rule.code)
                for oid in altered[one]:
                    touched.setdefault(oid, []).append((finding, one))
            busy |= tables
        if not progress:
            break
        facts, findings = recheck()
        former, trying = trying, judge(facts)
        trying.recall(former, done)
    changes = [
        *_other_objects(taken),
        *_policies(catalog, originals, texts, creates, taken, touched),
        *_indexes(facts, taken),
    ]
    return Cure(tuple(changes), tuple(left), *_counted(first, left, trying.standing()))


def _counted(
    first: Sequence[Finding], left: Sequence[tuple[Finding, Suggestion | None]], standing: frozenset[Key]
) -> tuple[int, int]:
    """(cured, hidden) of the first findings."""
    said = {(one.rule.code, one.relid, one.policy_oid) for one, _ in left}
    gone = [one for one in first if (one.rule.code, one.relid, one.policy_oid) not in said]
    hidden = sum(finding_key(one) in standing for one in gone)
    return len(gone) - hidden, hidden


def _policies_of(catalog: Catalog, suggestion: Suggestion) -> tuple[Oid, ...]:
    """The policies that a suggestion changes."""
    if suggestion.kind == "create_index":
        return ()
    with trial.applied(catalog, [suggestion.up]) as change:
        return tuple(sorted(change.policies))


def _other_objects(taken: dict[Suggestion, list[str]]) -> Iterable[Change]:
    """Functions, which policies may call afterwards, and views."""
    for one, codes in taken.items():
        if one.up.startswith(("ALTER FUNCTION", "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", "ALTER VIEW")):
            yield Change([one.up], [one.down], list(dict.fromkeys(codes)), [one.title], list(one.assumes))


def _indexes(facts: Facts, taken: dict[Suggestion, list[str]]) -> Iterable[Change]:
    for one, codes in taken.items():
        if one.kind != "create_index":
            continue
        concurrent = " CONCURRENTLY " in one.up
        change = Change(
            [
                one.up.replace("INDEX CONCURRENTLY ", "INDEX ", 1).replace(
                    "INDEX ", "INDEX CONCURRENTLY IF NOT EXISTS ", 1
                )
            ]
            if concurrent
            else [one.up.replace("INDEX ", "INDEX IF NOT EXISTS ", 1)],
            [one.down.replace("CONCURRENTLY ", "CONCURRENTLY IF EXISTS ", 1)]
            if concurrent
            else [one.down.replace("INDEX ", "INDEX IF EXISTS ", 1)],
            list(dict.fromkeys(codes)),
            [one.title],
            list(one.assumes),
            concurrent,
        )
        for index in facts.catalog.indexes:
            if f" {quote_identifier(index.relname)} ON " in one.up and index.indrelid in facts.hot:
                evidence = ", ".join(facts.hot[index.indrelid])
                change.notes.append(
                    f"{facts.name(index.indrelid)} takes many inserts ({evidence}): each will write to this index too"
                )
        yield change


def _policies(
    catalog: Catalog,
    originals: dict[Oid, Policy],
    texts: dict[Oid, str],
    creates: dict[Oid, str],
    taken: dict[Suggestion, list[str]],
    touched: dict[Oid, list[tuple[Finding, Suggestion]]],
) -> Iterable[Change]:
    """One change a policy, new ones first; those that go come last, so that nobody is locked out in between."""
    now = {policy.oid: policy for policy in catalog.policies}
    drops: list[Change] = []
    for oid in dict.fromkeys((*(oid for oid in now if oid not in originals), *originals)):
        was, is_ = originals.get(oid), now.get(oid)
        if was is is_:
            continue
        reasons = [(finding.rule.code, one) for finding, one in touched.get(oid, ())]
        name = quote_identifier((was or is_).polname)  # type: ignore[union-attr]
        table = table_name(catalog, (was or is_).polrelid)  # type: ignore[union-attr]
        drop = f"DROP POLICY IF EXISTS {name} ON {table};"
        if was is None and is_ is not None:
            change = Change([drop, create_policy(catalog, is_)], [drop])
            change.after = _described(catalog, is_)
            _explain(change, _writing(taken, f"CREATE POLICY {name} ON {table}"))
            yield change
        elif is_ is None:
            change = Change([drop], [drop, creates[oid]])
            change.before = texts[oid]
            _explain(change, _writing(taken, f"DROP POLICY {name} ON {table}"))
            drops.append(change)
        else:
            change = Change([_alter(catalog, was, is_)], [_alter(catalog, is_, was)])  # type: ignore[arg-type]
            change.before, change.after = texts[oid], _described(catalog, is_)
            # a policy may change in the cure of a finding on another, or on several
            _explain(change, reasons or _writing(taken, f"ALTER POLICY {name} ON {table}"))
            yield change
    yield from drops


def _writing(taken: Mapping[Suggestion, Sequence[str]], statement: str) -> list[tuple[str, Suggestion]]:
    """Suggestions that hold the statement, each with the codes that it is taken for."""
    return [(code, one) for one, codes in taken.items() if statement in one.up for code in codes]


def _explain(change: Change, reasons: Sequence[tuple[str, Suggestion]]) -> None:
    change.codes = sorted({code for code, _ in reasons})
    change.titles = list(dict.fromkeys(one.title for _, one in reasons))
    change.assumes = list(dict.fromkeys(text for _, one in reasons for text in one.assumes))


def _alter(catalog: Catalog, was: Policy, becomes: Policy) -> str:
    """ALTER POLICY with what differs."""
    parts = [f"ALTER POLICY {quote_identifier(becomes.polname)} ON {table_name(catalog, becomes.polrelid)}"]
    if sorted(was.polroles) != sorted(becomes.polroles):
        parts.append(f"TO {role_list(catalog, becomes.polroles)}")
    for keyword, old, new in (
        ("USING", was.polqual, becomes.polqual),
        ("WITH CHECK", was.polwithcheck, becomes.polwithcheck),
    ):
        if new is not None and new is not old:
            parts.append(f"{keyword} ({policy_sql(catalog, new, becomes.polrelid)})")
    return "\n  ".join(parts) + ";"


def _described(catalog: Catalog, policy: Policy) -> str:
    """The policy over several lines, for comparing."""
    lines = [f"TO {role_list(catalog, policy.polroles)}"]
    for keyword, stored in (("USING", policy.polqual), ("WITH CHECK", policy.polwithcheck)):
        if stored is not None:
            lines.append(f"{keyword} ({policy_sql(catalog, stored, policy.polrelid)})")
    head = f"POLICY {quote_identifier(policy.polname)} ON {table_name(catalog, policy.polrelid)}"
    return "\n".join([head, *(f"  {line}" for line in lines)])
