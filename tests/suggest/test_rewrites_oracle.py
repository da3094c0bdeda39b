"""Every rewrite against a server: the same rows seen, changed and refused, whatever the rows, NULLs and duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from rlslint.catalog.catalog import Catalog
from rlslint.suggest.proposals import unfolded_forms
from rlslint.suggest.rewrites.casts import cast_forms
from rlslint.suggest.rewrites.constant_arm import constant_arm_forms
from rlslint.suggest.rewrites.foreign_key import foreign_key_forms
from rlslint.suggest.rewrites.list_helper import list_helper
from rlslint.suggest.rewrites.look_up import look_up_forms
from rlslint.suggest.rewrites.membership import membership_forms
from rlslint.suggest.rewrites.scalar import scalar_forms
from rlslint.suggest.rewrites.unfold import unfolded
from rlslint.suggest.rewrites.writing import Form, Writing, positive
from rlslint.suggest.trial import applied
from tests.suggest.composed import (
    AROUND,
    CHECKED,
    comparisons,
    constants,
    helpers,
    look_ups,
    memberships,
    parents,
    rows,
    scalars,
    unfoldable,
)
from tests.suggest.differential import Rows, altered, altering, outcomes, rewrites

CALLED = ("{}", "{}", "(SELECT {})", "{} = true", "true = (SELECT {})")
ASKED = (
    "asks(docs.team, 'a', uid())",
    "asks(docs.team, 'a', uid())",
    "asks(docs.team, 'b')",
    "asks(docs.team)",
    "asks(u => uid(), k => docs.team, r => 'a')",
    "asks(docs.team, u => uid())",
)
Forms = Callable[[Writing, Any], Iterator[Form]]


def _same(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows, forms: Forms) -> int:
    """Compares; returns how many forms there were."""
    policy = altered(catalog, condition)

    def every(writing: Writing) -> Iterator[Form]:
        for node in positive(writing.expr):
            yield from forms(writing, node)

    made = list(rewrites(catalog, policy, every))
    if made:
        texts = [text for _, text in made]
        before, *others = outcomes(connection, data, [altering(one) for one in (condition, *texts)])
        for text, after in zip(texts, others, strict=True):
            assert after == before, (condition, text)
    return len(made)


@pytest.mark.server
@CHECKED
@given(condition=memberships(), data=rows())
def test_memberships(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    # some ask about more than a list of keys can hold
    assume(_same(connection, catalog, condition, data, membership_forms))


@pytest.mark.server
@CHECKED
@given(condition=comparisons(), data=rows())
def test_casts(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    # the setting holds a number or nothing: what the conditional form assumes, but for the empty string
    condition = condition.replace("current_setting('app.uid', true)", "nullif(current_setting('app.uid', true), '')")
    assert _same(connection, catalog, condition, data, cast_forms)


@pytest.mark.server
@CHECKED
@given(condition=scalars(), data=rows())
def test_scalars(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    # an OR taken out of its subquery melts into the one around it, and what does not resolve alike is not offered
    assume(_same(connection, catalog, condition, data, scalar_forms))


@pytest.mark.server
@CHECKED
@given(condition=look_ups(), data=rows())
def test_look_ups(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    assert _same(connection, catalog, condition, data, look_up_forms)


@pytest.mark.server
@CHECKED
@given(condition=constants(), data=rows())
def test_constant_arms(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    assert _same(connection, catalog, condition, data, constant_arm_forms)


@pytest.mark.server
@CHECKED
@given(condition=parents(), data=rows())
def test_foreign_keys(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    assert _same(connection, catalog, condition, data, foreign_key_forms)


@pytest.mark.server
@CHECKED
@given(
    helper=helpers(),
    around=st.sampled_from(AROUND),
    form=st.sampled_from(CALLED),
    call=st.sampled_from(ASKED),
    data=rows(),
)
def test_list_helpers(
    connection: psycopg.Connection[Any], catalog: Catalog, helper: str, around: str, form: str, call: str, data: Rows
) -> None:
    with applied(catalog, [helper]) as made:
        assert made.rejected is None
        condition = around.format(form.format(call))
        policy = altered(catalog, condition)
        assert policy.polqual is not None
        writing = Writing(catalog, policy.polqual, policy.polrelid)
        found = [one for node in positive(writing.expr) if (one := list_helper(writing, node)) is not None]
        assume(found)
        event(f"asks another helper: {'knows(' in helper}")
        (beside,) = found
        with applied(catalog, [beside.create]) as change:
            assert change.rejected is None
            assume(beside.is_right(catalog))
            text = writing.check(beside.form)
    assert text is not None
    changes = [f"{helper}; {altering(condition)}", f"{beside.create} {altering(text)}"]
    before, after = outcomes(connection, data, changes)
    assert after == before, (helper, beside.create, text)


@pytest.mark.server
@CHECKED
@given(
    helper=unfoldable(),
    around=st.sampled_from(AROUND),
    arguments=st.sampled_from(["docs.team, docs.owner", "owner, 2", "team, team", "owner, NULL"]),
    data=rows(),
)
def test_unfolded_helpers(
    connection: psycopg.Connection[Any], catalog: Catalog, helper: str, around: str, arguments: str, data: Rows
) -> None:
    condition = around.format(f"fits({arguments})")
    with applied(catalog, [helper]) as made:
        assert made.rejected is None, helper
        policy = altered(catalog, condition)
        assert policy.polqual is not None
        writing = Writing(catalog, policy.polqual, policy.polrelid)
        plain = [
            text
            for node in positive(writing.expr)
            for form in unfolded(writing, node)
            if (text := writing.check(form)) is not None
        ]
        texts = [*plain, *(text for _, text in unfolded_forms(writing))]
    assume(texts)
    if "STRICT" in helper or "DEFINER" in helper:
        raise AssertionError((helper, texts))
    before, *others = outcomes(connection, data, [f"{helper}; {altering(condition)}", *map(altering, texts)])
    for text, after in zip(texts, others, strict=True):
        assert after == before, (helper, condition, text)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (
            "uid() IN (SELECT uid FROM members m WHERE m.team = docs.team)",
            "docs.team = ANY (ARRAY(SELECT m.team FROM members m WHERE uid() = uid))",
        ),
        (
            "EXISTS (\n  SELECT 1 FROM members m\n  WHERE m.team = docs.team -- the team\n    AND m.uid = uid()\n)",
            "docs.team = ANY (ARRAY(\n  SELECT m.team FROM members m\n  WHERE m.uid = uid()))",
        ),
        (
            "EXISTS (\n  SELECT 1 FROM members m\n  WHERE m.team = docs.team AND m.uid = uid() -- one's own\n) OR pub",
            "docs.team = ANY (ARRAY(\n  SELECT m.team FROM members m\n  WHERE m.uid = uid())) OR pub",
        ),
        (
            "pub OR EXISTS (SELECT 1 FROM members WHERE docs.pub AND uid = uid() AND members.team8 = docs.team)",
            "pub OR (docs.pub AND docs.team = ANY (ARRAY(SELECT members.team8 FROM members WHERE uid = uid())))",
        ),
        (
            "docs.team IN (SELECT team FROM members WHERE uid = 1)",
            "docs.team = ANY (ARRAY(SELECT team FROM members WHERE uid = 1))",
        ),
    ],
)
def test_the_authors_formatting_stays(catalog: Catalog, condition: str, expected: str) -> None:
    policy = altered(catalog, condition)
    texts = [
        text
        for _, text in rewrites(
            catalog, policy, lambda w: (f for node in positive(w.expr) for f in membership_forms(w, node))
        )
    ]
    assert texts[:1] == [expected]


@pytest.mark.parametrize(
    "condition",
    [
        "NOT EXISTS (SELECT 1 FROM members m WHERE m.team = docs.team AND m.uid = uid())",
        "uid() NOT IN (SELECT m.uid FROM members m WHERE m.team = docs.team)",
        "(EXISTS (SELECT 1 FROM members m WHERE m.team = docs.team AND m.uid = uid())) IS NOT NULL",
        "EXISTS (SELECT 1 FROM members m WHERE m.team > docs.team AND m.uid = uid())",
        "EXISTS (SELECT 1 FROM members m WHERE m.team = docs.team AND random() > 0.5)",
        "EXISTS (SELECT count(*) FROM members m WHERE m.team = docs.team)",
        "uid() IN (SELECT m.uid FROM members m WHERE m.team = docs.team LIMIT 1)",
        "EXISTS (SELECT 1 FROM members m WHERE m.team = docs.team OFFSET 1)",
        "uid() IN (SELECT m.uid FROM members m WHERE m.team = docs.team UNION SELECT 1)",
        # nothing says that there is one row at most
        "uid() = (SELECT m.uid FROM members m WHERE m.id = docs.team)",
        "uid() = (SELECT t.owner FROM teams t WHERE t.id > docs.team)",
        "uid() <> (SELECT t.owner FROM teams t WHERE t.id = docs.team)",
        "uid() = (SELECT count(*) FROM teams t WHERE t.id = docs.team)",
        "NOT uid() = (SELECT t.owner FROM teams t WHERE t.id = docs.team)",
    ],
)
def test_what_is_not_equal_is_left_alone(catalog: Catalog, condition: str) -> None:
    policy = altered(catalog, condition)

    def every(writing: Writing) -> Iterator[Form]:
        for node in positive(writing.expr):
            yield from membership_forms(writing, node)
            yield from look_up_forms(writing, node)

    assert list(rewrites(catalog, policy, every)) == []
