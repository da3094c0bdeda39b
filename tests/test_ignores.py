"""What the configuration silences or weighs otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlslint.config import load_options
from rlslint.pipeline import check, merged
from rlslint.source.model import UsageError

SQL = """CREATE ROLE member NOLOGIN;
CREATE TABLE notes (id bigint PRIMARY KEY, owner bigint NOT NULL);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON notes TO member;
CREATE POLICY "my own" ON notes FOR SELECT TO member
  USING (owner = (SELECT nullif(current_setting('app.user', true), '')::bigint));
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "1_a.sql").write_text(SQL)
    return tmp_path


def found(project: Path, configuration: str) -> dict[str, str]:
    (project / "rlslint.toml").write_text(configuration)
    options = merged(load_options(project), paths=(str(project / "db"),), preset="none", select=("RLS106",))
    return {finding.rule.code: finding.severity for finding in check(options, cwd=project / "db").findings}


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("", {"RLS106": "warning"}),
        ('[per-file-ignores]\n"db/*" = ["RLS106"]', {}),
        ('[per-file-ignores]\n"1_a.sql" = ["rls1"]', {}),
        ('[per-file-ignores]\n"*" = []', {}),
        ('[per-file-ignores]\n"db/*" = ["RLS2"]', {"RLS106": "warning"}),
        ('[per-file-ignores]\n"other/*" = ["RLS106"]', {"RLS106": "warning"}),
        ('[per-object-ignores]\n"public.notes" = ["RLS106"]', {}),
        ('[per-object-ignores]\n"notes" = ["RLS106"]', {}),
        ('[per-object-ignores]\n"public.notes.my own" = ["RLS106"]', {}),
        ('[per-object-ignores]\n"public.notes.other" = ["RLS106"]', {"RLS106": "warning"}),
        ('[per-object-ignores]\n"other.*" = ["RLS106"]', {"RLS106": "warning"}),
        ('[rules.RLS106]\nseverity = "info"', {"RLS106": "info"}),
        ('[rules.RLS106]\nseverity = "error"\n[rules.RLS1]\nseverity = "info"', {"RLS106": "error"}),
    ],
)
def test_what_is_left(project: Path, configuration: str, expected: dict[str, str]) -> None:
    assert found(project, configuration) == expected


@pytest.mark.parametrize(
    "configuration",
    [
        '[per-file-ignores]\n"*" = ["RLS999"]',
        '[per-object-ignores]\n"a.b" = ["X"]',
        '[rules.RLS999]\nseverity = "info"',
    ],
)
def test_a_code_that_no_rule_has(project: Path, configuration: str) -> None:
    with pytest.raises(UsageError, match="unknown rule code"):
        found(project, configuration)
