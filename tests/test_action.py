"""The action's steps run as a runner runs them: expressions, conditions, outputs and files of GitHub's, in a scratch
repository. What the two steps of others do is stood in for, and so is `gh`; the stand-in was compared with gh 2.23.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import skip_without_index
from tests.test_change import OLD_FLAW, TABLE, USER, commit, git

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
MARK = "<!-- rlslint -->"
GH = f"""#!{sys.executable}
import json, pathlib, re, sys
words = sys.argv[1:]
state = pathlib.Path({{state!r}})
comments = json.loads(state.read_text())
if words[:2] == ["api", "--paginate"]:
    assert words[3:] == ["--jq", '.[] | select(.body | startswith("{MARK}")) | .id'], words
    assert words[2] == "repos/o/r/issues/7/comments", words
    print(*[id for id, body in comments.items() if body.startswith("{MARK}")], sep="\\n", end="")
    sys.exit()
if words[1:3] == ["--method", "PATCH"]:
    path, more = words[3], words[4:]
    name = re.fullmatch("repos/o/r/issues/comments/([0-9]+)", path)[1]
    assert name in comments
else:
    path, more = words[1], words[2:]
    assert path == "repos/o/r/issues/7/comments", words
    name = str(len(comments) + 100)
assert words[0] == "api" and more[0] == "-F" and more[1].startswith("body=@") and more[2:] == ["--silent"], words
if {{denied!r}}:
    sys.exit("gh: Resource not accessible by integration (HTTP 403)")
