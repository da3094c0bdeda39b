"""Every rewrite against a server: the same rows seen, changed and refused, whatever the rows, NULLs and duplicates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rlslint.catalog.catalog import Catalog
from rlslint.suggest.rewrites.casts import cast_forms
from rlslint.suggest.rewrites.foreign_key import foreign_key_forms
from rlslint.suggest.rewrites.list_helper import list_helper
from rlslint.suggest.rewrites.membership import membership_forms
from rlslint.suggest.rewrites.scalar import scalar_forms
from rlslint.suggest.rewrites.writing import Form, Writing, positive
from rlslint.suggest.trial import applied
from tests.conftest import Server
from tests.suggest.differential import SCHEMA, SERVER, Rows, altered, load, outcome, rewrites, schema_catalog

CASES = int(os.environ.get("RLSLINT_CASES", "20"))
CHECKED = settings(
    max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

SMALL = st.sampled_from(["NULL", "1", "2", "3"])
TEXT = st.sampled_from(["NULL", "'a'", "'b'", "'A'", "'1'"])
TRUTH = st.sampled_from(["NULL", "true", "false"])


def _values(*columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*columns).map(lambda row: f"({', '.join(row)})")


MEMBER = _values(st.just("1"), SMALL, SMALL, SMALL, TEXT, TEXT, TEXT)
PARENT = st.sampled_from(["NULL", "1", "2"])
GROUP = _values(SMALL, SMALL, TRUTH)


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    def numbered(parent: st.SearchStrategy[str], most: int) -> tuple[str, ...]:
        drawn = draw(st.lists(st.tuples(SMALL, SMALL, SMALL, TEXT, TEXT, TRUTH, parent), max_size=most))
        return tuple(f"({i}, {', '.join(row)})" for i, row in enumerate(drawn))

    return Rows(
        members=tuple(draw(st.lists(MEMBER, max_size=6))),
        docs=numbered(PARENT, 6),
        candidates=numbered(st.sampled_from(["NULL", "1", "9"]), 5),
        grp=tuple(draw(st.lists(GROUP, max_size=4))),
        inner_row_security=draw(st.booleans()),
    )


PAIRS = (
    "m.team = docs.team",
    "docs.team = m.team",
    "m.team8 = docs.team",
    "docs.team8 = m.team",
    "m.name = docs.name",
    "docs.code = m.name",
    "m.code = docs.name",
    "lower(m.name) = lower(docs.name)",
    "m.team = docs.team + 1",
    "(docs.team = m.team)",
)
OTHERS = (
    "m.uid = uid()",
    "uid() = m.uid",
    "m.uid = (SELECT uid())",
    "m.role = 'a'",
    "(m.role = 'a' OR m.role = 'b')",
    "m.role IS NOT NULL",
    "m.name <> m.code",
    "EXISTS (SELECT FROM grp g WHERE g.team = m.team)",
    "docs.pub",
    "docs.name = 'a'",
    "(docs.pub OR docs.team = 1)",
)
SOURCES = (
    "members m",
    "members AS m JOIN grp ON grp.team = m.team",
    "members m LEFT JOIN grp g ON g.team = m.team AND g.open",
    "members m, grp",
)
AROUND = (
    "{}",
    "docs.pub AND {}",
    "docs.pub OR {}",
    "{} AND docs.name = 'a'",
    "({} OR docs.owner = uid()) AND docs.pub",
)


@st.composite
def memberships(draw: st.DrawFn) -> str:
    source = draw(st.sampled_from(SOURCES))
    pairs = draw(st.lists(st.sampled_from(PAIRS), min_size=1, max_size=2, unique=True))
    others = draw(st.lists(st.sampled_from(OTHERS), max_size=3, unique=True))
    where = draw(st.permutations([*pairs, *others]))
    kind = draw(st.sampled_from(["exists", "in", "plain", "row"]))
    if kind == "exists":
        output = draw(st.sampled_from(["1", "*", "m.id", "DISTINCT m.team"]))
        tail = draw(st.sampled_from(["", " LIMIT 1"]))
        text = f"EXISTS (SELECT {output} FROM {source} WHERE {' AND '.join(where)}{tail})"
    elif kind == "in":
        left, column = draw(st.sampled_from([("uid()", "m.uid"), ("'a'", "m.role"), ("docs.owner", "m.uid")]))
        text = f"{left} IN (SELECT {column} FROM {source} WHERE {' AND '.join(where)})"
    else:
        inner = [one for one in others if "docs" not in one] or ["m.uid = uid()"]
        left, column = draw(
            st.sampled_from(
                [("docs.team", "m.team"), ("team8", "m.team"), ("docs.name", "m.code"), ("lower(code)", "m.name")]
            )
        )
        operator = draw(st.sampled_from(["IN", "= ANY"]))
        text = f"{left} {operator} (SELECT {column} FROM {source} WHERE {' AND '.join(inner)})"
    return draw(st.sampled_from(AROUND)).format(text)


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    text = draw(
        st.sampled_from(
            [
                "docs.owner::text = uid()::text",
                "uid()::text = owner::text",
                "owner::text = (SELECT uid()::text)",
                "CAST(docs.team8 AS text) = CAST(uid()::bigint AS text)",
                "docs.pub::text = (uid() > 1)::text",
                "owner::text = current_setting('app.uid', true)",
            ]
        )
    )
    return draw(st.sampled_from(AROUND)).format(text)


@st.composite
def scalars(draw: st.DrawFn) -> str:
    text = draw(
        st.sampled_from(
            [
                "(SELECT uid() = docs.owner)",
                "(SELECT docs.owner = uid() AS mine)",
                "(SELECT uid() = owner OR pub)",
                "(SELECT may() AND (docs.team = uid() OR may()))",
                "(SELECT docs.team + uid() > 3)",
                "(SELECT (owner = uid()))",
            ]
        )
    )
    return draw(st.sampled_from(AROUND)).format(text)


@st.composite
def parents(draw: st.DrawFn) -> str:
    text = draw(
        st.sampled_from(
            [
                "EXISTS (SELECT 1 FROM parents WHERE parents.id = docs.parent)",
                "EXISTS (SELECT FROM parents x WHERE docs.parent = x.id)",
                "EXISTS (SELECT 1 FROM parents WHERE id = parent)",
            ]
        )
    )
    return draw(st.sampled_from(AROUND)).format(text)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return schema_catalog()


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with server.database() as opened:
        opened.execute((SCHEMA + SERVER + "INSERT INTO parents VALUES (1), (2);").encode())
        yield opened


Forms = Callable[[Writing, Any], Iterator[Form]]


def _same(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows, forms: Forms) -> int:
    """Compares; returns how many forms there were."""
    policy = altered(catalog, condition)

    def every(writing: Writing) -> Iterator[Form]:
        for node in positive(writing.expr):
            yield from forms(writing, node)

    made = list(rewrites(catalog, policy, every))
    if made:
        load(connection, data)
        before = outcome(connection, condition)
        for _, text in made:
            assert outcome(connection, text) == before, (condition, text)
    return len(made)


@pytest.mark.server
@CHECKED
@given(condition=memberships(), data=rows())
def test_memberships(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    _same(connection, catalog, condition, data, membership_forms)


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
@given(condition=parents(), data=rows())
def test_foreign_keys(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    assert _same(connection, catalog, condition, data, foreign_key_forms)


@st.composite
def helpers(draw: st.DrawFn) -> str:
    """CREATE FUNCTION asks(k int, r text, u int), a helper that asks about one row."""
    source = draw(st.sampled_from(SOURCES))
    key = draw(st.sampled_from(["m.team = k", "k = m.team", "m.team8 = k", "m.team = asks.k", "(m.team = k)"]))
    more = ["m.role = r", "m.uid = u", "(m.role = r OR m.uid = u)", "u IS NOT NULL", "m.name = ANY (ARRAY[r, 'b'])"]
    own = [one for one in OTHERS if "docs" not in one]
    others = draw(st.lists(st.sampled_from([*own, *more]), max_size=3, unique=True))
    where = " AND ".join(draw(st.permutations([key, *others])))
    output = draw(st.sampled_from(["1", "*", "m.id"]))
    question = f"EXISTS (SELECT {output} FROM {source} WHERE {where})"
    language, body = draw(
        st.sampled_from(
            [
                ("sql", f"SELECT {question}"),
                ("sql", f"SELECT\n  {question};"),
                ("plpgsql", f"BEGIN RETURN {question}; END"),
            ]
        )
    )
    rights = draw(st.sampled_from(["", "SECURITY DEFINER", "SECURITY DEFINER SET search_path = public"]))
    more_rights = draw(st.sampled_from(["STABLE", "STABLE STRICT"]))
    return (
        f"CREATE OR REPLACE FUNCTION asks(k int, r text, u int) RETURNS boolean LANGUAGE {language} {more_rights} "
        f"{rights} AS $f$ {body} $f$"
    )


@pytest.mark.server
@CHECKED
@given(helper=helpers(), around=st.sampled_from(AROUND), data=rows())
def test_list_helpers(
    connection: psycopg.Connection[Any], catalog: Catalog, helper: str, around: str, data: Rows
) -> None:
    with applied(catalog, [helper]) as made:
        assert made.rejected is None
        condition = around.format("asks(docs.team, 'a', uid())")
        policy = altered(catalog, condition)
        assert policy.polqual is not None
        writing = Writing(catalog, policy.polqual, policy.polrelid)
        found = [one for node in positive(writing.expr) if (one := list_helper(writing, node)) is not None]
        assume(found)
        (beside,) = found
        with applied(catalog, [beside.create]) as change:
            assert change.rejected is None
            assume(beside.is_right(catalog))
            text = writing.check(beside.form)
    assert text is not None
    load(connection, data)
    with connection.transaction(force_rollback=True):
        connection.execute(helper.encode())
        before = outcome(connection, condition)
        connection.execute(beside.create.encode())
        assert outcome(connection, text) == before, (helper, beside.create, text)


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
    ],
)
def test_what_is_not_equal_is_left_alone(catalog: Catalog, condition: str) -> None:
    policy = altered(catalog, condition)
    forms = list(
        rewrites(catalog, policy, lambda w: (f for node in positive(w.expr) for f in membership_forms(w, node)))
    )
    assert forms == []
