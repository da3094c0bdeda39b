"""Many findings: counted by rule where they scroll away, and the worst first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.command import rlslint

BASE = "CREATE ROLE anon NOLOGIN;\nCREATE ROLE authenticated NOLOGIN;\n"
QUIET = """CREATE TABLE quiet{n} (id int PRIMARY KEY);
ALTER TABLE quiet{n} ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON quiet{n} TO anon;
"""
LOUD = """CREATE TABLE loud (id int PRIMARY KEY, n int REFERENCES quiet0);
GRANT ALL ON loud TO anon;
ALTER TABLE loud ENABLE ROW LEVEL SECURITY;
CREATE POLICY put ON loud FOR INSERT TO anon WITH CHECK (true);
CREATE POLICY every ON loud FOR ALL TO anon USING (true);
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "1_a.sql").write_text(BASE + "".join(QUIET.format(n=n) for n in range(24)) + LOUD)
    (tmp_path / "rlslint.toml").write_text('preset = "none"\nselect = ["RLS116", "RLS208", "RLS302"]\n')
    return tmp_path


def test_text_counts_by_rule_and_says_what_to_do(project: Path) -> None:
    out = rlslint("check", "--color", "never", cwd=project).out
    counts = re.findall(r"^ +(\d+) (\w+)\[(RLS\d+)\]", out, re.MULTILINE)
    assert counts == [
        ("1", "error", "RLS302"),
        ("1", "warning", "RLS302"),
        ("24", "info", "RLS208"),
        ("1", "info", "RLS116"),
    ]
    assert "--baseline FILE records them" in out
    few = rlslint("check", "--select", "RLS302", "--color", "never", cwd=project).out
    assert "--baseline" not in few
    assert not re.search(r"^ +\d+ error\[", few, re.MULTILINE)


def test_the_comment_counts_by_rule(project: Path) -> None:
    out = rlslint("check", "--format", "markdown", cwd=project).out
    assert "| \U0001f534 RLS302 unrestricted-write | 1 |\n| \U0001f7e0 RLS302 unrestricted-write | 1 |" in out
    assert "| rule | findings |" not in rlslint("check", "--select", "RLS302", "--format", "markdown", cwd=project).out


def test_the_page_begins_with_what_is_worst(project: Path) -> None:
    out = rlslint("check", "--format", "html", cwd=project).out
    assert re.findall(r'data-name="([^"]*)"', out)[0] == "public.loud"
    shown = out[out.index('data-name="public.loud"') :]
    assert re.findall(r'data-severity="(\w+)"', shown)[:3] == ["error", "warning", "info"]
    assert '<option value="RLS302">RLS302 unrestricted-write (2)</option>' in out
