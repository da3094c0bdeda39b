"""Roles that nothing tells apart share their plans: what each is shown is what it is shown when planned alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.catalog import twins
from rlslint.config import Options
from rlslint.plan.alike import planned_as
from rlslint.plan.predict import Predictor, predict_all

SQL = """CREATE ROLE one; CREATE ROLE another; CREATE ROLE named; CREATE ROLE runs; CREATE ROLE owner_of;
CREATE ROLE heir IN ROLE named;
CREATE TABLE members (account int, member name, PRIMARY KEY (member, account));
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON members TO PUBLIC USING (member = current_user);
CREATE POLICY every ON members FOR SELECT TO named USING (true);
CREATE FUNCTION seen(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 > 0';
REVOKE EXECUTE ON FUNCTION seen FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seen TO runs;
CREATE TABLE accounts (id int PRIMARY KEY, size int);
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON accounts USING (id IN (SELECT account FROM members) OR seen(size));
CREATE POLICY add ON accounts FOR INSERT WITH CHECK (EXISTS (SELECT FROM members m WHERE m.account = id));
CREATE TABLE things (id int PRIMARY KEY);
ALTER TABLE things OWNER TO owner_of;
GRANT ALL ON accounts, members, things TO one, another, named, runs, owner_of, heir;
"""


def test_roles_share_plans_only_where_nothing_tells_them_apart() -> None:
    catalog = pipeline.load(Options(paths=("-",), preset="none"), cwd=Path.cwd(), stdin=SQL)[1].catalog
    plans = predict_all(catalog)
    alone = tuple(Predictor(catalog).predict(one.relid, one.role, one.statement) for one in plans)
    assert plans == alone
    names = ("one", "another", "named", "runs", "owner_of", "heir")
    roles = {role.rolname: role.oid for role in catalog.roles if role.rolname in names}
    stands = {name: catalog.rolname(planned_as(catalog, roles[name])) for name in names}
    # an heir has the policies of the role that it inherits from, and nothing else that counts
    assert stands == {
        "one": "one", "another": "one", "named": "named", "runs": "runs", "owner_of": "owner_of", "heir": "named",
    }  # fmt: skip


def test_roles_that_only_their_names_tell_apart_have_one_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = pipeline.load(Options(paths=("-",), preset="none"), cwd=Path.cwd(), stdin=SQL)[1].catalog
    apart = predict_all(catalog)
    monkeypatch.setattr(twins, "FEW", 2)
    assert [catalog.rolname(role) for (_, role) in twins.twins(catalog).values()] == ["another"]
    assert predict_all(catalog) == apart
