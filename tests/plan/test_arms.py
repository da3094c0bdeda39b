"""Arms of a condition that are calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.config import Options

TABLE = """CREATE ROLE m; CREATE TABLE t (id int); GRANT ALL ON t TO m; ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION f(x int) RETURNS boolean LANGUAGE sql STABLE {} AS 'SELECT true';
CREATE POLICY p ON t USING (f(id));
"""


@pytest.mark.parametrize("why_not", ["SECURITY DEFINER", "SET search_path = ''"])
def test_a_helper_that_is_true_whatever_the_row(tmp_path: Path, why_not: str) -> None:
    """Its body would leave no condition for an index."""
    (tmp_path / "1.sql").write_text(TABLE.format(why_not))
    result = pipeline.check(Options(paths=(str(tmp_path / "1.sql"),), preset="none"), cwd=tmp_path)
    assert "RLS105" in {one.rule.code for one in result.findings}
