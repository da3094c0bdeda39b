"""Hooks, action, templates and the documentation's blocks: checked against the schemas of their readers, and run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from rlslint import cli
from tests.test_change import OLD_FLAW, TABLE, USER, commit, git

ROOT = Path(__file__).parent.parent
SCHEMAS = {
    "action.yml": "vendor.github-actions",
    ".github/workflows/ci.yml": "vendor.github-workflows",
    "docs/gitlab-ci.yml": "vendor.gitlab-ci",
}


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_reader_s_schema(name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[name], str(ROOT / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", [".pre-commit-hooks.yaml", ".pre-commit-config.yaml"])
def test_pre_commit_takes_it(name: str) -> None:
    verb = "validate-manifest" if name == ".pre-commit-hooks.yaml" else "validate-config"
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", verb, str(ROOT / name)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_both_hooks_run_in_one_process() -> None:
    hooks = {hook["id"]: hook for hook in load(".pre-commit-hooks.yaml")}
    assert set(hooks) == {"rlslint", "rlslint-all"}
    assert all(hook["require_serial"] for hook in hooks.values())
    assert hooks["rlslint"].get("pass_filenames", True)
    assert not hooks["rlslint-all"]["pass_filenames"]


def test_the_hook_reports_what_the_commit_causes(tmp_path: Path) -> None:
    """pre-commit itself, in a scratch repository, with this checkout's command in place of an installed one."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "001_tables.sql").write_text(TABLE)
    (tmp_path / "migrations" / "002_policies.sql").write_text(OLD_FLAW)
    commit(tmp_path)
    hook = next(hook for hook in load(".pre-commit-hooks.yaml") if hook["id"] == "rlslint")
    hook |= {"language": "system", "entry": f"{shlex.quote(sys.executable)} -m rlslint check", "files": "^migrations/"}
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": [hook]}]}))
    policy = f"CREATE POLICY mine ON notes FOR SELECT TO member USING (team = {USER});\n"
    for name, sql, status in (("003_a.sql", "CREATE TABLE fine (id int);\n", 0), ("004_b.sql", policy, 1)):
        (tmp_path / "migrations" / name).write_text(sql)
        git(tmp_path, "add", "-A")
        done = subprocess.run(
            [sys.executable, "-m", "pre_commit", "run"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert ("RLS106" in done.stdout) == (status == 1)
        assert "002_policies.sql" not in done.stdout
        commit(tmp_path)


def options(command: str) -> set[str]:
    found = cli.main.commands[command]
    return {name for one in found.params if isinstance(one, click.Option) for name in (*one.opts, *one.secondary_opts)}


def commands_in(text: str) -> list[list[str]]:
    """Every call of rlslint in a shell text, arguments only."""
    joined = text.replace("\\\n", " ")
    lines = [line.split("#")[0].strip() for line in joined.splitlines()]
    calls = [re.search(r"(?:^|\s|\|\s*)rlslint\s+([a-z].*)$", line) for line in lines]
    return [
        shlex.split(call[1].replace('"${', "'").replace('}"', "'").split(" || ")[0].split(" | ")[0])
        for call in calls
        if call
    ]


@pytest.mark.parametrize("name", ["action.yml", "docs/gitlab-ci.yml", "README.md", "docs/adopting.md"])
def test_documented_commands_and_options_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    if name.endswith(".md"):
        text = "\n".join(re.findall(r"```(?:sh|yaml|toml)\n(.*?)```", text, re.DOTALL))
    calls = commands_in(text)
    assert calls
    for call in calls:
        assert call[0] in cli.main.commands, call
        known = options(call[0])
        for word in call[1:]:
            if word == "--":
                break
            if word.startswith("--"):
                assert word.split("=")[0] in known, call