comments[name] = pathlib.Path(more[1].removeprefix("body=@")).read_text()
state.write_text(json.dumps(comments))
"""


@dataclass
class Runner:
    """A job on a pull request whose one step is the action."""

    workspace: Path
    temp: Path
    event: dict[str, Any]
    event_name: str = "pull_request"
    denied: bool = False
    summary: str = ""
    log: str = ""
    uploads: list[Path] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    @property
    def comments(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.temp / "comments.json").read_text())
        return found

    def run(self, **inputs: str) -> int:
        """The exit status of the step that failed, or 0."""
        known = ACTION["inputs"]
        assert set(inputs) <= {name.replace("-", "_") for name in known}
        steps: dict[str, Any] = {}
        contexts = {
            "github": {
                "event": self.event,
                "event_name": self.event_name,
                "repository": "o/r",
                "token": "a-token",
                "action_path": str(ROOT),
            },
            "runner": {"temp": str(self.temp)},
            "steps": steps,
        }
        contexts["inputs"] = {
            name: inputs.get(name.replace("-", "_"), evaluated(one["default"], contexts)) for name, one in known.items()
        }
        self.ran = []
        for step in ACTION["runs"]["steps"]:
            name = step.get("name") or step["uses"]
            if "if" in step and expression(step["if"], contexts) in (False, "", None):
                continue
            self.ran.append(name)
            if "uses" in step:
                outputs, status = self._uses(step, contexts), 0
            elif step.get("id") == "install":
                outputs, status = {"scripts": str(self.temp / "scripts")}, 0
            else:
                outputs, status = self._run(step, contexts)
            steps[step.get("id", name)] = {"outputs": outputs}
            if status:
                return status
        return 0

    def _uses(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> dict[str, str]:
        given = {name: evaluated(value, contexts) for name, value in step["with"].items()}
        action, _, version = step["uses"].partition("@")
        assert re.fullmatch(r"v\d+", version)
        if action == "actions/setup-python":
            assert set(given) == {"python-version", "update-environment"}
            return {"python-path": sys.executable}
        assert action == "github/codeql-action/upload-sarif"
        assert set(given) == {"sarif_file", "category"}
        self.uploads.append(Path(given["sarif_file"]))
        return {}

    def _run(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> tuple[dict[str, str], int]:
        files = {name: self.temp / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        script = self.temp / "script.sh"
        script.write_text(step["run"])
        assert step["shell"] == "bash"
        env = {name: str(evaluated(value, contexts)) for name, value in step.get("env", {}).items()}
        env |= {name: str(path) for name, path in files.items()}
        env |= {"PATH": f"{self.temp / 'bin'}:/usr/bin:/bin", "HOME": str(self.temp), "CI": "true"}
        env |= {"GITHUB_ACTIONS": "true", "PYTHONPATH": str(ROOT), "RLSLINT_NO_CACHE": "1"}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace / evaluated(step.get("working-directory", "."), contexts),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.log += done.stdout
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}, done.returncode


def evaluated(text: object, contexts: Mapping[str, Any]) -> str:
    """A value with its ``${{ }}`` replaced; what is nothing is empty, as GitHub has it."""
    plain = str(text).lower() if isinstance(text, bool) else str(text)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda match: str(expression(match[1], contexts) or ""), plain)


def expression(text: str, contexts: Mapping[str, Any]) -> Any:
    """The part of GitHub's expressions that the action uses: paths, strings, ``==``, ``&&`` and ``||``."""
    for operator in ("||", "&&"):
        left, found, right = text.partition(operator)
        if found:
            first = expression(left, contexts)
            truthy = first not in (False, "", None)
            return first if truthy == (operator == "||") else expression(right, contexts)
    left, found, right = text.partition("==")
    if found:
        return expression(left, contexts) == expression(right, contexts)
    word = text.strip()
    if word.startswith("'"):
        return word.strip("'")
    value: Any = contexts
    for part in word.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A branch over a base that has a finding of its own."""
    workspace, temp = tmp_path / "workspace", tmp_path / "temp"
    migrations = workspace / "app" / "migrations"
    migrations.mkdir(parents=True)
    git(workspace, "init", "-q", "-b", "main")
    (migrations / "1_a.sql").write_text(TABLE + OLD_FLAW)
    commit(workspace)
    base = git(workspace, "rev-parse", "HEAD").strip()
    for folder, name, text in (
        (temp / "scripts", "rlslint", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rlslint "$@"\n'),
        (temp / "bin", "gh", ""),
    ):
        folder.mkdir(parents=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (temp / "comments.json").write_text(json.dumps({"1": "what somebody says about <!-- rlslint -->"}))
    made = Runner(workspace, temp, {"pull_request": {"number": 7, "base": {"sha": base}}})
    give_gh(made)
    return made


def give_gh(runner: Runner, *, denied: bool = False) -> None:
    text = GH.format(state=str(runner.temp / "comments.json"), denied=denied)
    (runner.temp / "bin" / "gh").write_text(text)


def write(runner: Runner, name: str, text: str) -> None:
    (runner.workspace / "app" / "migrations" / name).write_text(text)
    commit(runner.workspace)


BAD = f"CREATE POLICY mine ON notes FOR SELECT TO member USING (team = {USER});\n"


def test_a_pull_request_from_its_first_finding_to_its_cure(runner: Runner) -> None:
    write(runner, "2_b.sql", "CREATE TABLE fine (id int);\n")
    assert runner.run() == 0, runner.log
    assert runner.ran == [
        "actions/setup-python@v6", "Install", "Check", "Comment", "Upload to code scanning", "Result",
    ]  # fmt: skip
    assert list(runner.comments) == ["1"]
    write(runner, "3_c.sql", BAD)
    assert runner.run() == 1
    assert "::warning file=app/migrations/3_c.sql,line=1," in runner.log
    assert "RLS106" in runner.comments["101"]
    assert "1_a.sql" not in runner.comments["101"]
    assert runner.comments["101"] == runner.summary[-len(runner.comments["101"]) :]
    sarif = json.loads(runner.uploads[-1].read_text())
    [place] = sarif["runs"][0]["results"][0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "app/migrations/3_c.sql"
    write(runner, "4_d.sql", "CREATE INDEX notes_team_idx ON notes (team);\n")
    assert runner.run() == 0, runner.log
    assert "nothing found" in runner.comments["101"]
    assert len(runner.comments) == 2


def test_its_inputs(runner: Runner) -> None:
    write(runner, "3_c.sql", BAD)
    given = {"working_directory": "app", "paths": "migrations/1_a.sql\nmigrations/3_c.sql\n", "sarif": "false"}
    assert runner.run(**given, comment="false", annotations="false", args="--ignore\nRLS106 --select RLS1,RLS3") == 0
    assert runner.ran == ["actions/setup-python@v6", "Install", "Check", "Result"]
    assert "::warning" not in runner.log
    assert runner.run(**given, fail_on="never") == 0
    assert runner.run(**given, fail_on="info") == 1
    assert "file=app/migrations/3_c.sql" in runner.log


def test_everything(runner: Runner) -> None:
    assert runner.run() == 0
    assert runner.run(since="all") == 1
    assert "1_a.sql" in runner.comments["101"]
    (runner.workspace / "base.json").write_text("{}")
    assert runner.run(since="all", baseline="nosuch.json") == 2
    assert "nosuch.json" in runner.log


def test_a_merge_queue_has_a_base_too(runner: Runner) -> None:
    base = runner.event["pull_request"]["base"]["sha"]
    queued = Runner(runner.workspace, runner.temp, {"merge_group": {"base_sha": base}}, "merge_group")
    assert queued.run() == 0, queued.log
    assert "Comment" not in queued.ran
    pushed = Runner(runner.workspace, runner.temp, {}, "push")
    assert pushed.run() == 1


def test_a_token_that_may_not_comment_fails_nothing(runner: Runner) -> None:
    give_gh(runner, denied=True)
    write(runner, "3_c.sql", BAD)
    assert runner.run(fail_on="never") == 0
    assert "::warning title=rlslint::no comment: the token may not write it" in runner.log
    assert runner.ran[-1] == "Result"


def test_what_it_cannot_do_ends_it(runner: Runner) -> None:
    assert runner.run(since="nosuch") == 2
    assert "git knows no such commit" in runner.log
    assert runner.ran[-1] == "Check"


def test_no_value_is_pasted_into_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_it_is_installed_beside_the_job_s_python(runner: Runner) -> None:
    """The step itself; without an index to install from it cannot be tried."""
    step = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "install")
    venv, output = runner.temp / "rlslint-venv", runner.temp / "output"
    env = {"PYTHON": sys.executable, "HOME_OF_ACTION": str(ROOT), "VENV": str(venv), "GITHUB_OUTPUT": str(output)}
    assert set(step["env"]) == set(env) - {"GITHUB_OUTPUT"}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )
    skip_without_index(done)
    assert done.returncode == 0, done.stderr
    scripts = Path(output.read_text().strip().removeprefix("scripts="))
    # from outside: in the checkout's folder Python would find the checkout
    assert said([str(scripts / "rlslint"), "explain", "RLS106"], runner.temp).startswith("RLS106 ")
    assert str(venv) in said([str(scripts / "python"), "-c", "import rlslint; print(rlslint.__file__)"], runner.temp)


def said(command: Sequence[str], cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=True).stdout
