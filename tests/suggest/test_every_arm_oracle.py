"""Several forms of one condition at a time against a server: the same rows seen, changed and refused."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rlslint.catalog.catalog import Catalog
from rlslint.suggest.every_arm import every_arm
from rlslint.suggest.rewrites.writing import Writing
from rlslint.suggest.trial import applied
from tests.suggest.composed import CHECKED, helpers, rows, several_arms
from tests.suggest.differential import Rows, altered, altering, outcomes


@pytest.mark.server
@CHECKED
@given(helper=helpers(), condition=several_arms(), making=st.booleans(), data=rows())
def test_every_arm(
    connection: psycopg.Connection[Any], catalog: Catalog, helper: str, condition: str, making: bool, data: Rows
) -> None:
    with applied(catalog, [helper]) as made:
        assert made.rejected is None
        policy = altered(catalog, condition)
        assert policy.polqual is not None
        offered = every_arm(policy, Writing(catalog, policy.polqual, policy.polrelid), helpers=making)
    assume(offered)
    changes = [f"{helper}; {altering(condition)}", " ".join(one.up for one in offered)]
    before, after = outcomes(connection, data, changes)
    assert after == before, (helper, condition, changes[1])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (
            "owner IN (SELECT m.uid FROM members m WHERE m.uid = uid())"
            " OR team IN (SELECT m.team FROM members m WHERE m.uid = uid()) OR id = uid()",
            "owner = ANY (ARRAY(SELECT m.uid FROM members m WHERE m.uid = (SELECT uid())))"
            " OR team = ANY (ARRAY(SELECT m.team FROM members m WHERE m.uid = (SELECT uid()))) OR id = uid()",
        ),
        # of an AND one part is enough: the one whose form costs the least
        (
            "(may() AND EXISTS (SELECT FROM members m WHERE m.team = docs.team AND m.uid = uid())) OR (SELECT may())",
            "(may() AND docs.team = ANY (ARRAY(SELECT m.team FROM members m WHERE m.uid = (SELECT uid()))))"
            " OR (id BETWEEN (SELECT CASE WHEN (SELECT may()) THEN '-2147483648'::integer END)"
            " AND (SELECT CASE WHEN (SELECT may()) THEN '2147483647'::integer END))",
        ),
        ("id = uid() OR pub", None),
    ],
)
def test_one_form_an_arm(catalog: Catalog, condition: str, expected: str | None) -> None:
    policy = altered(catalog, condition)
    assert policy.polqual is not None
    offered = every_arm(policy, Writing(catalog, policy.polqual, policy.polrelid), helpers=False)
    texts = [one.up.removeprefix("ALTER POLICY p ON public.docs USING (").removesuffix(");") for one in offered]
    assert texts == ([] if expected is None else [expected])
