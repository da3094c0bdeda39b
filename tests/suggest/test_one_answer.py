"""A call that is asked once: what a VOLATILE function answers may change while a statement writes what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.config import Options
from tests.conftest import Server

ME = "11111111-1111-1111-1111-111111111111"
SCHEMA = """CREATE ROLE app NOLOGIN;
CREATE TABLE members (id int PRIMARY KEY, person uuid NOT NULL, role text NOT NULL);
CREATE TABLE docs (id int PRIMARY KEY, title text);
CREATE VIEW seen AS SELECT * FROM members;
ALTER TABLE members ENABLE ROW LEVEL SECURITY; ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
GRANT ALL ON members, docs TO app;
CREATE FUNCTION has_role(wanted text) RETURNS boolean LANGUAGE plpgsql {rights} SECURITY DEFINER SET search_path = public
  AS $$ BEGIN RETURN EXISTS (SELECT 1 FROM {table} WHERE person = current_setting('app.user')::uuid AND role = wanted);
  END $$;
CREATE POLICY manage ON members FOR ALL TO app USING (has_role('admin'));
CREATE POLICY manage ON docs FOR ALL TO app USING (has_role('admin'));
"""
CASES = [("VOLATILE", "members", "unsafe"), ("VOLATILE", "seen", "unsafe"), ("STABLE", "members", "safe")]


@pytest.mark.server
@pytest.mark.parametrize(("rights", "table", "applicability"), CASES)
def test_what_the_statement_itself_changes(
    tmp_path: Path, server: Server, rights: str, table: str, applicability: str
) -> None:
    schema = SCHEMA.format(rights=rights, table=table)
    (tmp_path / "0001_schema.sql").write_text(schema, encoding="utf-8")
    options = Options(paths=(str(tmp_path),), preset="none", select=("RLS104",))
    offered = {finding.policy_oid: finding.suggestions[0] for finding in pipeline.check(options, cwd=tmp_path).findings}
    ours = next(one for one in offered.values() if " ON public.members " in one.up)
    elsewhere = next(one for one in offered.values() if " ON public.docs " in one.up)
    assert ours.applicability == applicability
    assert elsewhere.applicability == ("safe" if rights == "STABLE" else "conditional")
    counts: dict[str, list[int]] = {}
    with server.database() as connection:
        connection.execute(schema.encode())
        connection.execute(
            f"""INSERT INTO members SELECT n, CASE n WHEN 5 THEN '{ME}'::uuid ELSE gen_random_uuid() END,
            'admin' FROM generate_series(1, 10) n; INSERT INTO docs SELECT n FROM generate_series(1, 10) n""".encode()
        )
        connection.execute(b"SELECT set_config('app.user', %s, false)", (ME,))
        for change in ("", ours.up + elsewhere.up):
            connection.execute(change.encode())
            for target in ("members", "docs"):
                with connection.transaction(force_rollback=True):
                    connection.execute(b"SET LOCAL ROLE app")
                    counts.setdefault(target, []).append(connection.execute(f"DELETE FROM {target}".encode()).rowcount)
    assert counts["members"] == ([5, 10] if applicability == "unsafe" else [10, 10])
    assert counts["docs"] == [10, 10]
