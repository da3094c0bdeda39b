"""Changes of whole policies against a server: calls asked once, policies merged, roles named, a function declared STABLE."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rlslint import pipeline
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Policy
from rlslint.checks.model import NeedRoles, NeedStable, NeedWrap
from rlslint.config import Options
from rlslint.findings import Suggestion
from rlslint.nodes.parsenodes import walk_deep
from rlslint.nodes.primnodes import FuncExpr
from rlslint.plan.mutate import has_vars_of_level
from rlslint.rewrite.model import PolicyClause
from rlslint.suggest.functions import declare_stable
from rlslint.suggest.merge import merge_policies
from rlslint.suggest.needless import drop_needless
from rlslint.suggest.policies import add_roles
from rlslint.suggest.proposals import Proposer
from rlslint.suggest.regroup import regroup_policies
from rlslint.suggest.trial import applied
from tests.suggest.composed import (
    AROUND,
    CHECKED,
    calls,
    comparisons,
    constants,
    memberships,
    own_rows,
    parents,
    rows,
    scalars,
)
from tests.suggest.differential import SCHEMA, STATEMENTS, Rows, altered, altering, outcomes


def _compare(connection: psycopg.Connection[Any], data: Rows, given: str, made: Suggestion) -> list[str]:
    """With the change the same as before it, and after it was taken back; returns what that is."""
    before, after, back = outcomes(connection, data, [given, made.up, made.down])
    assert before == after, (given, made.up)
    assert before == back, (given, made.down)
    return before


@pytest.mark.server
@CHECKED
@given(condition=calls(), data=rows())
def test_calls_asked_once(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    policy = altered(catalog, condition)
    assert policy.polqual is not None
    proposer = Proposer.of(catalog, [])
    writing = proposer.writing(policy.polqual, policy.polrelid)
    clause = PolicyClause(policy, "using", policy.polqual)
    needs = [
        NeedWrap(clause, *writing.place(node), node.funcid)
        for node, level in walk_deep(writing.expr)
        if isinstance(node, FuncExpr) and node.form == "call" and not has_vars_of_level(node, level)
    ]
    assume(needs)
    made = proposer.wrap_calls(needs)
    assert made is not None
    assert made.applicability == "safe"
    _compare(connection, data, altering(condition), made)


_RELATED = st.sampled_from(
    [
        "true",
        "docs.owner = uid()",
        "docs.owner = (SELECT uid())",
        "docs.owner = uid() AND docs.pub",
        "docs.owner = uid() OR docs.pub",
        "docs.pub",
        "docs.pub IS TRUE",
        "docs.owner IS NOT NULL",
        "docs.owner IS DISTINCT FROM uid()",
        "docs.team IN (1, 2)",
        "docs.team = 1",
        "docs.team < 3 AND docs.pub",
        "EXISTS (SELECT FROM members m WHERE m.team = docs.team AND m.uid = uid())",
        "EXISTS (SELECT FROM members m WHERE m.team = docs.team)",
    ]
)
"""Conditions of which some imply others."""


def _ours(catalog: Catalog) -> tuple[Policy, ...]:
    """The policies that `_instead_of_p` makes."""
    return tuple(one for one in catalog.policies if one.polname.startswith("q"))


def _instead_of_p(parts: list[tuple[str, str, str | None, str]]) -> list[str]:
    """Statements that make a policy q0, q1 ... of each (command, condition, check, roles), and p let nothing through."""
    statements = ["ALTER POLICY p ON docs USING (false)"]
    for i, (command, condition, check, to) in enumerate(parts):
        using = "" if command == "INSERT" else f" USING ({condition})"
        if command == "INSERT":
            check = condition
        elif command in ("SELECT", "DELETE"):
            check = None
        checked = "" if check is None else f" WITH CHECK ({check})"
        statements.append(f"CREATE POLICY q{i} ON docs FOR {command} TO {to}{using}{checked}")
    return statements


@pytest.mark.server
@CHECKED
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["ALL", "ALL", "SELECT", "INSERT", "UPDATE", "DELETE"]),
            calls() | memberships() | st.just("true"),
            st.none() | st.sampled_from(["docs.pub", "docs.owner = uid()"]),
        ),
        min_size=2,
        max_size=4,
    ),
    data=rows(),
)
def test_policies_merged(
    connection: psycopg.Connection[Any], catalog: Catalog, parts: list[tuple[str, str, str | None]], data: Rows
) -> None:
    statements = _instead_of_p([(*part, "app_user") for part in parts])
    with applied(catalog, statements) as change:
        assert change.rejected is None, change.rejected
        made = merge_policies(catalog, _ours(catalog))
    assume(made)
    assert made is not None
    assert made.applicability == "safe"
    _compare(connection, data, "; ".join(statements), made)


@pytest.mark.server
@CHECKED
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["ALL", "SELECT", "SELECT", "INSERT", "UPDATE", "DELETE"]),
            _RELATED | calls() | memberships(),
            st.none() | _RELATED,
            st.sampled_from(["PUBLIC", "app_user", "app_user", "app_user, guest"]),
        ),
        min_size=2,
        max_size=5,
    ),
    data=rows(),
)
def test_needless_policies_dropped(
    connection: psycopg.Connection[Any], catalog: Catalog, parts: list[tuple[str, str, str | None, str]], data: Rows
) -> None:
    statements = _instead_of_p(parts)
    with applied(catalog, statements) as change:
        assert change.rejected is None, change.rejected
        made = drop_needless(catalog, _ours(catalog))
    assume(made)
    assert made is not None
    assert (made.applicability == "safe") == (not made.assumes)
    _compare(connection, data, "; ".join(statements), made)


@pytest.mark.server
@CHECKED
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["ALL", "SELECT", "SELECT", "INSERT", "UPDATE", "DELETE"]),
            calls() | memberships() | st.just("true"),
            st.none() | st.sampled_from(["docs.pub", "docs.owner = uid()"]),
            st.sampled_from(["PUBLIC", "app_user", "guest", "app_user, guest"]),
        ),
        min_size=2,
        max_size=4,
    ),
    data=rows(),
)
def test_policies_regrouped(
    connection: psycopg.Connection[Any], catalog: Catalog, parts: list[tuple[str, str, str | None, str]], data: Rows
) -> None:
    statements = _instead_of_p(parts)
    with applied(catalog, statements) as change:
        assert change.rejected is None, change.rejected
        ours = _ours(catalog)
        holders = tuple(role.oid for role in catalog.roles if role.rolname in ("app_user", "guest"))
        made = regroup_policies(catalog, ours, holders)
        if made is not None:
            with applied(catalog, [made.up]) as changed:
                assert changed.rejected is None, changed.rejected
                for role in holders:
                    for command in ("r", "a", "w", "d"):
                        those = [one for one in catalog.policies if one.polname != "p" and role in one.polroles]
                        assert (
                            sum(one.polcmd in (command, "*") for one in those if one.polrelid == ours[0].polrelid) <= 1
                        )
    assume(made)
    assert made is not None
    assert made.applicability == ("conditional" if any(to == "PUBLIC" for *_, to in parts) else "safe")
    _compare(connection, data, "; ".join(statements), made)


@pytest.mark.server
@CHECKED
@given(condition=own_rows(), data=rows())
def test_roles_named(connection: psycopg.Connection[Any], catalog: Catalog, condition: str, data: Rows) -> None:
    policy = altered(catalog, condition)
    assert policy.polroles == (PUBLIC,)
    role = catalog.find_role("app_user")
    assert role is not None
    made = add_roles(catalog, NeedRoles(policy, (role.oid,), "guest never passes"))
    before = _compare(connection, data, altering(condition), made)
    # what it assumes
    assert before[:STATEMENTS] == ["nothing", "nothing", "nothing", ""]


@pytest.mark.server
@CHECKED
@given(around=st.sampled_from(AROUND), argument=st.sampled_from(["team", "docs.owner", "uid()"]), data=rows())
def test_functions_declared_stable(
    connection: psycopg.Connection[Any], catalog: Catalog, around: str, argument: str, data: Rows
) -> None:
    (proc,) = catalog.procs.find("name", "asks_volatile")
    made = declare_stable(catalog, NeedStable(proc.oid))
    assert made is not None
    assert made.applicability == "conditional"
    _compare(connection, data, altering(around.format(f"asks_volatile({argument})")), made)


@pytest.mark.server
@CHECKED
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["ALL", "SELECT", "SELECT", "UPDATE", "INSERT"]),
            calls() | memberships() | memberships() | comparisons() | scalars() | constants() | parents(),
            st.sampled_from(["PUBLIC", "app_user", "app_user", "app_user, guest"]),
        ),
        min_size=1,
        max_size=3,
    ),
    indexes=st.sets(st.sampled_from(["docs (team)", "docs (owner)", "members (uid)", "members (team)"])),
    data=rows(),
)
def test_whole_migrations(
    connection: psycopg.Connection[Any], parts: list[tuple[str, str, str]], indexes: set[str], data: Rows
) -> None:
    statements = ["ALTER POLICY p ON docs USING (false)", *(f"CREATE INDEX ON {one}" for one in sorted(indexes))]
    for i, (command, condition, to) in enumerate(parts):
        # the setting holds a number or nothing: what a cast of the value assumes
        condition = condition.replace(
            "current_setting('app.uid', true)", "nullif(current_setting('app.uid', true), '')"
        )
        clause = "WITH CHECK" if command == "INSERT" else "USING"
        statements.append(f"CREATE POLICY q{i} ON docs FOR {command} TO {to} {clause} ({condition})")
    given = "; ".join(statements)
    options = Options(paths=("-",), preset="none")
    grants = "GRANT ALL ON ALL TABLES IN SCHEMA public TO app_user, guest;"
    script = io.BytesIO(f"{SCHEMA}{grants}{given};".encode())
    _, cured = pipeline.fix(options, cwd=Path.cwd(), unsafe=False, stdin=script)
    assume(cured.changes)
    up = "\n".join(text for change in cured.changes for text in change.up).replace(" CONCURRENTLY", "")
    down = "\n".join(text for change in reversed(cured.changes) for text in change.down).replace(" CONCURRENTLY", "")
    before, after, back = outcomes(connection, data, [given, up, down])
    assert before == after, (given, up)
    assert before == back, (given, down)
