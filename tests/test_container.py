"""The Dockerfile without docker: its instructions are parsed, and each that can run outside of a container is run.

The first stage gets nothing but what it copies, the second an empty environment and only the first one's wheels; the
entry point runs as a number without a name, as ``docker run --user`` makes it, over a repository of somebody else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import skip_without_index
from tests.test_change import OLD_FLAW, TABLE, commit, git

ROOT = Path(__file__).parent.parent
Instruction = tuple[str, str]
"""Its word, and what stands behind it."""
SOMEBODY = 4711
"""A user that no system lists."""


def stages() -> list[list[Instruction]]:
    """The instructions of the Dockerfile, by FROM."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    found: list[list[Instruction]] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, rest = line.split(maxsplit=1)
            if word == "FROM":
                found.append([])
            found[-1].append((word, rest))
    return found


BUILD, FINAL = stages()


def one(stage: list[Instruction], word: str) -> str:
    [rest] = [rest for found, rest in stage if found == word]
    return rest


@dataclass(frozen=True)
class Image:
    """What the instructions make, in folders of the machine."""

    entry: list[str]
    command: list[str]
    git_config: Path

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """As docker does it: no HOME but the root folder, nothing else in the environment."""
        env = {"PATH": os.environ["PATH"], "HOME": "/", "GIT_CONFIG_SYSTEM": str(self.git_config)}
        return subprocess.run(
            [*as_somebody(), *self.entry, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
        )


def as_somebody() -> list[str]:
    """A command that runs another as SOMEBODY; nothing where the system has no user namespaces."""
    unshare = shutil.which("unshare")
    command = [unshare or "", "--user", f"--map-user={SOMEBODY}", f"--map-group={SOMEBODY}"]
    works = unshare and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if works else []


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image")
    source, wheels, venv = folder / "build", folder / "wheels", folder / "venv"
    source.mkdir()
    for word, rest in BUILD:
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, source / target)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    # what a machine sets for pip may name an index: it stays, but for the packages only the stage's own wheels
    env = os.environ | {"PATH": f"{venv / 'bin'}:{os.environ['PATH']}", "GIT_CONFIG_SYSTEM": str(folder / "gitconfig")}
    made = shell(one(BUILD, "RUN").replace("/wheels", str(wheels)), source, env)
    skip_without_index(made)
    assert made.returncode == 0, made.stderr
    system, install = (rest for word, rest in FINAL if word == "RUN")
    for command in system.split("&&"):
        if command.split()[0] == "git":
            assert shell(command, folder, env).returncode == 0, command
    mount, command = install.split(maxsplit=1)
    assert mount == "--mount=type=bind,from=build,source=/wheels,target=/wheels"
    installed = shell(command.replace("/wheels", str(wheels)), folder, env)
    assert installed.returncode == 0, installed.stderr
    entry: list[str] = json.loads(one(FINAL, "ENTRYPOINT"))
    return Image([str(venv / "bin" / entry[0]), *entry[1:]], json.loads(one(FINAL, "CMD")), folder / "gitconfig")


def shell(command: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-ec", command], cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A commit, one migration more, and, where the system lets us, somebody else's."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_a.sql").write_text(TABLE)
    commit(tmp_path)
    (tmp_path / "migrations" / "2_b.sql").write_text(OLD_FLAW)
    commit(tmp_path)
    tmp_path.chmod(0o755)
    if os.geteuid() == 0:
        for path in (tmp_path, *tmp_path.rglob("*")):
            os.chown(path, 1000, 1000)
    return tmp_path


def test_the_instructions_are_in_their_order() -> None:
    assert [word for word, _ in BUILD] == ["FROM", "WORKDIR", "COPY", "COPY", "COPY", "RUN"]
    assert [word for word, _ in FINAL] == ["FROM", "RUN", "RUN", "USER", "WORKDIR", "ENTRYPOINT", "CMD"]
    user = one(FINAL, "USER")
    assert any(f"useradd --create-home {user}" in rest for word, rest in FINAL if word == "RUN")
    for stage in (BUILD, FINAL):
        for word, rest in stage:
            if word == "RUN":
                subprocess.run(["sh", "-n", "-c", re.sub(r"^--mount\S+", "", rest)], check=True)


def test_the_image_checks_a_project(image: Image, project: Path) -> None:
    done = image.run(*image.command, cwd=project)
    assert (done.returncode, done.stderr) == (1, ""), done.stderr
    assert "RLS106" in done.stdout


def test_the_image_has_the_rules_pages(image: Image, project: Path) -> None:
    done = image.run("explain", "RLS106", cwd=project)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "RLS106 unindexed-policy-column"), done.stderr


def test_the_image_asks_git_in_a_folder_of_somebody_else(image: Image, project: Path) -> None:
    done = image.run("check", "--since", "HEAD~1", "--format", "compact", cwd=project)
    assert (done.returncode, done.stderr) == (1, ""), done.stderr
    assert done.stdout.startswith("migrations/2_b.sql")


def test_a_user_without_a_home(image: Image, project: Path) -> None:
    """Not docker, but others run an image as a number with no HOME at all."""
    command = [*as_somebody(), *image.entry, "check", "--format", "compact"]
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, ""), done.stderr


def test_what_the_comment_says_is_what_the_documentation_says() -> None:
    command = re.search(r"docker run (.*) rlslint check", (ROOT / "Dockerfile").read_text())
    documented = re.search(r"docker run (.*) rlslint check", (ROOT / "docs" / "adopting.md").read_text())
    assert command
    assert documented
    assert command[1] == documented[1]
