"""What is recalled from a former round or left as it was for want of a reason: the same as all anew."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.config import Options
from rlslint.nodes.primnodes import Oid
from rlslint.suggest.judge import Judge, Verdict, finding_key
from rlslint.suggest.trial import Change, applied
from rlslint.touched import Dependents

TABLES = tuple(f"t{number}" for number in range(6))
HEAD = """CREATE ROLE member NOLOGIN; CREATE ROLE guest NOLOGIN;
CREATE FUNCTION me() RETURNS uuid LANGUAGE plpgsql STABLE
  AS $$ BEGIN RETURN nullif(current_setting('app.user', true), '')::uuid; END $$;
CREATE FUNCTION is_admin() RETURNS boolean LANGUAGE plpgsql STABLE
  AS $$ BEGIN RETURN current_setting('app.admin', true) = 'on'; END $$;
"""
HELPER = """CREATE FUNCTION in_team(x uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
  AS $$ SELECT EXISTS (SELECT FROM public.t0 m WHERE m.team = x AND m.owner = public.me()) $$;"""


def composed(seed: int) -> str:
    """Tables whose policies look into each other, some with indexes."""
    choose = random.Random(seed)
    text = [HEAD]
    for table in TABLES:
        text.append(f"CREATE TABLE {table} (id uuid PRIMARY KEY, owner uuid NOT NULL, team uuid NOT NULL, kind text);")
        text += [f"CREATE INDEX ON {table} ({column});" for column in ("owner", "team") if choose.random() < 0.3]
        text.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; GRANT ALL ON {table} TO member, guest;")
    text.append(HELPER)
    for number, table in enumerate(TABLES):
        for name in range(choose.randrange(1, 4)):
            command = choose.choice(["ALL", "SELECT", "SELECT", "UPDATE", "DELETE", "INSERT"])
            word = choose.choice([" OR ", " AND "])
            condition = word.join(_atom(choose, table, TABLES[number + 1 :]) for _ in range(choose.randrange(1, 4)))
            clause = "WITH CHECK" if command == "INSERT" else "USING"
            roles = choose.choice(["", "TO member", "TO member, guest", "TO guest"])
            text.append(f"CREATE POLICY p{name} ON {table} FOR {command} {roles} {clause} ({condition});")
    return "\n".join(text)


def _atom(choose: random.Random, table: str, others: Sequence[str]) -> str:
    forms = [
        "owner = me()",
        "owner = (SELECT me())",
        "is_admin()",
        "kind = 'open'",
        "me() IS NOT NULL",
        "in_team(team)",
    ]
    if others:
        other = choose.choice(others)
        forms += [
            f"team IN (SELECT x.team FROM {other} x WHERE x.owner = me())",
            f"EXISTS (SELECT FROM {other} x WHERE x.team = {table}.team AND x.owner = (SELECT me()))",
            f"EXISTS (SELECT FROM {other} x WHERE x.owner = me() AND x.kind = {table}.kind)",
        ]
    return choose.choice(forms)


def test_what_rounds_recall_is_as_judged_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recall = Judge.recall
    recalled: list[bool] = []

    def compared(judge: Judge, former: Judge, changes: Sequence[Change]) -> None:
        recall(judge, former, changes)
        recalled.extend(_told(verdict) == _told(judge._judge(*key)) for key, verdict in judge._verdicts.items())

    monkeypatch.setattr(Judge, "recall", compared)
    for seed in (100, 102, 104, 200):
        # two groups of tables that know nothing of each other: what changes in one is nothing to the other
        other = composed(seed + 1).removeprefix(HEAD).replace("in_team", "in_crew")
        text = composed(seed) + re.sub(r"\bt(\d)\b", r"u\1", other)
        (tmp_path / "0001_tables.sql").write_text(text, encoding="utf-8")
        pipeline.fix(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path, unsafe=True)
    assert len(recalled) >= 4
    assert all(recalled)


def _told(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.gone,
        # a policy that is made has another OID each time
        {(one.rule.code, one.relid, one.policy, finding_key(one)[-1]) for one in verdict.new},
        verdict.worse,
        verdict.refused,
        verdict.broken,
        verdict.rejected,
    )


def test_what_a_function_does_not_reach_is_as_if_all_were_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = Judge._judge
    changed: list[bool] = []

    def compared(judge: Judge, statements: tuple[str, ...], proved: bool, within: frozenset[Oid] | None) -> Verdict:
        verdict = judged(judge, statements, proved, within)
        with applied(judge.catalog, statements) as change:
            functions = bool(change.functions)
        if functions:
            with monkeypatch.context() as every:
                every.setattr(Dependents, "affected", lambda self, _: frozenset(one.relid for one in judge.facts.plans))
                whole = judged(judge, statements, proved, within)
            changed.append(_told(whole) == _told(verdict))
        return verdict

    monkeypatch.setattr(Judge, "_judge", compared)
    for seed in range(200, 206):
        text = composed(seed).replace("LANGUAGE plpgsql STABLE", "LANGUAGE plpgsql")
        (tmp_path / "0001_tables.sql").write_text(text, encoding="utf-8")
        pipeline.fix(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path, unsafe=True)
    assert len(changed) > 5
    assert all(changed)


def test_a_function_reaches_the_tables_whose_policies_come_to_it(tmp_path: Path) -> None:
    (tmp_path / "0001_tables.sql").write_text(
        HEAD
        + """CREATE TABLE t0 (owner uuid, team uuid); CREATE TABLE t1 (owner uuid); CREATE TABLE t2 (team uuid);
CREATE TABLE t3 (owner uuid); ALTER TABLE t0 ENABLE ROW LEVEL SECURITY; ALTER TABLE t1 ENABLE ROW LEVEL SECURITY;
ALTER TABLE t2 ENABLE ROW LEVEL SECURITY; ALTER TABLE t3 ENABLE ROW LEVEL SECURITY;
"""
        + HELPER
        + """CREATE POLICY p ON t1 USING (owner = me()); CREATE POLICY p ON t2 USING (in_team(team));
CREATE POLICY p ON t3 USING (EXISTS (SELECT FROM t1 WHERE t1.owner = t3.owner));
CREATE TABLE t4 (owner uuid); ALTER TABLE t4 ENABLE ROW LEVEL SECURITY;
CREATE TABLE t5 (owner uuid, team uuid); ALTER TABLE t5 ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION numbered(int) RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN RETURN me(); END $$;
CREATE CAST (int AS uuid) WITH FUNCTION numbered(int);
CREATE FUNCTION first(x uuid) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT x = 1::uuid $$;
CREATE POLICY p ON t4 USING (first(owner));
CREATE VIEW seen AS SELECT team FROM t0;
CREATE POLICY p ON t5 USING (team IN (SELECT team FROM seen));""",
        encoding="utf-8",
    )
    _, replayed = pipeline.load(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path)
    catalog = replayed.catalog
    body = "LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN nullif(current_setting('app.user', true), '')::uuid; END $$;"

    def called(sql: str) -> set[str]:
        with applied(catalog, [sql]) as change:
            assert change.rejected is None
            return {catalog.relations[oid].relname for oid in change.called}

    assert called(f"CREATE OR REPLACE FUNCTION me() RETURNS uuid {body}") == set()
    assert called(f"CREATE OR REPLACE FUNCTION me() RETURNS uuid {body.replace('STABLE', 'VOLATILE')}") == {
        "t1",
        "t2",
        "t3",
        "t4",
    }
    assert called("ALTER FUNCTION in_team(uuid) COST 5") == {"t2"}
    assert called("ALTER FUNCTION numbered(int) COST 5") >= {"t4"}
    assert called("ALTER FUNCTION numbered(int) COST 5") < {"t0", "t1", "t2", "t3", "t4", "t5"}
    assert called("ALTER VIEW seen SET (security_invoker = true)") == {"t5"}
