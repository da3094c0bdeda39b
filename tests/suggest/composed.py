"""Conditions in the shapes that rewrites handle, and rows to ask them of."""

from __future__ import annotations

import itertools
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.suggest.differential import Rows

CASES = int(os.environ.get("RLSLINT_CASES", "20"))
CHECKED = settings(
    max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _rows(*columns: tuple[str, ...]) -> st.SearchStrategy[str]:
    """One row of a VALUES list: one draw a row, since generating is what takes the time."""
    return st.sampled_from([f"({', '.join(row)})" for row in itertools.product(*columns)])


SMALL = ("NULL", "1", "2", "3")
TEXT = ("NULL", "'a'", "'b'", "'A'", "'1'")
TRUTH = ("NULL", "true", "false")
MEMBER = _rows(("1",), SMALL, SMALL, SMALL, TEXT, TEXT, ("NULL", "'a'", "'b'"))
DOC = _rows(("{}",), SMALL, SMALL, SMALL, TEXT, TEXT, TRUTH, ("NULL", "1", "2"))
CANDIDATE = _rows(("{}",), SMALL, SMALL, SMALL, TEXT, TEXT, TRUTH, ("NULL", "1", "9"))
GROUP = _rows(SMALL, SMALL, TRUTH)
TEAM = _rows(("{}",), SMALL, SMALL, ("NULL", "'a'", "'b'"))


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    """What the tables hold: NULLs and duplicates among them, and new rows with and without a parent."""

    def numbered(row: st.SearchStrategy[str], first: int, most: int) -> tuple[str, ...]:
        return tuple(text.format(i) for i, text in enumerate(draw(st.lists(row, max_size=most)), first))

    return Rows(
        members=tuple(draw(st.lists(MEMBER, max_size=6))),
        docs=numbered(DOC, -2, 6),
        candidates=numbered(CANDIDATE, 100, 5),
        grp=tuple(draw(st.lists(GROUP, max_size=4))),
        teams=numbered(TEAM, 1, 3),
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


ARMS = (
    "EXISTS (SELECT 1 FROM members x WHERE x.team = k AND x.name = 'a' AND x.uid = uid())",
    "(may() AND EXISTS (SELECT FROM members x WHERE x.team = k AND x.uid = uid()))",
    "(EXISTS (SELECT FROM grp g WHERE g.team = k) AND (r = 'a' OR uid() > 1) AND may())",
    "(uid() = 2 AND EXISTS (SELECT FROM members m WHERE k = m.team AND m.role = r))",
    "may()",
    "uid() = u",
    "asks.r IS NULL",
    "(u IS NULL AND EXISTS (SELECT FROM members m WHERE m.uid = uid() AND m.role = r))",
)
"""What a helper may ask besides: of the row, and of nothing in it."""


@st.composite
def _inner_helpers(draw: st.DrawFn) -> str:
    """CREATE FUNCTION knows(t int), a helper that ``asks`` (`helpers`) may call."""
    question = draw(
        st.sampled_from(
            [
                "EXISTS (SELECT 1 FROM members m WHERE m.team = t AND m.uid = uid())",
                "EXISTS (SELECT FROM grp WHERE grp.team = knows.t)",
                "may() OR EXISTS (SELECT 1 FROM members WHERE team = t AND uid = uid())",
                "uid() = 3 AND EXISTS (SELECT 1 FROM members m WHERE m.team = $1)",
                "t IN (SELECT m.team FROM members m WHERE m.uid = uid())",
            ]
        )
    )
    rights = draw(st.sampled_from(["", "", "SECURITY DEFINER", "SECURITY DEFINER SET search_path = public", "STRICT"]))
    more = draw(st.sampled_from(["STABLE", "STABLE", "STABLE", "VOLATILE", "STABLE SET work_mem = '8MB'"]))
    if draw(st.booleans()):
        body = f"plpgsql AS $g$ BEGIN RETURN {question}; END $g$"
    else:
        body = f"sql AS $g$ SELECT {question} $g$"
    return f"CREATE OR REPLACE FUNCTION knows(t int) RETURNS boolean {more} {rights} LANGUAGE {body}"


@st.composite
def helpers(draw: st.DrawFn) -> str:
    """CREATE FUNCTION asks(k int, r text, u int), a helper that asks about one row; the last two may be left out."""
    source = draw(st.sampled_from(SOURCES))
    key = draw(st.sampled_from(["m.team = k", "k = m.team", "m.team8 = k", "m.team = asks.k", "(m.team = k)"]))
    more = [
        "m.role = r",
        "m.role = asks.r",
        "(m.uid = u OR asks.u IS NULL)",
        "m.uid = u",
        "(m.role = r OR m.uid = u)",
        "u IS NOT NULL",
        "m.name = ANY (ARRAY[r, 'b'])",
    ]
    own = [one for one in OTHERS if "docs" not in one]
    others = draw(st.lists(st.sampled_from([*own, *more]), max_size=3, unique=True))
    where = " AND ".join(draw(st.permutations([key, *others])))
    output = draw(st.sampled_from(["1", "*", "m.id"]))
    question = f"EXISTS (SELECT {output} FROM {source} WHERE {where})"
    arms = draw(st.lists(st.sampled_from(ARMS), max_size=2))
    nested = draw(st.sampled_from(["", "", "knows(k)", "public.knows(asks.k)", "knows(t => k)", "knows(k) AND may()"]))
    if nested:
        question = draw(st.sampled_from([question, f"{nested}"]))
        arms.append(nested)
    question = " OR ".join(draw(st.permutations([question, *arms])))
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
    return (f"{draw(_inner_helpers())}; " if nested else "") + (
        "CREATE OR REPLACE FUNCTION asks(k int, r text DEFAULT 'a', u int DEFAULT NULL) RETURNS boolean "
        f"LANGUAGE {language} {more_rights} {rights} AS $f$ {body} $f$"
    )


@st.composite
def unfoldable(draw: st.DrawFn) -> str:
    """CREATE FUNCTION fits(k int, u int), a helper whose body may stand in the place of a call."""
    one = st.sampled_from(
        [
            "k = uid()",
            "uid() = fits.u",
            "may()",
            "uid() > 1",
            "k IS NULL",
            "k = u",
            "u::text = uid()::text",
            "(k = 1 OR u = uid())",
            "EXISTS (SELECT 1 FROM members m WHERE m.team = k AND m.uid = uid())",
            "k IN (SELECT m.team FROM members m WHERE m.uid = uid())",
            "$1 = $2",
        ]
    )
    body = draw(st.sampled_from([" AND ", " OR "])).join(draw(st.lists(one, min_size=1, max_size=3)))
    rights = draw(st.sampled_from(["STABLE", "STABLE", "STABLE", "STABLE SECURITY DEFINER", "STABLE STRICT"]))
    head = f"CREATE OR REPLACE FUNCTION fits(k int, u int) RETURNS boolean {rights} LANGUAGE"
    if draw(st.booleans()):
        return f"{head} plpgsql AS $f$ BEGIN RETURN {body}; END $f$"
    return f"{head} sql AS $f$ SELECT {body} $f$"


OWN = (
    "owner = uid()",
    "uid() = docs.owner",
    "(docs.owner = uid() OR docs.team = uid())",
    "owner IN (SELECT m.uid FROM members m WHERE m.uid = uid())",
    "EXISTS (SELECT 1 FROM members m WHERE m.team = docs.team AND m.uid = uid())",
)
"""Conditions that nobody without a user passes."""


@st.composite
def calls(draw: st.DrawFn) -> str:
    """Conditions with calls that read nothing of the row."""
    one = st.sampled_from(
        [
            *OWN,
            "may()",
            "NOT may()",
            "coalesce(uid(), 2) = owner",
            "owner::text = current_setting('app.uid', true)",
            "uid() IS NOT NULL",
            "team = CASE WHEN may() THEN uid() ELSE 3 END",
            "uid() IN (docs.owner, docs.team)",
        ]
    )
    return draw(st.sampled_from([" AND ", " OR "])).join(draw(st.lists(one, min_size=1, max_size=3)))


@st.composite
def own_rows(draw: st.DrawFn) -> str:
    """Conditions that nobody without a user passes, and more beside them."""
    return draw(st.sampled_from(["{}", "docs.pub AND {}", "{} AND docs.name = 'a'"])).format(draw(st.sampled_from(OWN)))


@st.composite
def look_ups(draw: st.DrawFn) -> str:
    """Conditions with a scalar subquery that finds one row at most by its key, which nobody has twice."""
    value = draw(st.sampled_from(["uid()", "(SELECT uid())", "1", "uid() + 1"]))
    key = draw(st.sampled_from(["t.id = docs.team", "docs.team8 = t.id", "t.id = team", "t.id = docs.parent + 1"]))
    more = draw(
        st.lists(st.sampled_from(["t.name = 'a'", "t.name IS NOT NULL", "docs.pub", "t.owner > 0"]), max_size=2)
    )
    column = draw(st.sampled_from(["t.owner", "owner", "t.owner8"]))
    where = " AND ".join(draw(st.permutations([key, *more])))
    asked = f"(SELECT {column} FROM teams t WHERE {where})"
    sides = draw(st.permutations([value, asked]))
    return draw(st.sampled_from(AROUND)).format(" = ".join(sides))


@st.composite
def constants(draw: st.DrawFn) -> str:
    """Conditions with a part that is the same for every row."""
    one = draw(
        st.sampled_from(
            [
                "may()",
                "(SELECT may())",
                "(uid() IS NOT NULL)",
                "uid() > 1",
                "(uid() = 1 OR may())",
                "EXISTS (SELECT 1 FROM members m WHERE m.uid = uid() AND m.role = 'a')",
                "'a' IN (SELECT m.role FROM members m WHERE m.uid = uid())",
                "(SELECT m.name FROM members m WHERE m.uid = uid() ORDER BY 1 LIMIT 1) = 'a'",
            ]
        )
    )
    return draw(st.sampled_from(AROUND)).format(one)


@st.composite
def several_arms(draw: st.DrawFn) -> str:
    """Conditions of which several parts have another form, among them calls of ``asks`` (`helpers`)."""
    one = st.one_of(
        memberships(),
        constants(),
        scalars(),
        comparisons(),
        st.sampled_from([*OWN, "asks(docs.team, 'a', uid())", "may()", "docs.pub", "id = 1", "docs.name IS NULL"]),
    )
    parts = [f"({part})" for part in draw(st.lists(one, min_size=2, max_size=3))]
    first, *others = parts
    text = first + "".join(f"{draw(st.sampled_from([' OR ', ' OR ', ' AND ']))}{part}" for part in others)
    # the setting holds a number or nothing, which is what a cast of it assumes
    return text.replace("current_setting('app.uid', true)", "nullif(current_setting('app.uid', true), '')")
