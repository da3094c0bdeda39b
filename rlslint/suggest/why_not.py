"""A finding about plans without a cure in, the reason in words out, as a note: what was tried, or what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlslint.analyze.entry import rejections, unknowns
from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import NeedHelper, NeedIndexedForm, NeedRewrite
from rlslint.findings import Finding, Suggestion
from rlslint.nodes.primnodes import Expr, FuncExpr, SubLink, SubLinkType
from rlslint.plan.mutate import has_vars_of_level
from rlslint.rewrite.bodies import only_query
from rlslint.suggest.judge import Judge, finding_key, in_words, proved
from rlslint.suggest.proposals import Proposal, Proposer
from rlslint.suggest.rewrites.list_helper import asked_for, default_words, list_helper
from rlslint.suggest.rewrites.writing import Writing, conjuncts, disjuncts, is_bare, positive


def why_not(proposer: Proposer, judge: Judge, finding: Finding, *, advised: bool) -> Iterator[Suggestion]:
    """The first reason that there is; where there is none, and the finding has no advice of its own, that."""
    unknown = None if advised else "no other form of the condition is known to let the same rows through"
    reason = next(_reasons(proposer, judge, finding), unknown)
    if reason is not None:
        yield Suggestion(kind="note", title=f"no SQL is offered: {reason}", applicability="unsafe")


def _reasons(proposer: Proposer, judge: Judge, finding: Finding) -> Iterator[str]:
    for need in finding.needs:
        if isinstance(need, (NeedHelper, NeedIndexedForm, NeedRewrite)):
            policy = need.clause.policy
            writing = proposer.writing(need.clause.stored, policy.polrelid)
            if missing := [*rejections(writing.expr), *unknowns(writing.expr)]:
                yield missing[0].reason
            elif not writing.exact:
                yield "today's names cannot be put into the condition so that it means what it did when it was made"
            elif isinstance(need, NeedHelper):
                yield from _helper(writing, need)
    proposals = list(proposer.proposals(finding))
    rewrites = [need for need in finding.needs if isinstance(need, NeedRewrite)]
    # what merging policies would do says nothing of why a condition stands in the way
    first = [one for one in proposals if not rewrites or not any("DROP POLICY" in each.up for each in one)]
    for proposal in first:
        yield from _tried(judge, finding, proposal)
    for need in rewrites:
        yield from _inside(proposer.writing(need.clause.stored, need.clause.policy.polrelid), need)
    for proposal in proposals:
        yield from _tried(judge, finding, proposal)


def _tried(judge: Judge, finding: Finding, proposal: Proposal) -> Iterator[str]:
    tried = f'"{"; ".join(dict.fromkeys(one.title for one in proposal))}"'
    verdict = judge.judge([one.up for one in proposal], proved=proved(finding, proposal))
    if verdict.rejected is not None:
        yield f"{tried} was tried, and PostgreSQL would refuse it ({verdict.rejected})"
    elif finding_key(finding) not in verdict.gone:
        yield f"{tried} was tried, and the finding would stay"
    elif verdict.broken:
        yield f"{tried} was tried, and {in_words(judge, verdict.broken)} would fail, where it does not today"
    elif verdict.new:
        codes = ", ".join(sorted({new.rule.code for new in verdict.new}))
        yield f"{tried} was tried, and {codes} would come in its place"


def _inside(writing: Writing, need: NeedRewrite) -> Iterator[str]:
    """What is compared is an expression over a column that no known form has the column alone in."""
    words = " ".join(writing.text[need.start : need.end].split()) if need.start >= 0 else ""
    if words and len(words) <= 80:
        yield f"no form of {words} is known in which a column is compared by itself"


def _helper(writing: Writing, need: NeedHelper) -> Iterator[str]:
    catalog = writing.catalog
    proc = catalog.procs.get(need.funcid)
    if proc is None or proc.origin is None:
        yield "the function is not made by these files"
        return
    name = f"{proc.proname}()"
    asked = [(part, asked_for(catalog, part)) for part in positive(writing.expr)]
    found = [(part, node) for part, node in asked if isinstance(node, FuncExpr) and node.funcid == need.funcid]
    if any(list_helper(writing, part) is not None for part, _ in found):
        # there is a list: what became of it is told by trying it
        return
    calls = [node for _, node in found]
    if not calls:
        yield f"{name} does not stand by itself among AND and OR, where a list could take its place"
        return
    if default_words(proc, calls[0]) is None:
        yield f"{name} is called without all of its arguments, and what stands for them is no constant"
        return
    call = calls[0]
    if len(_from_row(call.args)) != 1:
        yield f"{name} is given more than one thing of the row"
        return
    yield _body(catalog, need, name)


def _body(catalog: Catalog, need: NeedHelper, name: str) -> str:
    proc = catalog.procs[need.funcid]
    body = only_query(catalog, proc)
    if body is None:
        return f"the body of {name} is more than one query"
    _, query = body
    expr = query.targets[0].expr if query.targets else None
    if expr is not None and (refused := rejections(expr)):
        return f"PostgreSQL refuses the body of {name} whenever it runs: {refused[0].reason}"
    arms = [] if expr is None or not is_bare(query) else [part for arm in disjuncts(expr) for part in conjuncts(arm)]
    if not any(isinstance(one, SubLink) and one.kind is SubLinkType.EXISTS for one in arms):
        return f"the body of {name} is no EXISTS (SELECT ...), nor an OR of them"
    return (
        f"no list is known that {name} could be asked for once: each of its queries would have to compare a column with what "
        "it is given of the row, and something with what the session brings, and a further helper to run with its rights"
    )


def _from_row(args: Sequence[Expr]) -> list[Expr]:
    return [arg for arg in args if has_vars_of_level(arg, 0)]
