"""What is predicted where the files say nothing of privileges, and where they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint import pipeline
from rlslint.config import Options
from rlslint.plan.predict import predict_all

TABLE = """CREATE ROLE reader;
CREATE TABLE notes (id int PRIMARY KEY, owner text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = current_user);
"""


@pytest.mark.parametrize(
    ("grants", "error", "assumed"),
    [
        ("", None, True),
        ("GRANT SELECT ON notes TO reader;", None, False),
        ("GRANT INSERT ON notes TO reader;", "42501", False),
        ("GRANT INSERT (id) ON notes TO reader;", "42501", False),
    ],
)
def test_privileges_are_taken_for_granted_only_where_no_file_grants_any(
    grants: str, error: str | None, assumed: bool
) -> None:
    options = Options(paths=("-",), preset="none")
    catalog = pipeline.load(options, cwd=Path.cwd(), stdin=TABLE + grants)[1].catalog
    (plan,) = [one for one in predict_all(catalog) if one.statement == "select"]
    assert plan.error == error
    assert any("no file grants anything" in text for text in plan.assumptions) == assumed


@pytest.mark.parametrize(
    ("grants", "error"),
    [
        ("", None),
        ("GRANT USAGE ON SCHEMA app TO other;", "42501"),
        ("GRANT USAGE ON SCHEMA app TO other, reader;", None),
        ("GRANT USAGE ON SCHEMA app TO PUBLIC;", None),
        ("GRANT USAGE ON SCHEMA app TO other; GRANT other TO reader;", None),
    ],
)
def test_a_schema_that_files_open_to_others_is_closed_to_the_rest(grants: str, error: str | None) -> None:
    made = (
        "CREATE ROLE other; CREATE SCHEMA app; ALTER TABLE notes SET SCHEMA app; GRANT SELECT ON app.notes TO reader; "
    )
    options = Options(paths=("-",), preset="none")
    catalog = pipeline.load(options, cwd=Path.cwd(), stdin=TABLE + made + grants)[1].catalog
    (plan,) = [one for one in predict_all(catalog) if one.statement == "select"]
    assert plan.error == error
