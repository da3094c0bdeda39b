"""RLS001: forms that many write and PostgreSQL does not have, with what it has instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint.config import Options
from rlslint.pipeline import check

TABLE = "CREATE TABLE t (a int);"
FORMS = {
    "CREATE POLICY IF NOT EXISTS p ON t USING (true);": "DROP POLICY IF EXISTS",
    "create policy\n  if not exists p on t using (true);": "DROP POLICY IF EXISTS",
    "CREATE OR REPLACE POLICY p ON t USING (true);": "DROP POLICY IF EXISTS",
    "CREATE POLICY p ON t FOR SELECT, INSERT USING (true);": "one for each",
    "ALTER TABLE t ADD CONSTRAINT IF NOT EXISTS x CHECK (a > 0);": "DROP CONSTRAINT IF EXISTS",
    'ALTER TABLE t ADD CONSTRAINT "x y" IF NOT EXISTS CHECK (a > 0);': "",
    "ALTER TABLE t ADD CONSTRAINT x IF NOT EXISTS CHECK (a > 0);": "DROP CONSTRAINT IF EXISTS",
    "CREATE TYPE IF NOT EXISTS mood AS ENUM ('a');": "DO block",
    "CREATE ROLE IF NOT EXISTS app;": "DO block",
    "CREATE TRIGGER IF NOT EXISTS x BEFORE INSERT ON t EXECUTE FUNCTION f();": "CREATE OR REPLACE",
    "CREATE OR REPLACE VIEW IF NOT EXISTS v AS SELECT 1;": "CREATE OR REPLACE",
    "CREATE POLICY p ON t USING (true;": "",
    "SELECT * FROM t FOR UPDATE, FOR SHARE;": "",
    "ALTER TABLE t ADD CONSTRAINT x IF (a > 0);": "",
    "CREATE POLICIES IF NOT EXISTS;": "",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_there_is_instead(form: str) -> None:
    result = check(Options(paths=("-",), preset="none", select=("RLS001",)), cwd=Path.cwd(), stdin=TABLE + form)
    (finding,) = result.findings
    titles = [one.title for one in finding.suggestions]
    assert len(titles) == bool(FORMS[form])
    assert all(FORMS[form] in title for title in titles)
